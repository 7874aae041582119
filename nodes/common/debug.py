"""The debug node: shows messages in the debug panel, in the log and as a status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from busway.engine.errors import BuswayError
from busway.engine.fields import Choices, Hidden, Label, ShownIf, TypedValue, When
from busway.engine.http.payload import text_of
from busway.engine.jsinspect import inspect
from busway.engine.message import UNDEFINED, Message
from busway.engine.node import Config, Field, Node, Timer
from busway.engine.values import compile_value

Value = Callable[[Message], Any]
COUNT_AT_ONCE, COUNT_LATER = 0.1, 0.2
"""A counter is shown at once after a pause of so many seconds, otherwise when there was none for so many."""


TARGETS = Choices(msg="Message property", full="Whole message", jsonata="JSONata expression")
STATUSES = (("auto", "Automatic"), ("counter", "Number of messages"))
STATUS_KINDS = Choices(*STATUSES, msg="Message property", jsonata="JSONata expression")


class DebugConfig(Config):
    active: Annotated[bool, Hidden()] = Field(
        True, title="Active", description="Whether messages go to the debug panel."
    )
    tosidebar: bool = Field(True, title="Debug panel", description="Show messages in the debug panel.")
    console: bool = Field(False, title="Log", description="Write messages to the log of the process.")
    tostatus: bool = Field(False, title="Node status", description="Show messages as the node's status.")
    complete: Annotated[str, TypedValue("targetType", "msg", "jsonata", fixed=(("full", "Whole message"),))] = Field(
        "false",
        title="Output",
        description="What is shown: a property, `true` for the whole message, or an expression.",
    )
    targetType: Annotated[Literal["msg", "full", "jsonata"] | None, TARGETS] = Field(
        None, title="Output type", description="Whether the output is a property, the whole message or JSONata."
    )
    statusVal: Annotated[str, TypedValue("statusType", "msg", "jsonata", fixed=STATUSES), ShownIf("tostatus", True)] = (
        Field("", title="Status", description="What the status shows, if not the output: a property or an expression.")
    )
    statusType: Annotated[Literal["auto", "counter", "msg", "jsonata"], STATUS_KINDS] = Field(
        "auto", title="Status type", description="The output, the number of messages, a property, or JSONata."
    )


class Debug(Node[DebugConfig]):
    """Shows messages in the debug panel, and if wanted in the log and as the node's status.

    ### Details

    What is shown is a property of the message (the payload by default), the whole message, or the result of a JSONata
    expression. Long texts, arrays and buffers are cut in the panel.

    The button switches the panel's part on and off while the flow runs; log and status go on. It lasts until the node
    restarts.

    As *status* the node shows the output, the number of messages, a property or an expression. An object with `fill`,
    `shape` and `text` is taken as a status itself. *Automatic* also shows the error of a message from a catch node and
    the status of one from a status node.
    """

    type = "debug"
    category = "common"
    color = "#87A980"
    icon = "debug.svg"
    label = "msg.{complete}"
    labels = (
        Label("JSONata", When("targetType", "jsonata")),
        Label("msg", When("complete", "true", True)),
        Label("msg.payload", When("complete", "false", False, "")),
    )
    align = "right"
    inputs = 1
    outputs = 0
    button: ClassVar[dict[str, Any] | None] = {"side": "right", "action": "toggle"}

    def start(self) -> None:
        config = self.config
        self.active = config.active
        self._events = self.flow.runtime.events
        self._head, self._property, self._value = self._compile()
        self._status_value = self._compile_status()
        self._counter: _Counter | None = None
        self._shown: dict[str, Any] | None = None
        self._longest = self.flow.runtime.settings.debug_status_length
        if config.tostatus:
            self._show_start()

    def stop(self) -> None:
        if self.config.tostatus:
            self.status()

    def switch(self, active: bool) -> None:
        """Switches the debug panel's part on or off."""
        self.active = active

    # -- what is shown ----------------------------------------------------------------------------------------------
    def _compile(self) -> tuple[dict[str, Any], str | None, Value]:
        """What all records begin with, the name of the property shown if it is one, and its value."""
        given = {"id": self.id, "z": self.properties.get("z"), "_alias": self.properties.get("_alias")}
        given |= {"path": self.flow.path, "name": self.properties.get("name")}
        head = {key: value for key, value in given.items() if value is not None}
        if self.config.targetType == "jsonata":
            return head, None, compile_value(self.config.complete, "jsonata", self)
        if self.config.complete == "true":
            return head, None, lambda msg: msg
        path = self._path
        return head, path, compile_value(path, "msg")

    @property
    def _path(self) -> str:
        return "payload" if self.config.complete in ("", "false") else self.config.complete

    def _compile_status(self) -> Value:
        kind, text = self.config.statusType, self.config.statusVal
        if kind == "auto":
            whole = self.config.complete == "true" and self.config.targetType != "jsonata"
            return compile_value("payload", "msg") if whole else self._value
        if kind == "jsonata":
            return compile_value(text, "jsonata", self)
        return compile_value(text or self._path, "msg")

    def on_message(self, msg: Message) -> None:
        if "status" in msg and self._is_own_status(msg["status"]):
            return
        if self.config.tostatus:
            self._show_status(msg)
        in_panel = self.config.tosidebar and self.active and self._events.heard("debug")
        if not in_panel and not self.config.console:
            return
        value = self._evaluated(self._value, msg)
        if value is not _FAILED:
            if self.config.console:
                self.log(console_text(value))
            if in_panel:
                self._events.emit("debug", self._record(value, msg))

    def _is_own_status(self, status: Any) -> bool:
        """Whether a message tells of this node's own status: showing it would go in a circle."""
        source = status.get("source") if isinstance(status, Mapping) else None
        return isinstance(source, Mapping) and source.get("id") == self.id

    def _evaluated(self, value: Value, msg: Message) -> Any:
        try:
            return value(msg)
        except BuswayError as error:
            self.error(f"Invalid JSONata expression: {error}" if self._property is None else str(error))
            return _FAILED

    def _record(self, value: Any, msg: Message) -> dict[str, Any]:
        record = dict(self._head)
        if "topic" in msg:
            record["topic"] = msg["topic"]
        if self._property is not None:
            record["property"] = self._property
        record["msg"] = value
        return record

    # -- as status --------------------------------------------------------------------------------------------------
    def _show_start(self) -> None:
        self.status("", "grey", "ring")
        if self.config.statusType == "counter":
            self._counter = _Counter(self)
        else:
            self.status()

    def _show_status(self, msg: Message) -> None:
        if self._counter is not None:
            self._counter.count()
            return
        value = self._evaluated(self._status_value, msg)
        if value is _FAILED:
            return
        shown = self._status_of(value, msg)
        if shown != self._shown:
            self._shown = shown
            self.status(**shown)

    def _status_of(self, value: Any, msg: Message) -> dict[str, Any]:
        fill, shape = "grey", "dot"
        text = value if isinstance(value, str) else inspect(value)
        if isinstance(value, Mapping) and value.get("fill") and value.get("shape") and value.get("text"):
            fill, shape, text = value["fill"], value["shape"], text_of(value["text"])
        if self.config.statusType == "auto":
            error, status = msg.get("error"), msg.get("status")
            if isinstance(error, Mapping):
                fill, text = "red", text_of(error.get("message", ""))
            if isinstance(status, Mapping):
                fill, shape = status.get("fill") or "grey", status.get("shape") or "ring"
                text = text_of(status.get("text") or "")
        return {"text": self._cut(text), "fill": fill, "shape": shape}

    def _cut(self, text: str) -> str:
        return text if len(text) <= self._longest else text[: self._longest] + "..."

    def public(self) -> dict[str, Any]:
        """What Node-RED's node shows of itself."""
        return {"complete": None if self.config.targetType == "jsonata" else self._path, "active": self.active}


_FAILED: Any = object()


class _Counter:
    """Shows how many messages came: at once after a pause, otherwise when it gets quiet."""

    def __init__(self, node: Debug) -> None:
        self._node = node
        self._count = 0
        self._last = node.now()
        self._timer: Timer | None = None
        self._show()

    def count(self) -> None:
        """Counts one message."""
        now = self._node.now()
        pause, self._last = now - self._last, now
        self._count += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pause > COUNT_AT_ONCE:
            self._show()
        else:
            self._timer = self._node.after(COUNT_LATER, self._show)

    def _show(self) -> None:
        self._node.status(str(self._count), "blue", "ring")


def console_text(value: Any) -> str:
    """A value as the log shows it: what has several lines, or is an object, begins on a line of its own."""
    if isinstance(value, str):
        return "\n" + value if "\n" in value else value
    if value is UNDEFINED or isinstance(value, (bool, int, float)):
        return inspect(value)
    return "\n" + inspect(value, 10)
