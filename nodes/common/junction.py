"""The junction: a point where wires meet."""

from __future__ import annotations

from busway.engine.node import Config, Message, Node


class Junction(Node[Config]):
    """Passes every message on. It has no properties: it tidies wires that would cross or run in parallel."""

    type = "junction"
    category = "common"
    color = "#DDDDDD"
    in_palette = False
    shares = True

    def on_message(self, msg: Message) -> Message:
        return msg
