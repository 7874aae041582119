"""The path of every message: one run queue, drained inside the event loop.

A queue entry is ``(port, message, origin)``. A :class:`Port` is the fixed place of a node on the message path: it outlives the
node's restarts, so wires are resolved once. Plain handlers are called inline; coroutine handlers are stepped inline and become
tasks only when they really wait.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from itertools import repeat
from typing import TYPE_CHECKING, Any

from . import eager
from .errors import NodeStopped
from .message import Fresh, Message, clone, clones, new_id
from .origin import ORIGIN, Origin

if TYPE_CHECKING:
    from .node import Node

Handler = Callable[[Message], Any]
Route = Callable[[Any, "Origin | None"], None]
Entry = tuple["Port", Message, "Origin | None"]

SLICE = 0.004
"""Seconds that the queue is drained before I/O gets its turn."""
CHECK_EVERY = 16
"""Deliveries between two looks at the clock."""
CROWDED = 1000
"""Waiting deliveries above which the garbage collector is held off."""
MOST_UNCOLLECTED = 1_000_000
"""New containers after which it runs all the same."""


def _nowhere(out: Any, origin: Origin | None) -> None:
    """The route of a node without wires."""


class Port:
    """A node's place on the message path.

    ``handle(msg)`` runs the node; ``route(out, origin)`` delivers what it sends. Both are replaced when the node, its wires or
    those who watch it change, never per message.
    """

    __slots__ = (
        "_base",
        "_dispatcher",
        "_on_done",
        "_taps",
        "handle",
        "id",
        "is_coroutine",
        "node",
        "parked",
        "route",
        "tasks",
    )

    def __init__(self, id: str, dispatcher: Dispatcher) -> None:
        self.id = id
        self._dispatcher = dispatcher
        self.node: Node[Any] | None = None
        self.route: Route = _nowhere
        self.parked: list[tuple[Message, Origin | None]] = []
        self._base: Handler | None = None
        self._on_done: Callable[[Message], None] | None = None
        self._taps: tuple[Callable[[Message], None], ...] = ()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.is_coroutine = False
        self.handle: Handler = self._park

    # -- life -------------------------------------------------------------------------------------------------------
    def open(self, node: Node[Any]) -> None:
        """Connects a started node; what was parked meanwhile is delivered first."""
        self.node = node
        self._base = node.on_message
        self.is_coroutine = asyncio.iscoroutinefunction(self._base)
        self._rebuild()
        parked, self.parked = self.parked, []
        for msg, origin in parked:
            self._dispatcher.queue.append((self, msg, origin))
        self._dispatcher.wake()

    def park(self) -> None:
        """Keeps messages until the next :meth:`open`: the node is being restarted."""
        self.node, self._base, self.handle = None, None, self._park

    def shut(self) -> None:
        """Refuses messages from now on: the node was removed, disabled or is broken."""
        self.node, self._base, self.handle = None, None, self._refuse
        parked, self.parked = self.parked, []
        for _msg, origin in parked:
            if origin is not None:
                origin.errors.append((self.id, NodeStopped(f"node {self.id} is gone")))
                origin.release()

    def _park(self, msg: Message) -> None:
        origin = ORIGIN.get()
        if origin is not None:
            origin.pending += 1
        self.parked.append((msg, origin))

    def _refuse(self, msg: Message) -> None:
        origin = ORIGIN.get()
        if origin is not None:
            origin.errors.append((self.id, NodeStopped(f"node {self.id} is not running")))

    async def cancel_tasks(self) -> None:
        """Cancels the coroutine handlers that are still waiting for something, and sees them end."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def watched(self) -> bool:
        """Whether complete nodes are told when this node is done."""
        return self._on_done is not None

    # -- who watches ------------------------------------------------------------------------------------------------
    def on_done(self, done: Callable[[Message], None] | None) -> None:
        """Sets what is told when the node has finished with a message (complete nodes); None stops it."""
        self._on_done = done
        self._rebuild()

    def tap(self, tap: Callable[[Message], None]) -> Callable[[], None]:
        """Calls ``tap(msg)`` before each delivery; returns how to stop it. Costs nothing while nobody taps."""
        self._taps = (*self._taps, tap)
        self._rebuild()

        def untap() -> None:
            self._taps = tuple(t for t in self._taps if t is not tap)
            self._rebuild()

        return untap

    def done(self, msg: Message) -> None:
        """The node has finished with ``msg``."""
        if self._on_done is not None:
            self._on_done(msg)

    def fail(self, error: BaseException, msg: Message | None) -> None:
        """Reports an error of this node, under the current origin."""
        if self.node is not None:
            self.node.flow.report_error(self.node, error, msg)

    # -- building ---------------------------------------------------------------------------------------------------
    def _rebuild(self) -> None:
        base = self._base
        if base is None:
            return
        if self.is_coroutine:
            handle = self._stepping(base)
        elif self._on_done is not None and self.node is not None and self.node.completes:
            handle = self._completing(base)
        else:
            handle = base
        for tap in self._taps:
            handle = _tapped(tap, handle)
        self.handle = handle

    def _completing(self, base: Handler) -> Handler:
        dispatcher = self._dispatcher

        def handle(msg: Message) -> None:
            dispatcher.held = False
            out = base(msg)
            if out is not None:
                self.route(out, ORIGIN.get())
            if not dispatcher.held:
                self.done(msg)

        return handle

    def _stepping(self, base: Callable[[Message], Coroutine[Any, Any, Any]]) -> Handler:
        dispatcher = self._dispatcher
        loop = dispatcher.loop

        def handle(msg: Message) -> None:
            origin = ORIGIN.get()
            dispatcher.held = False
            future = eager.start(base(msg), copy_context(), loop)
            held = dispatcher.held
            if future.done():
                self._finish(future, msg, origin, held)
                return
            if origin is not None:
                origin.pending += 1
            self.tasks.add(future)
            dispatcher.working += 1
            future.add_done_callback(
                lambda f: self._finish_task(f, msg, origin, held), context=dispatcher.context_of(origin)
            )

        return handle

    def _finish(self, future: asyncio.Future[Any], msg: Message, origin: Origin | None, held: bool) -> None:
        if future.cancelled():
            if origin is not None:
                origin.errors.append((self.id, NodeStopped(f"node {self.id} was stopped while it worked on a message")))
            return
        error = future.exception()
        if error is not None:
            self.fail(error, msg)
            return
        out = future.result()
        if out is not None:
            self.route(out, origin)
        if not held and (self.node is None or self.node.completes):
            self.done(msg)

    def _finish_task(self, future: asyncio.Future[Any], msg: Message, origin: Origin | None, held: bool) -> None:
        dispatcher = self._dispatcher
        self.tasks.discard(future)
        dispatcher.working -= 1
        try:
            self._finish(future, msg, origin, held)
        except Exception as error:
            self.fail(error, msg)
        if origin is not None:
            origin.release()
        dispatcher.wake()


