"""The log of a process: one line per event on stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG, "trace": 5}
TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logging(level: str, format: Literal["text", "json"] = "text") -> None:
    """Logs events of ``level`` and above, each with time, level and who; of other libraries warnings and errors."""
    logging.addLevelName(LEVELS["trace"], "TRACE")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else logging.Formatter(TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("busway").setLevel(LEVELS[level])


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``.

    Records about a node have ``node`` too: ``{id, type, name?, flow?}``, where ``flow`` is the id of its tab or subflow.
    ``exception`` is ``{type, message, stack}``.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        node = getattr(record, "node", None)
        if node is not None:
            line["node"] = node
        raised = record.exc_info[1] if record.exc_info else getattr(record, "raised", None)
        if raised is not None:
            line["exception"] = _exception(raised)
        return json.dumps(line, ensure_ascii=False, default=str)


def _exception(raised: BaseException) -> dict[str, str]:
    own = getattr(raised, "stack", "")
    stack = own if isinstance(own, str) and own else "".join(traceback.format_exception(raised))
    return {"type": type(raised).__name__, "message": str(raised), "stack": stack}
