"""The link call node: calls a link in node and goes on when a link out node returns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from busway.engine.fields import Choices, Label, NodeIds, ShownIf, Stored, Unit, When
from busway.engine.links import LinkCalls
from busway.engine.message import clone
from busway.engine.node import Config, Field, Hold, Message, Node, NodeError, Timer


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


LINK_TYPES = Choices(static="The chosen link in node", dynamic="The one that msg.target names")


class LinkCallConfig(Config):
    links: Annotated[list[str], BeforeValidator(_as_list), NodeIds(("link in",)), ShownIf("linkType", "static")] = (
        Field(default_factory=list, title="Target", description="The link in node to call; only the first counts.")
    )
    linkType: Annotated[Literal["static", "dynamic"], LINK_TYPES] = Field(
        "static",
        title="Link type",
        description="`static`: the chosen node, `dynamic`: the one that `msg.target` names.",
    )
    timeout: Annotated[float, Unit("s"), Stored("30")] = Field(
        30, title="Timeout", description="How long to wait for the return before it is an error."
    )


class _Call:
    """One call that has not returned."""

    __slots__ = ("as_sent", "hold", "id", "timer")

    def __init__(self, hold: Hold, as_sent: Message) -> None:
        self.hold, self.as_sent = hold, as_sent
        self.id = ""
        self.timer: Timer | None = None


class LinkCall(Node[LinkCallConfig]):
    """Calls a part of a flow as a sub-routine: sends the message to a *link in* node, and sends on what a *link out*
    node in mode *return* gives back.

    ### Input

    - `target`: with link type *dynamic*, the id or the name of the link in node. A name is looked for in this flow
      first, then on the tabs, where it must be the only one.

    ### Details

    No return within the timeout is an error with the message as it was sent. What returns later is sent on all the
    same, and so is each further message where the called part returns several.
    """

    type = "link call"
    category = "common"
    color = "#DDDDDD"
    icon = "link-call.svg"
    labels = (Label("dynamic", When("linkType", "dynamic")),)

    def start(self) -> None:
        self._links = LinkCalls.of(self.flow.runtime)
        self._open: set[str] = set()
        self._links.welcome_late(self.id, self.send)

    def stop(self) -> None:
        for id in self._open:
            self._links.forget(id)
        if self.removed:
            self._links.welcome_late(self.id, None)

    def on_message(self, msg: Message) -> None:
        dynamic = self.config.linkType == "dynamic"
        target = msg.get("target") if dynamic else next(iter(self.config.links), None)
        port = self._links.find(self.flow, target, by_name=dynamic)
        msg.setdefault("_linkSource", [])
        call = _Call(self.hold(msg), clone(msg))
        call.id = self._links.begin(self, port, msg, lambda back: self._returned(call, back))
        self._open.add(call.id)
        call.timer = self.after(self.config.timeout, self._too_late, call)

    def _returned(self, call: _Call, msg: Message) -> None:
        self._open.discard(call.id)
        if call.timer is not None:
            call.timer.cancel()
        call.hold.send(msg)
        call.hold.done()

    def _too_late(self, call: _Call) -> None:
        self._open.discard(call.id)
        self._links.forget(call.id)
        call.hold.msg = call.as_sent
        call.hold.fail(NodeError("timeout"))
