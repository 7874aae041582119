"""Runs the HTTP face: one uvicorn inside the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from busway.engine.errors import BuswayError
from busway.engine.gauges import Gauge
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

from .api import Api
from .asgi import Face
from .comms import Comms
from .routers import admin_api
from .security_exposure import check_exposure
from .security_tls import certificate_of

if TYPE_CHECKING:
    from .security import Guard

log = logging.getLogger("busway.http")

State = Literal["stopped", "starting", "ready", "draining"]
STOP_PATIENCE = 5
"""Seconds that requests under way get when the face stops."""


class CannotListen(BuswayError):
    """The HTTP face cannot listen on its address; names address and cause."""


class HttpFace:
    """Serves a runtime over HTTP: ``await face.start()`` gives the port, ``await face.stop()`` ends it.

    It may be started before the runtime: requests then wait until the flows are loaded. Construct it before the runtime
    starts, or statuses that nodes show at the start are not told to clients.
    """

    def __init__(self, runtime: Runtime, settings: Settings | None = None) -> None:
        self.runtime = runtime
        self.settings = settings or runtime.settings
        self.comms = Comms(runtime, self.settings.web_socket_keep_alive_time)
        api = admin_api()
        self.guard = api.guard = self.comms.guard = _guard(self.settings, api)
        runtime.gauges["comms_clients"] = Gauge("Clients of /comms.", lambda: {(): len(self.comms.clients)})
        self.face = Face(runtime, api, self.comms)
        self.port = 0
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._watching: list[asyncio.Task[None]] = []

    @property
    def scheme(self) -> str:
        """``http``, or ``https`` with a certificate."""
        return "http" if self.settings.tls_cert is None else "https"

    @property
    def state(self) -> State:
        """``ready`` when requests are answered."""
        if self._server is None:
            return "stopped"
        if self.face.draining:
            return "draining"
        return "ready" if self.face.ready.is_set() else "starting"

    async def start(self) -> int:
        """Listens; returns the port. Raises CannotListen, Unprotected, CertificateError."""
        check_exposure(self.settings)
        certificate = certificate_of(self.settings)
        sock = listen(self.settings.host, self.settings.port)
        self.port = sock.getsockname()[1]
        config = uvicorn.Config(
            self.face,
            http="httptools",
            ws=websocket_protocol,  # type: ignore[arg-type]
            ws_per_message_deflate=False,
            ws_max_size=max(1024 * 1024, self.settings.api_max_length),
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_PATIENCE,
        )
        config.load()
        config.ssl = certificate.context if certificate is not None else None
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([sock]), name="http face")
        self._watching = [asyncio.create_task(self._await_flows(), name="http face readiness")]
        if certificate is not None:
            self._watching.append(asyncio.create_task(certificate.watch(), name="watch on the certificate"))
        listening = asyncio.ensure_future(self._server.listening.wait())
        await asyncio.wait((listening, self._serving), return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            listening.cancel()
            self._serving.result()
        return self.port

    async def _await_flows(self) -> None:
        """Readiness: the flows have been started, or the runtime has said why they are not."""
        told = asyncio.Event()
        off = self.runtime.events.on("notification", lambda _: told.set())
        waits = [asyncio.ensure_future(self.runtime.started.wait()), asyncio.ensure_future(told.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            self.face.ready.set()
        finally:
            off()
            for wait in waits:
                wait.cancel()

    async def drain(self) -> None:
        """From now on no request enters a flow; the admin API is served on. Call it before the runtime is stopped."""
        self.face.draining = True

    async def stop(self) -> None:
        """Stops listening, gives requests under way five seconds, closes all connections."""
        await self.drain()
        self.comms.close()
        for task in self._watching:
            task.cancel()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
        self._server = None
        if self.guard is not None:
            self.guard.close()


def _guard(settings: Settings, api: Api) -> Guard | None:
    """Who checks users; None when everybody may do everything, and then nothing of it is loaded."""
    if not settings.auth.is_used:
        return None
    from .security import COMMS_PERMISSION, Guard
    from .users import pointless

    known = {COMMS_PERMISSION, *(endpoint.permission for endpoint in api.endpoints if endpoint.permission)}
    for sentence in pointless(settings.auth, known):
        log.warning(sentence)
    return Guard(settings)


class _Server(uvicorn.Server):
    """A server that leaves signals to the program and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def websocket_protocol(**options: Any) -> asyncio.Protocol:
    """Uvicorn's protocol for sockets, imported when the first socket is asked for: that saves time at every start."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    return WebSocketsSansIOProtocol(**options)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises CannotListen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # Without the protocol asyncio does not see that this is TCP, and leaves answers waiting for acknowledgements.
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"{host!r} is no address to listen on: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
        ) from None
    return sock
