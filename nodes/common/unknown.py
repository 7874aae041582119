"""The unknown node: stands for a node whose type is not installed."""

from __future__ import annotations

from typing import Annotated, Any

from busway.engine.errors import suggest
from busway.engine.fields import Hidden
from busway.engine.node import Config, Field, Message, Node, NodeError


class UnknownConfig(Config):
    name: str = Field("", title="Name", description="The node's name, or the missing type.")
    modules: Annotated[list[Any], Hidden()] = Field(
        default_factory=list, title="Modules", description="Modules that would bring the type."
    )


class Unknown(Node[UnknownConfig]):
    """Stands for a node whose type is not installed, or whose code cannot be loaded.

    The node keeps all its properties, so that it works again as soon as its type is there. Until then each message that
    reaches it is an error. The other nodes of the flow run.
    """

    type = "unknown"
    category = "common"
    color = "#FFEEEE"
    label = "({name})"
    in_palette = False

    def start(self) -> None:
        declared = self.properties.get("type")
        self._missing = str(self.name if declared == self.type and self.name else declared)
        self.status(f"unknown: {self._missing}", "red")
        self.error(f"node type {self._missing!r} {self._reason()}")

    def _reason(self) -> str:
        registry = self.flow.runtime.registry
        broken = registry.errors.get(self._missing)
        if broken is not None:
            return f"cannot be loaded: {broken}"
        return f"is not installed{suggest(self._missing, registry.types())}"

    def on_message(self, msg: Message) -> None:
        raise NodeError(f"node type {self._missing!r} {self._reason()}; the message goes no further")
