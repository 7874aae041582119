"""The one reader of all stations' streams.

Redis tells which streams were written to (:class:`Subscriber`); only those are read, many in one command. Since such a
notice could get lost, all streams are looked at in turn as well, seldom.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from busway.gateway.backend import Backend
from busway.gateway.throttle import ThrottledLog
from busway.nodes.ocpp.streams.gateway_entries import OutboundEntry
from busway.nodes.ocpp.streams.gateway_side import READ_COUNT
from busway.nodes.ocpp.streams.link import LinkDown

if TYPE_CHECKING:
    from busway.gateway.session import Session

log = logging.getLogger("busway.gateway")

_LARGEST_READ: Final = 250
_ROUND: Final = 20
"""Looks after which every stream was looked at."""
_PAUSE: Final = 1.0
_PAUSE_UNTOLD: Final = 0.05
"""Seconds between two looks, with and without notices."""


class OutboundReader:
    """Reads what was added for connected stations and hands it to their sessions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sessions: dict[str, Session] = {}
        self._expecting: dict[Session, None] = {}
        self._woken: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._trouble = ThrottledLog(log)

    def add(self, session: Session) -> None:
        """Starts to read a station's stream."""
        self._sessions[session.stream] = session
        self.wake((session.stream,))

    def remove(self, session: Session) -> None:
        """Stops to read a station's stream, unless it is a newer connection's by now."""
        if self._sessions.get(session.stream) is session:
            del self._sessions[session.stream]

    def expect(self, session: Session) -> None:
        """The station waits for an answer: its stream is looked at with every look."""
        self._expecting[session] = None

    def expect_nothing(self, session: Session) -> None:
        """The station waits for nothing."""
        self._expecting.pop(session, None)

    def wake(self, streams: Iterable[str] | None) -> None:
        """The streams (None: any) may have been written to. Streams of stations connected elsewhere are left out."""
        known = self._sessions if streams is None else filter(self._sessions.__contains__, streams)
        self._woken.update(dict.fromkeys(known))
        if self._woken:
            self._wake.set()

    async def run(self) -> None:
        """Reads, until cancelled."""
        while True:
            await self._wake.wait()
            await self._backend.up.wait()
            streams = list(itertools.islice(self._woken, _LARGEST_READ))
            for stream in streams:
                del self._woken[stream]
            if not self._woken:
                self._wake.clear()
            await self._read([self._sessions[stream] for stream in streams if stream in self._sessions])

    async def look(self) -> None:
        """Looks at the streams in turn, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE if self._backend.tracking else _PAUSE_UNTOLD)
            for start in range(_ROUND):
                turn = list(itertools.islice(self._sessions, start, None, _ROUND))
                self.wake([*turn, *(session.stream for session in self._expecting)])
                await asyncio.sleep(_PAUSE if self._backend.tracking else _PAUSE_UNTOLD)

    async def _read(self, sessions: list[Session]) -> None:
        by_stream = {session.stream: session for session in sessions}
        if not by_stream:
            return
        try:
            found = await self._found(by_stream)
        except LinkDown:
            self.wake(by_stream)
            await asyncio.sleep(0.01)
            return
        for stream, entries in found:
            # A session that ended during the read must not take commands; the next one reads them again.
            if self._sessions.get(stream) is by_stream[stream]:
                for entry in entries:
                    by_stream[stream].deliver(entry)
                if len(entries) == READ_COUNT:
                    self.wake((stream,))

    async def _found(self, sessions: dict[str, Session]) -> list[tuple[str, list[OutboundEntry]]]:
        try:
            positions = {stream: session.position for stream, session in sessions.items() if session.position}
            return await self._backend.side.read(positions)
        except Exception as error:
            if isinstance(error, LinkDown) or not _is_refusal(error):
                raise
            return await self._found_singly(sessions, error)

    async def _found_singly(
        self, sessions: dict[str, Session], error: Exception
    ) -> list[tuple[str, list[OutboundEntry]]]:
        """One key that is no stream spoils a read of many: it is named, and the others are read without it."""
        if len(sessions) == 1:
            self._trouble.warning(next(iter(sessions)), f"cannot be read: {error}")
            return []
        found = [await self._found({stream: session}) for stream, session in sessions.items()]
        return list(itertools.chain.from_iterable(found))


def _is_refusal(error: Exception) -> bool:
    from redis.exceptions import RedisError

    return isinstance(error, RedisError)
