"""The comment: text on the canvas."""

from __future__ import annotations

from typing import Annotated

from busway.engine.fields import Code
from busway.engine.node import Config, Field, Node


class CommentConfig(Config):
    info: Annotated[str, Code("markdown")] = Field(
        "", title="Text", description="What there is to say about this part of the flow, as Markdown."
    )


class Comment(Node[CommentConfig]):
    """Holds a note about the flow around it. The name is shown on the canvas, the text (Markdown) in the panel beside
    it.

    It takes part in nothing.
    """

    type = "comment"
    category = "common"
    color = "#FFFFFF"
    icon = "comment.svg"
    inputs = 0
    outputs = 0
