"""Hands the stations' answers to the senders of commands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

from busway.gateway.backend import Backend
from busway.gateway.counters import Counters
from busway.nodes.ocpp.frames import CallError, CallResult
from busway.nodes.ocpp.streams.gateway_entries import Pending, Station, response_text
from busway.nodes.ocpp.streams.link import LinkDown

_PAUSE: Final = 0.1
_SHORTEST_PATIENCE: Final = 1.0


class Responder:
    """Publishes answers. What is published while nobody listens is lost in Redis, so it is published again for a while:
    the sender may be between two deployments, or may have lost Redis as we did.
    """

    def __init__(self, backend: Backend, counters: Counters) -> None:
        self._backend, self._counters = backend, counters
        self._patient = True
        self._tasks: set[asyncio.Task[None]] = set()

    def hand_over(self, pending: Pending, answer: CallResult | CallError, patience: float) -> None:
        """Publishes the answer to the command's sender, for at most ``patience`` seconds."""
        if pending.server_id is not None:
            self._start(self._publish(pending.server_id, response_text(answer), patience))

    def look_up(self, station: Station, answer: CallResult | CallError) -> None:
        """Publishes an answer to a command that this connection did not send or has given up, if its sender waits."""
        self._start(self._publish_if_awaited(station, answer))

    async def drained(self) -> None:
        """Returns when nothing is under way any more; from now on each answer is published once."""
        self._patient = False
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Gives up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish_if_awaited(self, station: Station, answer: CallResult | CallError) -> None:
        try:
            pending = await self._backend.side.pending(station, answer.message_id)
        except LinkDown:
            pending = None
        if pending is None or pending.server_id is None:
            self._counters.unasked_responses += 1
            return
        await self._publish(pending.server_id, response_text(answer), pending.timeout or _SHORTEST_PATIENCE)

    async def _publish(self, server_id: str, text: str, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                heard = await self._heard(server_id, text)
                while self._patient and not heard:
                    await asyncio.sleep(_PAUSE)
                    heard = await self._heard(server_id, text)
        except TimeoutError:
            heard = False
        if heard:
            self._counters.responses += 1
        else:
            self._counters.unheard_responses += 1

    async def _heard(self, server_id: str, text: str) -> bool:
        await self._backend.up.wait()
        try:
            return await self._backend.side.respond(server_id, text) > 0
        except LinkDown:
            return False
