"""The path of one message through the flow, with the time of each step. Costs nothing until somebody asks.

A traced message gets an origin of its own, so that everything that comes of it is recognised, whatever ids and copies it
has. While a trace is wanted, every node's handler and route have something around them that looks at the origin.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .dispatch import Handler, Port
from .message import Message
from .origin import ORIGIN, Origin
from .reports import text_of
from .routing import Route, by_output
from .taps import messages_in

if TYPE_CHECKING:
    from .runtime import Runtime

MOST_STEPS = 500
"""Steps that are recorded of one trace."""
LONGEST = 60.0
"""Seconds after which a trace ends, though its message may still be under way."""
_clock = time.perf_counter


class Trace:
    """What became of one message.

    ``steps`` are in the order in which nodes took the message: ``{node, name, type, at, waited, took, from, sent, error}``.
    Times are in milliseconds: ``at`` since the start, ``waited`` in the queue before, ``took`` in the node (None while it
    works). ``from`` is ``[step, output]`` that sent it, ``sent`` the number of messages by output.
    """

    def __init__(self, tracer: Tracer, parent: Origin | None) -> None:
        self.started = time.time()
        self.steps: list[dict[str, Any]] = []
        self.complete = self.truncated = False
        self.watchers = self.version = 0
        self._ended = 0.0
        self._tracer, self._parent, self._zero = tracer, parent, _clock()
        self._latest: dict[str, int] = {}
        self._expected: dict[str, deque[tuple[int, int, float]]] = {}
        if parent is not None:
            parent.pending += 1
        self.origin = tracer.runtime.dispatcher.origin(self._settled)

    def shown(self) -> dict[str, Any]:
        """As data: when it started (ms since the epoch), how long it took so far, the steps."""
        return {
            "started": int(self.started * 1000),
            "took": self._milliseconds(self._ended if self.complete else _clock()),
            "complete": self.complete,
            "truncated": self.truncated,
            "steps": [dict(step) for step in self.steps],
        }

    def arrived(self, port: Port) -> int:
        """A node takes the message; the number of the step, -1 when there are too many."""
        if len(self.steps) >= MOST_STEPS:
            self.truncated = True
            return -1
        now, node = _clock(), port.node
        waiting = self._expected.get(port.id)
        step, output, sent = waiting.popleft() if waiting else (-1, 0, now)
        self._latest[port.id] = number = len(self.steps)
        self.version += 1
        self.steps.append(
            {
                "node": port.id,
                "type": node.properties.get("type", node.type) if node is not None else "",
                "name": node.name if node is not None else "",
                "at": self._milliseconds(now),
                "waited": round((now - sent) * 1000, 3),
                "took": None,
                "from": [step, output] if step >= 0 else None,
                "sent": [],
                "error": None,
            }
        )
        return number

    def left(self, number: int, since: float, error: BaseException | None = None) -> None:
        """The node has ended its work, with an error perhaps."""
        if number >= 0:
            self.version += 1
            self.steps[number]["took"] = round((_clock() - since) * 1000, 3)
            self.steps[number]["error"] = self._tracer.describe(error) if error is not None else None

    def sent(self, port: Port, out: Any) -> None:
        """The node sends."""
        number = self._latest.get(port.id)
        if number is None:
            number = self.arrived(port)
            self.left(number, _clock())
        if number < 0:
            return
        self.version += 1
        counts: list[int] = self.steps[number]["sent"]
        for index, element in enumerate(by_output(out, port.names)):
            count = len(messages_in(element))
            counts.extend([0] * (index + 1 - len(counts)))
            counts[index] += count
            for target in port.outputs[index] if index < len(port.outputs) else ():
                waiting = self._expected.setdefault(target.id, deque())
                waiting.extend([(number, index, _clock())] * count)

    def end(self) -> None:
        """Nothing more is recorded."""
        if not self.complete:
            self._ended = _clock()
            self._tracer.forget(self)

    def _settled(self, origin: Origin) -> None:
        self.end()
        self.complete = True
        if self._parent is not None:
            self._parent.errors.extend(origin.errors)
            self._parent.release()

    def _milliseconds(self, moment: float) -> float:
        return round((moment - self._zero) * 1000, 3)


class Wanted:
    """Somebody wants the next message of a node traced. ``trace`` is there from when it came; :meth:`cancel` ends it."""

    def __init__(self, tracer: Tracer, node: str) -> None:
        self.node = node
        self.trace: Trace | None = None
        self._tracer = tracer

    def cancel(self) -> None:
        """No trace is wanted any more."""
        self._tracer.drop(self)


class Tracer:
    """Traces messages of one runtime on request."""

    def __init__(self, runtime: Runtime, describe: Callable[[BaseException], str] = text_of) -> None:
        self.runtime, self.describe = runtime, describe
        self._wanted: dict[str, list[Wanted]] = {}
        self._running: dict[Origin, Trace] = {}
        self._watched: dict[str, tuple[Port, Callable[[], None], Callable[[], None]]] = {}

    def want(self, node: str) -> Wanted:
        """Traces the next message that a node handles, or sends of itself."""
        wanted = Wanted(self, node)
        self._wanted.setdefault(node, []).append(wanted)
        self.refresh()
        return wanted

    def drop(self, wanted: Wanted) -> None:
        """Takes a wish back; a trace under way ends."""
        waiting = self._wanted.get(wanted.node, [])
        if wanted in waiting:
            waiting.remove(wanted)
        if wanted.trace is not None:
            wanted.trace.watchers -= 1
            if not wanted.trace.watchers:
                wanted.trace.end()
        self._rest()

    def forget(self, trace: Trace) -> None:
        """A trace has ended."""
        self._running.pop(trace.origin, None)
        self._rest()

    def refresh(self) -> None:
        """Looks at every node's place on the message path: after a deploy there are others."""
        for id, port in self.runtime.ports.items():
            if (found := self._watched.get(id)) is None or found[0] is not port:
                stops = port.watch_sending(self._sending(port)), port.watch_handling(self._handling(port))
                self._watched[id] = (port, *stops)

    def deployed(self) -> None:
        """After a deploy: traces go on at the new places."""
        if self._watched:
            self.refresh()

    def _rest(self) -> None:
        """Looks away when there is nothing to trace."""
        if self._running or any(self._wanted.values()):
            return
        watched, self._watched = self._watched, {}
        for _, stop_sending, stop_handling in watched.values():
            stop_sending()
            stop_handling()

    # -- on the path ------------------------------------------------------------------------------------------------
    def _begun(self, id: str) -> Trace | None:
        """A trace that begins here, if one is wanted."""
        waiting = self._wanted.get(id)
        if not waiting:
            return None
        trace = Trace(self, ORIGIN.get())
        self._running[trace.origin] = trace
        for wanted in waiting:
            wanted.trace = trace
        trace.watchers = len(waiting)
        del self._wanted[id]
        self.runtime.dispatcher.loop.call_later(LONGEST, trace.end)
        return trace

    def _sending(self, port: Port) -> Callable[[Route], Route]:
        def around(route: Route) -> Route:
            def traced(out: Any, origin: Origin | None) -> None:
                trace = self._running.get(origin) if origin is not None else None
                if trace is not None:
                    trace.sent(port, out)
                elif (trace := self._begun(port.id)) is not None:
                    with trace.origin:
                        trace.sent(port, out)
                        route(out, trace.origin)
                    return
                route(out, origin)

            return traced

        return around

    def _handling(self, port: Port) -> Callable[[Handler], Handler]:
        def around(handler: Handler) -> Handler:
            return (
                self._awaiting(port, handler) if asyncio.iscoroutinefunction(handler) else self._calling(port, handler)
            )

        return around

    def _calling(self, port: Port, handler: Handler) -> Handler:
        def traced(msg: Message) -> Any:
            origin = ORIGIN.get()
            trace = self._running.get(origin) if origin is not None else None
            if trace is not None:
                return _step(trace, port, handler, msg)
            if (trace := self._begun(port.id)) is None:
                return handler(msg)
            with trace.origin:
                self._first_step(trace, port, handler, msg)
            return None

        return traced

    def _first_step(self, trace: Trace, port: Port, handler: Handler, msg: Message) -> None:
        """Handles, sends and fails under the trace's origin, which the queue entry does not have."""
        try:
            out = _step(trace, port, handler, msg)
            if out is not None:
                port.route(out, trace.origin)
        except Exception as error:
            self.runtime.dispatcher.held = True  # a message that failed is not complete
            port.fail(error, msg)

    def _awaiting(self, port: Port, handler: Handler) -> Handler:
        async def traced(msg: Message) -> Any:
            origin = ORIGIN.get()
            trace = self._running.get(origin) if origin is not None else None
            if trace is not None:
                return await _awaited_step(trace, port, handler, msg)
            if (trace := self._begun(port.id)) is None:
                return await handler(msg)
            with trace.origin:
                out = await _awaited_step(trace, port, handler, msg)
                if out is not None:
                    port.route(out, trace.origin)
            return None

        return traced


def _step(trace: Trace, port: Port, handler: Handler, msg: Message) -> Any:
    number, since = trace.arrived(port), _clock()
    try:
        out = handler(msg)
    except Exception as error:
        trace.left(number, since, error)
        raise
    trace.left(number, since)
    return out


async def _awaited_step(trace: Trace, port: Port, handler: Handler, msg: Message) -> Any:
    number, since = trace.arrived(port), _clock()
    try:
        out = await handler(msg)
    except BaseException as error:
        trace.left(number, since, error)
        raise
    trace.left(number, since)
    return out
