"""One pipelined connection to Redis.

What is sent within one turn of the event loop travels in one write, and nobody waits for another's reply: this is what
makes thousands of small commands a second cheap. Connecting, TLS, login and error classes are redis-py's.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .connector import Connector as Connector
from .connector import LinkDown as LinkDown

if TYPE_CHECKING:
    from redis.asyncio import Connection

Replied = Callable[[Any, Exception | None], None]
STALLED = 5.0
"""Seconds without any reply, while one is awaited, after which the server counts as gone."""


class Link:
    """A connection whose commands are futures. Fails as a whole: after :attr:`down` is set make a new one."""

    def __init__(self, connection: Connection) -> None:
        import hiredis

        self.down = asyncio.Event()
        self._connection = connection
        self._pack: Any = hiredis.pack_command
        self._outgoing: list[bytes] = []
        self._wake = asyncio.Event()
        self._awaited: deque[asyncio.Future[Any] | _Callback] = deque()
        self._buffered = _buffered_replies(connection)
        self._replies = 0
        self._loop = asyncio.get_running_loop()
        work = (self._write(), self._read(), self._watch())
        self._tasks = [asyncio.create_task(part, name="redis-link") for part in work]

    def send(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Sends a command with the others of this turn; the future yields the reply.

        It raises LinkDown when the connection broke first, redis-py's ResponseError when Redis refused the command.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._enqueue(command, future)
        return future

    def tell(self, command: Sequence[str | bytes | int], replied: Replied) -> None:
        """Sends a command like :meth:`send`, and calls ``replied(reply, error)`` when it was answered or cannot be."""
        self._enqueue(command, _Callback(replied))

    def _enqueue(self, command: Sequence[str | bytes | int], awaiting: asyncio.Future[Any] | _Callback) -> None:
        if self.down.is_set():
            _fail(awaiting, LinkDown("the connection to Redis is down"))
            return
        self._outgoing.append(self._pack(tuple(command)))
        self._awaited.append(awaiting)
        self._wake.set()

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
                self._answered(reply)
                for more in self._buffered():
                    if isinstance(more, ConnectionError):
                        self._break(f"the connection to Redis broke: {more}")
                        return
                    self._answered(more)

    def _answered(self, reply: Any) -> None:
        awaiting = self._next()
        if isinstance(reply, Exception):
            _fail(awaiting, reply)
        elif not awaiting.done():
            awaiting.set_result(reply)

    def _next(self) -> asyncio.Future[Any] | _Callback:
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


class _Callback:
    """Takes a reply like a future, and hands it on at once: most commands need nobody to wake up."""

    __slots__ = ("_replied",)

    def __init__(self, replied: Replied) -> None:
        self._replied = replied

    def done(self) -> bool:
        return False

    def set_result(self, reply: Any) -> None:
        self._replied(reply, None)

    def set_exception(self, error: Exception) -> None:
        self._replied(None, error)

    def exception(self) -> None:
        return None


def _buffered_replies(connection: Connection) -> Callable[[], Iterator[Any]]:
    """What gives the replies that have arrived already: asking for each by a coroutine costs more than the reply itself.

    It looks into redis-py's parser; where that is another one than today's, there are none, and each is asked for.
    """
    reader = getattr(getattr(connection, "_parser", None), "_reader", None)
    gets = getattr(reader, "gets", None)
    if gets is None:
        return lambda: iter(())
    from redis._parsers.hiredis import NOT_ENOUGH_DATA

    return lambda: iter(gets, NOT_ENOUGH_DATA)


def _fail(future: asyncio.Future[Any] | _Callback, error: Exception) -> None:
    """Sets the error and marks it as seen: many commands are sent without waiting for their reply."""
    if not future.done():
        future.set_exception(error)
        future.exception()
