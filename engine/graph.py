"""Questions about a flow model: what is wrong with it, who is linked and connected to whom, what has to start first.

networkx names the cycles; it is imported only when a cheap look has found that there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from busway.engine.errors import suggest
from busway.engine.model import FlowModel, Group, NodeDef

Edges = Mapping[str, Iterable[str]]
Level = Literal["error", "warning"]

_NOT_A_REFERENCE = frozenset({"id", "type", "z", "g", "name", "wires", "_users", "_alias"})
_SCOPED_TYPES = frozenset({"catch", "status", "complete"})
_LINK_PARTNERS = {"link in": ("link out",), "link out": ("link in",), "link call": ("link in",)}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a flow file.

    ``error``: the file contradicts itself, a deploy of it is refused. ``warning``: it runs, though not all of it as it
    was meant (a node that cannot be built is dead, others run). ``node`` is the id of the object, ``tab`` its ``z``,
    ``property`` the property to look at or "". ``message`` is a sentence that ends with the remedy.
    """

    level: Level
    code: str
    node: str
    tab: str
    property: str
    message: str


def check(
    model: FlowModel,
    known_types: Callable[[str], bool] | None = None,
    config_refs: Callable[[str], Mapping[str, str]] | None = None,
    inputs: Callable[[str], int] | None = None,
) -> list[Problem]:
    """Everything that is wrong with ``model``, errors first.

    ``known_types(type)`` tells whether there is such a node type, ``config_refs(type)`` which of its properties name a
    config node and of what type, ``inputs(type)`` how many inputs it has. What is not given is not looked at: without
    ``inputs``, nobody can say which nodes are never reached.
    """
    found = [*_duplicates(model), *_recursions(model), *_config_cycles(model), *_group_problems(model)]
    found += [*_wire_problems(model), *_link_problems(model), *_scope_problems(model), *_template_problems(model)]
    found += _homeless(model)
    if known_types is not None:
        found += _unknown_types(model, known_types)
    if config_refs is not None:
        found += _missing_configs(model, config_refs)
    if inputs is not None:
        found += _unreachable(model, inputs)
    return sorted(found, key=lambda problem: problem.level)


# -- questions ---------------------------------------------------------------------------------------------------------


def link_targets(source: FlowModel | Iterable[NodeDef]) -> dict[str, list[str]]:
    """Link out id -> ids of the link in nodes it delivers to, in the order of its own ``links``, then in file order.

    Either side's ``links`` is enough. A link out in return mode and one without links are there with an empty list.
    """
    nodes = list(source.nodes.values() if isinstance(source, FlowModel) else source)
    targets = {node.id: list(dict.fromkeys(links(node))) for node in nodes if node.type == "link out"}
    for node in nodes:
        for id in links(node) if node.type == "link in" else ():
            if id in targets and node.id not in targets[id]:
                targets[id].append(node.id)
    return targets


def links(node: NodeDef) -> list[str]:
    """The ids in a link node's own ``links``; [] for every other node."""
    ids = node.raw.get("links")
    if node.type not in _LINK_PARTNERS or not isinstance(ids, list):
        return []
    return [id for id in ids if isinstance(id, str)]


def connected(model: FlowModel, ids: Iterable[str]) -> set[str]:
    """``ids`` and every node that is connected to one of them, through wires and links, in either direction."""
    linked = ((source, target) for source, targets in link_targets(model).items() for target in targets)
    return reach(neighbours([*wires(model.nodes.values()), *linked]), ids)


def wires(nodes: Iterable[NodeDef]) -> Iterator[tuple[str, str]]:
    """All wires that leave the given nodes, as (source id, target id)."""
    return ((node.id, target) for node in nodes for port in node.wires for target in port)


def neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Who is next to whom when each pair joins its two in both directions."""
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found


def reach(edges: Edges, start: Iterable[str]) -> set[str]:
    """``start`` and everything that can be reached from it along ``edges``."""
    reached = set(start)
    waiting = list(reached)
    while waiting:
        new = set(edges.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    return reached


def config_order(configs: Iterable[NodeDef]) -> list[NodeDef]:
    """The config nodes in file order, except that those which others refer to come before them.

    In a circle of references, which ``check`` reports, the first in the file comes last.
    """
    by_id = {node.id: node for node in configs}
    order: dict[str, NodeDef] = {}
    begun: set[str] = set()
    waiting = list(reversed(by_id))
    while waiting:
        id = waiting.pop()
        missing = [ref for ref in references(by_id[id], by_id) if ref not in order and ref not in begun]
        if id in order or (id in begun and not missing):
            order.setdefault(id, by_id[id])
        else:
            begun.add(id)
            waiting += [id, *reversed(missing)]
    return list(order.values())


def references(node: NodeDef, ids: Mapping[str, Any]) -> list[str]:
    """Those of ``ids`` that the node names, in a property at top level or in an environment entry for a config node."""
    found = [value for key, value in node.raw.items() if type(value) is str and value in ids and _refers(key)]
    return found + [value for value in _config_env(node) if value in ids]


def _refers(key: str) -> bool:
    return key not in _NOT_A_REFERENCE


def _config_env(node: NodeDef) -> Iterator[str]:
    env = node.raw.get("env")
    for entry in env if isinstance(env, list) else ():
        if isinstance(entry, dict) and entry.get("type") == "conf-type" and isinstance(entry.get("value"), str):
            yield entry["value"]


# -- circles -----------------------------------------------------------------------------------------------------------


def _cycles(edges: Edges) -> list[list[str]]:
    """One circle of each tangle in ``edges``, each starting with its smallest id; [] when there is none."""
    try:
        TopologicalSorter(edges).prepare()
        return []
    except CycleError:
        return _named_cycles(edges)


def _named_cycles(edges: Edges) -> list[list[str]]:
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph([(source, target) for source, targets in edges.items() for target in targets])
    tangles = (graph.subgraph(part) for part in nx.strongly_connected_components(graph))
    circles = [tangle for tangle in tangles if tangle.number_of_edges()]
    return sorted([source for source, _ in nx.find_cycle(circle, min(circle))] for circle in circles)


def _recursions(model: FlowModel) -> Iterator[Problem]:
    inner = {id: [node for node in model.flow_nodes(id) if node.is_subflow_instance] for id in model.subflows}
    edges = {id: [str(node.template_id) for node in nodes] for id, nodes in inner.items()}
    for circle in _cycles(edges):
        node = next(node for node in inner[circle[0]] if node.template_id in (circle * 2)[1:])
        path = " > ".join(_label(model.subflows[id].name, id) for id in (*circle, circle[0]))
        text = f"subflow {path} contains itself, so it would never end; remove instance {_named(node)} from the subflow"
        yield _problem("error", "subflow-recursion", node, "type", text)


def _config_cycles(model: FlowModel) -> Iterator[Problem]:
    enabled = {id: node for id, node in model.configs.items() if not node.disabled}
    edges = {id: references(node, enabled) for id, node in enabled.items()}
    for circle in _cycles(edges):
        node, following = model.configs[circle[0]], (circle * 2)[1]
        key = next((key for key, value in node.raw.items() if value == following and _refers(key)), "env")
        path = " > ".join(_named(model.configs[id]) for id in (*circle, circle[0]))
        text = f"config nodes refer to each other in a circle: {path}; choose another node for {key!r} in one of them"
        yield _problem("error", "config-cycle", node, key, text)


def _group_problems(model: FlowModel) -> Iterator[Problem]:
    for circle in _cycles({id: [group.g] for id, group in model.groups.items() if group.g}):
        path = " > ".join(_label(model.groups[id].name, id) for id in (*circle, circle[0]))
        text = f"group {path} is inside itself; take one of them out of the group around it"
        yield Problem("error", "group-cycle", circle[0], model.groups[circle[0]].z, "g", text)
    members: list[NodeDef | Group] = [*_all(model), *model.groups.values()]
    for member in members:
        if member.g:
            yield from _wrong_group(model, member)


def _wrong_group(model: FlowModel, member: NodeDef | Group) -> Iterator[Problem]:
    group = model.groups.get(member.g)
    if group is None:
        text = (
            f"{_named(member)} is in group {member.g!r}, which does not exist; remove its property g or add the group"
        )
        yield Problem("warning", "missing-group", member.id, member.z, "g", text)
    elif group.z != member.z:
        text = f"{_named(member)} is in group {_named(group)}, which is on another tab; move one of them or remove g"
        yield Problem("warning", "group-on-other-tab", member.id, member.z, "g", text)


# -- ids and types -----------------------------------------------------------------------------------------------------


def _duplicates(model: FlowModel) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, item in enumerate(model.raw):
        first = seen.setdefault(item["id"], index)
        if first != index:
            one, other = model.raw[first]["type"], item["type"]
            text = (
                f"id {item['id']!r} is used twice: entry {first} ({one}) and entry {index} ({other}); give one a new id"
            )
            yield Problem("error", "duplicate-id", item["id"], str(item.get("z") or ""), "id", text)


def _unknown_types(model: FlowModel, known: Callable[[str], bool]) -> Iterator[Problem]:
    missing = {type for type in _types(model) if not known(type)}
    used = _types(model) - missing
    for node in _all(model):
        if node.type in missing:
            text = f"{_named(node)} has the unknown type {node.type!r}; install the node or remove it"
            yield _problem("warning", "unknown-type", node, "type", text + suggest(node.type, used))


def _types(model: FlowModel) -> set[str]:
    return {node.type for node in _all(model) if not node.is_subflow_instance}


def _template_problems(model: FlowModel) -> Iterator[Problem]:
    for node in _all(model):
        if node.template_id is not None and node.template_id not in model.subflows:
            text = f"{_named(node)} is an instance of subflow {node.template_id!r}, which is not in the file"
            hint = suggest(node.template_id, model.subflows) or "; import the subflow or remove the node"
            yield _problem("warning", "missing-subflow", node, "type", text + hint)
        elif node.template_id is not None and node.id in model.configs:
            text = f"subflow instance {_named(node)} has no place (x and y), so it does not run; give it both"
            yield _problem("warning", "no-place", node, "x", text)


def _missing_configs(model: FlowModel, refs: Callable[[str], Mapping[str, str]]) -> Iterator[Problem]:
    wanted = {type: refs(type) for type in _types(model)}
    for node in _all(model):
        for property, type in wanted.get(node.type, {}).items():
            value = node.raw.get(property)
            if isinstance(value, str) and value and not value.startswith("$"):
                yield from _wrong_config(model, node, property, type, value)


def _wrong_config(model: FlowModel, node: NodeDef, property: str, type: str, id: str) -> Iterator[Problem]:
    config = model.configs.get(id)
    remedy = f"choose a {type} node in {property!r}"
    if config is None:
        text = f"{_named(node)}: its {property!r} names the {type} node {id!r}, which does not exist; {remedy}"
        yield _problem("warning", "missing-config", node, property, text)
    elif config.type != type:
        text = f"{_named(node)}: its {property!r} names {_named(config)}, which is no {type}; {remedy}"
        yield _problem("warning", "wrong-config", node, property, text)
    elif config.disabled:
        text = f"{_named(node)}: its {property!r} names {_named(config)}, which is disabled; enable it or {remedy}"
        yield _problem("warning", "disabled-config", node, property, text)
    elif config.z not in ("", node.z):
        text = f"{_named(node)}: its {property!r} names {_named(config)}, which belongs to another tab; {remedy}"
        yield _problem("warning", "config-on-other-tab", node, property, text)


def _homeless(model: FlowModel) -> Iterator[Problem]:
    for node in model.flow_nodes(""):
        text = f"{_named(node)} is on no tab, so it does not run; set its z to the id of a tab"
        yield _problem("warning", "no-tab", node, "z", text)


# -- wires and links ---------------------------------------------------------------------------------------------------


def _wire_problems(model: FlowModel) -> Iterator[Problem]:
    for node in model.nodes.values():
        for index, port in enumerate(node.wires):
            for id in port:
                target = model.nodes.get(id)
                if target is None or target.z != node.z:
                    yield _wrong_wire(model, node, index, id)


def _wrong_wire(model: FlowModel, node: NodeDef, index: int, id: str) -> Problem:
    place = f"output {index + 1} of {_named(node)} is wired to"
    target = model.find(id)
    if target is None:
        text = f"{place} {id!r}, which does not exist; remove the wire"
        return _problem("warning", "dangling-wire", node, "wires", text)
    if id not in model.nodes:
        text = f"{place} {_named(target)}, a config node, which takes no messages; remove the wire"
        return _problem("warning", "dangling-wire", node, "wires", text)
    text = f"{place} {_named(target)} on another tab; use a link out and a link in node instead"
    return _problem("warning", "wire-to-other-tab", node, "wires", text)


def _link_problems(model: FlowModel) -> Iterator[Problem]:
    for node in model.nodes.values():
        for id in links(node):
            target, wanted = model.nodes.get(id), _LINK_PARTNERS[node.type]
            if target is None:
                text = (
                    f"{_named(node)} is linked to {id!r}, which does not exist; choose another node or remove the link"
                )
                yield _problem("warning", "dangling-link", node, "links", text)
            elif target.type not in wanted:
                text = f"{_named(node)} is linked to {_named(target)}, which is no {wanted[0]} node; remove the link"
                yield _problem("warning", "wrong-link", node, "links", text)


def _scope_problems(model: FlowModel) -> Iterator[Problem]:
    for node in model.nodes.values():
        scope = node.raw.get("scope")
        for id in scope if node.type in _SCOPED_TYPES and isinstance(scope, list) else ():
            if model.find(str(id)) is None:
                text = f"{_named(node)} watches {id!r}, which does not exist; remove it from the list"
                yield _problem("warning", "missing-scope", node, "scope", text)


def _unreachable(model: FlowModel, inputs: Callable[[str], int]) -> Iterator[Problem]:
    types = {type: inputs(type) > 0 for type in {node.type for node in model.nodes.values()} if type[:8] != "subflow:"}
    needs = {node.id for node in model.nodes.values() if _has_input(model, node, types)}
    reached = reach(_deliveries(model), [*(set(model.nodes) - needs), *_entries(model)])
    for id in needs - reached:
        node = model.nodes[id]
        if not node.disabled:
            text = f"no message ever reaches {_named(node)}; wire something to its input or remove it"
            yield _problem("warning", "unreachable", node, "wires", text)


def _has_input(model: FlowModel, node: NodeDef, types: Mapping[str, bool]) -> bool:
    """A link in node has no input of its own in the editor, but nothing comes out of it that was not sent to it."""
    if node.is_subflow_instance:
        template = model.subflows.get(str(node.template_id))
        return template is not None and bool(template.inputs)
    return node.type == "link in" or types[node.type]


def _deliveries(model: FlowModel) -> dict[str, list[str]]:
    """Where messages go that a node sends; disabled nodes send none."""
    linked = link_targets(model)
    return {
        node.id: [target for port in node.wires for target in port] + linked.get(node.id, []) + _called(node)
        for node in model.nodes.values()
        if not node.disabled
    }


def _called(node: NodeDef) -> list[str]:
    return links(node) if node.type == "link call" else []


def _entries(model: FlowModel) -> list[str]:
    """Nodes that get messages no wire shows: by a template's input, or by a link call that finds its target by name."""
    dynamic = any(node.type == "link call" and node.raw.get("linkType") == "dynamic" for node in model.nodes.values())
    called = [node.id for node in model.nodes.values() if dynamic and node.type == "link in"]
    return called + [wire.id for template in model.subflows.values() for port in template.inputs for wire in port]


# -- wording -----------------------------------------------------------------------------------------------------------


def _all(model: FlowModel) -> Iterator[NodeDef]:
    yield from model.nodes.values()
    yield from model.configs.values()


def _problem(level: Level, code: str, node: NodeDef, property: str, message: str) -> Problem:
    return Problem(level, code, node.id, node.z, property, message)


def _named(node: NodeDef | Group) -> str:
    kind = "group" if isinstance(node, Group) else node.type
    return f"{kind} {_label(node.name, node.id)}"


def _label(name: str, id: str) -> str:
    return f"{name!r} ({id})" if name else id