def _tapped(tap: Callable[[Message], None], handle: Handler) -> Handler:
    def tapped(msg: Message) -> Any:
        tap(msg)
        return handle(msg)

    return tapped


class Dispatcher:
    """The run queue of one runtime.

    ``high_water`` is the queue length above which :attr:`overloaded` is true and sources are to hold back.
    """

    def __init__(self, high_water: int = 200_000) -> None:
        self.queue: deque[Entry] = deque()
        self.high_water = high_water
        self.working = 0
        """Coroutine handlers that are waiting for something."""
        self.origins = 0
        """Origins that have not settled."""
        self.held = False
        self.slice_started = 0.0
        self._scheduled = False
        self._holds_collector = False
        self._context = Context()
        self._idle: asyncio.Event = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()

    # -- in ---------------------------------------------------------------------------------------------------------
    def deliver(self, port: Port, msg: Message, origin: Origin | None = None) -> None:
        """Queues one message for one port; gives it an id if it has none."""
        if "_msgid" not in msg:
            msg["_msgid"] = new_id()
        if origin is not None:
            origin.pending += 1
        self.queue.append((port, msg, origin))
        if not self._scheduled:
            self.wake()

    def wake(self) -> None:
        """Makes sure that the queue is drained soon."""
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._drain, context=self._context)

    @property
    def overloaded(self) -> bool:
        """Whether sources are to hold back."""
        return len(self.queue) > self.high_water

    def origin(self, on_settled: Callable[[Origin], None]) -> Origin:
        """A new origin, counted until it settles, so that :meth:`drained` can wait for it."""
        self.origins += 1
        return Origin(on_settled, self)

    def context_of(self, origin: Origin | None) -> Context:
        """A context in which ``origin`` is the current one."""
        context = Context()
        context.run(ORIGIN.set, origin)
        return context

    # -- out --------------------------------------------------------------------------------------------------------
    def _drain(self) -> None:
        queue = self.queue
        pop = queue.popleft
        set_origin = ORIGIN.set
        clock = time.monotonic
        self.slice_started = started = clock()
        current: Origin | None = None
        set_origin(None)
        count = 0
        while queue:
            port, msg, origin = pop()
            if origin is not current:
                set_origin(origin)
                current = origin
            try:
                out = port.handle(msg)
                if out is not None:
                    port.route(out, origin)
            except Exception as error:
                port.fail(error, msg)
            if origin is not None:
                origin.release()
            count += 1
            if not count % CHECK_EVERY and clock() - started > SLICE:
                break
        self.slice_started = 0.0
        set_origin(None)
        self._hold_collector(len(queue) > CROWDED and gc.get_count()[0] < MOST_UNCOLLECTED)
        if queue:
            self.loop.call_soon(self._drain, context=self._context)
        else:
            self._scheduled = False
            self._idle.set()

    def _hold_collector(self, hold: bool) -> None:
        """Holds the garbage collector off, or lets it run again.

        While many messages wait, nearly everything that was made lately is in use: the collector would walk through it
        again and again and find nothing.
        """
        if hold and gc.isenabled():
            gc.disable()
            self._holds_collector = True
        elif self._holds_collector and not hold:
            gc.enable()
            self._holds_collector = False

    async def drained(self, timeout: float) -> bool:
        """Waits until nothing is queued, handled or unsettled; False when ``timeout`` seconds were not enough."""
        deadline = self.loop.time() + timeout
        while self.queue or self.working or self.origins:
            left = deadline - self.loop.time()
            if left <= 0:
                return False
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), min(left, 0.02))
            except TimeoutError:
                continue
        return True


