"""Entries of the stream ``ws:inbound`` read into typed messages: what a gateway wrote about one station's frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.clock import now_ms
from busway.nodes.ocpp.frames import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, MOST_LEVELS, SEND, too_deep
from busway.nodes.ocpp.versions import SPELLINGS, SUBPROTOCOLS, Compat


class EntryError(BuswayError):
    """An entry cannot be read as a station's message; says which field is wrong and how."""


class Inbound(msgspec.Struct):
    """One message of a station.

    ``message_type`` is ``call``, ``result``, ``error`` or ``send`` (OCPP 2.1), ``ocpp_message_type`` the number of the
    OCPP-J frame. ``action`` of an answer without one is ``_CallResult``, ``_CallError`` or ``_CallResultError``.
    ``timestamp`` is the gateway's text, or the present epoch milliseconds where it gave none. ``raw_payload`` is the
    decoded field ``payload``. The ``error_`` attributes are set for errors only.
    """

    message_id: str | None
    tenant: str
    device_id: str
    action: str | None
    message_type: str
    ocpp_message_type: int
    payload: Any
    version: str
    protocol: str
    timestamp: str | int
    identity: str
    raw_payload: Any = None
    error_code: str | None = None
    error_description: str | None = None
    error_details: Any = None


_MESSAGE_TYPES: Final = {"call", "result", "error", "send"}
_NUMBERS: Final = {CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND}
_UNNAMED: Final = {
    "result": "_CallResult",
    "error": "_CallError",
    CALLRESULT: "_CallResult",
    CALLERROR: "_CallError",
    CALLRESULTERROR: "_CallResultError",
}

# Flows rely on the text "2.0" meaning 1.6 here, as the seed's nodes have it; everywhere else it is a spelling of 2.0.1.
_VERSIONS: Final = {**SPELLINGS, "2.0": "1.6"}
_NO_METADATA: Final[dict[str, Any]] = {}
_SHORT: Final = 200
"""Characters of a text that is worth remembering."""


def parse_entry(fields: Mapping[str, Any], *, compat: Compat = "strict") -> Inbound:
    """Reads the fields of one stream entry; ``metadata`` and ``payload`` are JSON texts or already decoded.

    Raises :class:`EntryError`, and nothing else, when tenant or device is missing, a member has a type it cannot have,
    or a field nests too deep. With ``compat="seed"`` what is missing or of another type is passed on as the seed's
    nodes do, and metadata that is JSON ``null`` raises.
    """
    envelope = _decoded(fields.get("payload"))
    metadata = _metadata(fields.get("metadata"))
    if type(metadata) is not dict:
        metadata = _other_metadata(metadata, fields, compat)
    if compat == "strict":
        return _strict(fields, metadata, envelope)
    return _seed(fields, metadata, envelope)


def _metadata(value: Any) -> Any:
    """Thousands of entries carry the same few texts."""
    return _decoded_before(value) if type(value) is str and len(value) <= _SHORT else _decoded(value)


@lru_cache(maxsize=500)
def _decoded_before(text: str) -> Any:
    return _decoded(text)


def _decoded(value: Any) -> Any:
    if type(value) is not str:
        return value
    try:
        decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    if too_deep(value, decoded):
        raise EntryError(f"a field nests deeper than {MOST_LEVELS} levels")
    return decoded


def _other_metadata(metadata: Any, fields: Mapping[str, Any], compat: Compat) -> dict[str, Any]:
    if compat == "seed" and metadata is None and fields.get("metadata") is not None:
        raise EntryError('field metadata is the JSON text null; an object like {"action":"Heartbeat"} is right')
    return _NO_METADATA


def _strict(fields: Mapping[str, Any], metadata: dict[str, Any], raw: Any) -> Inbound:
    envelope = _members(raw)
    tenant = _name(fields, "tenant")
    device = _name(fields, "deviceId")
    kind = _message_type(metadata.get("type"))
    number = _number(envelope.get("messageType"), kind)
    if number > CALLERROR:
        # these two numbers alone say that no answer may be given, whatever a gateway writes beside them
        kind = "send" if number == SEND else "error"
    spelled = metadata.get("version")
    version = _VERSIONS.get(spelled) or _VERSIONS.get(spelled.lower(), "1.6") if type(spelled) is str else "1.6"
    inbound = Inbound(
        _text(envelope.get("uniqueID") or fields.get("id"), "the message id"),
        tenant,
        device,
        _text(metadata.get("action") or envelope.get("action"), "the action") or _unnamed(kind, number),
        kind,
        number,
        _payload(envelope, raw),
        version,
        SUBPROTOCOLS[version],
        _timestamp(fields),
        f"{tenant}:{device}",
        raw,
    )
    return inbound if kind == "call" and number == CALL else _with_error(inbound, envelope)


