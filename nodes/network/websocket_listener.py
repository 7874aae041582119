"""The websocket-listener node: a path on our server that clients open WebSockets to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from busway.engine.errors import ConfigError
from busway.engine.http.sockets import GOING_AWAY, Socket, SocketRoute
from busway.engine.message import new_id
from busway.engine.node import Config, Field

from .websocket_endpoint import FRAMES, SESSION_TYPE, Data, WebsocketEndpoint


class ListenerConfig(Config):
    path: str = Field(
        "", title="Path", description="Path that clients connect to; `/stations/:id` has a parameter, as in http in."
    )
    wholemsg: Annotated[Literal["false", "true"], FRAMES] = Field(
        "false", title="Frames are", description="The payload of messages, or whole messages as JSON."
    )


class WebsocketListener(WebsocketEndpoint[ListenerConfig]):
    """A path of the server to which clients open WebSockets.

    **websocket in** nodes get what clients send; **websocket out** nodes answer the client whose `_session` a message has, or
    all clients when it has none.

    Parameters of the path and of the query, if there are any, are `_session.params` and `_session.query`.
    """

    type = "websocket-listener"
    category = "config"
    label = "{path}"

    def start(self) -> None:
        if not self.config.path:
            raise ConfigError("websocket-listener: the path is missing; give one like /ws/name")
        self.whole_message = self.config.wholemsg == "true"
        self._sockets: dict[str, Socket] = {}
        self._remove: Callable[[], None] = self.flow.runtime.http.sockets.add(
            SocketRoute(self.config.path, self._serve)
        )

    def stop(self) -> None:
        self._remove()
        for socket in self._sockets.values():
            socket.close(GOING_AWAY)

    @property
    def connected(self) -> int:
        return len(self._sockets)

    def transmit(self, data: Data, session: str | None) -> None:
        if session is None:
            for socket in self._sockets.values():
                socket.send(data)
        elif session in self._sockets:
            self._sockets[session].send(data)

    async def _serve(self, socket: Socket) -> None:
        """One client, from its connection to its end."""
        if not await socket.accept(socket.subprotocols[0] if socket.subprotocols else None):
            return
        id = new_id()
        session = _session(id, socket)
        self._sockets[id] = socket
        self.happened("connect", session)
        try:
            while (data := await socket.receive()) is not None:
                self.took(data, session)
                await self.room()
        finally:
            del self._sockets[id]
            self.happened("disconnect", session)


def _session(id: str, socket: Socket) -> dict[str, Any]:
    request = socket.request
    asked = {"params": request.params, "query": request.query}
    return {"type": SESSION_TYPE, "id": id} | {name: value for name, value in asked.items() if value}
