"""The flows' CALLs to one station: one at a time, in order, none after its time, each answer handed to its sender."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from busway.nodes.ocpp.frames import CallError, CallResult
from busway.nodes.ocpp.streams.gateway_entries import OutboundEntry, Pending
from busway.nodes.ocpp.streams.link import LinkDown

if TYPE_CHECKING:
    from busway.gateway.session import Session

Answer = CallResult | CallError


class Commands:
    """Commands in line for a station. The station may have one unanswered CALL (OCPP-J 1.6 section 4.1.1)."""

    __slots__ = ("_answer", "_awaited", "_closed", "_line", "_session", "_task")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._line: deque[OutboundEntry] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._awaited: str | None = None
        self._answer: asyncio.Future[Answer | None] | None = None

    def __bool__(self) -> bool:
        """Whether a command is about to be sent, or is not answered yet."""
        return self._task is not None

    @property
    def first(self) -> OutboundEntry | None:
        """The first command that was not sent yet."""
        return self._line[0] if self._line else None

    def take(self, entry: OutboundEntry) -> None:
        """A command came from a flow."""
        self._line.append(entry)
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name=f"commands {self._session.station}")

    def answered(self, answer: Answer) -> bool:
        """The station answered; False when it was not asked that."""
        if self._awaited != answer.message_id or self._answer is None or self._answer.done():
            return False
        self._answer.set_result(answer)
        return True

    async def close(self) -> None:
        """The connection is gone: commands not sent yet stay in the stream, the sender of the one under way is told."""
        self._closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        if self._task is not None:
            if not self._session.services.backend.up.is_set():
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        try:
            while self._line and not self._session.stopping:
                await self._session.services.backend.up.wait()
                try:
                    await self._send_first()
                except LinkDown:
                    await asyncio.sleep(0.01)
        finally:
            self._task = None

    async def _send_first(self) -> None:
        """Marks the command as delivered, then sends it: after a crash it may be missing, it never comes twice."""
        session, entry = self._session, self._line[0]
        side = session.services.backend.side
        pending = await side.claim(session.station, entry)
        self._line.popleft()
        if pending is None:
            session.counters.withdrawn_commands += 1
            return
        left = (pending.timeout or session.settings.command_timeout) - side.age(entry.entry_id)
        if left <= 0:
            session.counters.expired_commands += 1
        else:
            await self._exchange(entry, pending, left)

    async def _exchange(self, entry: OutboundEntry, pending: Pending, left: float) -> None:
        session = self._session
        self._awaited, self._answer = entry.message_id, asyncio.get_running_loop().create_future()
        if self._closed:
            self._answer.set_result(None)
        else:
            session.counters.commands += 1
            session.transmit(entry.frame)
        try:
            async with asyncio.timeout(left):
                answer = await self._answer
        except TimeoutError:
            session.counters.unanswered_commands += 1
            return
        finally:
            self._awaited = self._answer = None
        session.services.responder.hand_over(pending, answer or _disconnected(entry.message_id), left)


def _disconnected(message_id: str) -> CallError:
    """Told at once, since the sender would wait in vain; whether the station has obeyed is unknown."""
    return CallError(message_id, "Disconnected", "the station disconnected before it answered")