def _seed(fields: Mapping[str, Any], metadata: dict[str, Any], raw: Any) -> Inbound:
    envelope = raw if type(raw) is dict else {}
    tenant, device = fields.get("tenant"), fields.get("deviceId")
    kind = metadata.get("type") or "call"
    number = envelope.get("messageType") or CALL
    version = "2.0.1" if metadata.get("version") == "2.0.1" else "1.6"
    inbound = Inbound(
        envelope.get("uniqueID") or fields.get("id"),
        tenant,  # type: ignore[arg-type]  # the seed passes on what is there
        device,  # type: ignore[arg-type]
        metadata.get("action") or envelope.get("action") or _unnamed(kind, number),
        kind,
        number,
        _payload(envelope, raw),
        version,
        SUBPROTOCOLS[version],
        _timestamp(fields),
        f"{_javascript(tenant)}:{_javascript(device)}",
        raw,
    )
    return _with_error(inbound, envelope)


def _members(raw: Any) -> dict[str, Any]:
    """The envelope as an object; a whole OCPP-J frame in its place is taken apart."""
    if type(raw) is dict:
        return raw
    if type(raw) is not list or len(raw) < 3 or type(raw[1]) is not str:
        return {}
    return _from_frame(raw)


def _from_frame(frame: list[Any]) -> dict[str, Any]:
    number, message_id, *rest = frame
    if type(number) is not int:
        return {}
    if number in (CALL, SEND) and len(rest) == 2:
        return {"messageType": number, "uniqueID": message_id, "action": rest[0], "payload": rest[1]}
    if number == CALLRESULT and len(rest) == 1:
        return {"messageType": number, "uniqueID": message_id, "payload": rest[0]}
    if number in (CALLERROR, CALLRESULTERROR):
        names = ("errorCode", "errorDescription", "errorDetails")
        error = {"messageType": number, "uniqueID": message_id, **dict(zip(names, rest, strict=False))}
        return {**error, "payload": error}
    return {}


def _payload(envelope: dict[str, Any], raw: Any) -> Any:
    """The envelope's payload; where JavaScript finds it false (also null and absent) the envelope itself."""
    inner = envelope.get("payload")
    return inner if inner or type(inner) in (dict, list) else raw


def _name(fields: Mapping[str, Any], field: str) -> str:
    value = fields.get(field)
    if type(value) is str and value:
        return value
    raise EntryError(f"field {field} is {'empty' if value == '' else 'missing or no text'}; every entry needs it")


def _message_type(value: Any) -> str:
    if not value:
        return "call"
    if type(value) is str and value in _MESSAGE_TYPES:
        return value
    raise EntryError(f"metadata.type is {value!r:.60}; it must be call, result, error or send")


def _number(value: Any, kind: str) -> int:
    if type(value) is int and value in _NUMBERS:
        return value
    if not value:
        return SEND if kind == "send" else CALL
    if type(value) is str and value in ("2", "3", "4", "5", "6"):
        return int(value)
    raise EntryError(f"payload.messageType is {value!r:.60}; it must be 2, 3, 4, 5 or 6")


def _text(value: Any, what: str) -> str | None:
    if type(value) is str or value is None:
        return value or None
    if not value:
        return None
    raise EntryError(f"{what} is {value!r:.60}; it must be a text")


def _unnamed(kind: Any, number: Any) -> str | None:
    by_kind = _UNNAMED.get(kind) if type(kind) is str else None
    by_number = _UNNAMED.get(number) if type(number) is int else None
    return by_kind if by_kind == "_CallResult" or by_number is None else by_number


def _timestamp(fields: Mapping[str, Any]) -> str | int:
    return fields.get("timestamp") or now_ms()


def _with_error(inbound: Inbound, envelope: dict[str, Any]) -> Inbound:
    if inbound.message_type == "error" or inbound.ocpp_message_type in (CALLERROR, CALLRESULTERROR):
        inbound.error_code = _said(envelope.get("errorCode"))
        inbound.error_description = _said(envelope.get("errorDescription"))
        inbound.error_details = envelope.get("errorDetails")
    return inbound


def _said(value: Any) -> str | None:
    return value if type(value) is str else None


def _javascript(value: Any) -> str:
    return "undefined" if value is None else str(value)
