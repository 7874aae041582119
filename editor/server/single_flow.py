"""One tab with all that stands on it, as Node-RED's ``/flow`` routes give and take it; ``global`` is what belongs to no tab."""

from __future__ import annotations

from collections.abc import Iterable

from busway.engine.message import new_id
from busway.engine.model import FlowModel, NodeDef, Raw

from .api import ApiError

GLOBAL = "global"
_TAB_MEMBERS = ("label", "disabled", "locked", "info", "env", "credentials")
_SHOWN_MEMBERS = ("label", "disabled", "locked", "info", "env")
_NOT_IN_A_FLOW = ("tab", "subflow")


def read(model: FlowModel, id: str) -> Raw:
    """A tab with its nodes, or everything global. Raises ApiError 404."""
    if id == GLOBAL:
        return _read_global(model)
    tab = model.tabs.get(id)
    if tab is None:
        raise ApiError(404, "not_found", f"there is no flow {id!r}")
    members = {name: tab.raw[name] for name in _SHOWN_MEMBERS if name in tab.raw}
    return {"id": id, **members, **_content(model, id)}


def _read_global(model: FlowModel) -> Raw:
    configs = [config.raw for config in model.flow_configs(None)]
    subflows = [{**template.raw, "configs": [], **_content(model, id)} for id, template in model.subflows.items()]
    return {"id": GLOBAL} | ({"configs": configs} if configs else {}) | ({"subflows": subflows} if subflows else {})


def _content(model: FlowModel, z: str) -> Raw:
    groups = [group.raw for group in model.flow_groups(z)]
    nodes = [_shown(node) for node in model.flow_nodes(z)]
    configs = [config.raw for config in model.flow_configs(z)]
    return {"nodes": [*groups, *nodes]} | ({"configs": configs} if configs else {})


def _shown(node: NodeDef) -> Raw:
    """A link's wires follow from its ``links``."""
    return {k: v for k, v in node.raw.items() if k != "wires"} if node.type == "link out" else node.raw


# -- changes ------------------------------------------------------------------------------------------------------------
def added(model: FlowModel, flow: Raw) -> tuple[str, list[Raw]]:
    """The flows with one more tab, which gets an id of its own. Raises ApiError 400."""
    id = new_id()
    rest = [dict(item) for item in model.raw]
    return id, rest + _tab_with_content(id, flow, rest)


def replaced(model: FlowModel, id: str, flow: Raw) -> list[Raw]:
    """The flows with a tab, or everything global, replaced. Raises ApiError 404, 400."""
    if id == GLOBAL:
        return _replaced_global(model, flow)
    place, rest = _without(model, id)
    return rest[:place] + _tab_with_content(id, flow, rest) + rest[place:]


def removed(model: FlowModel, id: str) -> list[Raw]:
    """The flows without a tab. Raises ApiError 404, and 400 for ``global``."""
    if id == GLOBAL:
        raise ApiError(400, "unexpected_error", "not allowed to remove global")
    return _without(model, id)[1]


def _without(model: FlowModel, id: str) -> tuple[int, list[Raw]]:
    """Where the tab stood, and everything else."""
    if id not in model.tabs:
        raise ApiError(404, "not_found", f"there is no flow {id!r}")
    place = next((index for index, item in enumerate(model.raw) if item["id"] == id), len(model.raw))
    before, after = (_not_of(id, part) for part in (model.raw[:place], model.raw[place:]))
    return len(before), before + after


def _not_of(id: str, items: Iterable[Raw]) -> list[Raw]:
    return [dict(item) for item in items if item["id"] != id and item.get("z") != id]


def _tab_with_content(id: str, flow: Raw, rest: list[Raw]) -> list[Raw]:
    tab = {"id": id, "type": "tab"} | {name: flow[name] for name in _TAB_MEMBERS if flow.get(name) is not None}
    items = [*(flow.get("nodes") or ()), *(flow.get("configs") or ())]
    _check(items, {item["id"] for item in rest} | {id})
    return [tab, *({**item, "z": id} for item in items)]


def _check(items: list[Raw], taken: set[str]) -> None:
    for item in items:
        if item["type"] in _NOT_IN_A_FLOW:
            raise ApiError(400, "unexpected_error", f"invalid node type: {item['type']}")
        if item["id"] in taken:
            raise ApiError(
                400,
                "unexpected_error",
                f"duplicate id: {item['id']!r} is there already; leave it out or choose another",
            )
        taken.add(item["id"])


def _replaced_global(model: FlowModel, flow: Raw) -> list[Raw]:
    kept = [dict(item) for item in model.raw if item["id"] in model.tabs or item.get("z") in model.tabs]
    taken = {item["id"] for item in kept}
    configs = list(flow.get("configs") or ())
    _check(configs, taken)
    templates = [item for template in flow.get("subflows") or () for item in _template_with_content(template, taken)]
    return [*kept, *templates, *configs]


def _template_with_content(template: Raw, taken: set[str]) -> list[Raw]:
    items = [*(template.get("nodes") or ()), *(template.get("configs") or ())]
    _check([{**template, "type": "template"}, *items], taken)
    own = {name: value for name, value in template.items() if name not in ("nodes", "configs")}
    return [{**own, "type": "subflow"}, *({**item, "z": template["id"]} for item in items)]
