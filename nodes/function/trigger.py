"""The trigger node: one message now, another one later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from busway.engine.coercion import to_string
from busway.engine.fields import Choices, Label, PropertyPath, ShownIf, TypedValue, When
from busway.engine.message import UNDEFINED, Message, clone, compile_get, copy_value
from busway.engine.mustache import compile_template, walk
from busway.engine.node import Config, Field, Hold, Node, Timer
from busway.engine.origin import ORIGIN
from busway.engine.values import compile_value
from busway.nodes.function.pacing import leading_number

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "hr": 3600.0}
DEFAULT_DURATION = 250.0
ALL = "_none"
"""The topic of messages that have none, and of all where topics are not told apart."""
OUTPUT_TYPES = ("flow", "global", "str", "num", "bool", "json", "bin", "date", "env")
EVALUATED_LATE = frozenset({"flow", "global", "date"})
"""Types of the second value that are read when it is sent."""

Value = Callable[[Message], Any]
Truth = bool | Literal["true", "false"]


NOTHING = ("nul", "Nothing")
FIRST = (("pay", "The message as it is"), NOTHING)
SECOND = (("pay", "The first message's payload"), ("payl", "The latest message"), NOTHING)
EXTEND = Choices(false="Further messages do not change the wait", true="Each further message makes the wait begin anew")
OVERRIDE = Choices(false="The time is always the node's", true="msg.delay sets the time, in milliseconds")
UNITS = Choices(ms="Milliseconds", s="Seconds", min="Minutes", hr="Hours")
HANDLING = Choices(all="All messages together", topic="The messages of each topic")


class TriggerConfig(Config):
    op1: Annotated[str, TypedValue("op1type", *OUTPUT_TYPES, fixed=FIRST)] = Field(
        "1", title="Send", description="The payload of the first message; text may be a mustache template."
    )
    op2: Annotated[str, TypedValue("op2type", *OUTPUT_TYPES, fixed=SECOND)] = Field(
        "0", title="Then send", description="The payload of the second message; text may be a mustache template."
    )
    op1type: str = Field(
        "val",
        title="Type of the first value",
        description="A value's type; `pay`: the message as it is, `nul`: nothing, `val`: text, true, false or null.",
    )
    op2type: str = Field(
        "val",
        title="Type of the second value",
        description="A value's type; `pay`: the first payload, `payl`: the latest message, `nul`: nothing, `val`: text, "
        "true, false or null.",
    )
    duration: str = Field(
        "250",
        title="Wait",
        description="Time until the second message; 0: until reset; below 0: the first again and again.",
    )
    extend: Annotated[Truth, EXTEND] = Field(
        "false", title="Extend", description="Each further message makes the wait begin anew."
    )
    overrideDelay: Annotated[Truth, OVERRIDE] = Field(
        "false", title="Override", description="`msg.delay`, in milliseconds, sets the time."
    )
    units: Annotated[Literal["ms", "s", "min", "hr"], UNITS] = Field(
        "ms", title="Unit", description="Unit of the time."
    )
    reset: str = Field(
        "", title="Reset if the payload is", description="A payload that ends the wait, beside `msg.reset`."
    )
    bytopic: Annotated[Literal["all", "topic"], HANDLING] = Field(
        "all", title="Handling", description="All messages together (`all`), or those of each topic (`topic`)."
    )
    topic: Annotated[str, PropertyPath(), ShownIf("bytopic", "topic")] = Field(
        "topic", title="Topic", description="The property that is the topic."
    )
    outputs: int = Field(1, ge=1, le=2, title="Outputs", description="With 2, the second message has its own output.")


class _Wait:
    """The state of one topic while it is triggered."""

    __slots__ = ("base", "hold", "latest", "timer", "value")

    def __init__(self) -> None:
        self.timer: Timer | None = None
        self.hold: Hold | None = None
        self.base: Message = {}
        self.latest: Message = {}
        self.value: Any = None


class Trigger(Node[TriggerConfig]):
    """Sends one message when triggered, and a second one later unless it is extended or reset.

    ### Input

    - `reset`: if present, the wait ends and nothing more is sent; so does a payload equal to the one chosen for it;
    - `delay`: where allowed, the time to wait, in milliseconds.

    ### Details

    Messages that arrive during the wait are dropped, or, with *extend*, make it begin anew. The second message is the
    first one with another payload; with *extend*, the latest one. With a time of 0 everything is blocked until a reset;
    with a time below 0 the first message is sent again and again until then.

    With *bytopic* each topic has a wait of its own. A message that a second one is still to be made of is not settled:
    its source gets it back if Busway stops before that.
    """

    type = "trigger"
    category = "function"
    color = "#E6E0F8"
    icon = "trigger.svg"
    labels = (
        Label("trigger & block", When("duration", "0", 0)),
        Label("trigger {duration} {units}"),
    )

    @classmethod
    def output_count(cls, config: TriggerConfig) -> int:
        return config.outputs

    def start(self) -> None:
        config = self.config
        duration = leading_number(config.duration)
        duration = DEFAULT_DURATION if duration is None else duration
        self._loops = duration < 0
        self._seconds = abs(duration) * SECONDS[config.units]
        self._extends = _is_true(config.extend) and not self._loops
        self._overrides = _is_true(config.overrideDelay)
        self._waits: dict[str, _Wait] = {}
        self._shown = 0
        self._topic = compile_get(config.topic or "topic")
        self._first_value = self._compile(1)
        self._second_value = self._compile(2)

    def _compile(self, number: Literal[1, 2]) -> Value | None:
        """The payload of the first or second message; None where it is not a value."""
        value, kind = self._given(number)
        if kind in ("pay", "payl", "nul"):
            return None
        if kind == "str" and "{{" in value:
            return compile_template(value, lambda name, msg: walk(msg, tuple(name.split("."))))
        return compile_value(value, kind, self)

    def _given(self, number: Literal[1, 2]) -> tuple[str, str]:
        """Value and type as the flow file means them: ``val`` is a text, unless it names another value."""
        default = "1" if number == 1 else "0"
        value = getattr(self.config, f"op{number}") or default
        kind = getattr(self.config, f"op{number}type") if self.properties.get(f"op{number}type") else "str"
        if kind == "val":
            kind = {"true": "bool", "false": "bool", "null": "null"}.get(value, "str")
        return ("" if kind == "date" and value == default else value), kind

    # -- messages ---------------------------------------------------------------------------------------------------
    def on_message(self, msg: Message) -> None:
        topic = self._topic_of(msg)
        if self._is_reset(msg):
            self._end(topic)
            return
        wait = self._waits.get(topic)
        seconds = self._time_of(msg)
        if wait is None or self._loops:
            self._begin(topic, wait or _Wait(), msg, seconds)
        elif self.config.op2type == "payl":
            self._keep_latest(topic, wait, msg, seconds)
        elif self._extends and seconds and wait.timer is not None:
            self._extend(topic, wait, msg, seconds)

    def _topic_of(self, msg: Message) -> str:
        if self.config.bytopic == "all":
            return ALL
        topic = self._topic(msg)
        return to_string(topic) if topic else ALL

    def _is_reset(self, msg: Message) -> bool:
        if "reset" in msg:
            return True
        payload = msg.get("payload")
        return self.config.reset != "" and payload is not None and to_string(payload) == self.config.reset

    def _time_of(self, msg: Message) -> float:
        given = leading_number(msg.get("delay")) if self._overrides else None
        return self._seconds if given is None else max(given, 0) / 1000

    # -- the wait ---------------------------------------------------------------------------------------------------
    def _begin(self, topic: str, wait: _Wait, msg: Message, seconds: float) -> None:
        kind = self.config.op2type
        if kind == "pay":
            wait.value = copy_value(msg.get("payload", UNDEFINED))
        elif kind == "payl":
            wait.latest = clone(msg)
        elif self._second_value is not None and not self._loops:
            wait.value = self._second_value(msg)
        if self._first_value is not None:
            _set_payload(msg, self._first_value(msg))
        self._waits[topic] = wait
        if self._loops:
            self._repeat(topic, wait, msg, seconds)
        elif seconds:
            self._keep(wait, msg, kind != "payl")
            wait.timer = self.after(seconds, self._finish, topic, wait)
        self._show()
        if self.config.op1type != "nul":
            self.send(msg)

    def _repeat(self, topic: str, wait: _Wait, msg: Message, seconds: float) -> None:
        if wait.timer is not None:
            wait.timer.cancel()
            wait.timer = None
        if self.config.op1type != "nul" and seconds:
            wait.base = clone(msg)
            wait.timer = self.after(seconds, self._again, wait, seconds)

    def _again(self, wait: _Wait, seconds: float) -> None:
        wait.timer = self.after(seconds, self._again, wait, seconds)
        if self.config.op1type == "date" and self._first_value is not None:
            _set_payload(wait.base, self._first_value(wait.base))
        self.send(clone(wait.base))

    def _keep_latest(self, topic: str, wait: _Wait, msg: Message, seconds: float) -> None:
        wait.latest = clone(msg)
        if wait.timer is not None:
            self._keep(wait, msg, False)
            if self._extends and seconds:
                wait.timer.cancel()
                wait.timer = self.after(seconds, self._finish, topic, wait)

    def _extend(self, topic: str, wait: _Wait, msg: Message, seconds: float) -> None:
        if wait.timer is not None:
            wait.timer.cancel()
        self._keep(wait, msg, True)
        wait.timer = self.after(seconds, self._finish, topic, wait)

    def _keep(self, wait: _Wait, msg: Message, copy: bool) -> None:
        """Makes ``msg`` the one that the second message comes from. It is complete by now, but not settled."""
        if self.config.op2type == "nul":
            return
        if copy:
            wait.base = clone(msg)
        before, wait.hold = wait.hold, Hold(self, msg, ORIGIN.get())
        if before is not None:
            before.drop()

    def _finish(self, topic: str, wait: _Wait) -> None:
        self._waits.pop(topic, None)
        self._show()
        if wait.hold is not None:
            try:
                wait.hold.send(self._second(wait), 1 if self.config.outputs == 2 else None)
            finally:
                wait.hold.drop()

    def _second(self, wait: _Wait) -> Message:
        if self.config.op2type == "payl":
            return wait.latest
        if self._second_value is not None and self.config.op2type in EVALUATED_LATE:
            wait.value = self._second_value(wait.base)
        _set_payload(wait.base, wait.value)
        return wait.base

    def _end(self, topic: str) -> None:
        wait = self._waits.pop(topic, None)
        if wait is not None:
            if wait.timer is not None:
                wait.timer.cancel()
            if wait.hold is not None:
                wait.hold.drop()
            self._show()

    def _show(self) -> None:
        count = len(self._waits)
        if count != self._shown:
            self._shown = count
            if count:
                self.status("" if count == 1 else count, "blue")
            else:
                self.status()

    def stop(self) -> None:
        if self._waits:
            self.status()

    def public(self) -> dict[str, Any]:
        """What Node-RED's node shows of itself: the duration in milliseconds, the types it works with."""
        types = {f"op{n}type": self._given(n)[1] for n in (1, 2)}
        return {"duration": self._seconds * 1000, **types}


def _set_payload(msg: Message, value: Any) -> None:
    if value is UNDEFINED:
        msg.pop("payload", None)
    else:
        msg["payload"] = value


def _is_true(value: Truth) -> bool:
    return value is True or value == "true"
