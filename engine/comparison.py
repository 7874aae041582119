"""What differs between two versions of the flows, for people: by tab, node and property. Secrets are never in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .diff import same
from .jsontext import kept
from .model import FlowModel, Raw, without_secrets

Change = Literal["added", "removed", "changed"]

_PLACE = ("x", "y")
_SIZE = ("w", "h")
_SHEETS = ("tab", "subflow")
_PORTS = ("in", "out", "status")
_GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class _Part:
    """An object of a flow file: what it is, and the tab or template that it belongs to."""

    kind: str
    section: str
    raw: Raw


def compare(old: FlowModel, new: FlowModel) -> dict[str, Any]:
    """How ``new`` differs from ``old``.

    ``{"from", "to", "counts", "sections"}``: the revisions; how many parts were ``added``, ``removed``, ``changed``, ``moved``,
    ``rewired``; and for each tab and subflow template that is touched ``{id, kind, label, change?, properties?, parts}``, where
    ``kind`` is ``tab``, ``subflow`` or ``global`` (what belongs to none). A part is ``{id, kind, type, name, change, properties?,
    moved?, rewired?}``: ``kind`` is ``node``, ``config`` or ``group``, ``properties`` lists ``{name, before?, after?}``, ``moved`` and
    ``rewired`` are ``{before, after}``.
    """
    before, after = _parts(old), _parts(new)
    sections: dict[str, dict[str, Any]] = {}
    for id in _touched(before, after):
        part = after.get(id) or before[id]
        described = _described(id, before.get(id), after.get(id))
        section = _section(sections, part.section, old, new)
        if part.kind in _SHEETS:
            section.update(described)
        else:
            section["parts"].append(described)
    found = list(sections.values())
    return {"from": old.revision, "to": new.revision, "counts": _counts(found), "sections": found}


def _touched(before: dict[str, _Part], after: dict[str, _Part]) -> Iterator[str]:
    for id in dict.fromkeys([*after, *before]):
        one, other = before.get(id), after.get(id)
        if one is None or other is None or not same(one.raw, other.raw):
            yield id


def _parts(model: FlowModel) -> dict[str, _Part]:
    """Everything in the flow file by id, without secrets."""
    raws = {str(raw["id"]): raw for raw in without_secrets(model.raw)}
    tabs = {id: _Part("tab", id, raws[id]) for id in model.tabs if id in raws}
    subflows = {id: _Part("subflow", id, raws[id]) for id in model.subflows}
    groups = {id: _Part("group", one.z or _GLOBAL, raws[id]) for id, one in model.groups.items()}
    nodes = {id: _Part("node", one.z or _GLOBAL, raws[id]) for id, one in model.nodes.items()}
    configs = {id: _Part("config", one.z or _GLOBAL, raws[id]) for id, one in model.configs.items()}
    return tabs | subflows | groups | nodes | configs


def _section(sections: dict[str, dict[str, Any]], id: str, old: FlowModel, new: FlowModel) -> dict[str, Any]:
    found = sections.get(id)
    if found is None:
        found = sections[id] = {**_heading(id, new, old), "parts": []}
    return found


def _heading(id: str, *models: FlowModel) -> dict[str, str]:
    for model in models:
        if id in model.tabs:
            return {"id": id, "kind": "tab", "label": model.tabs[id].label}
        if id in model.subflows:
            return {"id": id, "kind": "subflow", "label": model.subflows[id].name}
    return {"id": id, "kind": _GLOBAL, "label": ""}


# -- one part ----------------------------------------------------------------------------------------------------------
def _described(id: str, before: _Part | None, after: _Part | None) -> dict[str, Any]:
    part = after or before
    assert part is not None
    if part.kind in _SHEETS:
        described: dict[str, Any] = {}
    else:
        described = {"id": id, "kind": part.kind, "type": str(part.raw.get("type")), "name": _name(part.raw)}
    if before is None or after is None:
        return {**described, "change": "removed" if after is None else "added"}
    return {**described, "change": "changed", **_differences(before.raw, after.raw, part.kind)}


def _name(raw: Raw) -> str:
    name = raw.get("name") or raw.get("label")
    return name if isinstance(name, str) else ""


def _differences(old: Raw, new: Raw, kind: str) -> dict[str, Any]:
    """Properties, place and wires that differ; of a group its members and size count as its place."""
    layout = (*_PLACE, *_SIZE, "nodes") if kind == "group" else _PLACE
    ports = _PORTS if kind == "subflow" else ("wires",)
    listed = [name for name in dict.fromkeys([*old, *new]) if name not in layout and name not in (*ports, "id")]
    found = {
        "properties": [_property(name, old, new) for name in listed if not _alike(name, old, new)],
        "moved": _both(layout, old, new),
        "rewired": _both(ports, old, new),
    }
    return {name: value for name, value in found.items() if value}


def _property(name: str, old: Raw, new: Raw) -> dict[str, Any]:
    sides = {"before": old, "after": new}
    return {"name": name} | {side: raw[name] for side, raw in sides.items() if name in raw}


def _alike(name: str, old: Raw, new: Raw) -> bool:
    return (name in old) == (name in new) and same(old.get(name), new.get(name))


def _both(names: Iterable[str], old: Raw, new: Raw) -> dict[str, Any]:
    differing = [name for name in names if not _alike(name, old, new)]
    if not differing:
        return {}
    return {side: {name: raw.get(name) for name in differing} for side, raw in (("before", old), ("after", new))}


def _counts(sections: list[dict[str, Any]]) -> dict[str, int]:
    counts = dict.fromkeys(("added", "removed", "changed", "moved", "rewired"), 0)
    for part in (one for section in sections for one in (section, *section["parts"])):
        if part.get("change") in ("added", "removed"):
            counts[part["change"]] += 1
        for name, counted in (("properties", "changed"), ("moved", "moved"), ("rewired", "rewired")):
            counts[counted] += name in part
    return counts


# -- as text -----------------------------------------------------------------------------------------------------------
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_LONGEST = 200


def lines(comparison: dict[str, Any]) -> Iterator[str]:
    """A comparison as lines for a terminal; those of parts begin with ``+``, ``-`` or ``~``."""
    for section in comparison["sections"]:
        change = section.get("change")
        label = section["label"] or section["id"]
        yield (
            "global"
            if section["kind"] == _GLOBAL
            else f"{section['kind']} {label}" + (f" ({change})" if change else "")
        )
        yield from _detail_lines(section)
        for part in section["parts"]:
            named = f" {part['name']!r}" if part["name"] else ""
            yield f"  {_SIGNS[part['change']]} {part['type']} {part['id']}{named}"
            yield from _detail_lines(part)


def _detail_lines(part: dict[str, Any]) -> Iterator[str]:
    for one in part.get("properties", ()):
        yield f"      {one['name']}: {_shown(one, 'before')} -> {_shown(one, 'after')}"
    for word in ("moved", "rewired"):
        if word in part:
            before, after = part[word]["before"], part[word]["after"]
            yield f"      {word}: " + ", ".join(f"{k} {_short(before[k])} -> {_short(after[k])}" for k in before)


def _shown(one: dict[str, Any], side: str) -> str:
    return _short(one[side]) if side in one else "(none)"


def _short(value: Any) -> str:
    text = kept(value).decode("utf-8", "replace")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
