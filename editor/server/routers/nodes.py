"""``/nodes``: which node types there are."""

from __future__ import annotations

from typing import Any

from busway import __version__
from busway.engine.http import Answer
from busway.engine.registry import Place, Registry

from ..api import ApiError, Call, Resource, json_answer
from ..palette import describe_type

resource = Resource("nodes")
CORE = "node-red"
"""The module under which Node-RED's tools look for the built-in types."""


@resource.get("/nodes", "nodes.read")
async def list_sets(call: Call) -> Answer:
    """The sets of node types, as Node-RED lists them: one set for each file.

    `types`, `enabled`, and `err` for a set that cannot be loaded.
    """
    return json_answer(node_sets(call.runtime.registry))


@resource.get("/nodes/types", "nodes.read")
async def list_types(call: Call) -> Answer:
    """Everything an editor has to know of each node type.

    For each type: look (`category`, `color`, `icon`, `label`, ...), ports, `fields` of its form, the JSON Schema of its
    properties, and `help` in Markdown. `errors` tells which types cannot be loaded, and why.
    """
    registry = call.runtime.registry
    types = [describe_type(cls, registry.place(cls.type)) for cls in registry.all()]
    return json_answer({"types": types, "errors": registry.errors})


@resource.get("/nodes/:module", "nodes.read")
async def read_module(call: Call) -> Answer:
    """One module with its sets."""
    name = call.params["module"]
    sets = [found for found in node_sets(call.runtime.registry) if found["module"] == name]
    if not sets:
        raise ApiError(404, "not_found", f"there is no module {name!r}")
    first = sets[0]
    module = {key: first[key] for key in ("version", "local", "user") if key in first}
    return json_answer({"name": name, **module, "nodes": sets, "plugins": []})


@resource.get("/nodes/:module/:set", "nodes.read")
async def read_set(call: Call) -> Answer:
    """One set of node types."""
    wanted = f"{call.params['module']}/{call.params['set']}"
    for found in node_sets(call.runtime.registry):
        if found["id"] == wanted:
            return json_answer(found)
    raise ApiError(404, "not_found", f"there is no set {wanted!r}")


def node_sets(registry: Registry) -> list[dict[str, Any]]:
    """One entry for each file that holds node types."""
    sets: dict[str, dict[str, Any]] = {}
    for type in registry.types():
        place = registry.place(type)
        if place is None:
            continue
        module, name = _module_of(place), place.module.rpartition(".")[2]
        found = sets.setdefault(f"{module}/{name}", _new_set(module, name, place))
        found["types"].append(type)
        if type in registry.errors:
            found["err"] = registry.errors[type]
    return list(sets.values())


def _module_of(place: Place) -> str:
    if place.kind == "core":
        return CORE
    return "user" if place.kind == "user" else place.module.partition(".")[0]


def _new_set(module: str, name: str, place: Place) -> dict[str, Any]:
    return {
        "id": f"{module}/{name}",
        "name": name,
        "types": [],
        "enabled": True,
        "local": place.kind != "core",
        "user": place.kind == "user",
        "module": module,
        "version": __version__ if place.kind == "core" else "",
    }
