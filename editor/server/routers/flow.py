"""``/flow``: one tab at a time. A change deploys with type ``flows``: other tabs run on. 409: somebody deployed in the same moment."""

from __future__ import annotations

from busway.engine.http import Answer

from .. import single_flow
from ..api import Call, Resource, empty_answer, json_answer
from ..deploys import deploy

resource = Resource("flow")


@resource.get("/flow/:id", "flows.read")
async def read_flow(call: Call) -> Answer:
    """One tab with its nodes; with the id `global` the config nodes and subflows that belong to no tab."""
    return json_answer(single_flow.read(call.runtime.model, call.params["id"]))


@resource.post("/flow", "flows.write")
async def add_flow(call: Call) -> Answer:
    """Adds a tab. It gets an id of its own, its nodes keep theirs."""
    from ..models.flow import NewFlow

    call.fits(NewFlow, "unexpected_error")
    model = call.runtime.model
    id, flows = single_flow.added(model, call.json())
    await deploy(call, "flows", flows, model.revision)
    return json_answer({"id": id})


@resource.put("/flow/:id", "flows.write")
async def replace_flow(call: Call) -> Answer:
    """Replaces the content of a tab; with the id `global` all config nodes and subflows that belong to no tab."""
    from ..models.flow import FlowContent

    call.fits(FlowContent, "unexpected_error")
    id, model = call.params["id"], call.runtime.model
    await deploy(call, "flows", single_flow.replaced(model, id, call.json() or {}), model.revision)
    return json_answer({"id": id})


@resource.delete("/flow/:id", "flows.write")
async def remove_flow(call: Call) -> Answer:
    """Removes a tab with its nodes."""
    model = call.runtime.model
    await deploy(call, "flows", single_flow.removed(model, call.params["id"]), model.revision)
    return empty_answer()
