"""The complete node: hears when other nodes have finished with a message."""

from __future__ import annotations

from typing import Annotated, Any

from busway.engine.fields import Hidden, Label, NodeIds
from busway.engine.node import Config, Field, Message, Node


class CompleteConfig(Config):
    scope: Annotated[list[str] | Any, NodeIds()] = Field(
        default_factory=list, title="Nodes", description="The nodes whose completion is reported."
    )
    uncaught: Annotated[bool, Hidden()] = Field(
        False, title="Uncaught only", description="Kept for older files; it changes nothing."
    )


class Complete(Node[CompleteConfig]):
    """Sends a message whenever one of the chosen nodes has finished with one.

    ### Output

    A copy of the message as that node left it, with

    - `complete.source.id`, `.type`, `.name`: the node that has finished.

    ### Details

    Useful where a node has no output of its own, such as one that stores data, and the flow has to go on when it is
    done. A node that failed on the message has not finished with it: errors go to *catch* nodes. The *switch* and
    *filter* nodes never report completion.
    """

    type = "complete"
    category = "common"
    color = "#C0EDC0"
    icon = "alert.svg"
    inputs = 0
    listens = "complete"
    labels = (Label("complete: {scope.length}"),)

    def on_message(self, msg: Message) -> Message:
        return msg
