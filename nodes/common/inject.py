"""The inject node: starts a flow by hand, at start, at intervals or by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from busway.engine.errors import BuswayError
from busway.engine.fields import (
    Column,
    Hidden,
    Label,
    PropertyPath,
    Rows,
    RowsFrom,
    ShownIf,
    TypedValue,
    Unit,
    When,
    Widget,
)
from busway.engine.message import Message, compile_set
from busway.engine.node import Config, Field, Node, NodeError
from busway.engine.reports import text_of
from busway.engine.values import compile_value
from busway.nodes.common.crontab import times

USER_PROPS = "__user_inject_props__"
LONGEST_INTERVAL = 2_147_483
DEFAULT_ONCE_DELAY = 0.1
LONGEST_SLEEP = 3600.0
"""Seconds after which a long wait looks at the clock again: it may have been set, or the machine have slept."""
PAYLOAD_TYPES = ("flow", "global", "str", "num", "bool", "json", "bin", "date", "jsonata", "env")
PROPS = Rows(
    Column("p", "Property", "property", hints=(PropertyPath(),)),
    Column("v", "Value", "value", hints=(TypedValue("vt", *PAYLOAD_TYPES, "msg"),)),
    p="",
    v="",
    vt="str",
)
KEPT = RowsFrom("p", payload={"v": "payload", "vt": "payloadType"}, topic={"v": "topic"})
SHOWN = ("str", "num", "bool", "json")

Row = Callable[[Message], None]


class InjectConfig(Config):
    props: Annotated[list[dict[str, Any]], PROPS, KEPT] = Field(
        default_factory=lambda: [{"p": "payload"}, {"p": "topic", "vt": "str"}],
        title="Properties",
        description="What the message holds: a list of `{p: property, v: value, vt: type}`, set in this order.",
    )
    repeat: Annotated[float | Literal[""], Unit("s")] = Field(
        "", title="Repeat every", description="The interval between two messages; empty for none."
    )
    crontab: Annotated[str, Widget("inject-schedule")] = Field(
        "",
        title="Schedule",
        description="A cron expression in local time: five fields, or six with the seconds first. An interval wins over it.",
    )
    once: bool = Field(False, title="Inject once at start", description="Send a message when the flow starts.")
    onceDelay: Annotated[float | Literal[""], Unit("s"), ShownIf("once", True)] = Field(
        DEFAULT_ONCE_DELAY, title="After", description="How long after the start; empty or 0 is a tenth of a second."
    )
    topic: Annotated[str, Hidden()] = Field(
        "", title="Topic", description="The topic, where the list of properties does not say another."
    )
    payload: Annotated[str, TypedValue("payloadType", *PAYLOAD_TYPES), Hidden()] = Field(
        "", title="Payload", description="The payload, where the list of properties does not say another."
    )
    payloadType: str = Field("date", title="Type of the payload", description="Type of the payload.")


class Inject(Node[InjectConfig]):
    """Starts a flow with a message: by its button, when the flow starts, at an interval, or by a cron expression.

    ### Output

    The properties are set in the order of the list. A value of type *msg* refers to one that the list has set before. A
    property that cannot be evaluated is an error, and nothing is sent.

    ### Details

    An interval begins when the flow starts; the first message comes when it is over, or, with *inject once*, at once
    and then at each interval. A cron expression has five fields (`minute hour day month weekday`), or six with the
    seconds first, and is meant in local time: `*/15 8-17 * * 1-5` is every quarter of an hour from 8:00 to 17:45 from
    Monday to Friday.

    While more messages wait than the engine is set to keep, nothing is sent, and the status says so.
    """

    type = "inject"
    category = "common"
    color = "#A6BBCF"
    icon = "inject.svg"
    inputs = 0
    labels = (
        Label("{props.0.v}", When("props.0.p", "payload"), When("props.0.vt", *SHOWN)),
        Label("{topic}: {payload}", When("payloadType", *SHOWN)),
        Label("{payload}", When("payloadType", *SHOWN)),
        Label("{topic}: timestamp", When("payloadType", "date")),
        Label("timestamp", When("payloadType", "date")),
        Label("{payloadType}.{payload}", When("payloadType", "flow", "global")),
        Label("environment variable {payload}", When("payloadType", "env")),
        Label("bytes", When("payloadType", "bin")),
    )
    button: ClassVar[dict[str, Any] | None] = {"side": "left", "action": "inject"}

    def start(self) -> None:
        self._held_back = False
        self._rows = [self._compile(row) for row in self._props()]
        self._interval = self._checked_interval()
        if self.config.crontab and not self._interval:
            times(self.config.crontab, self.now())

    def _props(self) -> list[dict[str, Any]]:
        """The rows, with the payload and the topic of files from before there were rows."""
        return [self._completed(row) for row in self.config.props]

    def _completed(self, row: dict[str, Any]) -> dict[str, Any]:
        if "v" in row:
            return row
        if row.get("p") == "payload":
            return row | {"v": self.config.payload, "vt": self.properties.get("payloadType", "str")}
        if row.get("p") == "topic" and row.get("vt") == "str":
            return row | {"v": self.config.topic}
        return row

    def _compile(self, row: dict[str, Any]) -> Row:
        """A function that sets one property. What is wrong with it is logged now, and an error at each message."""
        try:
            return self._row(row)
        except BuswayError as error:
            self.error(error)
            return _failing(error)

    def _row(self, row: dict[str, Any]) -> Row:
        name, value, kind = row.get("p"), row.get("v", ""), row.get("vt", "str")
        if not name or (kind == "jsonata" and not value):
            return lambda msg: None
        put, evaluate = compile_set(str(name)), compile_value(value, str(kind), self)

        def set_property(msg: Message) -> None:
            put(msg, evaluate(msg))

        return set_property

    def _checked_interval(self) -> float:
        interval = float(self.config.repeat or 0)
        if interval > LONGEST_INTERVAL:
            self.error("Interval too large")
            return 0
        return interval if interval > 0 else 0

    # -- sending ----------------------------------------------------------------------------------------------------
    def trigger(self, props: list[dict[str, Any]] | None = None) -> None:
        """Sends a message, with other properties if given; holds it back while the run queue is full."""
        dispatcher = self.flow.runtime.dispatcher
        if dispatcher.overloaded:
            self.warn(f"held back: {len(dispatcher.queue)} messages are waiting already")
            self.status("held back", "yellow", "ring")
            self._held_back = True
            return
        if self._held_back:
            self._held_back = False
            self.status()
        dispatcher.deliver(self.port, {} if props is None else {USER_PROPS: props})

    def on_message(self, msg: Message) -> Message:
        given = msg.pop(USER_PROPS, None)
        rows = self._rows if not isinstance(given, list) else self._given_rows(given)
        errors = []
        for row in rows:
            try:
                row(msg)
            except Exception as error:
                errors.append(text_of(error))
        if errors:
            raise NodeError("; ".join(errors))
        return msg

    def _given_rows(self, props: list[Any]) -> list[Row]:
        return [_row_or_failing(self._row, prop) for prop in props if isinstance(prop, dict)]

    # -- schedules --------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        if self.config.once:
            await asyncio.sleep(float(self.config.onceDelay or DEFAULT_ONCE_DELAY))
            self.trigger()
        if self._interval:
            await self._run_interval(self._interval)
        elif self.config.crontab:
            await self._run_schedule(self.config.crontab)

    async def _run_interval(self, interval: float) -> None:
        loop = self.flow.runtime.dispatcher.loop
        due = loop.time()
        while True:
            due = max(due + interval, loop.time())
            await asyncio.sleep(due - loop.time())
            self.trigger()

    async def _run_schedule(self, crontab: str) -> None:
        for due in self._moments(crontab):
            await self._until(due)
            self.trigger()

    async def _until(self, due: float) -> None:
        left = due - self.now()
        while left > 0:
            await asyncio.sleep(min(max(left, 0.001), LONGEST_SLEEP))
            left = due - self.now()

    def _moments(self, crontab: str) -> Iterator[float]:
        """The moments of the schedule; those that were missed, while the machine slept say, are left out."""
        due = self.now()
        while True:
            upcoming = next(times(crontab, max(due, self.now())), None)
            if upcoming is None:
                return
            due = upcoming
            yield due

    def public(self) -> dict[str, Any]:
        """What Node-RED's node shows of itself, in milliseconds."""
        return {"onceDelay": float(self.config.onceDelay or DEFAULT_ONCE_DELAY) * 1000}


def _row_or_failing(compile_row: Callable[[dict[str, Any]], Row], row: dict[str, Any]) -> Row:
    try:
        return compile_row(row)
    except BuswayError as error:
        return _failing(error)


def _failing(error: BuswayError) -> Row:
    def fail(msg: Message) -> None:
        raise error

    return fail
