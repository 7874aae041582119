"""Catch, status and complete nodes of one flow: who hears of what, in which order (Node-RED: nearest group first)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from .node import Node

Kind = Literal["error", "status", "complete"]


class Listener(NamedTuple):
    """A node that listens, with its scope: None is the whole flow, ``"group"`` its group, else a set of node ids."""

    node: Node[Any]
    scope: frozenset[str] | Literal["group"] | None
    uncaught: bool
    group: str


class Listeners:
    """The listening nodes of a flow. ``chain(group id)`` lists a group and those around it, innermost first."""

    def __init__(self, nodes: Iterable[Node[Any]], chain: Callable[[str], list[str]]) -> None:
        self._chain = chain
        self._by_kind: dict[str, list[Listener]] = {"error": [], "status": [], "complete": []}
        for node in nodes:
            if node.listens is not None:
                self._by_kind[node.listens].append(_listener(node))
        self._by_kind["error"].sort(key=_rank)

    def any(self, kind: Kind) -> bool:
        """Whether the flow has listeners of this kind."""
        return bool(self._by_kind[kind])

    def matching(self, kind: Kind, reporter: str, group: str) -> list[Listener]:
        """Who hears of ``reporter``, a node in ``group``: nearest first. Listeners for uncaught errors come last."""
        around = self._chain(group)
        found = [one for one in self._by_kind[kind] if _in_scope(one, reporter, around)]
        return sorted(found, key=lambda one: self._distance(one, around))

    def watched(self, kind: Kind, nodes: Iterable[Node[Any]]) -> Iterable[tuple[Node[Any], list[Listener]]]:
        """Every node with the listeners that hear of it."""
        for node in nodes:
            found = self.matching(kind, node.id, group_of(node))
            if found:
                yield node, found

    @staticmethod
    def _distance(listener: Listener, around: list[str]) -> int:
        if listener.group in around:
            return around.index(listener.group)
        return len(around) + 1


def _listener(node: Node[Any]) -> Listener:
    scope = node.properties.get("scope")
    ids: frozenset[str] | Literal["group"] | None = None
    if scope == "group":
        ids = "group"
    elif isinstance(scope, list):
        wired = {target for wires in node.properties.get("wires") or [] for target in wires or []}
        guarded = wired if node.listens in ("status", "complete") else set()
        ids = frozenset(str(one) for one in scope) - guarded
    return Listener(node, ids, bool(node.properties.get("uncaught")), group_of(node))


def group_of(node: Node[Any]) -> str:
    """The id of the group a node stands in, or ""."""
    return str(node.properties.get("g") or "")


def _rank(listener: Listener) -> int:
    if listener.scope is not None:
        return 0
    return 2 if listener.uncaught else 1


def _in_scope(listener: Listener, reporter: str, around: list[str]) -> bool:
    if listener.scope is None:
        return True
    if listener.scope == "group":
        return listener.group in around
    return reporter in listener.scope
