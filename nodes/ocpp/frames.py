"""OCPP-J frames: a station's text into a typed message or the exact refusal, and messages into text.

Rules: OCPP-J 1.6 section 4; OCPP 2.0.1 part 4 section 4; OCPP 2.1 part 4 section 4 (adds CALLRESULTERROR and SEND).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.clock import iso
from busway.nodes.ocpp.versions import canonical

CALL: Final = 2
CALLRESULT: Final = 3
CALLERROR: Final = 4
CALLRESULTERROR: Final = 5
SEND: Final = 6

UNREADABLE_ID: Final = "-1"
"""Message id of a CALLERROR whose cause had no readable id (OCPP 2.0.1 part 4 section 4.2.3)."""

MOST_LEVELS: Final = 128
"""How deep a message may nest; no OCPP message comes near, and what is deeper could not be written again."""

_DESCRIPTION_LIMIT: Final = 255


class EncodeError(BuswayError):
    """A message holds something that JSON cannot say; names it."""


@dataclass(slots=True)
class Call:
    """A request: ``[2, message_id, action, payload]``."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(slots=True)
class CallResult:
    """An answer: ``[3, message_id, payload]``."""

    message_id: str
    payload: dict[str, Any]


@dataclass(slots=True)
class CallError:
    """A refusal of a CALL: ``[4, message_id, code, description, details]``."""

    message_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class CallResultError:
    """A refusal of a CALLRESULT (OCPP 2.1): ``[5, message_id, code, description, details]``. It gets no answer."""

    message_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Send:
    """A message that gets no answer (OCPP 2.1): ``[6, message_id, action, payload]``."""

    message_id: str
    action: str
    payload: dict[str, Any]


Frame = Call | CallResult | CallError | CallResultError | Send


class FrameError(BuswayError):
    """A station's frame breaks OCPP-J.

    ``code`` and ``description`` are those of the CALLERROR; ``message_id`` is the id it must carry, or None when the
    frame must not be answered. ``refers_to`` is the id of our own CALL that a malformed answer belongs to, where it can
    be read.
    """

    def __init__(self, code: str, description: str, message_id: str | None, refers_to: str | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.message_id, self.refers_to = code, description, message_id, refers_to

    def answer(self) -> str | None:
        """The CALLERROR frame to send, or None when no answer may be given."""
        return None if self.message_id is None else call_error(self.message_id, self.code, self.description)


def too_deep(text: str, value: object) -> bool:
    """Whether ``value``, decoded from ``text``, nests deeper than :data:`MOST_LEVELS`."""
    if len(text) <= 2 * MOST_LEVELS or text.count("[") + text.count("{") <= MOST_LEVELS:
        return False
    level = _containers([value])
    for _ in range(MOST_LEVELS):
        level = _containers(inner for outer in level for inner in (outer.values() if type(outer) is dict else outer))
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) is dict or type(value) is list]


def parse_frame(text: str, version: str) -> Frame:
    """Reads a frame that a station sent; ``version`` is the one its connection agreed on.

    Raises :class:`FrameError` for all that is no OCPP-J frame of that version, VersionError for an unknown version.
    """
    version = canonical(version)
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _broken_rpc(version, f"the frame is not JSON: {error}", None) from None
    if too_deep(text, frame):
        raise _nested(frame, version)
    if type(frame) is not list or not frame:
        raise _broken_rpc(version, "a frame must be a JSON array that begins with a message type", None)
    kind = frame[0]
    if kind == CALL and type(kind) is int:
        return _read_call(frame, version)
    message_id = _id_of(frame)
    if type(kind) is not int:
        raise _broken_rpc(version, f"the message type must be a number, not {_shown(kind)}", message_id)
    if kind == CALLRESULT:
        return _read_result(frame, message_id, version)
    if kind == CALLERROR:
        return CallError(*_read_error(frame, message_id, version))
    return _read_extension(frame, kind, message_id, version)


def _nested(frame: Any, version: str) -> FrameError:
    description = f"the frame nests deeper than {MOST_LEVELS} levels"
    message_id = _id_of(frame) if type(frame) is list else None
    if type(frame) is list and frame[0] == CALL:
        return FrameError(_format_code(version), description, message_id)
    return FrameError(_format_code(version), description, None, message_id)


def _read_call(frame: list[Any], version: str) -> Call:
    message_id = _id_of(frame)
    if message_id is None:
        raise _broken_rpc(version, "the message id must be a text that is not empty", None)
    if len(frame) == 4:
        action, payload = frame[2], frame[3]
        if type(payload) is dict and type(action) is str and action:
            return Call(message_id, action, payload)
    raise _call_error(frame, message_id, version)


