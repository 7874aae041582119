"""``/flows``: the running flows as a whole, and whether they run."""

from __future__ import annotations

from typing import Any, cast

from busway.engine.errors import StorageError
from busway.engine.http import Answer
from busway.engine.runtime import Mode

from ..api import ApiError, Call, Resource, checked, empty_answer, json_answer, raw_json_answer
from ..deploys import deploy

resource = Resource("flows")

MODES = ("full", "nodes", "flows", "reload")


@resource.get("/flows", "flows.read")
async def read_flows(call: Call) -> Answer:
    """The running flows.

    Header `Node-RED-API-Version`: `v1` (default) gives the array of the flow file, `v2` an object with `flows` and `rev`,
    the revision that a deploy names to be sure that nobody else has deployed meanwhile.
    """
    version = _api_version(call)
    text = call.runtime.model.dumps()
    if version == "v2":
        text = b'{"flows":%b,"rev":"%b"}' % (text, call.runtime.model.revision.encode())
    return raw_json_answer(text)


@resource.post("/flows", "flows.write")
async def deploy_flows(call: Call) -> Answer:
    """Deploys flows.

    Header `Node-RED-Deployment-Type`: `full` (default) restarts everything, `nodes` the nodes that changed, `flows` also what
    is connected to them, `reload` ignores the body and reads the stored flows again. With `Node-RED-API-Version: v2` the
    body is an object with `flows`, optionally `rev` and `credentials`, and the answer holds the new `rev`; otherwise the
    body is the array and the answer is empty. 409: the flows changed since `rev`. 400: `problems` lists what is wrong.
    """
    version = _api_version(call)
    mode = call.request.headers.get("node-red-deployment-type", "full")
    if mode == "reload":
        revision = await deploy(call, "reload", [])
    else:
        mode = mode if mode in MODES else "full"
        revision = await _deploy_posted(call, cast("Mode", mode), version)
    return json_answer({"rev": revision}) if version == "v2" else empty_answer()


@resource.get("/flows/state", "flows.read")
async def read_state(call: Call) -> Answer:
    """Whether the flows run."""
    return json_answer({"state": call.runtime.state})


@resource.post("/flows/state", "flows.write")
async def change_state(call: Call) -> Answer:
    """Starts or stops the flows.

    What is stopped stays stopped, over deploys and restarts, until somebody starts it.
    """
    if not call.runtime.settings.runtime_state.enabled:
        raise ApiError(404, "not_found", "flows cannot be started and stopped here (setting runtime_state.enabled)")
    from ..models.flows import StateChange

    wanted = call.fits(StateChange, "invalid_run_state").state
    try:
        await (call.runtime.start_flows() if wanted == "start" else call.runtime.stop_flows())
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None
    return json_answer({"state": call.runtime.state})


def _api_version(call: Call) -> str:
    version = call.request.headers.get("node-red-api-version", "v1")
    if version not in ("v1", "v2"):
        raise ApiError(400, "invalid_api_version", f"Invalid API Version requested: {version!r}; there are v1 and v2")
    return version


async def _deploy_posted(call: Call, mode: Mode, version: str) -> str:
    body = call.json()
    if version == "v1":
        return await deploy(call, mode, _array(body))
    if not isinstance(body, dict):
        raise ApiError(
            400, "unexpected_error", "the body of version v2 is an object with 'flows'; v1 is the array alone"
        )
    from ..models.flows import Deploy

    rest = checked(Deploy, {name: value for name, value in body.items() if name != "flows"}, "unexpected_error")
    return await deploy(call, mode, _array(body.get("flows")), rest.rev, rest.credentials)


def _array(flows: Any) -> list[Any]:
    if isinstance(flows, list):
        return flows
    raise ApiError(400, "unexpected_error", f"flows are an array of nodes, this is {type(flows).__name__}")
