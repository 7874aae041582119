"""The flow side's writing connection: what is to be written is kept, in order, until Redis has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any
from uuid import uuid4

from busway.engine.errors import Overloaded
from busway.nodes.ocpp.clock import now_ms

from . import keys, scripts
from .backoff import Backoff
from .link import Connector, Link, LinkDown

log = logging.getLogger("busway.ocpp")

Done = Callable[[Any], None]
Released = Callable[[list[str]], None]
LIMIT = 20_000
"""Unconfirmed commands and answers above which no more are taken."""
TOGETHER = 100
"""Most answers in one script: Redis serves nobody else while it runs, about 10 us for each."""


@dataclass(slots=True, eq=False)
class Write:
    """A command with what to do with its reply (an exception where Redis refused it). ``weight`` counts answers in it."""

    args: Sequence[str | bytes | int]
    done: Done | None = None
    weight: int = 1

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
        self._waiting = 0
        self._turn_ends = False
        self._names: list[str] = []
        self._values: list[str | int] = []
        self._told: list[Done | None] = []
        self._acknowledged: dict[tuple[str, Released], list[str]] = {}
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
        self._check_room(bounded)
        self._send_answers()
        return self._push(Write(args, done))

    def _check_room(self, bounded: bool) -> None:
        if bounded and self._waiting >= LIMIT:
            raise Overloaded(f"{LIMIT} commands wait for Redis; it is down or slow")

    def _push(self, write: Write) -> Write:
        self._waiting += write.weight
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
        return self.add(self._script(script, names, values), done, bounded=bounded)

    def _script(self, script: scripts.Script, names: Sequence[str], values: Sequence[str | int]) -> list[str | int]:
        self._number += 1
        return ["EVALSHA", script.sha, 1 + len(names), self._marker, *names, self._number, *values]

    # -- of one turn of the event loop ------------------------------------------------------------------------------
    def answer(
        self, stored: str, stream: str, values: Iterable[str | int], done: Done | None, *, bounded: bool
    ) -> None:
        """Sends an answer, together with others of the same turn; arguments as of :data:`scripts.ANSWERS`.

        ``done`` gets what it returns for this answer, or an exception. Raises as :meth:`add`.
        """
        self._check_room(bounded)
        self._await_turn()
        self._names += (stored, stream)
        self._values += values
        self._told.append(done)
        self._waiting += 1
        if len(self._told) >= TOGETHER:
            self._send_answers()

    def acknowledge(self, group: str, entry: str, released: Released) -> None:
        """Acknowledges an entry of the inbound stream, together with others of the same turn.

        ``released(entries)`` is called when Redis has confirmed it, or refused it.
        """
        self._await_turn()
        self._acknowledged.setdefault((group, released), []).append(entry)

    def _await_turn(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Answers first: what is acknowledged must have been answered."""
        self._turn_ends = False
        self._send_answers()
        acknowledged, self._acknowledged = self._acknowledged, {}
        for (group, released), entries in acknowledged.items():
            self._push(Write(("XACK", keys.INBOUND, group, *entries), partial(_release, released, entries)))

    def _send_answers(self) -> None:
        if not self._told:
            return
        names, values, told = self._names, self._values, self._told
        self._names, self._values, self._told = [], [], []
        self._waiting -= len(told)
        args = self._script(scripts.ANSWERS, names, [str(now_ms()), *values])
        self._push(Write(args, partial(_tell, told), len(told)))

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
        while self._unconfirmed or self._turn_ends:
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
        """Commands and answers that are not confirmed."""
        return self._waiting

    # -- out --------------------------------------------------------------------------------------------------------
    def _send(self, link: Link, write: Write) -> None:
        link.tell(write.args, lambda reply, error: self._replied(link, write, reply, error))

    def _replied(self, link: Link, write: Write, reply: Any, error: Exception | None) -> None:
        if link is not self._link or isinstance(error, LinkDown):
            return
        if error is not None and _is_passing(error):
            self._refused(link, str(error))
            return
        self._waiting -= self._unconfirmed.popleft().weight
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


def _tell(told: list[Done | None], reply: Any) -> None:
    """Each answer's reply to whoever gave it."""
    from redis.exceptions import ResponseError

    replies = reply if type(reply) is list else repeat(reply)
    for done, one in zip(told, replies, strict=False):
        if done is not None:
            _call(done, ResponseError(one) if type(one) is str else one)
        elif isinstance(one, str | Exception):
            log.error("Redis refused an answer: %s", one)


def _release(released: Released, entries: list[str], reply: Any) -> None:
    released(entries)


def _call(callback: Done, reply: Any) -> None:
    try:
        callback(reply)
    except Exception:
        log.exception("handling a reply of Redis failed")


def _redis_error() -> type[Exception]:
    from redis.exceptions import RedisError

    return RedisError
