"""``/flows``: the running flows as a whole, and whether they run."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from busway.engine.credentials import CredentialStore
from busway.engine.errors import (
    ConfigError,
    CredentialsError,
    DeployError,
    FlowFileError,
    RevisionMismatch,
    StorageError,
)
from busway.engine.http import Answer
from busway.engine.http.payload import json_bytes
from busway.engine.model import FlowModel, take_credentials
from busway.engine.runtime import Mode, Runtime

from ..api import ApiError, Call, Resource, empty_answer, json_answer, raw_json_answer

resource = Resource("flows")

MODES = ("full", "nodes", "flows", "reload")
Credentials = dict[str, dict[str, Any]]


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
    if mode not in MODES:
        mode = "full"
    body = {} if mode == "reload" else _posted(call.json(), version)
    revision = await _deploy(call.runtime, cast("Mode", mode), body)
    return json_answer({"rev": revision}) if version == "v2" else empty_answer()


@resource.get("/flows/state", "flows.read")
async def read_state(call: Call) -> Answer:
    """Whether the flows run: `state` is `start`, `stop` or `safe`."""
    return json_answer({"state": call.runtime.state})


@resource.post("/flows/state", "flows.write")
async def change_state(call: Call) -> Answer:
    """Starts or stops the flows: the body's `state` is `start` or `stop`."""
    body = call.json()
    wanted = body.get("state") if isinstance(body, dict) else None
    if wanted not in ("start", "stop"):
        raise ApiError(400, "invalid_run_state", f"cannot change the state to {wanted!r}; it can be 'start' or 'stop'")
    await (call.runtime.start_flows() if wanted == "start" else call.runtime.stop_flows())
    return json_answer({"state": call.runtime.state})


def _api_version(call: Call) -> str:
    version = call.request.headers.get("node-red-api-version", "v1")
    if version not in ("v1", "v2"):
        raise ApiError(400, "invalid_api_version", f"Invalid API Version requested: {version!r}; there are v1 and v2")
    return version


def _posted(body: Any, version: str) -> dict[str, Any]:
    """The body in the form of version 2."""
    if version == "v1":
        return {"flows": body}
    if not isinstance(body, dict):
        raise ApiError(
            400, "unexpected_error", "the body of version v2 is an object with 'flows'; v1 is the array alone"
        )
    return body


async def _deploy(runtime: Runtime, mode: Mode, body: dict[str, Any]) -> str:
    try:
        flows = _array(body.get("flows")) if mode != "reload" else []
        credentials = _replacement(runtime, flows, body.get("credentials")) | take_credentials(flows)
        model = FlowModel.parse(flows) if mode != "reload" else None
        return await asyncio.shield(runtime.deploy(model, mode, body.get("rev"), "", credentials))
    except RevisionMismatch as error:
        raise ApiError(409, "version_mismatch", str(error)) from None
    except DeployError as error:
        raise ApiError(400, "invalid_flows", str(error), problems=error.problems) from None
    except (FlowFileError, ConfigError, CredentialsError) as error:
        raise ApiError(400, "unexpected_error", str(error)) from None
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None


def _array(flows: Any) -> list[Any]:
    if isinstance(flows, list):
        return flows
    raise ApiError(400, "unexpected_error", f"flows are an array of nodes, this is {type(flows).__name__}")


def _replacement(runtime: Runtime, flows: list[Any], posted: Any) -> Credentials:
    """Secrets posted beside the flows replace all others: what the flows' nodes have and they lack is deleted."""
    if posted is None:
        return {}
    if not isinstance(posted, dict):
        raise ApiError(400, "unexpected_error", "credentials are an object: node id -> field -> value")
    ids = [item["id"] for item in flows if isinstance(item, dict) and isinstance(item.get("id"), str)]
    given = _decrypted(runtime, posted, ids) if "$" in posted else posted
    blank = {id: dict.fromkeys(runtime.credentials.get(id), "") for id in ids}
    return {id: blank[id] | given.get(id, {}) for id in ids if blank[id] or id in given}


def _decrypted(runtime: Runtime, posted: dict[str, Any], ids: list[str]) -> Credentials:
    """The secrets of an encrypted set, which was made with the runtime's own secret."""
    storage = runtime.persistence.storage
    secret = storage.secret(runtime.settings.credential_secret) if storage is not None else None
    store = CredentialStore()
    store.load(json_bytes(posted), secret)
    return {id: secrets for id in ids if (secrets := store.get(id))}
