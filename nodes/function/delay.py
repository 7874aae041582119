"""The delay node: keeps messages for a while, or limits how many pass."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from busway.engine.errors import ConfigError
from busway.engine.fields import Choices, Label, ShownIf, Stored, When
from busway.engine.node import Config, Field, Message, Node, Timer
from busway.nodes.function import pacing

SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
Units = Literal["milliseconds", "seconds", "minutes", "hours", "days"]
STATUS_PAUSE = 0.5
"""Seconds between two updates of the number of waiting messages."""

ONE = When("nbRateUnits", "1", 1, "")
LIMITED = ShownIf("pauseType", "rate", "burst", "queue", "timed")
UNITS = Choices(milliseconds="Milliseconds", seconds="Seconds", minutes="Minutes", hours="Hours", days="Days")
RATE_UNITS = Choices(second="Seconds", minute="Minutes", hour="Hours", day="Days")
ACTIONS = Choices(
    delay="Delay each message by a fixed time",
    delayv="Delay each message by msg.delay",
    random="Delay each message by a random time",
    rate="Limit the rate of all messages",
    burst="Let so many pass at once",
    queue="Limit the rate, one topic at a time",
    timed="Limit the rate, all topics together",
)


class DelayConfig(Config):
    pauseType: Annotated[Literal["delay", "delayv", "random", "rate", "burst", "queue", "timed"], ACTIONS] = Field(
        "delay",
        title="Action",
        description="Delay each message by a fixed time (`delay`), by `msg.delay` (`delayv`) or by a random time "
        "(`random`); limit the rate of all messages (`rate`), of bursts (`burst`), or per topic: one topic at a time "
        "(`queue`) or all together (`timed`).",
    )
    timeout: Annotated[float, Stored("5"), ShownIf("pauseType", "delay")] = Field(
        5, ge=0, title="For", description="How long each message is delayed."
    )
    timeoutUnits: Annotated[Units, UNITS, ShownIf("pauseType", "delay")] = Field(
        "seconds", title="Unit of the delay", description="Unit of the delay."
    )
    rate: Annotated[float, Stored("1"), LIMITED] = Field(
        1, ge=0, title="Rate", description="How many messages may pass in the time."
    )
    nbRateUnits: Annotated[float, Stored("1"), LIMITED] = Field(
        1, ge=0, title="Per", description="The time, in units, that the rate is meant for."
    )
    rateUnits: Annotated[Literal["second", "minute", "hour", "day"], RATE_UNITS, LIMITED] = Field(
        "second", title="Unit of the rate", description="Unit of the time that the rate is meant for."
    )
    randomFirst: Annotated[float, Stored("1"), ShownIf("pauseType", "random")] = Field(
        1, ge=0, title="Between", description="The shortest random delay."
    )
    randomLast: Annotated[float, Stored("5"), ShownIf("pauseType", "random")] = Field(
        5, ge=0, title="And", description="The longest random delay."
    )
    randomUnits: Annotated[Units, UNITS, ShownIf("pauseType", "random")] = Field(
        "seconds", title="Unit of the random delay", description="Unit of the random delay."
    )
    drop: Annotated[bool, ShownIf("pauseType", "rate")] = Field(
        False, title="Drop intermediate messages", description="Drop what comes too early, with `rate`."
    )
    allowrate: Annotated[bool, ShownIf("pauseType", "rate")] = Field(
        False, title="Allow msg.rate to override", description="`msg.rate` sets the milliseconds between messages."
    )
    outputs: Annotated[int, ShownIf("pauseType", "rate")] = Field(
        1, ge=1, le=2, title="Outputs", description="With 2, what is dropped leaves by the second output."
    )


class Delay(Node[DelayConfig]):
    """Delays messages, or limits the rate at which they pass.

    ### Input

    - `delay`: with action *variable*, how long this message is delayed, in milliseconds;
    - `reset`: if present, whatever its value, all waiting messages are dropped, this one included;
    - `flush`: if present, waiting messages leave at once: all, or as many as its number says. A message with nothing
      else in it only does that;
    - `toFront`: if true, a message waits in front of the others (rate limit of all messages);
    - `rate`: where allowed, the new time between two messages, in milliseconds.

    ### Details

    **Rate limit**: the first message passes at once, the others leave one by one, evenly spread over the time. With
    *drop*, what comes too early is dropped, or leaves by the second output. **Burst**: as many messages as the rate
    says pass at once; each makes room for another when the time is over. **Per topic**: of each topic only the latest
    message waits. It leaves in turn with those of other topics (*queue*) or together with them (*timed*).

    A message that waits is not finished: its source knows that it is still under way, and gets it back if Busway stops.
    """

    type = "delay"
    category = "function"
    color = "#E6E0F8"
    icon = "timer.svg"
    labels = (
        Label("delay {timeout} {timeoutUnits}", When("pauseType", "delay")),
        Label("delay msg.delay", When("pauseType", "delayv")),
        Label("delay {randomFirst} to {randomLast} {randomUnits}", When("pauseType", "random")),
        Label("limit {rate}/{rateUnits}", When("pauseType", "rate"), ONE),
        Label("limit {rate} per {nbRateUnits} {rateUnits}s", When("pauseType", "rate")),
        Label("burst {rate}/{rateUnits}", When("pauseType", "burst"), ONE),
        Label("burst {rate} per {nbRateUnits} {rateUnits}s", When("pauseType", "burst")),
        Label("limit topics {rate}/{rateUnits}", ONE),
        Label("limit topics {rate} per {nbRateUnits} {rateUnits}s"),
    )

    @classmethod
    def output_count(cls, config: DelayConfig) -> int:
        return config.outputs

    def start(self) -> None:
        self._pause: Timer | None = None
        self._outdated = False
        self.on_message = self._pace().take  # type: ignore[method-assign]

    def _pace(self) -> pacing.Pace:
        config = self.config
        if config.pauseType == "delay":
            return pacing.Delays(self, lambda msg: self.timeout, show=self.timeout > 1)
        if config.pauseType == "delayv":
            return pacing.Delays(self, self._variable, show=True)
        if config.pauseType == "random":
            shortest, longest = (to_seconds(n, config.randomUnits) for n in (config.randomFirst, config.randomLast))
            return pacing.Delays(self, pacing.between(shortest, longest), show=self.timeout >= 1)
        if config.pauseType == "burst":
            return pacing.Burst(self, config.rate, config.nbRateUnits * SECONDS[config.rateUnits])
        if config.pauseType == "rate":
            return (pacing.Gate if config.drop else pacing.Limit)(self, self.interval)
        return pacing.Topics(self, self.interval, together=config.pauseType == "timed")

    @property
    def timeout(self) -> float:
        """The fixed delay, in seconds."""
        return to_seconds(self.config.timeout, self.config.timeoutUnits)

    @property
    def interval(self) -> float:
        """Seconds between two messages of the rate. Raises ConfigError where the rate is zero."""
        config = self.config
        if not config.rate:
            raise ConfigError(
                f"node {self.id} (delay): 'rate' is 0, so no message could ever pass; use a number above 0"
            )
        return SECONDS[config.rateUnits] * (config.nbRateUnits or 1) / config.rate

    def _variable(self, msg: Message) -> float:
        delay = pacing.leading_number(msg.get("delay"))
        return self.timeout if delay is None else max(delay, 0) / 1000

    def public(self) -> dict[str, Any]:
        """What Node-RED's node shows of itself, in milliseconds."""
        unit = SECONDS[self.config.rateUnits] * 1000
        rate = unit * (self.config.nbRateUnits or 1) / self.config.rate if self.config.rate else None
        return {"timeout": self.timeout * 1000, "rate": rate}

    # -- for the paces ----------------------------------------------------------------------------------------------
    def show_waiting(self, count: int, shape: Literal["dot", "ring"] = "dot") -> None:
        """Shows at once how many messages wait."""
        self.status(count, "blue", shape)

    def show_soon(self, pace: pacing.Pace) -> None:
        """Shows how many messages wait: now, or when the last update is half a second old."""
        if self._pause is not None:
            self._outdated = True
            return
        self.show_waiting(pace.waiting)
        self._outdated = False
        self._pause = self.after(STATUS_PAUSE, self._show_again, pace)

    def _show_again(self, pace: pacing.Pace) -> None:
        self._pause = None
        if self._outdated:
            self.show_soon(pace)

    def stop(self) -> None:
        self.status()


def to_seconds(amount: float, unit: str) -> float:
    """A time in one of the node's units, in seconds."""
    return amount / 1000 if unit == "milliseconds" else amount * SECONDS[unit.removesuffix("s")]
