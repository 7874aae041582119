"""The gateway: the stations' WebSockets on one side, Redis Streams on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from busway.engine.errors import BuswayError
from busway.gateway.admission import Admission, StationConnection
from busway.gateway.backend import Backend
from busway.gateway.counters import Counters
from busway.gateway.inbound import InboundWriter
from busway.gateway.outbound import OutboundReader
from busway.gateway.passwords import PasswordStore
from busway.gateway.presence import Presence
from busway.gateway.responder import Responder
from busway.gateway.session import Services, Session
from busway.gateway.settings import GatewaySettings
from busway.gateway.tls import server_context
from busway.nodes.ocpp.streams.gateway_entries import Dismissal, Station
from busway.nodes.ocpp.versions import canonical

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("busway.gateway")
# Says at each connection what is said here already.
_websocket_log = logging.getLogger("busway.gateway.websocket")
_websocket_log.setLevel(logging.WARNING)


class GatewayError(BuswayError):
    """The gateway cannot listen on its address; names it and the reason."""


class Gateway:
    """One gateway process. Several may serve the same Redis.

    ``redis`` is a URL as redis-py takes it, or a client, of which only the way to connect is used.
    """

    def __init__(self, settings: GatewaySettings, redis: str | Redis) -> None:
        self.settings, self.counters = settings, Counters()
        self._backend = Backend(redis, self.counters)
        self._services = Services(
            settings,
            self.counters,
            self._backend,
            InboundWriter(self._backend, self.counters, settings.max_buffered, settings.inbound_maxlen),
            OutboundReader(self._backend),
            Responder(self._backend, self.counters),
        )
        self._sessions: dict[Station, Session] = {}
        self._presence = Presence(self._backend, settings, self._services.outbound.add, self._replaced)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: Server | None = None

    async def start(self) -> int:
        """Connects to Redis, then listens; returns the port.

        Raises LinkDown when Redis cannot be reached, TlsError, or GatewayError when the address cannot be bound to.
        """
        tls = server_context(self.settings)
        backend, services = self._backend, self._services
        backend.written, backend.dismissed, backend.returned = services.outbound.wake, self._dismissed, self._returned
        await backend.start()
        for part in (services.inbound.run, services.outbound.run, services.outbound.look, self._renew):
            self._start(self._run(part))
        try:
            self._server = await self._listen(tls)
        except OSError as error:
            await self.stop()
            raise GatewayError(
                f"cannot listen on {self.settings.host}:{self.settings.port}: {error.strerror}"
            ) from None
        if self.settings.security_profile == 0 and self.settings.host not in ("127.0.0.1", "::1", "localhost"):
            log.warning("listening on %s without asking stations for credentials", self.settings.host)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _listen(self, tls: Any) -> Server:
        settings = self.settings
        passwords = PasswordStore(settings.passwords, self._stored_password)
        self._admission = Admission(settings, passwords, self.counters)
        return await serve(
            self._serve,
            settings.host,
            settings.port,
            ssl=tls,
            create_connection=StationConnection,
            process_request=self._admission.check,
            select_subprotocol=self._admission.select,
            server_header=None,
            logger=_websocket_log,
            compression=None,
            open_timeout=settings.open_timeout,
            close_timeout=settings.close_timeout,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            max_size=settings.max_frame,
            # After an outage of the network all stations come back at once.
            backlog=4096,
        )

    async def stop(self) -> None:
        """Ends gracefully: takes nothing new, delivers answers under way within the deadline, closes the sockets."""
        if self._server is not None:
            self._server.close(close_connections=False)
            try:
                async with asyncio.timeout(self.settings.stop_timeout):
                    await self._drain()
            except TimeoutError:
                log.warning("stopped with %d messages not handed on", self.counters.buffered)
            await asyncio.gather(*(self._close(session) for session in list(self._sessions.values())))
            await self._server.wait_closed()
        await self._services.responder.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._backend.stop()

    async def _drain(self) -> None:
        """Idle stations are closed at once, the others when their answers are delivered."""
        for session in self._sessions.values():
            session.stopping = True
        while self._sessions:
            idle = [session for session in self._sessions.values() if not session.busy]
            await asyncio.gather(*(self._close(session) for session in idle), asyncio.sleep(0.01))
        await self._services.inbound.drained()
        await self._services.responder.drained()

    # -- connections

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, StationConnection)
        if connection.subprotocol is None:
            await connection.close(CloseCode.PROTOCOL_ERROR, self._admission.refuse_protocol(connection))
            return
        session = Session(connection.station, canonical(connection.subprotocol), connection, self._services)
        self._take_over(session)
        try:
            await self._presence.announce(session)
            await self._receive(connection, session)
        except ConnectionClosed as closed:
            log.info("%s lost: %s", session.station, closed)
        finally:
            await self._leave(session)

    async def _receive(self, connection: StationConnection, session: Session) -> None:
        async for text in connection:
            if isinstance(text, bytes):
                await connection.close(CloseCode.UNSUPPORTED_DATA, "OCPP messages are text")
                return
            session.receive(text)

    def _take_over(self, session: Session) -> None:
        """The newest connection of a station wins: the other end of the old one may have been gone for long."""
        older = self._sessions.get(session.station)
        self._sessions[session.station] = session
        self.counters.connections += 1
        self.counters.connected = len(self._sessions)
        log.info("%s connected with OCPP %s", session.station, session.version)
        if older is not None:
            self._replaced(older)

    async def _leave(self, session: Session) -> None:
        self._services.outbound.remove(session)
        if self._sessions.get(session.station) is session:
            del self._sessions[session.station]
            self.counters.connected = len(self._sessions)
            log.info("%s disconnected", session.station)
        await session.close()
        await self._presence.withdraw(session)

    def _replaced(self, session: Session) -> None:
        self.counters.replaced += 1
        session.stopping = True
        self._start(self._close(session, CloseCode.POLICY_VIOLATION, "replaced by a newer connection"))

    def _dismissed(self, wish: Dismissal) -> None:
        session = self._sessions.get(wish.station)
        if session is not None and session.connection != wish.keep:
            self.counters.dismissed += 1
            session.stopping = True
            self._start(self._close(session, CloseCode.POLICY_VIOLATION, wish.reason))

    async def _close(self, session: Session, code: int = CloseCode.GOING_AWAY, reason: str = "gateway stops") -> None:
        # A close frame's reason may have 123 bytes.
        await session.websocket.close(code, reason.encode()[:123].decode(errors="ignore"))

    # -- Redis

    def _returned(self) -> None:
        """Redis is back: what was written meanwhile is read, connections are announced anew."""
        self._services.outbound.wake(None)
        self._start(self._presence.renew(list(self._sessions.values())))

    async def _stored_password(self, station: Station) -> str | None:
        return await self._backend.side.password(station)

    async def _renew(self) -> None:
        await self._presence.run(self._sessions.values)

    async def _run(self, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """An error in a part that serves all stations must not end it."""
        while True:
            try:
                await part()
            except Exception:
                log.exception("a part of the gateway failed, it is started again")
                await asyncio.sleep(1)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("something failed in the gateway", exc_info=error)
