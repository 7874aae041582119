"""The catch node: hears of errors."""

from __future__ import annotations

from typing import Annotated, Literal

from busway.engine.fields import Label, NodeIds, ShownIf, When
from busway.engine.node import Config, Field, Message, Node

SCOPES = ((None, "All nodes of this flow"), ("group", "Nodes of the same group"))


class CatchConfig(Config):
    scope: Annotated[list[str] | Literal["group"] | None, NodeIds(choices=SCOPES)] = Field(
        None,
        title="Catch errors from",
        description="All nodes of this flow, the nodes of this node's group (and groups inside it), or those chosen.",
    )
    uncaught: Annotated[bool, ShownIf("scope", None)] = Field(
        False, title="Uncaught only", description="Only errors that no other catch node has taken. For all nodes only."
    )


class Catch(Node[CatchConfig]):
    """Sends a message when a node of its scope fails on one.

    ### Output

    A copy of the message that the node failed on, with

    - `error.message`: what went wrong;
    - `error.source.id`, `.type`, `.name`: the node that failed, and `.count`: how often this error has come back to it;
    - `error.code`, `.stack`, `.cause`: where the error carries them.

    What `msg.error` held before is in `msg._error`.

    ### Details

    Every catch node whose scope names the failing node gets the error, nearest group first; one for uncaught errors
    only when no other took it. An error that is caught is not logged. An error inside a subflow that nothing there
    catches goes on to the flow around it, as an error of the subflow's node. An error that comes back to the node it
    came from ten times is logged instead.
    """

    type = "catch"
    category = "common"
    color = "#E49191"
    icon = "alert.svg"
    inputs = 0
    listens = "error"
    labels = (
        Label("catch: group", When("scope", "group")),
        Label("catch: {scope.length}"),
        Label("catch: uncaught", When("uncaught", True)),
        Label("catch: all"),
    )

    def on_message(self, msg: Message) -> Message:
        return msg
