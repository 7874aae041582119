"""The status node: hears what other nodes show under themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from busway.engine.fields import Label, NodeIds, When
from busway.engine.node import Config, Field, Message, Node

SCOPES = ((None, "All nodes of this flow"), ("group", "Nodes of the same group"))


class StatusConfig(Config):
    scope: Annotated[list[str] | Literal["group"] | None, NodeIds(choices=SCOPES)] = Field(
        None,
        title="Report status from",
        description="All nodes of this flow, the nodes of this node's group (and groups inside it), or those chosen.",
    )


class Status(Node[StatusConfig]):
    """Sends a message when a node of its scope changes its status.

    ### Output

    - `status.text`, `.fill`, `.shape`: what the node shows;
    - `status.source.id`, `.type`, `.name`: the node.

    There is no payload. A status inside a subflow that nothing there listens to goes on to the flow around it, as that
    of the subflow's node, unless the subflow has a status output.
    """

    type = "status"
    category = "common"
    color = "#94C1D0"
    icon = "status.svg"
    inputs = 0
    listens = "status"
    labels = (
        Label("status: group", When("scope", "group")),
        Label("status: {scope.length}"),
        Label("status: all"),
    )

    def on_message(self, msg: Message) -> Message:
        return msg
