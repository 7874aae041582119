"""Taps on the outputs of nodes: how many messages left, and what the last ones were."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .dispatch import Dispatcher, Entry, Port
from .encode import encode
from .message import new_id
from .origin import Origin
from .routing import Route, by_output
from .standin import Instance

if TYPE_CHECKING:
    from .flow import Flow
    from .masking import Masker
    from .runtime import Runtime

Source = tuple[str, int]
"""A node and one of its outputs."""
SAMPLES_PER_LOOK = 5
MOST_SAMPLES = 100
_UNCUT = 1_000_000


# -- counts ---------------------------------------------------------------------------------------------------------
class Counts:
    """How many messages left each output of the nodes that somebody watches, since the first of them began to."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watched: dict[str, _Watched] = {}

    def watch(self, ids: Iterable[str]) -> None:
        """Counts for one more watcher of these nodes."""
        for id in ids:
            found = self._watched.get(id)
            if found is None:
                found = self._watched[id] = _Watched(self._runtime.dispatcher)
            found.watchers += 1
            self._attach(id, found)

    def unwatch(self, ids: Iterable[str]) -> None:
        """One watcher less."""
        for id in ids:
            found = self._watched[id]
            found.watchers -= 1
            if not found.watchers:
                found.attach(None)
                del self._watched[id]

    def refresh(self, ids: Iterable[str]) -> None:
        """After a deploy: a node that was removed and came back has a new place on the message path."""
        for id in ids:
            self._attach(id, self._watched[id])

    def of(self, id: str) -> list[int]:
        """The counts of a watched node, by output. A subflow instance's are those of the nodes that lead out of it."""
        return self._watched[id].counts()

    def _attach(self, id: str, watched: _Watched) -> None:
        port = self._runtime.ports.get(id)
        if port is not watched.port:
            watched.attach(port)


class _Watched:
    """The counts of one node."""

    __slots__ = ("_counts", "_direct", "_dispatcher", "_stop", "port", "watchers")

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.watchers = 0
        self.port: Port | None = None
        self._dispatcher = dispatcher
        self._counts = [0]
        self._direct: Callable[[], int] = _none
        self._stop: Callable[[], None] = _nothing

    def counts(self) -> list[int]:
        """The messages by output."""
        first, *rest = self._counts
        return [first + self._direct(), *rest]

    def attach(self, port: Port | None) -> None:
        """Counts at this place from now on, going on where the count is."""
        self._stop()
        self.port = port
        self._stop = port.watch_sending(self._around, innermost=True) if port is not None else _nothing

    def _around(self, route: Route) -> Route:
        self._counts, self._direct = self.counts(), _none
        port = self.port
        if port is None or port.names or len(port.outputs) != 1 or len(port.outputs[0]) != 1:
            return _counted(port, route, self._counts) if port is not None else route
        counted, self._direct = _counted_wire(self._dispatcher.queue, port.outputs[0][0], route, self._counts)
        return counted


