"""Lets specs reach into the sockets of websocket nodes: ``node.server`` and what it tells of."""

from __future__ import annotations

import itertools
import sys
from typing import Any

from driver_python import Opaque

from busway.nodes.network.websocket_client import WebsocketClient
from busway.nodes.network.websocket_endpoint import WebsocketEndpoint
from busway.nodes.network.websocket_listener import WebsocketListener


class Handle(Opaque):
    """A socket that a spec holds: it can be called and listened to by its handle."""

    def __init__(self, handle: str, protocol: str) -> None:
        super().__init__("WebSocket", emitter=True)
        self.handle, self.protocol = handle, protocol

    def tree(self) -> dict[str, Any]:
        """What travels."""
        return {"$opaque": self.kind, "emitter": True, "handle": self.handle, "props": {"protocol": self.protocol}}


def _carry_handles() -> None:
    driver: Any = sys.modules[Opaque.__module__]
    encode = driver.encode
    driver.encode = lambda value: value.tree() if isinstance(value, Handle) else encode(value)


class Sockets:
    """The sockets that specs have been told of, by handle."""

    def __init__(self) -> None:
        _carry_handles()
        self._count = itertools.count()
        self._sockets: dict[str, tuple[WebsocketListener, str]] = {}

    def __contains__(self, handle: str) -> bool:
        return handle in self._sockets

    @staticmethod
    def properties(node: Any) -> dict[str, Any]:
        """What specs read of a websocket config node."""
        if not isinstance(node, WebsocketEndpoint):
            return {}
        shown = {
            "isServer": isinstance(node, WebsocketListener),
            "wholemsg": node.whole_message,
            "server": Opaque("Server", emitter=True),
        }
        return shown | ({"subprotocol": node.subprotocols} if isinstance(node, WebsocketClient) else {})

    def listen(self, node: Any, event: str, tell: Any) -> None:
        """Reports ``open`` of a client and ``connection`` of a listener, also one that has just happened."""

        def watch(what: str, count: int, session: dict[str, Any]) -> None:
            if what == "connect":
                tell(*([self._handle(node, session["id"])] if event == "connection" else []))

        node.watch(watch)
        if event == "open" and node.connected:
            tell()
        for id in list(node._sockets) if event == "connection" else ():
            tell(self._handle(node, id))

    def _handle(self, node: WebsocketListener, id: str) -> Handle:
        handle = f"socket-{next(self._count)}"
        self._sockets[handle] = (node, id)
        offered = node._sockets[id].subprotocols
        return Handle(handle, offered[0] if offered else "")

    def listen_to_socket(self, handle: str, event: str, tell: Any) -> None:
        """Reports ``message`` and ``close`` of one socket."""
        node, id = self._sockets[handle]
        if event == "close":
            node.watch(lambda what, count, session: tell() if (what, session["id"]) == ("disconnect", id) else None)
            return
        took = node.took

        def taking(data: Any, session: dict[str, Any]) -> None:
            if session["id"] == id:
                tell(data)
            took(data, session)

        node.took = taking  # type: ignore[method-assign]

    def call(self, handle: str, path: list[str], args: list[Any]) -> None:
        """``send`` and ``close`` of a socket."""
        node, id = self._sockets[handle]
        getattr(node._sockets[id], path[0])(*args)
