"""Which stations are connected, and where: the hashes ``ws:conn``, which end by themselves when a gateway dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from busway.gateway.backend import Backend
from busway.gateway.session import Session
from busway.gateway.settings import GatewaySettings
from busway.nodes.ocpp.streams.gateway_entries import Dismissal
from busway.nodes.ocpp.streams.link import LinkDown

log = logging.getLogger("busway.gateway")

_SLICES: Final = 30
"""Parts that the stations are renewed in, within a third of their life."""


class Presence:
    """Announces connections, renews them, withdraws them.

    ``announced`` is called when it is known where to begin to read a session's stream, ``replaced`` when a newer
    connection has taken over a session's station.
    """

    def __init__(
        self,
        backend: Backend,
        settings: GatewaySettings,
        announced: Callable[[Session], None],
        replaced: Callable[[Session], None],
    ) -> None:
        self._backend, self._settings = backend, settings
        self._announced, self._replaced = announced, replaced

    async def announce(self, session: Session) -> None:
        """Makes the station the session's. While Redis is away this is left to :meth:`renew`."""
        try:
            side = self._backend.side
            before, position = await side.register(session.station, session.fields(), self._settings.presence_life)
            self._begin(session, position)
            if before:
                await side.dismiss(Dismissal(session.station, session.connection, "replaced by a newer connection"))
        except LinkDown:
            log.warning("%s connects while Redis is away", session.station)

    async def withdraw(self, session: Session) -> None:
        """Ends the session's claim, if it still has one, and keeps how far the stream was delivered."""
        try:
            delivered, trim = session.delivered, self._settings.trim_outbound
            await self._backend.side.release(session.station, session.connection, delivered, trim)
        except LinkDown:
            log.warning("%s disconnects while Redis is away; it counts as connected for a while", session.station)

    async def run(self, sessions: Callable[[], Iterable[Session]]) -> None:
        """Renews all connections again and again, a few at a time, until cancelled."""
        pause = self._settings.presence_life / 3 / _SLICES
        while True:
            everybody = list(sessions())
            for start in range(_SLICES):
                await asyncio.sleep(pause)
                await self.renew(everybody[start::_SLICES])
            await self._set_clock()

    async def renew(self, sessions: Iterable[Session]) -> None:
        """Prolongs connections, announces those that came while Redis was away, tells of those taken over."""
        renewed = [session for session in sessions if not session.stopping]
        try:
            await asyncio.gather(*map(self._renew, renewed))
        except LinkDown:
            await self._backend.up.wait()

    async def _renew(self, session: Session) -> None:
        side, settings = self._backend.side, self._settings
        fields, delivered = session.fields(), session.delivered
        if not await side.keep(session.station, fields, settings.presence_life, delivered, settings.trim_outbound):
            self._replaced(session)
        elif session.position is None:
            self._begin(session, await side.position(session.station))

    def _begin(self, session: Session, position: str) -> None:
        if session.position is None and not session.stopping:
            session.position = position
            self._announced(session)

    async def _set_clock(self) -> None:
        try:
            await self._backend.side.set_clock()
        except LinkDown:
            await self._backend.up.wait()