class CountWatch:
    """One watcher's part of the counts: of the nodes that ``resolve()`` names, now and after each deploy."""

    def __init__(self, counts: Counts, runtime: Runtime, resolve: Callable[[], set[str]]) -> None:
        self.ids: set[str] = set()
        self._counts, self._runtime, self._resolve = counts, runtime, resolve
        self._counted: set[str] = set()
        self._leaving: dict[str, list[list[Source]]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Finds the nodes anew."""
        self.ids = self._resolve()
        nodes = self._runtime.nodes
        instances = [node for id in self.ids if isinstance(node := nodes.get(id), Instance)]
        self._leaving = {node.id: outputs_of(node) for node in instances}
        inner = {id for outputs in self._leaving.values() for sources in outputs for id, _ in sources}
        counted = (self.ids - self._leaving.keys()) | inner
        self._counts.watch(counted - self._counted)
        self._counts.unwatch(self._counted - counted)
        self._counts.refresh(counted)
        self._counted = counted

    def read(self) -> dict[str, list[int]]:
        """The messages that left each output of each node. A subflow instance's are those that left the subflow."""
        of, leaving = self._counts.of, self._leaving
        return {id: self._left(leaving[id]) if id in leaving else of(id) for id in self.ids}

    def _left(self, outputs: list[list[Source]]) -> list[int]:
        return [sum(self._at(id, index) for id, index in sources) for sources in outputs]

    def _at(self, id: str, index: int) -> int:
        counts = self._counts.of(id)
        return counts[index] if index < len(counts) else 0

    def close(self) -> None:
        """Stops counting."""
        self._counts.unwatch(self._counted)
        self._counted = set()


def _none() -> int:
    return 0


def _nothing() -> None:
    """Nothing is to be stopped."""


def _counted(port: Port, route: Route, counts: list[int]) -> Route:
    """A route that counts in ``counts`` what is sent at each output; the list grows as outputs are used."""
    names = port.names

    def counted(out: Any, origin: Any) -> None:
        if type(out) is dict and not names:
            counts[0] += 1
        else:
            _count(counts, by_output(out, names))
        route(out, origin)

    return counted


def _counted_wire(queue: deque[Entry], port: Port, route: Route, counts: list[int]) -> tuple[Route, Callable[[], int]]:
    """The same for the commonest case, one output with one wire, at a fifth of the cost: the message is queued here, and
    the second function tells how many were."""
    append, sent = queue.append, 0

    def counted(out: Any, origin: Origin | None) -> None:
        nonlocal sent
        if type(out) is dict:
            sent += 1
            if "_msgid" not in out:
                out["_msgid"] = new_id()
            if origin is not None:
                origin.pending += 1
            append((port, out, origin))
        else:
            _count(counts, by_output(out, ()))
            route(out, origin)

    return counted, lambda: sent


def _count(counts: list[int], outputs: list[Any]) -> None:
    if len(counts) < len(outputs):
        counts.extend([0] * (len(outputs) - len(counts)))
    for index, element in enumerate(outputs):
        counts[index] += len(messages_in(element))


def messages_in(element: Any) -> list[Any]:
    """The messages for one output, of what was sent there."""
    if isinstance(element, list):
        return [msg for msg in element if msg is not None]
    return [] if element is None else [element]


# -- samples --------------------------------------------------------------------------------------------------------
class Samples:
    """The last messages that left one output: at most a few between two looks, copied at once, cut and without secrets."""

    def __init__(self, runtime: Runtime, masker: Callable[[], Masker], id: str, output: int, keep: int) -> None:
        self.id, self.output = id, output
        self.seen = 0
        self._runtime, self._new_masker = runtime, masker
        self._ring: deque[dict[str, Any]] = deque(maxlen=min(max(keep, 1), MOST_SAMPLES))
        self._room = SAMPLES_PER_LOOK
        self._fresh = 0
        self._port: Port | None = None
        self._stop: Callable[[], None] = _nothing
        self.refresh()

    def refresh(self) -> None:
        """After a deploy: follows the node to its new place, and takes note of changed secrets."""
        self._masker = self._new_masker()
        port = self._runtime.ports.get(self.id)
        if port is not self._port:
            self._stop()
            self._port = port
            self._stop = port.watch_sending(self._around) if port is not None else _nothing

    def close(self) -> None:
        """Stops sampling."""
        self._stop()
        self._stop = _nothing

    def look(self) -> list[dict[str, Any]]:
        """The samples since the last look, oldest first."""
        self._room = SAMPLES_PER_LOOK
        fresh, self._fresh = min(self._fresh, len(self._ring)), 0
        return list(self._ring)[len(self._ring) - fresh :]

    def _around(self, route: Route) -> Route:
        names = self._port.names if self._port is not None else ()

        def sampled(out: Any, origin: Any) -> None:
            outputs = by_output(out, names)
            for msg in messages_in(outputs[self.output]) if self.output < len(outputs) else ():
                self.seen += 1
                if self._room > 0 and isinstance(msg, dict):
                    self._take(msg)
            route(out, origin)

        return sampled

    def _take(self, msg: dict[str, Any]) -> None:
        self._room -= 1
        self._fresh += 1
        text, kind = encode(self._masker.masked(msg), _UNCUT)
        self._ring.append({"time": int(time.time() * 1000), "number": self.seen, "msg": text, "format": kind})


def outputs_of(instance: Instance) -> list[list[Source]]:
    """For each output of a subflow instance what inside leads to it, through instances within."""
    child = instance.flow.children.get(instance.id)
    if child is None or child.plan.subflow is None:
        return []
    return [_sources(child, output) for output in range(len(child.plan.subflow.outputs))]


def _sources(child: Flow, output: int) -> list[Source]:
    found: list[Source] = []
    for id, index in child.plan.subflow.outputs[output] if child.plan.subflow is not None else ():
        inner = child.children.get(id)
        found.extend(_sources(inner, index) if inner is not None else [(id, index)])
    return found
