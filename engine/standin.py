"""Nodes that the engine itself puts on the message path: subflow instances, and stand-ins for what cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .dispatch import Port
from .message import Message
from .node import Config, Node

if TYPE_CHECKING:
    from .flow import Flow


class Instance(Node[Config]):
    """A subflow instance: hands each message to the nodes wired to the subflow's input."""

    type = "subflow"
    in_palette = False
    completes = False

    def __init__(self, config: Config, flow: Flow, port: Port, properties: Mapping[str, Any]) -> None:
        super().__init__(config, flow, port, properties)
        self.status_port = Port(f"{self.id}-status", flow.runtime.dispatcher)
        self.status_port.handle = self._show

    @property
    def alias(self) -> str:
        """The id of this instance in its own subflow template, or its own id on a tab."""
        return str(self.properties.get("_alias", self.id))

    def on_message(self, msg: Message) -> Message:
        return msg

    def _show(self, msg: Message) -> None:
        """What arrives at the subflow's status output becomes the status of the instance."""
        payload = msg.get("payload")
        if isinstance(payload, str):
            status: dict[str, Any] = {"text": payload}
        elif isinstance(payload, dict) and (not payload or payload.keys() & {"text", "fill", "shape"}):
            status = payload
        elif payload is not None:
            text = str(payload)
            status = {"text": text if len(text) <= 32 else text[:32] + "..."}
        else:
            status = msg["status"] if isinstance(msg.get("status"), dict) else {}
        self.flow.report_status(self, {k: v for k, v in status.items() if k != "source"})


class Broken(Node[Config]):
    """Stands for a node that could not be built or started: reports in its name, takes no message."""

    type = "broken"
    in_palette = False
