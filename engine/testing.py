"""The kit for authors of nodes and flows: start a real flow, send, await what comes out, in virtual time.

    async def test_it_puts_the_payload_in_capitals():
        async with flow_of([node("upper", to="out")], types=[Upper]) as flow:
            await flow.send("upper", {"payload": "hello"})
            assert (await flow.output("out"))["payload"] == "HELLO"

Nothing is replaced: nodes, wires, errors and statuses are those of a running engine. Only time is not real, unless
asked for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from .dispatch import Port
from .errors import BuswayError
from .message import Message, clone
from .model import TAB_TYPES, FlowModel
from .node import Config, ConfigNode, Node, wall_clock
from .origin import Origin
from .registry import NodeClass, Registry
from .reports import LEVELS, text_of
from .routing import Route, by_output
from .runtime import Mode, Runtime
from .settings import Settings
from .virtualclock import VirtualClock, virtual_loop

__all__ = [
    "LogLine",
    "NothingCame",
    "Probe",
    "RunningFlow",
    "StatusReport",
    "VirtualClock",
    "flow_of",
    "node",
    "virtual_loop",
]

TAB = "test-tab"
"""The tab of nodes that name none."""
PATIENCE_VIRTUAL = 86_400.0
PATIENCE_REAL = 5.0
_CONTAINERS = TAB_TYPES | {"subflow", "group"}
_NOWHERE = Path("/nonexistent/busway")

T = TypeVar("T")


class NothingCame(BuswayError, AssertionError):
    """What a test waits for did not come in time; says what came instead."""


class StatusReport(NamedTuple):
    """A status that a node showed; an empty ``status`` clears it."""

    node: str
    status: dict[str, Any]


class LogLine(NamedTuple):
    """A line that a node logged; ``text`` of an error is what the log shows, ``error`` the exception."""

    node: str
    level: str
    text: str
    error: BaseException | None


class Probe(Node[Config]):
    """Passes messages on and lets a test see them. Stands at every wire that leads to a node that the test does not
    define."""

    type = "probe"
    category = "common"
    in_palette = False

    def on_message(self, msg: Message) -> Message:
        return msg


def node(type: str, id: str | None = None, *, to: Any = (), **properties: Any) -> dict[str, Any]:
    """A node of a flow file. ``id`` is the type unless given; ``to`` is a target id, a list of them, or a list per
    output."""
    return {"id": id or type, "type": type, "wires": _wires(to), **properties}


def _wires(to: Any) -> list[list[str]]:
    if isinstance(to, str):
        return [[to]]
    targets = list(to)
    if all(isinstance(one, str) for one in targets):
        return [targets] if targets else []
    return [[one] if isinstance(one, str) else list(one) for one in targets]


@asynccontextmanager
async def flow_of(
    nodes: Iterable[Mapping[str, Any]],
    *,
    types: Iterable[NodeClass] = (),
    settings: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Mapping[str, Any]] | None = None,
    virtual: bool = True,
    start: float | None = None,
    registry: Registry | None = None,
) -> AsyncIterator[RunningFlow]:
    """Runs a flow while the block lasts.

    ``nodes`` are objects as in a flow file (see :func:`node`), or only some of their properties: what has no ``z`` is
    put on one tab, positions are given to what is no config node, and wires to ids that are not defined end at a
    :class:`Probe`. ``types`` are node classes beyond the built-in ones, ``settings`` those of
    :class:`~busway.engine.settings.Settings`, ``credentials`` secrets by node id. Time is virtual and begins at
    ``start`` (seconds since the epoch; now unless given), or real with ``virtual=False``: for flows that talk over the
    network.
    """
    unstarted = prepared(
        _registry(registry, types), settings=settings, credentials=credentials, virtual=virtual, start=start
    )
    async with unstarted as flow:
        await flow.runtime.start(flow.model_of(nodes))
        await flow.settle()
        yield flow


@asynccontextmanager
async def prepared(
    registry: Registry,
    *,
    settings: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Mapping[str, Any]] | None = None,
    virtual: bool = True,
    start: float | None = None,
) -> AsyncIterator[RunningFlow]:
    """Like :func:`flow_of`, but nothing is started yet: for what has to be in place before the flow is."""
    with ExitStack() as stack:
        clock = stack.enter_context(VirtualClock(start)) if virtual else None
        runtime = _TestRuntime(_settings(settings), registry, clock)
        for id, secrets in (credentials or {}).items():
            runtime.credentials.merge(id, dict(secrets), None)
        try:
            yield RunningFlow(runtime, clock)
        finally:
            await runtime.stop()


def _settings(given: Mapping[str, Any] | None) -> Settings:
    quick = {"user_dir": _NOWHERE, "stop_drain_timeout": 0.1, "deploy_drain_timeout": 0.1}
    return Settings.model_validate({**quick, **(given or {})})


def _registry(registry: Registry | None, types: Iterable[NodeClass]) -> Registry:
    registry = registry or Registry()
    classes: list[NodeClass] = [Probe, *types]
    for cls in classes:
        registry.add(cls)
    return registry


class Feed(Generic[T]):
    """What came, in order; what a test has taken is not given to it again."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._taken = 0
        self._news = asyncio.Event()

    def add(self, item: T) -> None:
        self.all.append(item)
        self._news.set()

    def unread(self) -> list[T]:
        return self.all[self._taken :]

    async def take(self) -> T:
        """The next item that has not been taken."""
        while self._taken >= len(self.all):
            self._news.clear()
            await self._news.wait()
        self._taken += 1
        return self.all[self._taken - 1]


