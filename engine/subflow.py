"""A subflow instance as data: the template's nodes with ids of their own and every reference among them moved along.

Ids and remapping are Node-RED's: an inner node is ``<instance id>-<template node id>``, keeps the template's id as
``_alias``, and has the instance as its ``z``. Nested instances are ordinary nodes of the result, to be instantiated in
their turn, so the prefixes add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from busway.engine.errors import ConfigError, suggest
from busway.engine.model import Env, FlowModel, Group, NodeDef, PortWire, Subflow, env_entries

Source = tuple[str, int]
"""An inner node's id and one of its outputs; with the id of the instance itself it is the instance's input."""

_KEPT = frozenset({"id", "type", "name", "_alias"})


@dataclass(slots=True)
class SubflowInstance:
    """What a subflow instance consists of.

    ``inputs``: the inner nodes that get what the instance receives. ``outputs``: for each output of the instance the
    inner outputs that feed it. ``status``: those that feed the status output; ``has_status``: whether there is one.
    ``env``: the template's environment with the instance's values in place of the template's. Properties deeper than
    the top level are shared with the template: treat them as read-only.
    """

    id: str
    template: Subflow
    env: Env
    nodes: list[NodeDef]
    configs: list[NodeDef]
    groups: list[Group]
    inputs: list[str]
    outputs: list[list[Source]]
    status: list[Source]
    has_status: bool


def instantiate(model: FlowModel, template_id: str, instance: NodeDef) -> SubflowInstance:
    """The parts of ``instance``, a node of type ``subflow:<template_id>``.

    Raises ConfigError when there is no such template.
    """
    template = model.subflows.get(template_id)
    if template is None:
        hint = suggest(template_id, model.subflows)
        raise ConfigError(f"subflow instance {instance.id}: there is no subflow {template_id!r} in the flow file{hint}")
    nodes, configs = model.flow_nodes(template_id), model.flow_configs(template_id)
    groups = model.flow_groups(template_id)
    parts: list[NodeDef | Group] = [*groups, *configs, *nodes]
    ids = {part.id: f"{instance.id}-{part.id}" for part in parts}
    ports = ids | {template_id: instance.id}
    return SubflowInstance(
        id=instance.id,
        template=template,
        env=merge_env(template.env, env_entries(instance.raw)),
        nodes=[_clone(node, instance.id, ids) for node in nodes],
        configs=[_clone(node, instance.id, ids) for node in configs],
        groups=[_clone_group(group, instance.id, ids) for group in groups],
        inputs=[ids[wire.id] for wire in next(iter(template.inputs), []) if wire.id in ids],
        outputs=[_sources(wires, ports) for wires in template.outputs],
        status=_sources(template.status or [], ports),
        has_status=template.status is not None,
    )


def merge_env(template: Env, given: Env) -> Env:
    """The template's entries in their order, with an instance's value and type where it has them, then its own."""
    merged = {entry["name"]: entry for entry in template}
    for entry in given:
        merged[entry["name"]] = {**merged.get(entry["name"], {}), **entry}
    return list(merged.values())


def _sources(wires: Iterable[PortWire], ids: Mapping[str, str]) -> list[Source]:
    return [(ids[wire.id], wire.port) for wire in wires if wire.id in ids]


def _clone(node: NodeDef, z: str, ids: Mapping[str, str]) -> NodeDef:
    raw = _rename(node.raw, z, ids)
    raw["wires"] = [_inner(port, ids) for port in node.wires]
    if isinstance(raw.get("links"), list):
        raw["links"] = [ids.get(id, id) if isinstance(id, str) else id for id in raw["links"]]
    if isinstance(raw.get("scope"), list):
        raw["scope"] = _inner(raw["scope"], ids)
    return NodeDef(raw)


def _clone_group(group: Group, z: str, ids: Mapping[str, str]) -> Group:
    return Group.from_raw({**_rename(group.raw, z, ids), "nodes": _inner(group.nodes, ids)})


def _rename(raw: Mapping[str, Any], z: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """A copy in which each property whose value is the id of a part of the template names the instance's part."""
    copy = {key: _renamed(key, value, ids) for key, value in raw.items()}
    return copy | {"id": ids[raw["id"]], "z": z, "_alias": raw["id"]}


def _renamed(key: str, value: Any, ids: Mapping[str, str]) -> Any:
    return ids.get(value, value) if isinstance(value, str) and key not in _KEPT else value


def _inner(targets: Iterable[Any], ids: Mapping[str, str]) -> list[str]:
    return [ids[id] for id in targets if isinstance(id, str) and id in ids]
