"""``/metrics``: figures for Prometheus and what reads its form."""

from __future__ import annotations

from busway.engine.http import Answer

from ..api import Call, Resource

resource = Resource("metrics")


@resource.get("/metrics", "metrics.read")
async def read_metrics(call: Call) -> Answer:
    """Figures of the runtime and its process, in Prometheus' text form; as OpenMetrics where the header `Accept` asks for it.

    With the setting `metrics_per_node` also messages, errors and time of each node, from the first request on.
    """
    from busway.engine.metrics import exposition

    body, content_type = await exposition(call.runtime, call.request.headers.get("accept", ""))
    return Answer(200, [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))], body)
