"""The link out node: where a virtual wire begins, or a called sub-routine returns."""

from __future__ import annotations

from typing import Annotated

from busway.engine.fields import Choices, Label, NodeIds, ShownIf, When
from busway.engine.links import LinkCalls
from busway.engine.node import Config, Field, Message, Node

MODES = Choices(link="On to the linked nodes", **{"return": "Back to the link call node"})


class LinkOutConfig(Config):
    mode: Annotated[str, MODES] = Field(
        "link",
        title="Mode",
        description="`link`: on to the linked nodes, `return`: back to the caller.",
    )
    links: Annotated[list[str], NodeIds(("link in",)), ShownIf("mode", "link")] = Field(
        default_factory=list, title="Links", description="The link in nodes that this node sends to."
    )


class LinkOut(Node[LinkOutConfig]):
    """The beginning of a virtual wire: what arrives comes out of all linked *link in* nodes, on any tab.

    In mode *return* the message goes back to the *link call* node (or the function) that called this part of the flow;
    the way back is in `msg._linkSource`, which must be kept.
    """

    type = "link out"
    category = "common"
    color = "#DDDDDD"
    icon = "link-out.svg"
    labels = (Label("link return", When("mode", "return")),)
    align = "right"
    outputs = 0

    def start(self) -> None:
        event = f"node:{self.id}"
        calls = LinkCalls.of(self.flow.runtime)

        def link(msg: Message) -> Message:
            msg["_event"] = event
            return msg

        def give_back(msg: Message) -> None:
            msg["_event"] = event
            if not calls.give_back(msg):
                self.warn("Missing return node information")

        self.on_message = give_back if self.config.mode == "return" else link  # type: ignore[method-assign]
