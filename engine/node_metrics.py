"""Messages, errors and time of each node, counted on the message path from the first time that somebody asks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily

from .dispatch import Handler, Port
from .live import Live
from .message import Message

if TYPE_CHECKING:
    from .node import Node
    from .runtime import Runtime

SERVICE = "node metrics"
LABELS = ("node", "type", "flow")
_clock = time.perf_counter


class Timing:
    """How many messages a node took, and the seconds it worked on them; of one that waits, until it is done."""

    __slots__ = ("port", "received", "seconds", "stop")

    def __init__(self, port: Port) -> None:
        self.received, self.seconds = 0, 0.0
        self.port = port
        self.stop: Callable[[], None] = port.watch_handling(self.around)

    def move(self, port: Port) -> None:
        """The node has a new place on the message path."""
        self.stop()
        self.port, self.stop = port, port.watch_handling(self.around)

    def around(self, handler: Handler) -> Handler:
        """What is called in the place of a node's handler."""
        return self._awaiting(handler) if asyncio.iscoroutinefunction(handler) else self._calling(handler)

    def _calling(self, handler: Handler) -> Handler:
        def timed(msg: Message) -> Any:
            self.received += 1
            began = _clock()
            try:
                return handler(msg)
            finally:
                self.seconds += _clock() - began

        return timed

    def _awaiting(self, handler: Handler) -> Handler:
        async def timed(msg: Message) -> Any:
            self.received += 1
            began = _clock()
            try:
                return await handler(msg)
            finally:
                self.seconds += _clock() - began

        return timed


class NodeMetrics:
    """The figures of all nodes of one runtime. Those of a node end when it is removed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._timings: dict[str, Timing] = {}
        self._errors: Counter[str] = Counter()
        self._sent = Live.of(runtime).count(["*"])
        runtime.events.on("error", self._failed)
        runtime.events.on("notification", self._notified)
        self._refresh()

    @classmethod
    def of(cls, runtime: Runtime) -> NodeMetrics:
        """The one of a runtime; counting begins with the first call."""
        found: NodeMetrics | None = runtime.services.get(SERVICE)
        if found is None:
            found = runtime.services[SERVICE] = cls(runtime)
        return found

    def collect(self) -> Iterator[Metric]:
        """The figures as metrics."""
        received = CounterMetricFamily("busway_node_received", "Messages that a node took.", labels=LABELS)
        sent = CounterMetricFamily("busway_node_sent", "Messages that left a node.", labels=(*LABELS, "output"))
        errors = CounterMetricFamily("busway_node_errors", "Errors of a node.", labels=LABELS)
        seconds = SummaryMetricFamily("busway_node_seconds", "Time that a node worked on messages.", labels=LABELS)
        counts = self._sent.read()
        for id, timing in self._timings.items():
            labels = self._labels(id)
            received.add_metric(labels, timing.received)
            errors.add_metric(labels, self._errors[id])
            seconds.add_metric(labels, timing.received, timing.seconds)
            for output, count in enumerate(counts.get(id, ())):
                sent.add_metric((*labels, str(output)), count)
        yield from (received, sent, errors, seconds)

    def _labels(self, id: str) -> tuple[str, str, str]:
        node = self._runtime.nodes.get(id)
        return (id, "", "") if node is None else (id, str(node.properties.get("type", node.type)), node.flow.id)

    def _failed(self, event: tuple[Node[Any], BaseException, bool]) -> None:
        self._errors[event[0].id] += 1

    def _notified(self, event: tuple[str, Any]) -> None:
        if event[0] == "runtime-deploy":
            self._refresh()

    def _refresh(self) -> None:
        ports = self._runtime.ports
        for id in self._timings.keys() - ports.keys():
            self._timings.pop(id).stop()
            self._errors.pop(id, None)
        for id, port in ports.items():
            timing = self._timings.get(id)
            if timing is None:
                self._timings[id] = Timing(port)
            elif timing.port is not port:
                timing.move(port)
        self._sent.refresh()