class _WatchedPort(Port):
    """A port that tells of everything its node sends, whichever route is set."""

    __slots__ = ("_sent", "_watched_route")

    def __init__(self, id: str, runtime: _TestRuntime) -> None:
        self._sent = runtime.sent
        super().__init__(id, runtime.dispatcher)
        self.tap(lambda msg: runtime.arrived(self, msg))

    @property
    def route(self) -> Route:
        return self._watched_route

    @route.setter
    def route(self, route: Route) -> None:
        def watched(out: Any, origin: Origin | None) -> None:
            route(out, origin)
            self._sent(self, out)

        self._watched_route = watched


class _TestRuntime(Runtime):
    """A runtime that keeps what nodes send and get, and leaves the process as it is."""

    def __init__(self, settings: Settings, registry: Registry, clock: VirtualClock | None) -> None:
        self.keep_responses = True
        self.outputs: dict[tuple[str, int], Feed[Message]] = defaultdict(Feed)
        self.inputs: dict[str, Feed[Message]] = defaultdict(Feed)
        super().__init__(settings, registry, clock=clock.now if clock is not None else wall_clock)

    def add_port(self, id: str) -> Port:
        if id not in self.ports:
            self.ports[id] = _WatchedPort(id, self)
        return self.ports[id]

    def arrived(self, port: Port, msg: Message) -> None:
        self.inputs[port.id].add(self._copy(msg))

    def sent(self, port: Port, out: Any) -> None:
        names = port.node.outputs if port.node is not None else ()
        for index, msg in _sent(out, names if isinstance(names, tuple) else ()):
            self.outputs[port.id, index].add(self._copy(msg))

    def _copy(self, msg: Message) -> Message:
        """What a test sees of a message later. Who keeps a response could still answer, so its client would wait."""
        copy = clone(msg)
        if "res" in copy and not self.keep_responses:
            copy["res"] = "(the way back to the client)"
        return copy

    def _tune_collector(self) -> None:
        """Freezing the heap pays in a process that runs flows, not in one that runs tests."""


def _sent(out: Any, names: tuple[str, ...]) -> list[tuple[int, Message]]:
    """Each message that was sent, with the number of its output."""
    try:
        elements = enumerate(by_output(out, names))
    except TypeError:
        return []
    found: list[tuple[int, Message]] = []
    for index, element in elements:
        messages = element if isinstance(element, list) else [element]
        found.extend((index, msg) for msg in messages if isinstance(msg, dict))
    return found


