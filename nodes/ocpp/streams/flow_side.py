"""What the flows of this process do with one Redis: one connection writes, one a group reads, one hears answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.messages import Inbound

from . import answers, history
from .calls import Calls, Entry, Key
from .commands import Commands
from .groups import Desk, Group, may_answer
from .intake import CONNECTING, Intake, Receiver
from .link import Connector, LinkDown
from .reader import Ask, Reader
from .responses import Responses
from .writer import Writer

log = logging.getLogger("busway.ocpp")

SWEEP = 0.5
"""Seconds between two looks at CALLs that wait for their answer."""
TEND = 5.0
"""Seconds between two looks at what other consumers left, and at the history."""
FLUSH = 2.0
"""Seconds that stopping waits for Redis to confirm."""

Watcher = Callable[["str | None"], None]


class AnswerError(BuswayError):
    """An answer cannot be given to a station; says why."""


class FlowSide:
    """One Redis.

    ``limit`` bounds the entries of a group that are being worked on; ``overloaded()`` holds reading back. ``watchers``
    are called with the reason when Redis cannot be written to, and with None when it can again.
    """

    def __init__(self, connector: Connector, limit: int = 1000, overloaded: Callable[[], bool] = lambda: False) -> None:
        self.limit, self.overloaded = limit, overloaded
        self.trouble: str | None = "not connected yet"
        self.watchers: set[Watcher] = set()
        self.calls = Calls()
        self.writer = Writer(connector, self._writing)
        self.commands = Commands(self.writer)
        self.responses = Responses(connector, self.commands.heard)
        self._connector = connector
        self._desks: dict[str, Desk] = {}
        self._foreign: set[str] = set()
        self.groups: list[dict[str, Any]] = []
        """What Redis said last of the groups of the inbound stream, a few seconds ago at most."""
        self._loop = asyncio.get_running_loop()
        work = (self._sweep(), self._tend())
        self._tasks = [self._loop.create_task(part, name="ocpp-tend") for part in work]

    def _writing(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            for watcher in list(self.watchers):
                watcher(trouble)

    # -- reading ----------------------------------------------------------------------------------------------------
    def desk(self, group: Group) -> Desk:
        """A group's place, made when first asked for; the latest settings count."""
        desk = self._desks.get(group.name)
        if desk is None:
            desk = self._desks[group.name] = Desk(group, Intake(group.name, self, self.limit, group.deliveries))
        desk.group = group
        desk.intake.max_deliveries = group.deliveries
        return desk

    def read(self, group: Group, node: Receiver, batch: int, block: int) -> None:
        """A node gets what its group reads from now on: ``batch`` entries or more at a time, waiting ``block`` ms."""
        desk = self.desk(group)
        desk.intake.join(node)
        if desk.reader is None:
            desk.reader = Reader(self._connector, desk.intake, group.consumer, group.compat, self._survey)
            desk.task = self._loop.create_task(desk.reader.run(), name=f"ocpp-reader {group.name}")
        desk.reader.batch = max(desk.reader.batch, batch)
        desk.reader.block = min(desk.reader.block, block)

    def pause(self, group: Group, node: Receiver) -> None:
        """A node stops reading, for a deploy at least. The last one of a group ends its reader."""
        desk = self.desk(group)
        desk.intake.leave(node)
        if not desk.intake.nodes and desk.task is not None:
            desk.task.cancel()
            desk.task = desk.reader = None
            desk.intake.trouble(CONNECTING)

    def forget(self, group: Group, node: Receiver) -> None:
        """A node that stopped reading was deleted: nothing waits for it."""
        self.desk(group).intake.forget(node)

    def may_answer(self, intake: Intake, message: Inbound, matched: bool) -> bool:
        """Whether a group may answer a CALL that its flow did not answer."""
        return may_answer(self._desks[intake.group], self._desks.values(), bool(self._foreign), message, matched)

    # -- answering --------------------------------------------------------------------------------------------------
    def answer(self, key: Key, frame: str, length: int, entry_id: str | None, done: Callable[[Any], None]) -> None:
        """Sends the answer to a CALL. ``done`` gets 1, 0 (it was answered before), None (unknown) or an exception.

        ``entry_id`` is the CALL's entry where the message still names it. Raises AnswerError when an answer is on its
        way already, Overloaded when too much waits for Redis.
        """
        entries = tuple(self.calls.of(key))
        if entries and entries[0].answered:
            raise AnswerError(
                f"CALL {key[2]} of {key[0]}:{key[1]} was answered before; a station takes one answer only"
            )
        known, digest = (entries[0].id, entries[0].digest) if entries else (entry_id or uuid4().hex, "-")
        written = partial(_written, entries, done)
        answers.send(self.writer, key, frame, written, entry=known, digest=digest, length=length, bounded=True)
        for entry in entries:
            entry.intake.answered(entry, frame)

    def acknowledge(self, group: Group, entry_id: str) -> None:
        """Acknowledges an entry for the flow: at once, or when everything that came of it has been handled."""
        intake = self._desks[group.name].intake
        entry = intake.open.get(entry_id)
        if entry is not None:
            entry.manual = False
        else:
            self.writer.acknowledge(group.name, entry_id, intake.left.difference_update)

    # -- tending ----------------------------------------------------------------------------------------------------
    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            for entry in self.calls.overdue(self._loop.time()):
                entry.intake.overdue(entry)

    async def _tend(self) -> None:
        from redis.exceptions import RedisError

        while True:
            try:
                await self._look_after()
            except (LinkDown, RedisError) as error:
                log.debug("tending the inbound stream: %s", error)
            await asyncio.sleep(TEND)

    async def _look_after(self) -> None:
        ask = self.writer.ask
        known = await self._survey(ask)
        reading = [desk for desk in self._desks.values() if desk.reader is not None]
        for desk in reading:
            if desk.reader is not None:
                await desk.reader.keep(ask, self._loop.time() - desk.group.idle / 3)
                await desk.reader.take_over(ask, int(desk.group.idle * 1000))
        if reading and all(desk.group.trim for desk in reading):
            await history.trim(ask, known)

    async def _survey(self, ask: Ask) -> list[dict[str, Any]]:
        """All groups of the inbound stream; notes whether there are some that are not read here."""
        known = self.groups = await history.groups(ask)
        reading = {name for name, desk in self._desks.items() if desk.reader is not None}
        self._foreign = {group["name"] for group in known} - reading
        return known

    # -- end --------------------------------------------------------------------------------------------------------
    async def flush(self) -> bool:
        """Waits a moment for Redis to confirm what was written; False when it did not."""
        return await self.writer.flush(FLUSH)

    async def close(self) -> None:
        """Ends all connections."""
        readers = [desk.task for desk in self._desks.values() if desk.task is not None]
        for task in (*self._tasks, *readers):
            task.cancel()
        await asyncio.gather(*self._tasks, *readers, return_exceptions=True)
        await self.responses.close()
        await self.writer.close()


def _written(entries: tuple[Entry, ...], done: Callable[[Any], None], reply: Any) -> None:
    """Redis has carried an answer out; or refused it: then the CALL may be answered again."""
    if isinstance(reply, Exception):
        for entry in entries:
            entry.answered = False
    done(reply)
