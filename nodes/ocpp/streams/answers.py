"""Answers already given to stations' CALLs: a CALL that comes again gets the same one, and no flow runs twice.

Per station the last answers are kept in two hashes, the newer of which becomes the older when it is full: memory is
bounded by the number of stations, whatever they send. A record is ``{entry id} {digest} {epoch ms} {frame}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from busway.nodes.ocpp.clock import now_ms

from . import keys, scripts
from .calls import Key
from .writer import Done, Writer

Ask = Callable[..., Awaitable[Any]]

LENGTH = 1000
"""Length of a station's stream, unless an ``ocpp-out`` says otherwise."""
FLEETING = 30_000
"""Milliseconds for which the answer to a CALL of TELLING_TIME is repeated."""
TELLING_TIME = frozenset({"BootNotification", "Heartbeat"})
"""Stations may count message ids from 1 again after a restart, and these look the same each time: their answer of an
hour ago would set a station's clock wrong. All others carry a time or a transaction that tells them apart."""


class Record(NamedTuple):
    """An answer given: for which entry, to what content, when, and its frame."""

    entry: str
    digest: str
    sent_at: int
    frame: str

    def repeats(self, action: str | None, digest: str, now: int) -> bool:
        """Whether it answers a CALL with that action and content too."""
        return self.digest == digest and (action not in TELLING_TIME or now - self.sent_at < FLEETING)


def digest(payload: str) -> str:
    """A short mark of an entry's payload text: a message id alone does not tell a repeat from another CALL."""
    return f"{crc32(payload.encode(errors='replace')):x}"


def read(record: str | None) -> Record | None:
    """A stored record; None for none or one that is not ours."""
    parts = record.split(" ", 3) if record else ()
    if len(parts) != 4 or not parts[2].isdigit():
        return None
    return Record(parts[0], parts[1], int(parts[2]), parts[3])


def send(
    writer: Writer,
    key: Key,
    frame: str,
    done: Done | None = None,
    *,
    entry: str,
    digest: str,
    length: int = LENGTH,
    first: int = 0,
    bounded: bool = False,
) -> None:
    """Sends ``frame`` to a station and remembers it as the answer for ``entry``.

    ``done`` gets 1, 0 (that entry was answered before), None (not known which) or an exception. ``length`` bounds the
    station's stream; ``first`` is when the answer was given first, if it is a repeated one. Raises as Writer.run.
    """
    tenant, device, message_id = key
    marks = f"{entry} {digest} {first or now_ms()}"
    values = (marks, message_id, frame, length)
    writer.answer(keys.answered(tenant, device), keys.outbound(tenant, device), values, done, bounded=bounded)


def known(ask: Ask, calls: Sequence[Key]) -> Awaitable[list[str | None]]:
    """The records of answers already given to CALLs, each named by tenant, device and message id; asked for at once."""
    names = [keys.answered(tenant, device) for tenant, device, _ in calls]
    return ask("EVALSHA", scripts.KNOWN.sha, len(names), *names, *[id for _, _, id in calls])
