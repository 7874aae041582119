"""One pipelined connection to Redis.

What is sent within one turn of the event loop travels in one write, and nobody waits for another's reply: this is what
makes thousands of small commands a second cheap. Connecting, TLS, login and error classes are redis-py's.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from busway.engine.errors import BuswayError

if TYPE_CHECKING:
    from redis.asyncio import Connection, Redis

STALLED = 5.0
"""Seconds without any reply, while one is awaited, after which the server counts as gone."""


class LinkDown(BuswayError):
    """Redis cannot be reached, or the connection broke: the command may or may not have been carried out."""


class Connector:
    """Makes connections to one Redis: from a URL as redis-py takes it, or as a given client makes its own.

    Raises LinkDown when the URL cannot be read.
    """

    def __init__(self, redis: str | Redis) -> None:
        from redis.asyncio import ConnectionPool

        try:
            self._pool: Any = ConnectionPool.from_url(redis) if isinstance(redis, str) else redis.connection_pool
        except ValueError as error:
            raise LinkDown(f"{redis!r} is not the URL of a Redis: {error}") from None

    async def connect(self) -> Connection:
        """A connection whose replies are texts. Raises LinkDown, with the reason, when Redis cannot be reached."""
        from redis.exceptions import RedisError

        connection: Connection = self._pool.connection_class(**(self._pool.connection_kwargs | _connection_options()))
        try:
            async with asyncio.timeout(STALLED):
                await connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise LinkDown(f"Redis cannot be reached: {error or type(error).__name__}") from None
        return connection


def _connection_options() -> dict[str, Any]:
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return {
        "protocol": 2,
        "decode_responses": True,
        "encoding_errors": "replace",
        # The caller alone knows whether a command may run twice, so nothing is retried; the link watches for stalls.
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "health_check_interval": 0,
    }


class Link:
    """A connection whose commands are futures. Fails as a whole: after :attr:`down` is set make a new one."""

    def __init__(self, connection: Connection) -> None:
        import hiredis

        self.down = asyncio.Event()
        self._connection = connection
        self._pack: Any = hiredis.pack_command
        self._outgoing: list[bytes] = []
        self._wake = asyncio.Event()
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._replies = 0
        self._loop = asyncio.get_running_loop()
        work = (self._write(), self._read(), self._watch())
        self._tasks = [asyncio.create_task(part, name="redis-link") for part in work]

    def send(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Sends a command with the others of this turn; the future yields the reply.

        It raises LinkDown when the connection broke first, redis-py's ResponseError when Redis refused the command.
        """
        future = self._loop.create_future()
        if self.down.is_set():
            _fail(future, LinkDown("the connection to Redis is down"))
            return future
        self._outgoing.append(self._pack(command))
        self._awaited.append(future)
        self._wake.set()
        return future

    async def close(self) -> None:
        """Breaks the connection; what was not answered yet fails with LinkDown."""
        self._break("the connection to Redis was closed")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self) -> None:
        while not self.down.is_set():
            await self._wake.wait()
            self._wake.clear()
            batch, self._outgoing = self._outgoing, []
            if batch:
                await self._guarded(self._connection.send_packed_command(batch, False))

    async def _read(self) -> None:
        from redis.exceptions import ConnectionError, ResponseError

        while not self.down.is_set():
            try:
                reply = await self._connection.read_response(timeout=math.inf)
            except (ConnectionError, OSError) as error:
                self._break(f"the connection to Redis broke: {error}")
                return
            except ResponseError as error:
                _fail(self._next(), error)
            else:
                future = self._next()
                if not future.done():
                    future.set_result(reply)

    def _next(self) -> asyncio.Future[Any]:
        self._replies += 1
        return self._awaited.popleft()

    async def _watch(self) -> None:
        """A peer that vanished without a word is noticed by the replies that do not come."""
        while not self.down.is_set():
            seen, waited = self._replies, bool(self._awaited)
            try:
                await asyncio.wait_for(self.down.wait(), STALLED)
            except TimeoutError:
                if waited and self._awaited and self._replies == seen:
                    self._break(f"Redis did not answer for {STALLED:g} s")

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        from redis.exceptions import RedisError

        try:
            await work
        except (RedisError, OSError) as error:
            self._break(f"the connection to Redis broke: {error}")

    def _break(self, reason: str) -> None:
        if self.down.is_set():
            return
        self.down.set()
        self._wake.set()
        while self._awaited:
            _fail(self._awaited.popleft(), LinkDown(reason))
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        # The socket is closed at once; a goodbye to a peer that may be gone would take until its timeout.
        self._tasks.append(asyncio.create_task(self._guarded(self._connection.disconnect(True))))


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Sets the error and marks it as seen: many commands are sent without waiting for their reply."""
    if not future.done():
        future.set_exception(error)
        future.exception()
