"""Node types as Node-RED's tools list them: sets (one for each file) in modules."""

from __future__ import annotations

from typing import Any

from busway import __version__
from busway.engine.registry import Place, Registry

from .api import ApiError

CORE = "node-red"
"""The module under which Node-RED's tools look for the built-in types."""
USER = "user"
"""The module of the node files in the user's folder."""
NodeSet = dict[str, Any]


def node_sets(registry: Registry) -> list[NodeSet]:
    """One entry for each file that holds node types."""
    sets: dict[str, NodeSet] = {}
    for type in registry.types():
        place = registry.place(type)
        if place is None:
            continue
        module, name = module_of(place), place.module.rpartition(".")[2]
        found = sets.setdefault(f"{module}/{name}", _new_set(module, name, place))
        found["types"].append(type)
        if type in registry.disabled:
            found["enabled"] = False
        if type in registry.errors:
            found["err"] = registry.errors[type]
    return list(sets.values())


def find_set(registry: Registry, module: str, name: str) -> NodeSet:
    """One set. Raises ApiError 404."""
    wanted = f"{module}/{name}"
    for found in node_sets(registry):
        if found["id"] == wanted:
            return found
    raise ApiError(404, "not_found", f"there is no set {wanted!r}")


def find_module(registry: Registry, name: str) -> dict[str, Any]:
    """One module with its sets. Raises ApiError 404. The user's module is there even when it is empty."""
    sets = [found for found in node_sets(registry) if found["module"] == name]
    if not sets and name != USER:
        raise ApiError(404, "not_found", f"there is no module {name!r}")
    first = sets[0] if sets else {"version": "", "local": True, "user": True}
    module = {key: first[key] for key in ("version", "local", "user")}
    return {"name": name, **module, "nodes": sets, "plugins": []}


def module_of(place: Place) -> str:
    """The module that a node type is listed under."""
    if place.kind == "core":
        return CORE
    return USER if place.kind == "user" else place.module.partition(".")[0]


def _new_set(module: str, name: str, place: Place) -> NodeSet:
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
