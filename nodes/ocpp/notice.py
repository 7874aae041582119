"""Statuses of nodes that handle thousands of messages a second: shown a few times a second, the last one always."""

from __future__ import annotations

from typing import Any, Literal

from busway.engine.node import Node, Timer

PAUSE = 0.25
"""Seconds between two statuses."""
Shape = Literal["dot", "ring"]


class Notice:
    """Shows statuses of one node; a text is made only when it is shown."""

    def __init__(self, node: Node[Any]) -> None:
        self._node = node
        self._timer: Timer | None = None
        self._next: tuple[str, Shape, str, tuple[Any, ...]] | None = None

    def show(self, fill: str, shape: Shape, text: str, *args: Any) -> None:
        """Shows ``text`` formatted with ``args``, now or when the pause since the last status is over."""
        if self._timer is not None:
            self._next = (fill, shape, text, args)
            return
        self._node.status(text.format(*args) if args else text, fill, shape)
        self._timer = self._node.after(PAUSE, self._pause_over)

    def _pause_over(self) -> None:
        self._timer = None
        if self._next is not None:
            (fill, shape, text, args), self._next = self._next, None
            self.show(fill, shape, text, *args)
