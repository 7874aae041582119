"""``/history``: the deploys that were kept; what they changed; going back to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar, cast

from busway.engine.comparison import compare
from busway.engine.errors import FlowFileError, StorageError
from busway.engine.history import KeptDeploy, NotKept
from busway.engine.http import Answer
from busway.engine.model import FlowModel
from busway.engine.runtime import Mode
from busway.engine.storage import FileStorage

from ..api import ApiError, Call, Resource, json_answer
from ..deploys import deploy

resource = Resource("history")

CURRENT = "current"
"""Stands for the running flows where a revision is asked for."""
MODES = ("full", "nodes", "flows")
T = TypeVar("T")


@resource.get("/history", "flows.read")
async def list_history(call: Call) -> Answer:
    """The kept deploys, newest first, and the revision that runs."""
    kept = await _read(_storage(call).history)
    return json_answer({"current": call.runtime.model.revision, "deploys": [_entry(one) for one in kept]})


@resource.get("/history/:rev", "flows.read")
async def read_deploy(call: Call) -> Answer:
    """One deploy: its flows, and how they differ from those of the deploy before it.

    `rev` is a revision or its beginning; where the same flows were deployed more than once, the last time counts.
    """
    storage, rev = _storage(call), call.params["rev"]

    def read() -> dict[str, Any]:
        entry, before = storage.deploy(rev)
        flows = storage.restore(entry.revision)
        earlier = storage.restore(before.revision) if before is not None else FlowModel.parse([])
        return {**_entry(entry), "flows": flows.raw, "diff": compare(earlier, flows)}

    return json_answer(await _read(read))


@resource.get("/history/:a/diff/:b", "flows.read")
async def compare_deploys(call: Call) -> Answer:
    """How one version of the flows differs from another, by tab, node and property.

    `a` and `b` are revisions or their beginnings; `current` means the running flows.
    """
    storage, running = _storage(call), call.runtime.model

    def version(name: str) -> FlowModel:
        return running if name == CURRENT else storage.restore(name)

    return json_answer(await _read(lambda: compare(version(call.params["a"]), version(call.params["b"]))))


@resource.post("/history/:rev/restore", "flows.write")
async def restore_deploy(call: Call) -> Answer:
    """Deploys the flows of a kept deploy; the answer holds the revision that runs then.

    Header `Node-RED-Deployment-Type` as for `POST /flows`, without `reload`. A body `{"rev": ...}` names the revision that the
    caller believes to run: 409 when it is another one. Secrets stay as they are; those of nodes that were removed meanwhile are gone.
    """
    from ..models.history import Restore

    wanted = call.fits(Restore)
    model = await _read(lambda: _storage(call).restore(call.params["rev"]))
    mode = call.request.headers.get("node-red-deployment-type", "full")
    revision = await deploy(call, cast("Mode", mode if mode in MODES else "full"), model.raw, wanted.rev)
    return json_answer({"rev": revision})


def _storage(call: Call) -> FileStorage:
    storage = call.runtime.persistence.storage
    if storage is None:
        raise ApiError(404, "not_found", "the flows are in memory only: there is no history")
    return storage


async def _read(read: Callable[[], T]) -> T:
    """Reads files off the event loop; what fails becomes an answer."""
    try:
        return await asyncio.to_thread(read)
    except NotKept as error:
        raise ApiError(404, "not_found", str(error)) from None
    except (StorageError, FlowFileError) as error:
        raise ApiError(500, "storage_error", str(error)) from None


def _entry(deploy: KeptDeploy) -> dict[str, Any]:
    return asdict(deploy)
