"""The writer of the inbound stream: what all stations said, in batches, each exactly once, outages of Redis or not."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable
from typing import Final

from busway.gateway.backend import Backend
from busway.gateway.counters import Counters
from busway.gateway.throttle import ThrottledLog
from busway.nodes.ocpp.streams.gateway_entries import InboundEntry
from busway.nodes.ocpp.streams.gateway_side import milliseconds
from busway.nodes.ocpp.streams.link import LinkDown

log = logging.getLogger("busway.gateway")

_LARGEST_BATCH: Final = 500
_PAUSE: Final = 0.5


class Message:
    """An entry on its way to Redis. ``written`` becomes the time in Redis, in ms, at which the flows could see it;
    ``confirmed`` is called then.
    """

    __slots__ = ("confirmed", "entry", "withdrawn", "written")

    def __init__(self, entry: InboundEntry) -> None:
        self.entry = entry
        self.written: int | None = None
        self.confirmed: Callable[[], None] | None = None
        self.withdrawn = False

    def confirm(self, written: int) -> None:
        """Redis has it."""
        self.written = written
        if self.confirmed is not None:
            self.confirmed()


class InboundWriter:
    """Takes messages at once, and writes those of the same turn of the event loop, or of one outage, together."""

    def __init__(self, backend: Backend, counters: Counters, limit: int, maxlen: int) -> None:
        self._backend, self._counters, self._limit, self._maxlen = backend, counters, limit, maxlen
        self._waiting: deque[Message] = deque()
        self._batch: list[Message] = []
        self._number = 0
        # Not the gateway's name, which may be the same after a restart, when the numbers begin again.
        self._name = uuid.uuid4().hex
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._trouble = ThrottledLog(log, 10.0)

    def put(self, message: Message) -> bool:
        """Takes a message; False when the buffer is full."""
        if self._counters.buffered >= self._limit:
            self._counters.refused_entries += 1
            return False
        self._waiting.append(message)
        self._counters.buffered += 1
        self._wake.set()
        self._idle.clear()
        return True

    async def drained(self) -> None:
        """Returns when everything taken so far is in Redis."""
        await self._idle.wait()

    async def run(self) -> None:
        """Writes, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._batch or self._waiting:
                await self._backend.up.wait()
                await self._write_or_wait()
            self._idle.set()

    async def _write_or_wait(self) -> None:
        try:
            await self._write()
        except LinkDown:
            # The backend sees the same break; its loop clears ``up`` on its next turn.
            await asyncio.sleep(0.01)
        except Exception as error:
            if not _is_refusal(error):
                raise
            self._trouble.warning("Redis refuses the stations' messages", str(error))
            await asyncio.sleep(_PAUSE)

    async def _write(self) -> None:
        """Tries the batch, or a new one when there is none. A batch that was tried may lose messages, but not gain any:
        its number tells Redis whether it was added before.
        """
        if not self._batch:
            self._batch = [self._waiting.popleft() for _ in range(min(_LARGEST_BATCH, len(self._waiting)))]
            self._number += 1
        batch = [message for message in self._batch if not message.withdrawn]
        if batch:
            entries = [message.entry for message in batch]
            first = await self._backend.side.write(self._name, self._number, entries, self._maxlen)
            for message in batch:
                message.confirm(milliseconds(first))
            self._counters.written += len(batch)
        self._counters.buffered -= len(self._batch)
        self._batch = []


def _is_refusal(error: Exception) -> bool:
    from redis.exceptions import RedisError

    return isinstance(error, RedisError)
