"""The flow side's writing connection: what is to be written is kept, in order, until Redis has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from busway.engine.errors import Overloaded

from . import keys, scripts
from .backoff import Backoff
from .link import Connector, Link, LinkDown

log = logging.getLogger("busway.ocpp")

Done = Callable[[Any], None]
LIMIT = 20_000
"""Unconfirmed commands above which no more are taken."""


@dataclass(slots=True, eq=False)
class Write:
    """A command with what to do with its reply (an exception where Redis refused it)."""

    args: Sequence[str | bytes | int]
    done: Done | None = None

    def withdraw(self) -> None:
        """If it was not carried out yet, it need not be: its reply will be an empty text."""
        self.args = ("ECHO", "")


class Writer:
    """Sends commands without waiting, and again after the connection was lost: other than scripts run by :meth:`run`
    they must bear being carried out twice.

    ``trouble(text)`` is called when Redis cannot be written to, ``trouble(None)`` when it can again.
    """

    def __init__(self, connector: Connector, trouble: Callable[[str | None], None]) -> None:
        self._connector = connector
        self._trouble = trouble
        self._unconfirmed: deque[Write] = deque()
        self._acknowledged: dict[str, list[str]] = {}
        self._confirmed: dict[str, list[Done]] = {}
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._idle = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff()
        self._refusal = ""
        self._number = 0
        self._marker = f"ws:writer:{uuid4().hex}"
        self._closing: asyncio.Task[None] | None = None
        self._task = self._loop.create_task(self._run(), name="ocpp-writer")

    # -- in ---------------------------------------------------------------------------------------------------------
    def add(self, args: Sequence[str | bytes | int], done: Done | None = None, *, bounded: bool = True) -> Write:
        """Sends a command; ``done(reply)`` is called when Redis has carried it out or refused it.

        Texts must be Unicode (no lone surrogates). Raises Overloaded when too much waits to be written (``bounded``).
        """
        if bounded and len(self._unconfirmed) >= LIMIT:
            raise Overloaded(f"{LIMIT} commands wait for Redis; it is down or slow")
        write = Write(args, done)
        self._unconfirmed.append(write)
        if self._link is not None:
            self._send(self._link, write)
        return write

    def run(
        self,
        script: scripts.Script,
        names: Sequence[str],
        values: Sequence[str | int],
        done: Done | None = None,
        *,
        bounded: bool = True,
    ) -> Write:
        """Runs a script once; its reply is None when what it returned was lost. Raises as :meth:`add`."""
        self._number += 1
        args = ("EVALSHA", script.sha, 1 + len(names), self._marker, *names, self._number, *values)
        return self.add(args, done, bounded=bounded)

    def acknowledge(self, group: str, entry: str, done: Done) -> None:
        """Acknowledges an entry of the inbound stream, together with others of the same turn."""
        if not self._acknowledged:
            self._loop.call_soon(self._send_acknowledgements)
        self._acknowledged.setdefault(group, []).append(entry)
        self._confirmed.setdefault(group, []).append(done)

    def _send_acknowledgements(self) -> None:
        entries, self._acknowledged = self._acknowledged, {}
        confirmed, self._confirmed = self._confirmed, {}
        for group, ids in entries.items():
            write = Write(("XACK", keys.INBOUND, group, *ids), _all(confirmed[group]))
            self._unconfirmed.append(write)
            if self._link is not None:
                self._send(self._link, write)

    async def ask(self, *args: str | bytes | int) -> Any:
        """Sends a command once and returns its reply. Raises LinkDown, or ResponseError when Redis refuses it."""
        if self._link is None:
            raise LinkDown("Redis cannot be reached")
        return await self._link.send(*args)

    async def connected(self, within: float) -> None:
        """Waits for a connection. Raises LinkDown when there is none ``within`` so many seconds."""
        try:
            await asyncio.wait_for(self._up.wait(), within)
        except TimeoutError:
            raise LinkDown("Redis cannot be reached") from None

    async def flush(self, within: float) -> bool:
        """Waits until all is confirmed; False when Redis is down or ``within`` seconds were not enough."""
        deadline = self._loop.time() + within
        while self._unconfirmed or self._acknowledged:
            left = deadline - self._loop.time()
            if left <= 0 or self._link is None:
                return False
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), min(left, 0.05))
            except TimeoutError:
                continue
        return True

    async def close(self) -> None:
        """Ends the connection; what is not confirmed is forgotten."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """Commands that are not confirmed."""
        return len(self._unconfirmed)

    # -- out --------------------------------------------------------------------------------------------------------
    def _send(self, link: Link, write: Write) -> None:
        link.tell(write.args, lambda reply, error: self._replied(link, write, reply, error))

    def _replied(self, link: Link, write: Write, reply: Any, error: Exception | None) -> None:
        if link is not self._link or isinstance(error, LinkDown):
            return
        if error is not None and _is_passing(error):
            self._refused(link, str(error))
            return
        self._unconfirmed.popleft()
        if not self._unconfirmed:
            self._idle.set()
        if write.done is not None:
            _call(write.done, reply if error is None else error)
        elif error is not None:
            log.error("Redis refused %s: %s", write.args[0], error)

    def _refused(self, link: Link, reason: str) -> None:
        """Everything unconfirmed is sent again over a new connection; replies of this one do not count any more."""
        self._link = None
        self._refusal = reason
        self._closing = self._loop.create_task(link.close())

    async def _run(self) -> None:
        while True:
            reason = await self._connected()
            self._trouble(reason)
            await self._backoff.sleep()

    async def _connected(self) -> str:
        """One connection, from its beginning to why it ended."""
        try:
            link = Link(await self._connector.connect())
        except LinkDown as error:
            return str(error)
        try:
            await self._serve(link)
            return self._refusal or "the connection to Redis broke"
        except (LinkDown, _redis_error()) as error:
            return str(error)
        finally:
            self._link = None
            self._up.clear()
            await link.close()

    async def _serve(self, link: Link) -> None:
        for script in scripts.ALL:
            await link.send("SCRIPT", "LOAD", script.text)
        if not self._refusal:
            self._backoff.reset()
        self._refusal = ""
        self._link = link
        self._up.set()
        self._trouble(None)
        for write in self._unconfirmed:
            self._send(link, write)
        await link.down.wait()


def _is_passing(error: BaseException) -> bool:
    """Whether a refusal speaks of the server's state and not of the command: it is sent again later."""
    from redis import exceptions as e

    states = (e.OutOfMemoryError, e.ReadOnlyError, e.NoScriptError, e.MasterDownError, e.TryAgainError)
    return isinstance(error, states) or str(error).startswith(("MISCONF", "NOREPLICAS", "UNKILLABLE", "BUSY"))


def _all(callbacks: list[Done]) -> Done:
    def done(reply: Any) -> None:
        for callback in callbacks:
            _call(callback, reply)

    return done


def _call(callback: Done, reply: Any) -> None:
    try:
        callback(reply)
    except Exception:
        log.exception("handling a reply of Redis failed")


def _redis_error() -> type[Exception]:
    from redis.exceptions import RedisError

    return RedisError
