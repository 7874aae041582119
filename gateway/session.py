"""One station's connection: what came from it goes to the flows, what comes for it goes to its socket."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from websockets.asyncio.server import broadcast

from busway.gateway.calls import Calls
from busway.gateway.commands import Commands
from busway.gateway.counters import Counters
from busway.gateway.inbound import InboundWriter, Message
from busway.gateway.settings import GatewaySettings
from busway.nodes.ocpp import frames
from busway.nodes.ocpp.frames import Call, CallError, CallResult, FrameError, parse_frame
from busway.nodes.ocpp.streams import keys
from busway.nodes.ocpp.streams.gateway_entries import OutboundEntry, Station, inbound_entry

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from busway.gateway.backend import Backend
    from busway.gateway.outbound import OutboundReader
    from busway.gateway.responder import Responder


@dataclass(slots=True, frozen=True)
class Services:
    """What all sessions of a gateway share."""

    settings: GatewaySettings
    counters: Counters
    backend: Backend
    inbound: InboundWriter
    outbound: OutboundReader
    responder: Responder


class Session:
    """A connected station. Nothing here waits, except that commands take their time."""

    __slots__ = (
        "calls", "commands", "connected_at", "connection", "counters", "last_seen", "position", "services", "settings",
        "station", "stopping", "stream", "version", "websocket",
    )  # fmt: skip

    def __init__(self, station: Station, version: str, websocket: ServerConnection, services: Services) -> None:
        self.station, self.version, self.websocket, self.services = station, version, websocket, services
        self.settings, self.counters = services.settings, services.counters
        self.stream = keys.outbound(*station)
        self.connection = uuid.uuid4().hex
        self.connected_at = self.last_seen = time.time()
        self.position: str | None = None
        """Id of the last entry read from the station's stream; None until it is known where to begin."""
        self.stopping = False
        self.calls = Calls(self)
        self.commands = Commands(self)

    # -- from the station

    def receive(self, text: str) -> None:
        """A message came from the station."""
        self.last_seen = time.time()
        self.counters.frames += 1
        try:
            frame = parse_frame(text, self.version)
        except FrameError as error:
            self._refuse(error)
            return
        if type(frame) is Call:
            if not self.stopping:
                self.calls.take(frame)
        elif isinstance(frame, CallResult | CallError):
            self._answered(frame)
        else:
            self._tell(frame)

    def _refuse(self, error: FrameError) -> None:
        self.counters.malformed += 1
        if answer := error.answer():
            self.transmit(answer)
        elif error.refers_to is not None:
            # The command's sender need not wait for an answer that came, broken.
            self.commands.answered(CallError(error.refers_to, error.code, error.description))

    def _answered(self, frame: CallResult | CallError) -> None:
        if not self.commands.answered(frame):
            self.services.responder.look_up(self.station, frame)
        if self.settings.write_responses:
            self._tell(frame)

    def _tell(self, frame: frames.Frame) -> None:
        """Writes a frame that gets no answer to the inbound stream."""
        entry = inbound_entry(self.station, self.version, self.settings.server_id, frame)
        self.services.inbound.put(Message(entry))

    # -- to the station

    def deliver(self, entry: OutboundEntry) -> None:
        """An entry of the station's stream was read."""
        self.position = entry.entry_id
        kind, message_id = _kind_and_id(entry.frame)
        if message_id != entry.message_id:
            entry = entry._replace(message_id=message_id)
        if kind == frames.CALL:
            self.commands.take(entry)
        elif kind in (frames.CALLRESULT, frames.CALLERROR):
            self.calls.deliver(entry)
        elif kind in (frames.CALLRESULTERROR, frames.SEND) and self.version == "2.1":
            self.transmit(entry.frame)
        else:
            self.counters.broken_frames += 1

    def transmit(self, text: str) -> None:
        """Sends a text without waiting; a station that does not read what it is sent is disconnected."""
        if self.websocket.transport.get_write_buffer_size() > self.settings.max_frame:
            self.counters.stalled += 1
            self.websocket.transport.abort()
        else:
            broadcast((self.websocket,), text)

    # -- state

    @property
    def busy(self) -> bool:
        """Whether an answer is under way, in either direction."""
        return bool(self.calls) or bool(self.commands)

    @property
    def delivered(self) -> str | None:
        """Id of the entry up to which nothing needs delivery any more."""
        first = self.commands.first
        return self.position if first is None else _before(first.entry_id)

    def fields(self) -> dict[str, str]:
        """The station's hash ``ws:conn``."""
        address = self.websocket.remote_address
        return {
            "protocol": f"ocpp{self.version}",
            "version": self.version,
            "serverId": self.settings.server_id,
            "connection": self.connection,
            "connectedAt": str(int(self.connected_at * 1000)),
            "lastSeen": str(int(self.last_seen * 1000)),
            "remoteAddr": f"{address[0]}:{address[1]}" if address else "",
        }

    async def close(self) -> None:
        """The connection is gone."""
        self.stopping = True
        self.calls.close()
        await self.commands.close()


def _kind_and_id(frame: str) -> tuple[int, str]:
    """Message type and id of a frame that a flow wrote; type 0 when it is no frame."""
    try:
        kind, message_id, *_ = orjson.loads(frame)
    except (ValueError, TypeError):
        return 0, ""
    return (kind, message_id) if type(kind) is int and type(message_id) is str else (0, "")


def _before(entry_id: str) -> str:
    """The greatest id that is smaller than a stream entry's."""
    time_part, _, sequence = entry_id.partition("-")
    if int(sequence) > 0:
        return f"{time_part}-{int(sequence) - 1}"
    return f"{int(time_part) - 1}-{2**64 - 1}"
