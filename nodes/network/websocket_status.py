"""What websocket nodes show of their connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from busway.engine.node import Node

from .websocket_endpoint import Happening, WebsocketEndpoint


def show_connections(node: Node[Any], endpoint: WebsocketEndpoint[Any]) -> Callable[[], None]:
    """Shows how many connections there are as the status of ``node``; returns how to stop it."""

    def show(what: Happening, count: int, session: dict[str, Any]) -> None:
        more = {"event": what, "_session": session}
        if what == "error":
            node.status("error", "red", "ring", **more)
        elif count:
            node.status(f"connected {count}", "green", "dot", **more)
        else:
            node.status("disconnected", "red", "ring", **more)

    return endpoint.watch(show)
