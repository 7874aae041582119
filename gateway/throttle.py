"""A log that cannot be flooded: each subject has its say once in a while."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Final

_REMEMBERED: Final = 1000


class ThrottledLog:
    """Warnings with a subject: after one, others about the same subject are only counted for ``pause`` seconds."""

    def __init__(self, log: logging.Logger, pause: float = 60.0) -> None:
        self._log, self._pause = log, pause
        self._silent: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def warning(self, subject: str, message: str) -> None:
        """Logs ``subject: message``, with the number of those that were left out since the last one."""
        until, left_out = self._silent.get(subject, (0.0, 0))
        now = time.monotonic()
        if now < until:
            self._silent[subject] = (until, left_out + 1)
            return
        self._silent[subject] = (now + self._pause, 0)
        self._silent.move_to_end(subject)
        if len(self._silent) > _REMEMBERED:
            self._silent.popitem(last=False)
        self._log.warning("%s: %s%s", subject, message, f" ({left_out} more like this)" if left_out else "")