def compile_route(dispatcher: Dispatcher, outputs: list[list[Port]], names: tuple[str, ...] = ()) -> Route:
    """The route of a node: ``outputs[i]`` lists the ports wired to output i, ``names`` the outputs' names if they have any.

    What is sent may be a message (first output), a list per output whose elements are a message, None or a list of
    messages, a pair ``(output number, message)``, or a dict by output name. Order and cloning are Node-RED's: outputs
    ascending, wires in order, all messages of a wire before the next wire; only the very first delivery carries the
    original.
    """
    outputs = [list(ports) for ports in outputs]
    while outputs and not outputs[-1]:
        outputs.pop()
    general = _general_route(dispatcher, outputs, names)
    if names:
        return general
    if not outputs:
        return _dead_end(general)
    if len(outputs) > 1:
        return _multi_route(dispatcher, outputs, general)
    if len(outputs[0]) == 1:
        return _single_route(dispatcher, outputs[0][0], general)
    return _fan_route(dispatcher, outputs[0], general)


def _dead_end(general: Route) -> Route:
    """For a node that nothing is wired to: what is no message is an error all the same."""

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is not dict:
            general(out, origin)

    return route


def _multi_route(dispatcher: Dispatcher, outputs: list[list[Port]], general: Route) -> Route:
    """For one message on an output with one wire, given by its number or alone in a list: what a switch sends."""
    append = dispatcher.queue.append
    targets: list[Any] = [ports[0] if len(ports) == 1 else bool(ports) for ports in outputs]
    count = len(targets)

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is tuple and type(out[0]) is int:
            found: Any = out[1]
            where: Any = targets[out[0]] if out[0] < count else False
            if where is True or type(found) is not dict:
                general(out, origin)
                return
        elif isinstance(out, list):
            found = where = None
            for msg, target in zip(out, targets, strict=False):
                if msg is not None and target is not False:
                    if found is not None or target is True or type(msg) is not dict:
                        general(out, origin)
                        return
                    found, where = msg, target
        else:
            general(out, origin)
            return
        if found is None or where is False:
            return
        if "_msgid" not in found:
            found["_msgid"] = new_id()
        if origin is not None:
            origin.pending += 1
        append((where, found, origin))

    return route


