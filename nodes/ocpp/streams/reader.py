"""Reads the inbound stream for one consumer group of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from busway.nodes.ocpp.messages import EntryError, parse_entry
from busway.nodes.ocpp.versions import Compat

from . import answers, keys, scripts
from .backoff import Backoff
from .calls import Entry
from .intake import Intake
from .link import Connector, Link, LinkDown

Ask = Callable[..., Awaitable[Any]]
Survey = Callable[[Ask], Awaitable[object]]
Row = tuple[str, list[str] | None]

BATCH = 200
"""Entries read at a time, unless a node asks for more."""
LONGEST_BLOCK = 2000
"""Milliseconds of one blocking read: a connection that gives no reply for long counts as broken."""


@dataclass(slots=True)
class Batch:
    """Entries with the answers that they got before, which Redis looks up."""

    entries: list[Entry]
    records: Awaitable[list[str | None]]
    lookup: list[Entry]


class Reader:
    """Hands entries over to ``intake``: first those that this consumer has pending, then new ones.

    ``survey`` is called before anything is read: which groups there are decides who may answer.
    """

    def __init__(self, connector: Connector, intake: Intake, consumer: str, compat: Compat, survey: Survey) -> None:
        self.consumer, self.compat = consumer, compat
        self.batch, self.block = BATCH, LONGEST_BLOCK
        self._connector, self._intake, self._survey = connector, intake, survey
        self._backoff = Backoff()
        self._last = "0"

    async def run(self) -> None:
        """Reads until cancelled; whatever breaks, it starts again."""
        from redis.exceptions import RedisError

        while True:
            try:
                await self._session()
            except (LinkDown, RedisError) as error:
                self._intake.trouble(str(error))
                await self._backoff.sleep()

    async def _session(self) -> None:
        link = Link(await self._connector.connect())
        try:
            await link.send("SCRIPT", "LOAD", scripts.KNOWN.text)
            await self._ensure_group(link.send)
            await self._survey(link.send)
            await self._resume(link.send)
            self._intake.trouble(None)
            await self._read_on(link.send)
        finally:
            await link.close()

    async def _ensure_group(self, ask: Ask) -> None:
        """A new group sees the whole stream; one that vanished under way goes on where it was."""
        from redis.exceptions import ResponseError

        try:
            await ask("XGROUP", "CREATE", keys.INBOUND, self._intake.group, self._last, "MKSTREAM")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _read_on(self, ask: Ask) -> None:
        """Reads new entries. While there are many, Redis looks up the next ones as the last are handed over."""
        waiting: Batch | None = None
        ahead: Awaitable[Any] | None = None
        try:
            while True:
                count = min(await self._intake.room(), self.batch)
                rows = await self._rows(ahead or self._ask_for(ask, count, min(self.block, LONGEST_BLOCK)))
                before, waiting = waiting, self._look_up(ask, rows, {})
                plenty = len(rows) >= count and self._intake.free >= 3 * self.batch
                ahead = self._ask_for(ask, self.batch, None) if plenty else None
                if before is not None:
                    await self._hand_over(before)
                if not plenty:
                    await self._hand_over(waiting)
                    waiting = None
        finally:
            if waiting is not None:
                self._intake.handed_over(waiting.lookup)

    async def _rows(self, asked: Awaitable[Any]) -> list[Row]:
        reply = await asked
        self._backoff.reset()
        rows: list[Row] = reply[0][1] if reply else []
        if rows:
            self._last = rows[-1][0]
        return rows

    def _ask_for(self, ask: Ask, count: int, block: int | None) -> Awaitable[Any]:
        waiting = () if block is None else ("BLOCK", block)
        group = ("GROUP", self._intake.group, self.consumer)
        return ask("XREADGROUP", *group, "COUNT", count, *waiting, "STREAMS", keys.INBOUND, ">")

    # -- pending entries --------------------------------------------------------------------------------------------
    async def _resume(self, ask: Ask) -> None:
        """Takes up what this consumer was given and never acknowledged: by a process before, or in a lost reply."""
        start = "-"
        while True:
            room = await self._intake.room()
            count = min(room, BATCH)
            rows = await ask("XPENDING", keys.INBOUND, self._intake.group, start, "+", count, self.consumer)
            if not rows:
                return
            await self._claim(ask, rows, 0)
            start = f"({rows[-1][0]}"

    async def take_over(self, ask: Ask, idle: int) -> None:
        """Claims what any consumer has left alone for ``idle`` milliseconds: it is dead, or lost the entry."""
        count = min(await self._intake.room(), BATCH)
        group = self._intake.group
        rows = await ask("XPENDING", keys.INBOUND, group, "IDLE", idle, "-", "+", count)
        if rows:
            await self._claim(ask, rows, idle)

    async def keep(self, ask: Ask, older: float) -> None:
        """Tells the others that entries taken before ``older`` (loop time) are still being worked on."""
        held = [entry.id for entry in self._intake.open.values() if entry.taken_at < older]
        if held:
            await ask("XCLAIM", keys.INBOUND, self._intake.group, self.consumer, 0, *held, "JUSTID")

    async def _claim(self, ask: Ask, rows: Iterable[Any], idle: int) -> None:
        """XPENDING and XCLAIM where XAUTOCLAIM would do both: it does not tell how often an entry was handed out."""
        wanted = {row[0]: int(row[3]) for row in rows if not self._intake.has(row[0])}
        if wanted:
            reply = await ask("XCLAIM", keys.INBOUND, self._intake.group, self.consumer, idle, *wanted)
            await self._hand_over(self._look_up(ask, reply, wanted))
            gone = wanted.keys() - {row[0] for row in reply if row is not None}
            if gone and not idle:
                await ask("XACK", keys.INBOUND, self._intake.group, *gone)

    # -- to the intake ----------------------------------------------------------------------------------------------
    def _look_up(self, ask: Ask, rows: Iterable[Row | None], before: Mapping[str, int]) -> Batch:
        """Asks which of them were answered. ``before``: how often they were handed out before this time."""
        entries = [entry for row in rows if row is not None and (entry := self._entry(row, before)) is not None]
        asked = [entry.key for entry in entries if entry.key is not None]
        return Batch(entries, answers.known(ask, asked), self._intake.look_up())

    async def _hand_over(self, batch: Batch) -> None:
        try:
            records = iter(await batch.records or ())
            for index, entry in enumerate(batch.entries):
                self._intake.accept(entry, answers.read(next(records)) if entry.key is not None else None)
                if index % 50 == 49:
                    await asyncio.sleep(0)
        finally:
            self._intake.handed_over(batch.lookup)

    def _entry(self, row: Row, before: Mapping[str, int]) -> Entry | None:
        entry_id, flat = row
        pairs = iter(flat or ())
        fields = dict(zip(pairs, pairs, strict=True))
        try:
            message = parse_entry(fields, compat=self.compat)
        except EntryError as error:
            self._intake.unreadable(entry_id, fields, error)
            return None
        entry = Entry(entry_id, fields, message, before.get(entry_id, 0) + 1, self._intake)
        entry.digest = answers.digest(fields.get("payload", ""))
        return entry
