"""Whole sequences for the switch node: kept until they are complete, then routed, and renumbered if wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from busway.engine.message import UNDEFINED, Message, new_id
from busway.engine.node import Hold, Node, NodeError
from busway.nodes.function.switch_rules import Row, is_part


class _Group:
    """The messages of one sequence that have come so far."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self.count: Any = UNDEFINED


class Sequences:
    """Collects messages by ``parts.id`` until there are ``parts.count``; other messages are routed at once.

    ``route(msg)`` gives a message for each output, or None. With ``repair`` each output gets a sequence of its own.
    """

    def __init__(self, node: Node[Any], route: Callable[[Message], Row | None], outputs: int, repair: bool) -> None:
        self._node, self._route, self._outputs, self._repair = node, route, outputs, repair
        self._groups: dict[Any, _Group] = {}

    def take(self, msg: Message) -> Row | None:
        """Handles one message."""
        parts = msg.get("parts")
        if not is_part(parts):
            return self._route(msg)
        group = self._groups.setdefault(parts["id"], _Group())
        group.holds.append(self._node.hold(msg))
        group.count = parts.get("count", group.count)
        if self._too_many():
            self._give_up(group.holds[-1])
        elif group.count == len(group.holds):
            del self._groups[parts["id"]]
            self._release(group)
        return None

    def _too_many(self) -> bool:
        limit = self._node.flow.runtime.settings.node_message_buffer_max_length
        return bool(limit) and sum(len(group.holds) for group in self._groups.values()) > limit

    def _give_up(self, latest: Hold) -> None:
        groups, self._groups = self._groups, {}
        latest.fail(NodeError("too many pending messages in switch node"))
        for group in groups.values():
            for hold in group.holds:
                hold.drop()

    def _release(self, group: _Group) -> None:
        rows = [(hold, self._row(hold, group.count)) for hold in group.holds]
        if self._repair:
            self._renumber([row for _, row in rows])
        for hold, row in rows:
            if any(row):
                hold.send(row)
            hold.done()

    def _row(self, hold: Hold, count: Any) -> list[Any]:
        """What goes to each output; nothing when the rules fail, which is reported."""
        hold.msg["parts"]["count"] = count
        try:
            row = self._route(hold.msg) or []
        except Exception as error:
            hold.fail(error)
            row = []
        return [*row, *[None] * (self._outputs - len(row))]

    def _renumber(self, rows: list[list[Any]]) -> None:
        for output in range(self._outputs):
            chosen = [row for row in rows if row[output] is not None]
            id = new_id()
            for index, row in enumerate(chosen):
                place = {"id": id, "index": index, "count": len(chosen)}
                row[output] = {**row[output], "parts": {**row[output]["parts"], **place}}
