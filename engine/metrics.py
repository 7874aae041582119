"""The state of a runtime in Prometheus' text form. Imported when it is first asked for, as its library is not needed before."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from .gauges import Gauge, Values

if TYPE_CHECKING:
    from .runtime import Runtime

log = logging.getLogger("busway.metrics")

PREFIX = "busway_"
PATIENCE = 2.0
"""Seconds that a figure may take, such as one that Redis has to be asked for; it is left out then."""


async def exposition(runtime: Runtime, accept: str = "") -> tuple[bytes, str]:
    """All figures as text, and its content type: OpenMetrics where ``accept`` names it, else Prometheus' own form."""
    found = [*_runtime(runtime), *[metric async for metric in _gauges(runtime)], *_process()]
    if runtime.settings.metrics_per_node:
        from .node_metrics import NodeMetrics

        found.extend(NodeMetrics.of(runtime).collect())
    encode, content_type = choose_encoder(accept)
    return encode(_Found(found)), content_type


class _Found(CollectorRegistry):
    """Metrics that are there already, in the form that the encoders take."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _runtime(runtime: Runtime) -> Iterator[Metric]:
    dispatcher = runtime.dispatcher
    yield _gauge("uptime_seconds", "Seconds since the start.", time.monotonic() - runtime.began)
    yield CounterMetricFamily(f"{PREFIX}deploys", "Deploys since the start.", value=runtime.deploys)
    yield _gauge("flows_running", "1 when the flows run, 0 when they are stopped.", runtime.state == "start")
    nodes = GaugeMetricFamily(f"{PREFIX}nodes", "Nodes that run, and that could not start.", labels=("state",))
    nodes.add_metric(("running",), len(runtime.nodes))
    nodes.add_metric(("failed",), len(runtime.failed))
    yield nodes
    yield _gauge("queue_depth", "Deliveries that wait in the run queue.", len(dispatcher.queue))
    yield _gauge("queue_high_water", "Deliveries above which sources hold back.", dispatcher.high_water)
    yield _gauge("handlers_waiting", "Handlers that wait for something.", dispatcher.working)
    yield _gauge("unsettled_origins", "What sources took in and is not handled wholly.", dispatcher.origins)


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, help, value=float(value))


def _process() -> Iterator[Metric]:
    """Memory, processor time, open files and garbage collections of the process, under Prometheus' usual names."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    yield from registry.collect()


async def _gauges(runtime: Runtime) -> AsyncIterator[Metric]:
    """The figures that parts of the process offer; one that fails or takes too long is left out."""
    for name, gauge in list(runtime.gauges.items()):
        try:
            values = await _read(gauge)
        except Exception as error:
            log.warning("the metric %s%s cannot be read: %s", PREFIX, name, str(error) or type(error).__name__)
            continue
        family = GaugeMetricFamily(PREFIX + name, gauge.help, labels=gauge.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        yield family


async def _read(gauge: Gauge) -> Values:
    found = gauge.read()
    return await asyncio.wait_for(found, PATIENCE) if inspect.isawaitable(found) else found