def _single_route(dispatcher: Dispatcher, port: Port, general: Route) -> Route:
    append = dispatcher.queue.append

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is dict:
            if "_msgid" not in out:
                out["_msgid"] = new_id()
            if origin is not None:
                origin.pending += 1
            append((port, out, origin))
        else:
            general(out, origin)

    return route


def _fan_route(dispatcher: Dispatcher, ports: list[Port], general: Route) -> Route:
    append, extend = dispatcher.queue.append, dispatcher.queue.extend
    first, rest, count = ports[0], ports[1:], len(ports)

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is not dict:
            general(out, origin)
            return
        if "_msgid" not in out:
            out["_msgid"] = new_id()
        copies = clones(out, count - 1)
        if origin is not None:
            origin.pending += count
        append((first, out, origin))
        extend(zip(rest, copies, repeat(origin)))

    return route


def _general_route(dispatcher: Dispatcher, outputs: list[list[Port]], names: tuple[str, ...]) -> Route:
    single = all(len(ports) < 2 for ports in outputs)

    def route(out: Any, origin: Origin | None) -> None:
        events = _events(outputs, by_output(out, names))
        if not events:
            return
        fallback = next((m["_msgid"] for _, m in events if "_msgid" in m), None) or new_id()
        for _, msg in events:
            msg.setdefault("_msgid", fallback)
        if type(out) is Fresh and single:
            entries: list[Entry] = [(port, msg, origin) for port, msg in events]
        else:
            entries = [(port, clone(msg) if i else msg, origin) for i, (port, msg) in enumerate(events)]
        if origin is not None:
            origin.pending += len(entries)
        dispatcher.queue.extend(entries)

    return route


def by_output(out: Any, names: tuple[str, ...]) -> list[Any]:
    """What was sent, as one element per output: a message, None, or a list of messages. Raises TypeError."""
    if isinstance(out, dict):
        if names and out and all(key in names for key in out):
            return [out.get(name) for name in names]
        return [out]
    if isinstance(out, tuple) and len(out) == 2 and type(out[0]) is int:
        return [None] * out[0] + [out[1]]
    if isinstance(out, (list, tuple)):
        return list(out)
    raise TypeError(f"Node tried to send a message of type {_js_type(out)}")


def _events(outputs: list[list[Port]], by_output: list[Any]) -> list[tuple[Port, Message]]:
    events: list[tuple[Port, Message]] = []
    for element, ports in zip(by_output, outputs, strict=False):
        if element is None or not ports:
            continue
        messages = [m for m in element if m is not None] if isinstance(element, list) else [element]
        for msg in messages:
            if not isinstance(msg, dict):
                raise TypeError(f"Node tried to send a message of type {_js_type(msg)}")
        events.extend((port, msg) for port in ports for msg in messages)
    return events


def _js_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else type(value).__name__
