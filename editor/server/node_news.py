"""What editors are told when the user's node files change."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .node_sets import USER, NodeSet


def news(
    before: Iterable[NodeSet], after: Iterable[NodeSet], changed: Collection[str]
) -> list[tuple[str, list[NodeSet]]]:
    """The notifications ``node/removed`` and ``node/added`` with their sets. ``changed`` are names of files that were written:
    a set that was there and still is counts as removed and added."""
    old, new = ({found["id"]: found for found in sets if found["module"] == USER} for sets in (before, after))
    touched = {id for id in old.keys() & new.keys() if old[id] != new[id] or new[id]["name"] in changed}
    gone = [old[id] for id in old if id not in new or id in touched]
    come = [new[id] for id in new if id not in old or id in touched]
    return [(name, sets) for name, sets in (("node/removed", gone), ("node/added", come)) if sets]
