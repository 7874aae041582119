"""What websocket listeners and clients have in common: who hears what comes in, who is told of connections, and how messages
become frames."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from busway.engine.errors import ValueEvaluationError
from busway.engine.fields import Choices
from busway.engine.http.payload import json_bytes, text_of
from busway.engine.message import UNDEFINED, Message
from busway.engine.node import C, ConfigNode, NodeError
from busway.engine.origin import Origin
from busway.engine.values import parse_json

Data = str | bytes
Happening = Literal["connect", "disconnect", "error"]
Taker = Callable[[Message], None]
Watcher = Callable[[Happening, int, dict[str, Any]], None]
SESSION_TYPE = "websocket"
FRAMES = Choices(false="The payload of messages", true="Whole messages as JSON")


class WebsocketEndpoint(ConfigNode[C]):
    """One side of WebSocket connections. Nodes that receive :meth:`subscribe`, nodes that show its state :meth:`watch`."""

    whole_message = False
    """Whether a frame is a whole message rather than its payload."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._takers: list[Taker] = []
        self._watchers: list[Watcher] = []
        self._unsettled = 0
        self._room = asyncio.Event()
        self._room.set()

    @abstractmethod
    def transmit(self, data: Data, session: str | None) -> None:
        """Sends a frame: to one session, or to all there are. Raises NodeError when it cannot be sent."""

    @property
    @abstractmethod
    def connected(self) -> int:
        """How many connections are open."""

    # -- coming in --------------------------------------------------------------------------------------------------
    def subscribe(self, take: Taker) -> Callable[[], None]:
        """Calls ``take(message)`` for each frame; returns how to stop it."""
        self._takers.append(take)
        return lambda: self._takers.remove(take)

    async def room(self) -> None:
        """Waits while too many messages that came in are not handled yet."""
        await self._room.wait()

    def took(self, data: Data, session: dict[str, Any]) -> None:
        """Hands a frame to the nodes that receive."""
        self._unsettled += 1
        if self._unsettled >= self.flow.runtime.settings.source_limit:
            self._room.clear()
        with self.origin(self._settled):
            for take in list(self._takers):
                take(self._message(data) | {"_session": dict(session)})

    def _settled(self, origin: Origin) -> None:
        self._unsettled -= 1
        self._room.set()

    def _message(self, data: Data) -> Message:
        if not self.whole_message:
            return {"payload": data}
        try:
            value = parse_json(data)
        except ValueEvaluationError:
            return {"payload": data}
        return value if isinstance(value, dict) else {"payload": value}

    # -- going out --------------------------------------------------------------------------------------------------
    def put(self, msg: Message) -> None:
        """Sends a message as a frame. Raises NodeError when it has no form as one."""
        data = self._frame(msg)
        if data:
            session = msg.get("_session")
            known = isinstance(session, dict) and session.get("type") == SESSION_TYPE
            self.transmit(data, str(session.get("id")) if known and isinstance(session, dict) else None)

    def _frame(self, msg: Message) -> Data:
        if self.whole_message:
            return self._json({name: value for name, value in msg.items() if name not in ("_session", "req", "res")})
        payload = msg.get("payload", UNDEFINED)
        if payload is UNDEFINED:
            return ""
        if isinstance(payload, (bytes, bytearray, memoryview)):
            return bytes(payload)
        return text_of(payload) if isinstance(payload, (str, int, float)) else self._json(payload)

    @staticmethod
    def _json(value: Any) -> str:
        try:
            return json_bytes(value).decode()
        except TypeError as error:
            raise NodeError(f"the message cannot be written as JSON: {error}") from None

    # -- connections ------------------------------------------------------------------------------------------------
    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Calls ``watcher(what, number of connections, session)`` when a connection opens, closes or fails; returns how to
        stop it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def happened(self, what: Happening, session: dict[str, Any]) -> None:
        """Tells the watchers."""
        for watcher in list(self._watchers):
            watcher(what, self.connected, session)
