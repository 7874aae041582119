"""One station's CALLs to the flows: one at a time, in order, each answered in time."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from busway.gateway.inbound import Message
from busway.nodes.ocpp.frames import Call, call_error
from busway.nodes.ocpp.streams.gateway_entries import OutboundEntry, inbound_entry
from busway.nodes.ocpp.streams.gateway_side import milliseconds

if TYPE_CHECKING:
    from busway.gateway.session import Session


class WaitingCall:
    """A CALL that the station awaits an answer to."""

    __slots__ = ("call", "deadline", "message")

    def __init__(self, call: Call, deadline: float) -> None:
        self.call, self.deadline = call, deadline
        self.message: Message | None = None


class Calls:
    """The CALLs that a station awaits answers to. The first is with the flows, the others are held back.

    OCPP allows a station one unanswered CALL (OCPP-J 1.6 section 4.1.1, 2.0.1 part 4 section 4.1.4). Those of a station
    that sends more are kept in order here.
    """

    __slots__ = ("_line", "_session", "_timer")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._line: deque[WaitingCall] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._line)

    def take(self, call: Call) -> None:
        """A CALL came from the station."""
        session = self._session
        if any(waiting.call.message_id == call.message_id for waiting in self._line):
            # The answer under way serves both; a second one, even a refusal, could be taken for it.
            session.counters.repeated_calls += 1
        elif len(self._line) >= session.settings.max_waiting_calls:
            session.counters.surplus_calls += 1
            session.transmit(call_error(call.message_id, "InternalError", "too many CALLs without an answer"))
        else:
            self._append(call)

    def _append(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        self._line.append(WaitingCall(call, loop.time() + self._session.settings.call_timeout))
        self._advance()
        if self._timer is None and self._line:
            self._timer = loop.call_at(self._line[0].deadline, self._expire)

    def _advance(self) -> None:
        """Hands the first to the flows, if it is not with them; one that cannot be taken is refused."""
        session = self._session
        while self._line and self._line[0].message is None:
            first = self._line[0]
            entry = inbound_entry(session.station, session.version, session.settings.server_id, first.call)
            first.message = Message(entry)
            if session.services.inbound.put(first.message):
                session.counters.calls += 1
                session.services.outbound.expect(session)
            else:
                self._refuse("the gateway's buffer is full")
        if not self._line:
            session.services.outbound.expect_nothing(session)

    def deliver(self, entry: OutboundEntry) -> None:
        """A flow's answer came; dropped when the station does not wait for it.

        An answer that is older than the CALL belongs to another one with the same id: stations count from 1 again after
        a restart.
        """
        first = self._line[0] if self._line else None
        message = first.message if first and first.call.message_id == entry.message_id else None
        if message is not None and message.written is None:
            # The confirmation was lost with a connection and comes with the next one.
            message.confirmed = partial(self.deliver, entry)
        elif message is None or message.written is None or milliseconds(entry.entry_id) < message.written:
            self._session.counters.late_answers += 1
        else:
            self._line.popleft()
            self._session.counters.answers += 1
            self._session.transmit(entry.frame)
            self._advance()

    def _expire(self) -> None:
        """The timer is not moved with each answer: it looks for what is due, and is set again if anything waits."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._line and self._line[0].deadline <= loop.time():
            self._session.counters.unanswered_calls += 1
            self._refuse(f"no answer within {self._session.settings.call_timeout:g} s")
        self._advance()
        if self._line:
            self._timer = loop.call_at(self._line[0].deadline, self._expire)

    def _refuse(self, reason: str) -> None:
        first = self._line.popleft()
        if first.message is not None:
            # The station is told that this CALL failed, so it must not reach the flows any more.
            first.message.withdrawn = True
        self._session.transmit(call_error(first.call.message_id, "InternalError", reason))

    def close(self) -> None:
        """The connection is gone: what is on its way goes on, what was held back the station sends again."""
        self._line.clear()
        self._session.services.outbound.expect_nothing(self._session)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
