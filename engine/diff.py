"""What a deploy changes, and what that makes stop, start and rewire, for each of Node-RED's deployment types.

What counts as a change of a node is Node-RED's rule: any difference in any property except ``x``, ``y`` and ``wires``
(of a group also ``nodes``, ``style``, ``w``, ``h``), or posted credentials. Moving a node restarts nothing; here that
holds for the ports of a template too. A subflow instance counts as one node: it restarts wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from busway.engine.graph import link_targets, links, neighbours, reach, references, wires
from busway.engine.model import FlowModel, Group, NodeDef, PortWire, Raw, Subflow, Tab

_PLACE = frozenset({"x", "y"})
_NODE_LAYOUT = _PLACE | {"wires"}
_GROUP_LAYOUT = _PLACE | {"nodes", "style", "w", "h"}
_PORTS = frozenset({"in", "out", "status"})


@dataclass(slots=True)
class Parts:
    """Ids of the objects of one kind that came, differ in more than layout, and went."""

    added: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(slots=True)
class Diff:
    """The differences between two flow files, as ids.

    ``added``, ``changed``, ``rewired``, ``removed`` and ``moved`` are nodes and config nodes, also inside templates; a
    node may be changed, rewired and moved at once. ``globals``: a global-config node has changed (one that is new or
    gone is no change). ``credentials`` are the ids with posted credentials.
    """

    added: set[str]
    changed: set[str]
    rewired: set[str]
    removed: set[str]
    moved: set[str]
    tabs: Parts
    groups: Parts
    subflows: Parts
    globals: bool
    credentials: AbstractSet[str]

    def __bool__(self) -> bool:
        nodes = (self.added, self.changed, self.rewired, self.removed, self.moved, self.credentials)
        return any((*nodes, self.tabs, self.groups, self.subflows))


@dataclass(slots=True)
class DeployPlan:
    """What to do with running nodes, as ids of nodes and config nodes on tabs or global; nothing inside templates.

    ``stop``: those running that stop, ``removed``: of these the ones that do not come back (deleted, disabled, their
    tab disabled), ``start``: those to start afterwards. What is in ``stop`` and ``start`` restarts. ``rewire``: nodes
    that run on with other wires or links. ``tabs``: tabs that come, go, or whose environment has to be evaluated anew.
    ``restart_all``: everything stops and starts.
    """

    restart_all: bool
    stop: set[str]
    removed: set[str]
    start: set[str]
    rewire: set[str]
    tabs: set[str]


# -- the differences ---------------------------------------------------------------------------------------------------


def diff(old: FlowModel, new: FlowModel, new_credentials: AbstractSet[str] = frozenset()) -> Diff:
    """How ``new`` differs from ``old``; ``new_credentials`` are the ids whose credentials were posted with it."""
    before, after = {**old.configs, **old.nodes}, {**new.configs, **new.nodes}
    common = [id for id in after if id in before]
    touched = [id for id in common if not same(before[id].raw, after[id].raw)]
    changed = {id for id in touched if _differs(before[id].raw, after[id].raw, _NODE_LAYOUT)}
    changed |= {id for id in touched if (id in old.nodes) != (id in new.nodes)} | new_credentials & set(common)
    return Diff(
        added=after.keys() - before.keys(),
        changed=changed,
        rewired={id for id in touched if before[id].wires != after[id].wires},
        removed=before.keys() - after.keys(),
        moved={id for id in touched if any(not same(before[id].raw.get(k), after[id].raw.get(k)) for k in _PLACE)},
        tabs=_parts(old.tabs, new.tabs, frozenset(), new_credentials),
        groups=_parts(old.groups, new.groups, _GROUP_LAYOUT, new_credentials),
        subflows=_subflow_parts(old, new, new_credentials),
        globals=any(after[id].type == "global-config" for id in changed),
        credentials=new_credentials,
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; unlike for ``==``, true is not 1."""
    return one is other or (one == other and _alike(one, other))


def _alike(one: Any, other: Any) -> bool:
    kind = type(one)
    if kind is dict:
        return all(_alike(value, other[key]) for key, value in one.items())
    if kind is list:
        return all(map(_alike, one, other))
    return (kind is bool) == (type(other) is bool)


def _differs(one: Raw, other: Raw, ignored: Collection[str]) -> bool:
    return not same(_without(one, ignored), _without(other, ignored))


def _without(raw: Raw, keys: Collection[str]) -> Raw:
    return {key: value for key, value in raw.items() if key not in keys}


def _parts(
    old: Mapping[str, Tab] | Mapping[str, Group],
    new: Mapping[str, Tab] | Mapping[str, Group],
    layout: Collection[str],
    posted: AbstractSet[str],
) -> Parts:
    common = old.keys() & new.keys()
    changed = {id for id in common if id in posted or _differs(old[id].raw, new[id].raw, layout)}
    return Parts(set(new.keys() - old.keys()), changed, set(old.keys() - new.keys()))


def _subflow_parts(old: FlowModel, new: FlowModel, posted: AbstractSet[str]) -> Parts:
    one, other = old.subflows, new.subflows
    common = one.keys() & other.keys()
    changed = {id for id in common if id in posted or not same(_meaning(one[id]), _meaning(other[id]))}
    return Parts(other.keys() - one.keys(), changed, one.keys() - other.keys())


