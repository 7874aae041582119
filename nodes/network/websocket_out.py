"""The websocket out node: sends messages over a WebSocket."""

from __future__ import annotations

from busway.engine.errors import ConfigError
from busway.engine.node import Config, Field, Node

from .websocket_client import WebsocketClient
from .websocket_listener import WebsocketListener
from .websocket_status import show_connections


class WebsocketOutConfig(Config):
    server: WebsocketListener | None = Field(None, title="Listener", description="Path of our server.")
    client: WebsocketClient | None = Field(None, title="Client", description="Connection to another server.")


class WebsocketOut(Node[WebsocketOutConfig]):
    """Sends each message over a WebSocket.

    ### Inputs

    - `payload`: text and bytes are sent as they are, everything else as JSON; nothing is sent without it. When frames are
      whole messages, the message is sent as JSON.
    - `_session`: which client of a listener it goes to, as a **websocket in** node gave it. Without it, all clients of the
      listener get it. A client node sends everything to its server.
    """

    type = "websocket out"
    category = "network"
    color = "#D7D7A0"
    icon = "white-globe.svg"
    label = "websocket"
    align = "right"
    inputs = 1
    outputs = 0

    def start(self) -> None:
        endpoint = self.config.client or self.config.server
        if endpoint is None:
            raise ConfigError("Missing server configuration: choose a websocket listener or client")
        self._stop_showing = show_connections(self, endpoint)
        self.on_message = endpoint.put  # type: ignore[method-assign]

    def stop(self) -> None:
        self._stop_showing()
        self.status()
