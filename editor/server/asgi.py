"""The ASGI application: decides who answers a request, and takes the shortest way there.

In this order: the admin API's own table, the flows' endpoints, what the web framework serves. A flow's request meets no
framework; the framework is loaded when something first needs it.
"""

from __future__ import annotations

import asyncio
import logging

from busway.engine.http import Answer, Exchange, HttpRequest, HttpResponse, HttpRoute, error_answer
from busway.engine.runtime import Runtime

from .api import RETRY, TEXT_TYPE, Api, Call
from .comms import Comms
from .sameorigin import is_same_origin
from .wire import Application, BodyTooLarge, ClientGone, Receive, Scope, Send, header, read_body, send_answer

log = logging.getLogger("busway.http")

FRAMEWORK_PATHS = frozenset({"docs", "openapi.json"})
"""First parts of the paths that the web framework serves."""
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
        self._admin_root = _root(settings.http_admin_root)
        self._node_root = _root(settings.http_node_root)
        self._limit = settings.api_max_length
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
        if admin is not None and segment in self.api.segments and await self._admin(admin, scope, receive, send):
            return
        below = _below(path, self._node_root)
        found = self.runtime.http.match(scope["method"].lower(), below) if below is not None else None
        if found is not None:
            await self._flow(found[0], found[1], scope, receive, send)
        elif segment in FRAMEWORK_PATHS:
            await (await self._web_framework())(scope, receive, send)
        else:
            await send_answer(send, self._nobody(scope["method"], path, below))

    async def _is_started(self) -> bool:
        try:
            await asyncio.wait_for(self.ready.wait(), START_PATIENCE)
        except TimeoutError:
            return False
        return True

    def _nobody(self, method: str, path: str, below: str | None) -> Answer:
        methods = self.runtime.http.methods(below) if below is not None else []
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
        body = await read_body(scope, receive, self._limit)
        request = HttpRequest(scope, body, params, endpoint.path)
        await send_answer(send, await self.api.answer(endpoint, Call(self.runtime, request, params)))
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
        await send_answer(send, answer)

    def _expired(self, exchange: Exchange) -> None:
        exchange.fail(504, "no_response", f"the flow did not answer within {self._patience:g} seconds")

    # -- sockets ----------------------------------------------------------------------------------------------------
    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = is_same_origin(header(scope, b"origin"), header(scope, b"host"))
        if allowed and _below(scope["path"].rstrip("/"), self._admin_root) == "/comms":
            await self.comms.serve(receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})


def _root(setting: str) -> str:
    """A path prefix without its slash at the end; "" is the root."""
    bare = setting.strip("/")
    return f"/{bare}" if bare else ""


def _below(path: str, root: str) -> str | None:
    """The path below a prefix; None when it is not below it."""
    if not root:
        return path
    return path[len(root) :] or "/" if path == root or path.startswith(root + "/") else None