class RunningFlow:
    """A flow under test: what goes in, what came out, and time. Made by :func:`flow_of`.

    :attr:`runtime` is the engine behind it, :attr:`statuses` and :attr:`logs` what the nodes have told so far.
    """

    def __init__(self, runtime: _TestRuntime, clock: VirtualClock | None) -> None:
        self.runtime = runtime
        self.clock = clock
        self._patience = PATIENCE_REAL if clock is None else PATIENCE_VIRTUAL
        self._statuses: Feed[StatusReport] = Feed()
        self._logs: Feed[LogLine] = Feed()
        self._errors: Feed[LogLine] = Feed()
        self._began = runtime.dispatcher.loop.time()
        runtime.events.on("status", lambda told: self._statuses.add(StatusReport(told[0].id, dict(told[1]))))
        runtime.events.on("log", self._logged)

    # -- in ---------------------------------------------------------------------------------------------------------
    async def send(self, id: str, msg: Mapping[str, Any] | None = None) -> Origin:
        """Delivers a message to a node, and returns when all that can be done at once is done.

        The origin that it gives tells by ``settled`` whether all that came of the message has been handled by now, and
        by ``errors`` which errors nobody caught.
        """
        port = self._port(id)
        with self.runtime.dispatcher.origin(lambda _: None) as origin:
            self.runtime.dispatcher.deliver(port, dict(msg or {}), origin)
        await self.settle()
        return origin

    async def press(self, id: str, props: list[dict[str, Any]] | None = None) -> None:
        """Presses the button of an inject node, with other properties if given."""
        self.runtime.inject(id, props)
        await self.settle()

    async def deploy(self, nodes: Iterable[Mapping[str, Any]], mode: Mode = "full") -> None:
        """Deploys another version of the flow."""
        await self.runtime.deploy(self.model_of(nodes), mode)
        await self.settle()

    def model_of(self, nodes: Iterable[Mapping[str, Any]]) -> FlowModel:
        """The flow model of nodes as :func:`flow_of` takes them."""
        items = [dict(item) for item in nodes]
        homes = {item["id"] for item in items if item["type"] in TAB_TYPES | {"subflow"}}
        tabs: list[dict[str, Any]] = [] if TAB in homes else [{"id": TAB, "type": "tab", "label": "Test"}]
        placed = [self._placed(item) for item in items]
        return FlowModel.parse([*tabs, *placed, *_probes(placed)])

    def _placed(self, item: dict[str, Any]) -> dict[str, Any]:
        if item["type"] in _CONTAINERS:
            return item
        cls = self.runtime.registry.get(item["type"])
        if cls is not None and issubclass(cls, ConfigNode):
            return item
        return {"x": 0, "y": 0, "z": TAB, **item}

    # -- out --------------------------------------------------------------------------------------------------------
    async def output(self, id: str, output: int | str = 0, within: float | None = None) -> Message:
        """The next message that a node sends to one of its outputs, by number or name, waited for up to ``within``
        seconds.

        Raises NothingCame, which lists what came elsewhere and which errors there were.
        """
        index = self._index(id, output)
        return await self._next(self.runtime.outputs[id, index].take(), f"{id} sent nothing to output {output}", within)

    async def input(self, id: str, within: float | None = None) -> Message:
        """The next message that reaches a node."""
        return await self._next(self.runtime.inputs[id].take(), f"nothing reached {id}", within)

    async def status(self, id: str, within: float | None = None) -> dict[str, Any]:
        """The next status that a node shows: ``{text, fill, shape}``, empty when it is cleared."""

        async def next_of_node() -> dict[str, Any]:
            while True:
                told = await self._statuses.take()
                if told.node == id:
                    return told.status

        return await self._next(next_of_node(), f"{id} showed no further status", within)

    async def error(self, within: float | None = None) -> LogLine:
        """The next error that no catch node took."""
        return await self._next(self._errors.take(), "there was no further error", within)

    def sent(self, id: str, output: int | str = 0) -> list[Message]:
        """All that a node has sent to an output, whether taken by :meth:`output` or not."""
        return list(self.runtime.outputs[id, self._index(id, output)].all)

    def received(self, id: str) -> list[Message]:
        """All that has reached a node."""
        return list(self.runtime.inputs[id].all)

    def unread(self, id: str, output: int | str = 0) -> list[Message]:
        """What a node has sent to an output and :meth:`output` has not given yet."""
        return self.runtime.outputs[id, self._index(id, output)].unread()

    @property
    def statuses(self) -> list[StatusReport]:
        """Every status that a node has shown."""
        return self._statuses.all

    @property
    def logs(self) -> list[LogLine]:
        """Every line that a node has logged, errors that nobody caught included."""
        return self._logs.all

    @property
    def errors(self) -> list[LogLine]:
        """Every error that no catch node took."""
        return self._errors.all

    @property
    def unread_errors(self) -> list[LogLine]:
        """The uncaught errors that :meth:`error` has not given yet."""
        return self._errors.unread()

    def node(self, id: str) -> Any:
        """A running node."""
        self._port(id)
        return self.runtime.nodes[id]

    # -- time -------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> float:
        """Seconds since the flow was started."""
        return self.runtime.dispatcher.loop.time() - self._began

    async def advance(self, seconds: float) -> None:
        """Lets time pass, and returns when all is done that can be done then."""
        await asyncio.sleep(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Waits until the run queue is empty. Nodes that wait for something, or keep a message, go on doing so."""
        dispatcher = self.runtime.dispatcher
        await asyncio.sleep(0)
        while dispatcher.queue:  # noqa: ASYNC110 (telling when it is empty would cost every message)
            await asyncio.sleep(0)

    # -- inside -----------------------------------------------------------------------------------------------------
    def _port(self, id: str) -> Port:
        if id not in self.runtime.nodes:
            failure = self.runtime.failed.get(id)
            raise BuswayError(f"node {id} did not start: {text_of(failure)}" if failure else f"there is no node {id!r}")
        return self.runtime.nodes[id].port

    def _index(self, id: str, output: int | str) -> int:
        if isinstance(output, int):
            return output
        names = self.node(id).outputs
        if not isinstance(names, tuple) or output not in names:
            raise BuswayError(f"node {id} has no output {output!r}; it has: {names}")
        return names.index(output)

    def _logged(self, entry: dict[str, Any]) -> None:
        level = next((name for name, number in LEVELS.items() if number == entry["level"]), "info")
        said = entry["msg"]
        error = said if isinstance(said, BaseException) else None
        line = LogLine(entry["id"], level, text_of(error) if error else str(said), error)
        self._logs.add(line)
        if level == "error":
            self._errors.add(line)

    async def _next(self, waiting: Awaitable[T], complaint: str, within: float | None) -> T:
        patience = self._patience if within is None else within
        try:
            return await asyncio.wait_for(waiting, patience)
        except TimeoutError:
            raise NothingCame(f"{complaint} within {patience:g} s{self._what_came()}") from None

    def _what_came(self) -> str:
        sent = [f"{id}[{index}]: {len(feed.all)}" for (id, index), feed in self.runtime.outputs.items() if feed.all]
        told = [f"{id} did not start: {text_of(error)}" for id, error in self.runtime.failed.items()]
        told += [f"{line.node}: {line.text}" for line in self.errors if line.node not in self.runtime.failed]
        return f"; sent so far: {', '.join(sent) or 'nothing'}" + "".join(f"\n  {line}" for line in told)


def _probes(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Probes for the wires that lead to nodes that are not there."""
    known = {item["id"] for item in items}
    missing: dict[str, dict[str, Any]] = {}
    for item in items:
        for target in (target for wires in item.get("wires") or [] for target in wires or []):
            if target not in known:
                missing.setdefault(
                    target, {"id": target, "type": Probe.type, "z": item.get("z", TAB), "x": 0, "y": 0, "wires": []}
                )
    return list(missing.values())
