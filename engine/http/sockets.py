"""WebSockets that flows serve: a table of paths that listeners fill and the server asks, and one socket of a client."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError
from .paths import compile_path, parameters
from .request import HttpRequest

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Data = str | bytes

LONGEST_BACKLOG = 16 * 1024 * 1024
"""Bytes that may wait for one client; one that takes them too slowly is let go."""
GOING_AWAY, TOO_SLOW = 1001, 1013


class Socket:
    """One client's socket, over ASGI. What is sent waits its turn here, so that no client holds up another.

    ``request`` is the request that opened it, with the parameters of its path.
    """

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send, params: dict[str, str]) -> None:
        self.request = HttpRequest(scope, params=params)
        self.subprotocols: list[str] = list(scope.get("subprotocols") or ())
        self._receive, self._write = receive, send
        self._waiting: deque[Data] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, subprotocol: str | None = None) -> bool:
        """Opens the socket; False when the client has gone already."""
        event = await self._receive()
        if event["type"] != "websocket.connect":
            return False
        await self._write({"type": "websocket.accept", "subprotocol": subprotocol})
        self._writer = asyncio.create_task(self._write_all(), name="websocket writer")
        return True

    async def receive(self) -> Data | None:
        """What the client sent next; None when it has closed the socket."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            return None
        text = event.get("text")
        return text if text is not None else bytes(event.get("bytes") or b"")

    def send(self, data: Data) -> None:
        """Sends text or bytes. A client that has left megabytes waiting is let go."""
        if self._closing is not None:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > LONGEST_BACKLOG:
            self._waiting.clear()
            self.close(TOO_SLOW, "too much is waiting")
        self._news.set()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the socket when what waits has been sent."""
        if self._closing is None:
            self._closing = (code, reason)
            self._news.set()

    async def ended(self) -> None:
        """The client has gone: nothing more is written."""
        self._closing = self._closing or (1000, "")
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                data = self._waiting.popleft()
                self._size -= len(data)
                kind = "text" if isinstance(data, str) else "bytes"
                await self._write({"type": "websocket.send", kind: data})
            if self._closing is not None:
                code, reason = self._closing
                await self._write({"type": "websocket.close", "code": code, "reason": reason})
                return


Serve = Callable[[Socket], Awaitable[None]]
"""Serves one socket until it ends."""


@dataclass(eq=False)
class SocketRoute:
    """A path and who serves its sockets. Raises ConfigError when the path is no valid pattern."""

    path: str
    serve: Serve
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.pattern = compile_path(self.path)


class SocketRoutes:
    """The paths that listeners serve, each by one."""

    def __init__(self) -> None:
        self._routes: dict[str, SocketRoute] = {}

    def add(self, route: SocketRoute) -> Callable[[], None]:
        """Adds a route; returns how to remove it. Raises ConfigError when the path is taken."""
        key = "/" + route.path.strip("/").lower()
        if key in self._routes:
            raise ConfigError(f"Cannot have two WebSocket listeners on the same path: {route.path}")
        self._routes[key] = route

        def remove() -> None:
            if self._routes.get(key) is route:
                del self._routes[key]

        return remove

    async def serve(self, path: str, scope: Mapping[str, Any], receive: Receive, send: Send) -> bool:
        """Serves an ASGI socket if a listener has its path; returns when it has ended, or False at once."""
        found = self._match(path)
        if found is None:
            return False
        route, params = found
        socket = Socket(scope, receive, send, params)
        try:
            await route.serve(socket)
        finally:
            await socket.ended()
        return True

    def _match(self, path: str) -> tuple[SocketRoute, dict[str, str]] | None:
        route = self._routes.get("/" + path.strip("/").lower())
        if route is not None:
            return route, {}
        for route in self._routes.values():
            if match := route.pattern.fullmatch(path):
                return route, parameters(match)
        return None