def _meaning(template: Subflow) -> Raw:
    """A template's properties with its ports reduced to what they are wired to."""
    rest = _without(template.raw, _PLACE | _PORTS)
    status = [template.status] if template.status is not None else []
    return rest | {"in": _wired(template.inputs), "out": _wired(template.outputs), "status": _wired(status)}


def _wired(ports: list[list[PortWire]]) -> list[list[tuple[str, int]]]:
    return [[(wire.id, wire.port) for wire in port] for port in ports]


# -- the plan ----------------------------------------------------------------------------------------------------------


def plan(diff: Diff, old: FlowModel, new: FlowModel, mode: str = "full") -> DeployPlan:
    """What a deploy of ``new`` over the running ``old`` makes stop, start and rewire.

    ``mode`` is the deployment type: ``nodes`` (changed nodes), ``flows`` (and all that is connected to them by wires,
    from the partners of changed link nodes on, too), anything else means everything. A changed global-config node
    restarts everything.
    """
    before, after = _running(old), _running(new)
    restart_all = diff.globals or mode not in ("nodes", "flows")
    restarted = before | after if restart_all else _restarted(diff, old, new, before, after, mode)
    stop, start = (before & restarted) | (before - after), (after & restarted) | (after - before)
    rewire = (diff.rewired | _relinked(old, new)) & before & after - start
    return DeployPlan(restart_all, stop, before - after, start, rewire, _tabs(diff, old, new))


def _restarted(diff: Diff, old: FlowModel, new: FlowModel, before: set[str], after: set[str], mode: str) -> set[str]:
    touched = _touched(diff, old, new)
    if mode == "flows":
        touched |= diff.rewired | (before ^ after)
        nodes = [*old.nodes.values(), *new.nodes.values()]
        partners = neighbours((node.id, id) for node in nodes for id in links(node))
        touched |= {partner for id in touched for partner in partners.get(id, ())}
        touched = reach(neighbours(wires(nodes)), touched)
    return touched | set(_of_tabs(_changed_env(diff, old, new), old, new))


def _touched(diff: Diff, old: FlowModel, new: FlowModel) -> set[str]:
    """The nodes that have to restart because of themselves, their group, their config nodes, or their template."""
    touched = diff.changed | diff.added | diff.removed | set(_of_groups(diff.groups, new))
    touched |= reach(_users(old, new), touched)
    return touched | set(_of_templates(diff, old, new, touched | diff.rewired))


def _running(model: FlowModel) -> set[str]:
    """What runs: enabled nodes and config nodes of enabled tabs, and enabled global config nodes."""
    tabs = [id for id, tab in model.tabs.items() if not tab.disabled]
    nodes = [node for z in tabs for node in (*model.flow_nodes(z), *model.flow_configs(z))]
    return {node.id for node in (*nodes, *model.flow_configs(None)) if not node.disabled}


def _changed_env(diff: Diff, old: FlowModel, new: FlowModel) -> set[str]:
    """Tabs whose environment, or a credential in it, has changed."""
    return {id for id in diff.tabs.changed if id in diff.credentials or not same(old.tabs[id].env, new.tabs[id].env)}


def _tabs(diff: Diff, old: FlowModel, new: FlowModel) -> set[str]:
    switched = {id for id in diff.tabs.changed if old.tabs[id].disabled != new.tabs[id].disabled}
    return diff.tabs.added | diff.tabs.removed | switched | _changed_env(diff, old, new)


def _of_tabs(tabs: Iterable[str], old: FlowModel, new: FlowModel) -> Iterator[str]:
    for model in (old, new):
        yield from (node.id for z in tabs for node in (*model.flow_nodes(z), *model.flow_configs(z)))


def _of_groups(groups: Parts, new: FlowModel) -> set[str]:
    """The nodes in groups that came, went or changed, however deep."""
    changed = groups.added | groups.changed | groups.removed
    if not changed:
        return set()
    members: dict[str, set[str]] = {}
    parts: list[NodeDef | Group] = [*new.nodes.values(), *new.configs.values(), *new.groups.values()]
    for part in parts:
        members.setdefault(part.g, set()).add(part.id)
    return reach(members, changed)


def _users(old: FlowModel, new: FlowModel) -> dict[str, set[str]]:
    """Config node id -> ids of the nodes that refer to it."""
    configs = {**old.configs, **new.configs}
    users: dict[str, set[str]] = {}
    for node in (*new.configs.values(), *new.nodes.values()) if configs else ():
        for id in references(node, configs):
            users.setdefault(id, set()).add(node.id)
    return users


def _of_templates(diff: Diff, old: FlowModel, new: FlowModel, touched: Iterable[str]) -> Iterator[str]:
    """The instances of every template that has changed, or that something inside has."""
    changed = diff.subflows.added | diff.subflows.changed | diff.subflows.removed
    changed |= {
        node.z for model in (old, new) for id in touched if (node := model.find(id)) and node.z in model.subflows
    }
    holders = {id: {node.z for node in new.instances(id)} for id in {*old.subflows, *new.subflows}}
    for id in reach(holders, changed):
        yield from (node.id for node in new.instances(id))


def _relinked(old: FlowModel, new: FlowModel) -> set[str]:
    """Link out nodes that deliver to other link in nodes than before."""
    before, after = link_targets(old), link_targets(new)
    return {id for id in before.keys() & after.keys() if before[id] != after[id]}
