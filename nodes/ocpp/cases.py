"""Charging stations in case files: OCPP messages go in and out as they would through a gateway, without a Redis.

The OCPP nodes are the real ones, and so is all that they share: filters, conversion, schema checks, answers to what the
flow does not answer, repeated CALLs, timeouts. Only the connection to Redis is played.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from busway.engine.testing import Feed, RunningFlow
from busway.engine.worlds import Seen, World, WorldError, check_members, register_world
from busway.nodes.ocpp.frames import Call, CallError, CallResult, Frame, Send
from busway.nodes.ocpp.messages import parse_entry
from busway.nodes.ocpp.streams import answers, keys, scripts
from busway.nodes.ocpp.streams.address import Address
from busway.nodes.ocpp.streams.answers import Record
from busway.nodes.ocpp.streams.calls import Calls, Entry, Key
from busway.nodes.ocpp.streams.commands import Commands
from busway.nodes.ocpp.streams.flow_side import FlowSide
from busway.nodes.ocpp.streams.gateway_entries import Station, inbound_entry, response_text
from busway.nodes.ocpp.streams.groups import Desk, Group
from busway.nodes.ocpp.streams.intake import Receiver
from busway.nodes.ocpp.streams.pool import SERVICE, Pool
from busway.nodes.ocpp.streams.responses import Responses
from busway.nodes.ocpp.streams.writer import Done, Released, Write, Writer
from busway.nodes.ocpp.versions import SUBPROTOCOLS, VersionError, canonical

ACTS = ("station", "version", "id", "call", "send", "payload", "result", "error", "connect")
SEES = ("station", "id", "call", "payload", "result", "error")
KINDS = {2: "call", 3: "result", 4: "error"}


# -- Redis ----------------------------------------------------------------------------------------------------------
class PlayedWriter(Writer):
    """Takes what nodes write: frames to stations are handed on, everything is confirmed at once."""

    def __init__(self, sent: Callable[[Station, str], None], presence: Callable[[str], dict[str, str]]) -> None:
        self._sent, self._presence = sent, presence
        self._loop = asyncio.get_running_loop()
        self.records: dict[Key, Record] = {}

    def add(self, args: Sequence[str | bytes | int], done: Done | None = None, *, bounded: bool = True) -> Write:
        if done is not None:
            self._loop.call_soon(done, 1)
        return Write(args, done)

    def run(
        self,
        script: scripts.Script,
        names: Sequence[str],
        values: Sequence[str | int],
        done: Done | None = None,
        *,
        bounded: bool = True,
    ) -> Write:
        self._sent(_station_of(names[-1]), str(values[3]))
        return self.add((), None if done is None else lambda _: done("0-1"))

    def answer(
        self, stored: str, stream: str, values: Iterable[str | int], done: Done | None, *, bounded: bool
    ) -> None:
        marks, message_id, frame, _ = map(str, values)
        entry, digest, first = marks.split(" ")
        station = _station_of(stream)
        self.records[(*station, message_id)] = Record(entry, digest, int(first), frame)
        self._sent(station, frame)
        self.add((), done)

    def acknowledge(self, group: str, entry: str, released: Released) -> None:
        self._loop.call_soon(released, [entry])

    async def ask(self, *args: str | bytes | int) -> Any:
        """The presence of a station; nothing else is ever asked for here."""
        return [text for pair in self._presence(str(args[1])).items() for text in pair]

    async def connected(self, within: float) -> None:
        """At once."""

    @property
    def waiting(self) -> int:
        return 0

    async def flush(self, within: float) -> bool:
        return True

    async def close(self) -> None:
        """There is no connection."""


def _station_of(stream: str) -> Station:
    tenant, _, device = stream.removeprefix(keys.outbound("", "").removesuffix(":")).partition(":")
    return Station(tenant, device)


class PlayedResponses(Responses):
    """Every channel is heard."""

    def __init__(self) -> None:
        self.watchers = set()

    async def listen(self, server_id: str) -> None:
        """Heard from now on."""

    async def close(self) -> None:
        """There is no connection."""


class PlayedSide(FlowSide):
    """What flows do with Redis, with a case in its place."""

    def __init__(self, limit: int, overloaded: Callable[[], bool], writer: Writer) -> None:
        self.limit, self.overloaded = limit, overloaded
        self.trouble = None
        self.watchers = set()
        self.calls = Calls()
        self.writer = writer
        self.commands = Commands(writer)
        self.responses = PlayedResponses()
        self._desks: dict[str, Desk] = {}
        self._foreign: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(self._sweep(), name="ocpp-tend")]

    def read(self, group: Group, node: Receiver, batch: int, block: int) -> None:
        desk = self.desk(group)
        desk.intake.join(node)
        desk.intake.trouble(None)

    def pause(self, group: Group, node: Receiver) -> None:
        self.desk(group).intake.leave(node)

    @property
    def desks(self) -> list[Desk]:
        """The groups that read."""
        return list(self._desks.values())


class PlayedPool(Pool):
    """One Redis for whatever address."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self.side: PlayedSide | None = None

    def acquire(self, address: Address, limit: int, overloaded: Callable[[], bool]) -> FlowSide:
        if self.side is None:
            self.side = PlayedSide(limit, overloaded, self._writer)
        return self.side

    def release(self, address: Address) -> None:
        """It ends with the case."""


