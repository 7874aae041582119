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
from typing import TYPE_CHECKING, Any, Union

from . import eager
from .errors import NodeStopped
from .message import Message, clone, new_id
from .origin import ORIGIN, Origin
from .routing import Route, compile_route

if TYPE_CHECKING:
    from .node import Node

Handler = Callable[[Message], Any]
Place = Union["Port", "Late"]
Entry = tuple[Place, Message, "Origin | None"]

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
        "_handlings",
        "_late",
        "_late_route",
        "_on_done",
        "_route",
        "_sendings",
        "_taps",
        "handle",
        "id",
        "is_coroutine",
        "names",
        "node",
        "outputs",
        "parked",
        "route",
        "shares",
        "tasks",
    )

    def __init__(self, id: str, dispatcher: Dispatcher) -> None:
        self.id = id
        self._dispatcher = dispatcher
        self.node: Node[Any] | None = None
        self.route: Route = _nowhere
        self.shares = False
        """Whether a message that shares its nested values may be handled as it is; see :attr:`Node.shares`."""
        self.outputs: list[list[Port]] = []
        self.names: tuple[str, ...] = ()
        self._late: Late | None = None
        self._late_route: Route | None = None
        self.parked: list[tuple[Message, Origin | None]] = []
        self._base: Handler | None = None
        self._on_done: Callable[[Message], None] | None = None
        self._taps: tuple[Callable[[Message], None], ...] = ()
        self._route: Route = _nowhere
        self._sendings: tuple[Callable[[Route], Route], ...] = ()
        self._handlings: tuple[Callable[[Handler], Handler], ...] = ()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.is_coroutine = False
        self.handle: Handler = self._park

    # -- wires ------------------------------------------------------------------------------------------------------
    def wire(self, outputs: list[list[Port]], names: tuple[str, ...] = ()) -> None:
        """Wires the outputs; see :func:`compile_route`."""
        self.outputs, self.names, self._late_route = outputs, names, None
        self._route = compile_route(self._dispatcher, outputs, names)
        self._reroute()

    @property
    def late(self) -> Late:
        """Takes messages that share their nested values with others."""
        if self._late is None:
            self._late = Late(self)
        return self._late

    def late_route(self, out: Any, origin: Origin | None) -> None:
        """Like :attr:`route`, for what shares its nested values with others."""
        if self._late_route is None:
            late = [[port.late for port in ports] for ports in self.outputs]
            self._late_route = compile_route(self._dispatcher, late, self.names, shared=True)
        self._late_route(out, origin)

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
        self.node, self._base, self.handle, self.shares = None, None, self._park, False

    def shut(self) -> None:
        """Refuses messages from now on: the node was removed, disabled or is broken."""
        self.node, self._base, self.handle, self.shares = None, None, self._refuse, False
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

    def watch_sending(self, around: Callable[[Route], Route], innermost: bool = False) -> Callable[[], None]:
        """Puts ``around(route)`` in the place of the route, of later ones too; returns how to stop it.

        ``innermost``: what is around gets the compiled route itself, and may return another one that does the same.
        """
        self._sendings = (around, *self._sendings) if innermost else (*self._sendings, around)
        self._reroute()

        def stop() -> None:
            self._sendings = tuple(one for one in self._sendings if one is not around)
            self._reroute()

        return stop

    def watch_handling(self, around: Callable[[Handler], Handler]) -> Callable[[], None]:
        """Puts ``around(handler)`` in the place of the node's handler, of later ones too; returns how to stop it.

        What it makes of a coroutine function has to be one.
        """
        self._handlings = (*self._handlings, around)
        self._rebuild()

        def stop() -> None:
            self._handlings = tuple(one for one in self._handlings if one is not around)
            self._rebuild()

        return stop

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
        for around in self._handlings:
            base = around(base)
        if self.is_coroutine:
            handle = self._stepping(base)
        elif self._on_done is not None and self.node is not None and self.node.completes:
            handle = self._completing(base)
        else:
            handle = base
        self.shares = handle is self._base and self._shares_messages()
        for tap in self._taps:
            handle = _tapped(tap, handle)
        self.handle = handle

    def _shares_messages(self) -> bool:
        """Not while somebody watches: what is shared takes another route."""
        return self.node is not None and self.node.shares and not self._taps and not self._sendings

    def _reroute(self) -> None:
        route = self._route
        for around in self._sendings:
            route = around(route)
        self.route = route
        self._rebuild()

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


class Late:
    """Stands in the queue for a port whose message shares its nested values with others, until a node is reached that may
    change them: that one gets a copy of its own. So a fan costs one copy, and those that are needed.
    """

    __slots__ = ("_port", "id", "route")

    def __init__(self, port: Port) -> None:
        self._port, self.id = port, port.id
        self.route: Route = port.late_route

    @property
    def late(self) -> Late:
        """Itself."""
        return self

    @property
    def shares(self) -> bool:
        """Messages that come here share their values already, whatever the node does."""
        return True

    def handle(self, msg: Message) -> Any:
        """Runs the node. What it returns shares its values too."""
        port = self._port
        return port.handle(msg) if port.shares else self._handle_own(port, clone(msg))

    def _handle_own(self, port: Port, msg: Message) -> None:
        origin = ORIGIN.get()
        try:
            out = port.handle(msg)
            if out is not None:
                port.route(out, origin)
        except Exception as error:
            port.fail(error, msg)

    def fail(self, error: BaseException, msg: Message) -> None:
        """Reports an error of the node, under the current origin."""
        self._port.fail(error, clone(msg))


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
        self.delivered = 0
        """Messages that were handed to nodes since the start."""
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
        self.delivered += count
        set_origin(None)
        self.hold_collector(len(queue) > CROWDED and gc.get_count()[0] < MOST_UNCOLLECTED)
        if queue:
            self.loop.call_soon(self._drain, context=self._context)
        else:
            self._scheduled = False
            self._idle.set()

    def hold_collector(self, hold: bool) -> None:
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