def _call_error(frame: list[Any], message_id: str, version: str) -> FrameError:
    if len(frame) == 3 and version == "1.6":
        return FrameError("ProtocolError", "the CALL has no payload; [2, id, action, payload] is right", message_id)
    if len(frame) != 4:
        return _broken_rpc(version, f"a CALL has 4 elements, this one {len(frame)}", message_id)
    if type(frame[2]) is not str or not frame[2]:
        return _broken_rpc(version, f"the action must be a text, not {_shown(frame[2])}", message_id)
    return FrameError(_format_code(version), f"the payload must be an object, not {_shown(frame[3])}", message_id)


def _read_result(frame: list[Any], message_id: str | None, version: str) -> CallResult:
    if message_id is not None and len(frame) == 3 and type(frame[2]) is dict:
        return CallResult(message_id, frame[2])
    raise FrameError(_format_code(version), "a CALLRESULT must be [3, id, {payload}]", None, message_id)


def _read_error(frame: list[Any], message_id: str | None, version: str) -> tuple[str, str, str, dict[str, Any]]:
    """Missing or null description and details are taken as empty: the command they answer has failed in any case."""
    code, description, details = (*frame[2:], None, None, None)[:3]
    description = "" if description is None else description
    details = {} if details is None else details
    fits = len(frame) <= 5 and type(code) is str and type(description) is str and type(details) is dict
    if message_id is not None and fits:
        return message_id, code, description, details
    wanted = f'[{frame[0]}, id, "code", "description", {{details}}]'
    raise FrameError(_format_code(version), f"an error message must be {wanted}", None, message_id)


def _read_extension(frame: list[Any], kind: int, message_id: str | None, version: str) -> CallResultError | Send:
    if version == "2.1" and kind == CALLRESULTERROR:
        return CallResultError(*_read_error(frame, message_id, version))
    if version == "2.1" and kind == SEND:
        return _read_send(frame, message_id, version)
    # OCPP-J 1.6 section 4.1.3 wants other message types ignored; OCPP 2.x has an error code for them.
    answer_to = None if version == "1.6" else message_id or UNREADABLE_ID
    code = "NotSupported" if version == "1.6" else "MessageTypeNotSupported"
    raise FrameError(code, f"OCPP {version} has no message type {kind}", answer_to)


def _read_send(frame: list[Any], message_id: str | None, version: str) -> Send:
    if message_id is not None and len(frame) == 4 and type(frame[2]) is str and frame[2] and type(frame[3]) is dict:
        return Send(message_id, frame[2], frame[3])
    raise FrameError(_format_code(version), 'a SEND must be [6, id, "action", {payload}]', None)


def _id_of(frame: list[Any]) -> str | None:
    found = frame[1] if len(frame) > 1 else None
    return found if type(found) is str and found else None


def _broken_rpc(version: str, description: str, message_id: str | None) -> FrameError:
    """What is not even a call. OCPP 1.6 has no stand-in for an id that cannot be read, so there it stays unanswered."""
    if version == "1.6":
        return FrameError("FormationViolation", description, message_id)
    return FrameError("RpcFrameworkError", description, message_id or UNREADABLE_ID)


def _format_code(version: str) -> str:
    return "FormationViolation" if version == "1.6" else "FormatViolation"


_JSON_NAMES: Final = {type(None): "null", bool: "a boolean", str: "a text", list: "an array", dict: "an object"}


def _shown(value: object) -> str:
    return "an empty text" if value == "" else _JSON_NAMES.get(type(value), "a number")


def call(message_id: str, action: str, payload: object = None) -> str:
    """The frame ``[2,id,action,payload]``; no payload is written as ``{}``."""
    return encode([CALL, message_id, action, {} if payload is None else payload])


_NOTHING: Final[dict[str, Any]] = {}


def call_result(message_id: str, payload: object = _NOTHING) -> str:
    """The frame ``[3,id,payload]``; no payload is written as ``{}``, None as ``null``."""
    return encode([CALLRESULT, message_id, payload])


def call_error(message_id: str, code: str, description: str = "", details: object = None) -> str:
    """The frame ``[4,id,code,description,details]``; the description is cut at the 255 characters that OCPP allows."""
    return _error_frame(CALLERROR, message_id, code, description, details)


def call_result_error(message_id: str, code: str, description: str = "", details: object = None) -> str:
    """The frame ``[5,id,code,description,details]`` of OCPP 2.1: a CALLRESULT with that id is refused."""
    return _error_frame(CALLRESULTERROR, message_id, code, description, details)


def send(message_id: str, action: str, payload: object = None) -> str:
    """The frame ``[6,id,action,payload]`` of OCPP 2.1: gets no answer."""
    return encode([SEND, message_id, action, {} if payload is None else payload])


def _error_frame(kind: int, message_id: str, code: str, description: str, details: object) -> str:
    return encode([kind, message_id, code, description[:_DESCRIPTION_LIMIT], {} if details is None else details])


def encode(value: object) -> str:
    """Compact JSON. Raises :class:`EncodeError` naming what cannot be written."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError as error:
        raise EncodeError(f"the message cannot be written as JSON: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a value of type {type(value).__name__}")
