"""What a gateway writes to Redis and reads from it, as typed records and as the texts of the contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from busway.nodes.ocpp import frames
from busway.nodes.ocpp.frames import Call, CallError, CallResult, CallResultError, Send


class Station(NamedTuple):
    """A station's address: operator and device id."""

    tenant: str
    device: str

    def __str__(self) -> str:
        return f"{self.tenant}:{self.device}"


class InboundEntry(NamedTuple):
    """The six fields of an entry of ``ws:inbound``, all texts."""

    tenant: str
    device: str
    metadata: str
    payload: str
    message_id: str
    timestamp: str


class OutboundEntry(NamedTuple):
    """An entry of a station's stream: a whole OCPP-J frame. ``server_id`` is set for commands of ``ocpp-command``."""

    entry_id: str
    message_id: str
    frame: str
    server_id: str | None


@dataclass(slots=True, frozen=True)
class Pending:
    """What the sender of a command wrote about it. ``timeout`` in seconds, counted from the command's stream entry."""

    server_id: str | None
    action: str | None
    timeout: float | None


@dataclass(slots=True, frozen=True)
class Dismissal:
    """A wish to close a station's connection, other than the connection ``keep``."""

    station: Station
    keep: str | None
    reason: str


def inbound_entry(station: Station, version: str, server_id: str, frame: frames.Frame) -> InboundEntry:
    """The entry that tells the flows of a station's frame."""
    kind, number, envelope = _ENVELOPES[type(frame)](frame)
    metadata = _metadata(kind, envelope.get("action"), version, server_id)
    payload = _json({"messageType": number, "uniqueID": frame.message_id, **envelope})
    timestamp = str(time.time_ns() // 1_000_000)
    return InboundEntry(station.tenant, station.device, metadata, payload, frame.message_id, timestamp)


def _error_envelope(frame: Any) -> dict[str, Any]:
    return {"errorCode": frame.code, "errorDescription": frame.description, "errorDetails": frame.details}


_ENVELOPES: Final[dict[type, Callable[[Any], tuple[str, int, dict[str, Any]]]]] = {
    Call: lambda frame: ("call", frames.CALL, {"action": frame.action, "payload": frame.payload}),
    Send: lambda frame: ("send", frames.SEND, {"action": frame.action, "payload": frame.payload}),
    CallResult: lambda frame: ("result", frames.CALLRESULT, {"payload": frame.payload}),
    CallError: lambda frame: ("error", frames.CALLERROR, _error_envelope(frame)),
    CallResultError: lambda frame: ("error", frames.CALLRESULTERROR, _error_envelope(frame)),
}


@lru_cache(maxsize=1024)
def _metadata(kind: str, action: str | None, version: str, server_id: str) -> str:
    named = {"type": kind} if action is None else {"type": kind, "action": action}
    return _json({**named, "version": version, "serverID": server_id})


def response_text(frame: CallResult | CallError) -> str:
    """What is published to the sender of a command about its station's answer."""
    if isinstance(frame, CallResult):
        return _json({"messageId": frame.message_id, "messageType": frames.CALLRESULT, "payload": frame.payload})
    return _json(
        {"messageId": frame.message_id, "messageType": frames.CALLERROR, "error": True, **_error_envelope(frame)}
    )


def dismissal_text(wish: Dismissal) -> str:
    """The wish as the gateways' control channel carries it; :func:`read_dismissal` reads it."""
    station = wish.station
    return _json({"tenant": station.tenant, "deviceId": station.device, "keep": wish.keep, "reason": wish.reason})


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def read_pending(text: str, server_id: str | None) -> Pending:
    """Reads a note of ``ws:pending``; what is missing or of a wrong type is unknown, ``server_id`` stands in."""
    try:
        note: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        note = None
    note = note if isinstance(note, dict) else {}
    named, action, timeout = note.get("serverId"), note.get("action"), note.get("timeout")
    return Pending(
        named if isinstance(named, str) and named else server_id,
        action if isinstance(action, str) else None,
        timeout / 1000 if isinstance(timeout, int | float) else None,
    )


def read_dismissal(text: str) -> Dismissal | None:
    """Reads ``{"tenant": "t", "deviceId": "d", "keep": "connection", "reason": "text"}``; None for anything else.

    ``keep`` and ``reason`` are optional: without ``keep`` every connection of the station is meant.
    """
    try:
        wish = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(wish, dict) or not all(isinstance(wish.get(name), str) for name in ("tenant", "deviceId")):
        return None
    keep, reason = wish.get("keep"), wish.get("reason")
    shown = reason if isinstance(reason, str) and reason else "disconnected by the operator"
    return Dismissal(Station(wish["tenant"], wish["deviceId"]), keep if isinstance(keep, str) else None, shown)
