"""The channels on which answers to commands are published: one listening connection for all ``ocpp-command`` nodes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from . import keys
from .backoff import Backoff
from .link import Connector, LinkDown

PULSE = 5.0
"""Seconds between two signs of life that the server is asked for."""


class Responses:
    """Listens on channels and calls ``heard(text)``.

    What is published while the connection is lost is not heard: a gateway is to publish again until somebody listens.
    ``watchers`` are called with the reason when the connection is lost, with None when all channels are heard again.
    """

    def __init__(self, connector: Connector, heard: Callable[[str], None]) -> None:
        self.watchers: set[Callable[[str | None], None]] = set()
        self._trouble: str | None = None
        self._connector, self._heard = connector, heard
        self._channels: set[str] = set()
        self._listening: dict[str, asyncio.Event] = {}
        self._connection: Any = None
        self._alive = False
        self._task: asyncio.Task[None] | None = None

    async def listen(self, server_id: str) -> None:
        """Listens for the answers to a server's commands from now on; returns when Redis has confirmed it."""
        channel = keys.responses(server_id)
        if channel not in self._channels:
            self._channels.add(channel)
            self._listening[channel] = asyncio.Event()
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name="ocpp-responses")
            elif self._connection is not None:
                await self._guarded(self._connection.send_command("SUBSCRIBE", channel))
        await self._listening[channel].wait()

    async def close(self) -> None:
        """Ends the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._session(backoff)
            except _errors() as error:
                self._tell(str(error))
                await backoff.sleep()

    async def _session(self, backoff: Backoff) -> None:
        connection: Any = await self._connector.connect()
        pulse = asyncio.create_task(self._pulse(connection))
        try:
            await connection.send_command("SUBSCRIBE", *self._channels)
            self._connection = connection
            missed: set[str] = set(self._channels)
            while True:
                kind, channel, data = _message(await connection.read_response(timeout=math.inf))
                self._alive = True
                if kind == "message":
                    self._heard(data)
                elif kind == "subscribe":
                    self._listening[channel].set()
                    missed.discard(channel)
                    if not missed:
                        backoff.reset()
                        self._tell(None)
        finally:
            self._connection = None
            pulse.cancel()
            await connection.disconnect(True)

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            for watcher in list(self.watchers):
                watcher(trouble)

    async def _pulse(self, connection: Any) -> None:
        """A peer that vanished without a word is noticed by the reply that does not come."""
        self._alive = True
        while self._alive:
            self._alive = False
            await self._guarded(connection.send_command("PING"))
            await asyncio.sleep(PULSE)
        await connection.disconnect(True)

    async def _guarded(self, sending: Awaitable[None]) -> None:
        """The reading side finds out about a broken connection and makes another."""
        try:
            await sending
        except _errors():
            return


def _message(reply: Any) -> tuple[str, str, Any]:
    """A push of the server as kind, channel and data; a pong has no channel."""
    kind, *rest = reply if isinstance(reply, list) else (reply,)
    channel, data = (*rest, None, None)[:2]
    return str(kind), str(channel), data


def _errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return LinkDown, RedisError, OSError
