"""``/health``: for whoever watches the process."""

from __future__ import annotations

from busway.engine.http import Answer

from ..api import Call, Resource, json_answer

resource = Resource("health")


@resource.get("/health/live", "")
async def live(call: Call) -> Answer:
    """Whether the process works: answers 200 as long as the event loop does."""
    return json_answer({"status": "live"})


@resource.get("/health/ready", "")
async def ready(call: Call) -> Answer:
    """Whether the flows run and take messages.

    503 while they start, are stopped or drain, and when more is queued than the high-water mark. `failed` counts the nodes
    that could not start.
    """
    runtime = call.runtime
    overloaded = runtime.dispatcher.overloaded
    is_ready = runtime.state == "start" and not overloaded
    body = {
        "status": "ready" if is_ready else "overloaded" if overloaded else "not ready",
        "flows": runtime.state,
        "nodes": len(runtime.nodes),
        "failed": len(runtime.failed),
    }
    return json_answer(body, 200 if is_ready else 503)