# -- stations -------------------------------------------------------------------------------------------------------
@register_world
class Stations(World):
    """The charging stations of a case."""

    verb = "ocpp"
    expects = "expect_ocpp"

    def __init__(self, flow: RunningFlow) -> None:
        super().__init__(flow)
        self._frames: dict[Station, Feed[list[Any]]] = defaultdict(Feed)
        self._versions: dict[Station, str] = {}
        self._commands: dict[Station, deque[str]] = defaultdict(deque)
        self._numbers = count(1)
        self._writer = PlayedWriter(self._sent, self._presence)
        self._pool = PlayedPool(self._writer)

    def prepare(self) -> None:
        self.flow.runtime.services[SERVICE] = self._pool

    def _presence(self, connection: str) -> dict[str, str]:
        for station, version in self._versions.items():
            if keys.connection(*station) == connection:
                return {"protocol": SUBPROTOCOLS[canonical(version)]}
        return {}

    # -- in ---------------------------------------------------------------------------------------------------------
    async def act(self, spec: Any) -> None:
        said = check_members(spec, self.verb, ACTS, ("station",))
        station = _station(said["station"])
        version = self._version(station, said)
        if set(said) <= {"station", "version", "connect"}:
            return
        frame = self._frame(station, said)
        if isinstance(frame, (CallResult, CallError)):
            self._side().commands.heard(response_text(frame))
        self._accept(station, version, frame)

    def _version(self, station: Station, said: dict[str, Any]) -> str:
        """The station's version: as said now or before, else 1.6. A station that says something is connected."""
        version = str(said.get("version", self._versions.get(station, "1.6")))
        try:
            version = canonical(version)
        except VersionError as error:
            raise WorldError(f"{self.verb}: {error}") from None
        if said.get("connect") is False:
            self._versions.pop(station, None)
        else:
            self._versions[station] = version
        return version

    def _frame(self, station: Station, said: dict[str, Any]) -> Frame:
        kinds = [kind for kind in ("call", "send", "result", "error") if kind in said]
        if len(kinds) != 1:
            raise WorldError(
                f"{self.verb} says one of call, send, result and error, this one {' and '.join(kinds) or 'none'}"
            )
        if kinds[0] in ("call", "send"):
            make = Call if kinds[0] == "call" else Send
            id = str(said.get("id") or f"case-{next(self._numbers)}")
            return make(id, str(said[kinds[0]]), said.get("payload") or {})
        id = str(said.get("id") or self._command_of(station))
        if kinds[0] == "result":
            return CallResult(id, said["result"] or {})
        error = said["error"] if isinstance(said["error"], dict) else {"code": said["error"]}
        known = check_members(error, "error", ("code", "description", "details"), ("code",))
        return CallError(id, str(known["code"]), str(known.get("description", "")), known.get("details") or {})

    def _command_of(self, station: Station) -> str:
        if not self._commands[station]:
            raise WorldError(
                f"{station} has got no command that it could answer; expect the command first, or say its id"
            )
        return self._commands[station].popleft()

    def _accept(self, station: Station, version: str, frame: Frame) -> None:
        sent = inbound_entry(station, version, "case", frame)
        fields = {
            "id": sent.message_id,
            "tenant": sent.tenant,
            "deviceId": sent.device,
            "metadata": sent.metadata,
            "payload": sent.payload,
            "timestamp": sent.timestamp,
        }
        id = f"{sent.timestamp}-{next(self._numbers)}"
        for desk in self._side().desks:
            entry = Entry(id, fields, parse_entry(fields, compat=desk.group.compat), 1, desk.intake)
            entry.digest = answers.digest(sent.payload)
            desk.intake.accept(entry, self._writer.records.get(entry.key) if entry.key is not None else None)

    def _side(self) -> PlayedSide:
        if self._pool.side is None:
            raise WorldError("the flow has no ocpp-config node that started, so no station can reach it")
        return self._pool.side

    # -- out --------------------------------------------------------------------------------------------------------
    def _sent(self, station: Station, text: str) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            self._commands[station].append(frame[1])
        self._frames[station].add(frame)

    async def observe(self, spec: Any) -> Seen:
        said = check_members(spec, self.expects, SEES, ("station",))
        expected = {name: value for name, value in said.items() if name != "station"}
        if isinstance(expected.get("error"), str):
            expected["error"] = {"code": expected["error"]}
        return Seen(expected, _described(await self._frames[_station(said["station"])].take()))


def _station(text: Any) -> Station:
    tenant, slash, device = str(text).partition("/")
    if not (tenant and slash and device):
        raise WorldError(f"the station {text!r} is not tenant/device, such as operator1/CP1")
    return Station(tenant, device)


def _described(frame: list[Any]) -> dict[str, Any]:
    """A frame as a case expects it."""
    kind, id, *rest = frame
    if kind == 2:
        return {"id": id, "call": rest[0], "payload": rest[1]}
    if kind == 3:
        return {"id": id, "result": rest[0]}
    return {"id": id, "error": {"code": rest[0], "description": rest[1], "details": rest[2]}}
