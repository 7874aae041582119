"""Who did what: one JSON object a line in ``audit.jsonl`` of the user directory, and the log ``busway.audit``."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

log = logging.getLogger("busway.audit")

FILE: Final = "audit.jsonl"
LARGEST: Final = 5 * 1024 * 1024
"""Bytes of the file; then it becomes ``audit.jsonl.1``, and what that held is gone."""
REFUSALS: Final = 20
"""Refusals from one address that are recorded in a minute; of the others the next record tells how many there were."""
_MINUTE: Final = 60.0
_ADDRESSES: Final = 10_000
_LONGEST: Final = 200


class Audit:
    """Records events: ``event`` says what, ``who`` did it, ``address`` is where from, ``result`` what came of it.

    Never give it a password, a token or a body.
    """

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        self._path = folder / FILE
        self._largest = largest
        self._file: IO[bytes] | None = None
        self._refusals: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def record(self, event: str, who: str, address: str, result: str, **what: Any) -> None:
        """Writes one record; ``what`` are further members."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"time": at, "event": event, "who": who, "from": address, "result": result, **what}
        text = json.dumps({key: _short(value) for key, value in entry.items()}, ensure_ascii=False)
        log.info("%s", text)
        self._write(text.encode("utf-8", "replace") + b"\n")

    def refusal(self, event: str, who: str, address: str, result: str, **what: Any) -> None:
        """As :meth:`record`, for what anybody may cause as often as he likes: a flood of it is not written."""
        since, count = self._refusals.get(address, (0.0, 0))
        now = time.monotonic()
        if now - since >= _MINUTE:
            left_out = {"left_out": count - REFUSALS} if count > REFUSALS else {}
            since, count = now, 0
            what |= left_out
        self._refusals[address] = (since, count + 1)
        self._refusals.move_to_end(address)
        if len(self._refusals) > _ADDRESSES:
            self._refusals.popitem(last=False)
        if count < REFUSALS:
            self.record(event, who, address, result, **what)

    def close(self) -> None:
        """Closes the file; the next record opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: bytes) -> None:
        try:
            file = self._file or self._open()
            file.write(line)
            if file.tell() >= self._largest:
                self.close()
                os.replace(self._path, self._path.with_name(f"{FILE}.1"))
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error.strerror)

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = open(handle, "ab", buffering=0)  # noqa: SIM115
        return self._file


def _short(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
