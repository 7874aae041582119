"""``/comms``: the socket on which editors and tools follow the runtime. Frames, topics and retained messages are Node-RED's."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from busway.engine.encode import encode
from busway.engine.errors import BuswayError, ScriptError
from busway.engine.http import HttpRequest
from busway.engine.http.payload import json_bytes
from busway.engine.node import Node
from busway.engine.runtime import Runtime

from .live import LiveDesk
from .outbox import Outbox, TooSlow
from .wire import Receive, Send

if TYPE_CHECKING:
    from .security import Guard, Visitor

log = logging.getLogger("busway.comms")

GATHER = 0.05
"""Seconds that messages are gathered into one frame."""
HEARTBEAT = 15.0
_SHOWN_LEVELS = (20, 30)
_RETAINED = ("runtime-state", "runtime-deploy")


class Comms:
    """All connected clients, and what a new one has to be told: the last status of each node, the state of the runtime.

    While nobody is connected, debug and log records are not even listened to.
    """

    def __init__(self, runtime: Runtime, heartbeat: float = HEARTBEAT) -> None:
        self.runtime = runtime
        self.heartbeat = heartbeat
        self.guard: Guard | None = None
        self.clients: set[Outbox] = set()
        self.retained: dict[str, bytes] = {}
        self.live = LiveDesk(runtime, self._put)
        self._listening: list[Callable[[], None]] = []
        self._beating: asyncio.Task[None] | None = None
        events = runtime.events
        self._always = [events.on("status", self._status), events.on("notification", self._notify)]

    def close(self) -> None:
        """Stops listening to the runtime."""
        for off in (*self._always, *self._listening):
            off()
        if self._beating is not None:
            self._beating.cancel()

    # -- what the runtime tells -------------------------------------------------------------------------------------
    def publish(self, topic: str, data: Any, retain: bool = False) -> None:
        """Sends a message to all clients; with ``retain`` those who come later get it too."""
        if not (self.clients or retain):
            self.retained.pop(topic, None)
            return
        text = json_bytes({"topic": topic, "data": data})
        if retain:
            self.retained[topic] = text
        else:
            self.retained.pop(topic, None)
        for client in list(self.clients):
            self._put(client, topic, text)

    def _put(self, client: Outbox, topic: str, text: bytes) -> None:
        try:
            client.put(topic, text)
        except TooSlow as error:
            log.warning("%s: it is disconnected", error)
            self._leave(client)
            client.closed.set()

    def _status(self, event: tuple[Node[Any], Mapping[str, Any]]) -> None:
        node, status = event
        topic = f"status/{node.id}"
        shown = {key: status[key] for key in ("text", "fill", "shape") if status.get(key) not in (None, "")}
        if shown or topic in self.retained:
            self.publish(topic, shown, retain=bool(shown))

    def _notify(self, event: tuple[str, Any]) -> None:
        name, data = event
        if name == "runtime-deploy":
            self._forget_gone()
        self.publish(f"notification/{name}", data, retain=name in _RETAINED and bool(data))

    def _forget_gone(self) -> None:
        """Clears the statuses of nodes that the deploy has removed."""
        for topic in [topic for topic in self.retained if topic.startswith("status/")]:
            id = topic.removeprefix("status/")
            if id not in self.runtime.nodes and id not in self.runtime.failed:
                self.publish(topic, {})

    def _debug(self, record: Mapping[str, Any]) -> None:
        """Encoded once, and only when a client has room for it."""
        takers = []
        for client in self.clients:
            if client.takes_debug:
                takers.append(client)
            else:
                client.miss()
        if not takers:
            return
        text, kind = encode(record.get("msg"), self.runtime.settings.debug_max_length)
        shown = {key: value for key, value in record.items() if value is not None}
        message = json_bytes({"topic": "debug", "data": {**shown, "msg": text, "format": kind}})
        for client in takers:
            client.put_debug(message)

    def _log(self, entry: Mapping[str, Any]) -> None:
        if entry["level"] in _SHOWN_LEVELS:
            said = entry["msg"]
            is_sentence = isinstance(said, BuswayError) and not isinstance(said, ScriptError)
            self._debug({**entry, "msg": str(said) if is_sentence else said})

    # -- who listens ------------------------------------------------------------------------------------------------
    async def serve(self, receive: Receive, send: Send, request: HttpRequest | None = None) -> None:
        """Serves one connection from its request to its end; ``request`` tells a guard where it comes from."""
        await receive()
        await send({"type": "websocket.accept"})
        if self.guard is None:
            await self._attend(Outbox(), receive, send, asyncio.Event())
        elif visitor := await self.guard.welcome(receive, send, request or HttpRequest({})):
            over = asyncio.Event()
            with self.guard.while_valid(visitor, over.set):
                await self._attend(Outbox(), receive, send, over, visitor)
            if over.is_set():
                await self.guard.dismiss(send)

    async def _attend(
        self, outbox: Outbox, receive: Receive, send: Send, over: asyncio.Event, visitor: Visitor | None = None
    ) -> None:
        """Tells a client everything until it goes, reads too slowly, or is ``over``."""
        self._join(outbox)
        if visitor is not None and visitor.first:
            self._hear(outbox, visitor.first)
        works = (self._listen(outbox, receive), _send_frames(outbox, send), outbox.closed.wait(), over.wait())
        parts: list[asyncio.Task[Any]] = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._leave(outbox)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _listen(self, outbox: Outbox, receive: Receive) -> None:
        while (event := await receive())["type"] == "websocket.receive":
            self._hear(outbox, event.get("text") or event.get("bytes") or "")

    def _join(self, outbox: Outbox) -> None:
        if not self.clients:
            events = self.runtime.events
            self._listening = [events.on("debug", self._debug), events.on("log", self._log)]
            self._beating = asyncio.create_task(self._beat())
        self.clients.add(outbox)

    def _leave(self, outbox: Outbox) -> None:
        self.clients.discard(outbox)
        self.live.leave(outbox)
        if self.clients:
            return
        for off in self._listening:
            off()
        self._listening = []
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat)
            self.publish("hb", int(time.time() * 1000))

    def _hear(self, outbox: Outbox, text: str | bytes) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            log.debug("a client sent what is no JSON: %.100r", text)
            return
        if not isinstance(message, dict):
            return
        topic = message.get("subscribe")
        if isinstance(topic, str):
            self._replay(outbox, topic)
        self.live.hear(outbox, message)

    def _replay(self, outbox: Outbox, topic: str) -> None:
        pattern = topic_pattern(topic)
        for name, text in self.retained.items():
            if pattern.fullmatch(name):
                self._put(outbox, name, text)


def topic_pattern(topic: str) -> re.Pattern[str]:
    """The topics that a subscription means: ``+`` is one level, ``/#`` at the end the rest."""
    rest = topic.endswith("/#")
    levels = (topic[:-2] if rest else topic).split("+")
    return re.compile("[^/]+".join(re.escape(level) for level in levels) + ("(?:/.*)?" if rest else ""), re.DOTALL)


async def _send_frames(outbox: Outbox, send: Send) -> None:
    while True:
        await outbox.wait()
        await asyncio.sleep(GATHER)
        await send({"type": "websocket.send", "text": outbox.take_frame()})
