"""Entries of the inbound stream that are being worked on in this process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from busway.nodes.ocpp.messages import CALL, Inbound

if TYPE_CHECKING:
    from .intake import Intake

Key = tuple[str, str, str]


class Entry:
    """One entry of ``ws:inbound`` on its way through the flows.

    ``deliveries`` counts how often it was handed out, by whomever. ``answered`` says that an answer is on its way to
    the station, ``frame`` is that answer. ``manual``: the flow acknowledges it. ``patient``: its answer may come after
    its handling has ended. ``repeats`` are entries of the same CALL that came meanwhile and end with it.
    """

    __slots__ = (
        "answered",
        "deadline",
        "deliveries",
        "digest",
        "fields",
        "frame",
        "id",
        "intake",
        "key",
        "manual",
        "message",
        "patient",
        "repeats",
        "retries",
        "settled",
        "taken_at",
    )

    def __init__(self, id: str, fields: dict[str, str], message: Inbound, deliveries: int, intake: Intake) -> None:
        self.id, self.fields, self.message, self.deliveries, self.intake = id, fields, message, deliveries, intake
        self.key = _key(message)
        """Who asked, and the message's id; None for what is no CALL or has no id."""
        self.answered = False
        self.frame = ""
        self.digest = ""
        self.manual = False
        self.patient = False
        self.settled = False
        self.deadline = math.inf
        self.taken_at = 0.0
        self.retries = 0
        self.repeats: list[str] = []


def _key(message: Inbound) -> Key | None:
    if message.message_type != "call" or message.ocpp_message_type != CALL or message.message_id is None:
        return None
    return message.tenant, message.device_id, message.message_id


def encodable(tenant: object, device: object, message_id: object) -> Key:
    """A key of texts. Raises UnicodeEncodeError, a ValueError, for one that Redis cannot be sent."""
    key = (str(tenant), str(device), str(message_id))
    text = "".join(key)
    if not text.isascii():
        text.encode()
    return key


class Calls:
    """CALLs without an end yet, by station and message id. Two consumer groups may each work on their copy of one."""

    def __init__(self) -> None:
        self._open: dict[Key, list[Entry]] = {}

    def add(self, key: Key, entry: Entry) -> None:
        """An entry is being worked on."""
        self._open.setdefault(key, []).append(entry)

    def discard(self, key: Key, entry: Entry) -> None:
        """An entry has come to its end."""
        entries = self._open.get(key)
        if entries is not None and entry in entries:
            entries.remove(entry)
            if not entries:
                del self._open[key]

    def of(self, key: Key) -> list[Entry]:
        """The entries of a CALL; several when several groups read it."""
        return self._open.get(key) or []

    def running(self, key: Key, entry: Entry) -> Entry | None:
        """An earlier entry of the same group with the same CALL."""
        for other in self.of(key):
            if other.intake is entry.intake and other.digest == entry.digest and other.id != entry.id:
                return other
        return None

    def overdue(self, now: float) -> list[Entry]:
        """CALLs whose time to be answered is over."""
        return [e for entries in self._open.values() for e in entries if e.deadline < now and not e.answered]
