"""The websocket in node: what comes over a WebSocket, as messages."""

from __future__ import annotations

from busway.engine.errors import ConfigError
from busway.engine.message import Message, new_id
from busway.engine.node import Config, Field, Node

from .websocket_client import WebsocketClient
from .websocket_listener import WebsocketListener
from .websocket_status import show_connections


class WebsocketConfig(Config):
    server: WebsocketListener | None = Field(None, title="Listener", description="Path of our server.")
    client: WebsocketClient | None = Field(None, title="Client", description="Connection to another server.")


class WebsocketIn(Node[WebsocketConfig]):
    """Sends a message for each frame that comes over a WebSocket: from clients of a listener, or from the server that a
    client is connected to.

    ### Outputs

    - `payload`: text or bytes of the frame. When frames are whole messages, the message is the JSON of the frame; a frame
      that is no JSON object is the payload.
    - `_session`: which connection it came over; a **websocket out** node answers to it.
    """

    type = "websocket in"
    category = "network"
    color = "#D7D7A0"
    icon = "white-globe.svg"
    label = "websocket"
    inputs = 0
    outputs = 1

    def start(self) -> None:
        endpoint = self.config.client or self.config.server
        if endpoint is None:
            raise ConfigError("Missing server configuration: choose a websocket listener or client")
        self._stops = [endpoint.subscribe(self._take), show_connections(self, endpoint)]

    def stop(self) -> None:
        for stop in self._stops:
            stop()
        self.status()

    def _take(self, msg: Message) -> None:
        msg.setdefault("_msgid", new_id())
        self.send(msg)
