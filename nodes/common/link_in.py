"""The link in node: where a virtual wire comes out."""

from __future__ import annotations

from typing import Annotated

from busway.engine.fields import NodeIds
from busway.engine.links import LinkCalls
from busway.engine.node import Config, Field, Message, Node


class LinkInConfig(Config):
    links: Annotated[list[str], NodeIds(("link out",))] = Field(
        default_factory=list, title="Links", description="The link out nodes that send to this node."
    )


class LinkIn(Node[LinkInConfig]):
    """The end of a virtual wire: passes on what *link out* nodes send, on any tab, and what *link call* nodes call it
    with.

    A link is made from either side. A *link call* node finds this node by its id or its name.
    """

    type = "link in"
    category = "common"
    color = "#DDDDDD"
    icon = "link-out.svg"
    inputs = 0

    def start(self) -> None:
        LinkCalls.of(self.flow.runtime).register(self)

    def stop(self) -> None:
        if self.removed:
            LinkCalls.of(self.flow.runtime).withdraw(self.id)

    def on_message(self, msg: Message) -> Message:
        return msg
