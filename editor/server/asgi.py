"""The ASGI application: decides who answers a request, and takes the shortest way there.

In this order: the admin API's own table, the flows' endpoints, what the web framework serves, folders of files. A flow's request meets no
framework; the framework is loaded when something first needs it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from busway.engine.http import Answer, Exchange, HttpRequest, HttpResponse, HttpRoute, error_answer
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

from .api import RETRY, TEXT_TYPE, Api, Call
from .comms import Comms
from .sameorigin import is_same_origin
from .security_exposure import known_hosts
from .security_headers import with_data_headers, with_page_headers
from .wire import (
    Application,
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    send_answer,
    send_pieces,
)

if TYPE_CHECKING:
    from .security_endpoints import BasicAuth, Cors
    from .static_files import StaticFiles

log = logging.getLogger("busway.http")

FRAMEWORK_PATHS = frozenset({"docs", "openapi.json"})
"""First parts of the paths that the web framework serves."""
WATCHED = frozenset({"health", "metrics"})
"""First parts of the paths that are served also when the admin API is off: for whoever watches the process."""
START_PATIENCE = 10.0
"""Seconds that a request waits for the flows to be started."""
_CLOSE = (b"connection", b"close")


class Face:
    """Serves one runtime: admin API, ``/comms``, and the endpoints of its flows."""

    def __init__(self, runtime: Runtime, api: Api, comms: Comms) -> None:
        self.runtime, self.api, self.comms = runtime, api, comms
        self.ready = asyncio.Event()
        """Set when the flows are loaded; until then all but ``/health`` waits."""
        self.draining = False
        """No request enters a flow any more."""
        settings = runtime.settings
        self._is_admin = settings.http_admin_root is not False
        self._segments = api.segments if self._is_admin else api.segments & WATCHED
        self._framework_paths = FRAMEWORK_PATHS if self._is_admin else frozenset()
        self._admin_root = _root(settings.http_admin_root) or ""
        self._node_root = _root(settings.http_node_root)
        self._limit = settings.api_max_length
        self._hosts = known_hosts(settings)
        self._basic_auth, self._cors = _doors(settings)
        self._static = _static(settings)
        self._patience = settings.http_response_timeout
        self._framework: Application | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except BodyTooLarge as error:
                await send_answer(send, error_answer(413, "too_large", str(error), [_CLOSE]))
            except ClientGone:
                log.debug("%s %s: the client went away", scope["method"], scope["path"])
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)

    # -- who answers ------------------------------------------------------------------------------------------------
    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["raw_path"].decode("latin-1")
        admin = _below(path, self._admin_root)
        segment = admin[1:].partition("/")[0] if admin is not None else ""
        if not self.ready.is_set() and segment != "health" and not await self._is_started():
            await send_answer(send, error_answer(503, "starting", "the flows are being started", RETRY))
            return
        is_ours = segment in self._segments or segment in self._framework_paths
        if is_ours and self._hosts is not None and not self._hosts.knows(header(scope, b"host")):
            await send_answer(send, error_answer(403, "forbidden_host", _strange(header(scope, b"host"))))
            return
        if admin is not None and segment in self._segments and await self._admin(admin, scope, receive, send):
            return
        below = _below(path, self._node_root)
        found = self.runtime.http.match(scope["method"].lower(), below) if below is not None else None
        if found is not None:
            await self._flow(found[0], found[1], scope, receive, send)
        elif segment in self._framework_paths:
            await (await self._web_framework())(scope, receive, with_page_headers(send))
        elif self._static is None or not await self._static.serve(path, scope, receive, send):
            await send_answer(send, self._nobody(scope, path, below))

    async def _is_started(self) -> bool:
        try:
            await asyncio.wait_for(self.ready.wait(), START_PATIENCE)
        except TimeoutError:
            return False
        return True

    def _nobody(self, scope: Scope, path: str, below: str | None) -> Answer:
        method = scope["method"]
        methods = self.runtime.http.methods(below) if below is not None else []
        if methods and self._cors is not None and (permission := self._cors.preflight(scope)):
            return permission
        if method == "OPTIONS" and methods:
            allowed = ",".join(methods).encode()
            return Answer(200, [(b"allow", allowed), TEXT_TYPE, (b"content-length", b"%d" % len(allowed))], allowed)
        return error_answer(404, "not_found", f"nothing answers {method} {path}")

    # -- the admin API ----------------------------------------------------------------------------------------------
    async def _admin(self, path: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answers if the admin API has an endpoint for it."""
        found = self.api.match(scope["method"].lower(), path)
        if found is None:
            return False
        endpoint, params = found
        call = Call(self.runtime, HttpRequest(scope, b"", params, endpoint.path), params)
        answer = self.api.refusal(endpoint, call)
        if answer is None:
            call.request.raw_body = await read_body(scope, receive, self._limit)
            answer = await self.api.carry_out(endpoint, call)
        await send_answer(send, answer._replace(headers=with_data_headers(answer.headers)))
        return True

    async def _web_framework(self) -> Application:
        """The FastAPI application, loaded off the event loop when it is first needed: that takes half a second."""
        async with self._loading:
            if self._framework is None:
                from .app import create_app

                self._framework = await asyncio.to_thread(create_app, self.api, self.runtime)
            return self._framework

    # -- flows ------------------------------------------------------------------------------------------------------
    async def _flow(self, route: HttpRoute, params: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        if self.draining or self.runtime.dispatcher.overloaded:
            why = "the server is stopping" if self.draining else "too many messages are under way; try again later"
            await send_answer(send, error_answer(503, "overloaded", why, [*RETRY, _CLOSE]))
            return
        if self._cors is not None:
            send = self._cors.dress(scope, send)
        if self._basic_auth is not None and (refused := await self._basic_auth.refusal(scope)):
            await send_answer(send, refused)
            return
        body = b"" if route.method == "get" else await read_body(scope, receive, self._limit)
        loop = self.runtime.dispatcher.loop
        exchange = Exchange(loop)
        expiry = loop.call_later(self._patience, self._expired, exchange)
        try:
            request = HttpRequest(scope, body, params, route.path)
            route.handler(request, HttpResponse(exchange, request))
            answer = await exchange.answer
        finally:
            expiry.cancel()
        if answer.chunks is None:
            await send_answer(send, answer)
        else:
            await send_pieces(send, receive, answer)

    def _expired(self, exchange: Exchange) -> None:
        exchange.fail(504, "no_response", f"the flow did not answer within {self._patience:g} seconds")

    # -- sockets ----------------------------------------------------------------------------------------------------
    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = header(scope, b"host")
        allowed = is_same_origin(header(scope, b"origin"), host) and (self._hosts is None or self._hosts.knows(host))
        if allowed and self._is_admin and _below(scope["path"].rstrip("/"), self._admin_root) == "/comms":
            await self.comms.serve(receive, send, HttpRequest(scope))
            return
        if await self._flow_socket(scope, receive, send):
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    async def _flow_socket(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serves a socket if a flow listens on its path and the client may use the flows' endpoints."""
        below = _below(scope["raw_path"].decode("latin-1"), self._node_root)
        if below is None or self.draining or not (self.ready.is_set() or await self._is_started()):
            return False
        if self._basic_auth is not None and await self._basic_auth.refusal(scope):
            return False
        return await self.runtime.http.sockets.serve(below, scope, receive, send)


def _doors(settings: Settings) -> tuple[BasicAuth | None, Cors | None]:
    """What stands before the flows' endpoints, loaded when the settings ask for it."""
    if settings.http_node_auth is None and settings.http_node_cors is None:
        return None, None
    from .security_endpoints import basic_auth, cors

    return basic_auth(settings), cors(settings)


def _strange(host: str | None) -> str:
    return f"this server does not know itself as {host!r}; add that name to allowed_hosts in busway.toml, or add users"


def _static(settings: Settings) -> StaticFiles | None:
    """The folders of files, loaded when the settings have some."""
    if not settings.http_static:
        return None
    from .static_files import StaticFiles

    return StaticFiles(settings)


def _root(setting: str | bool) -> str | None:
    """A path prefix without its slash at the end; "" is the root, None is off."""
    if not isinstance(setting, str):
        return None
    bare = setting.strip("/")
    return f"/{bare}" if bare else ""


def _below(path: str, root: str | None) -> str | None:
    """The path below a prefix; None when it is not below it."""
    if root is None:
        return None
    if not root:
        return path
    return path[len(root) :] or "/" if path == root or path.startswith(root + "/") else None
