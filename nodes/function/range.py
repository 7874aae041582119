"""The range node: maps a number from one range to another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import FiniteFloat

from busway.engine.coercion import to_number, to_string
from busway.engine.fields import Choices, Label, PropertyPath, Stored
from busway.engine.message import UNDEFINED, Message, compile_get, compile_set
from busway.engine.node import Config, Field, Node, NodeError

ACTIONS = Choices(
    scale="Go on along the line outside of the range",
    clamp="Stop at the ends of the range",
    roll="Wrap around within the range",
    drop="Drop messages outside of the range",
)


class RangeConfig(Config):
    action: Annotated[Literal["scale", "clamp", "roll", "drop"], ACTIONS] = Field(
        "scale",
        title="Action",
        description="Outside of the range: go on along the line, stop at the end, wrap around, or drop the message.",
    )
    minin: Annotated[FiniteFloat, Stored("")] = Field(
        0, title="From, lowest", description="What maps to the lowest result."
    )
    maxin: Annotated[FiniteFloat, Stored("")] = Field(
        1, title="From, highest", description="What maps to the highest result."
    )
    minout: Annotated[FiniteFloat, Stored("")] = Field(0, title="To, lowest", description="The lowest result.")
    maxout: Annotated[FiniteFloat, Stored("")] = Field(1, title="To, highest", description="The highest result.")
    round: bool = Field(False, title="Whole numbers", description="Round the result to the nearest integer.")
    property: Annotated[str, PropertyPath()] = Field("payload", title="Property", description="The number to map.")


class Range(Node[RangeConfig]):
    """Maps a number from one range to another.

    The property has to be a number, or text that reads as one. What reads as no number is logged and dropped; a
    message without the property passes unchanged.

    - *Scale* goes on along the line outside of the range.
    - *Clamp* stops at the nearest end.
    - *Roll* wraps around within the target range, like an angle or a clock.
    - *Drop* passes nothing on that lies outside.

    With *whole numbers* the ends of the target range are taken inwards to integers, and the result is rounded.
    """

    type = "range"
    category = "function"
    color = "#E2D96E"
    icon = "range.svg"
    labels = (Label("{minout} - {maxout}"),)

    def start(self) -> None:
        config = self.config
        path = config.property or "payload"
        get, put, place = compile_get(path), compile_set(path), mapping(config)
        if config.minin == config.maxin:
            self.warn(_no_range(config))

        def handle(msg: Message) -> Message | None:
            value = get(msg)
            if value is UNDEFINED:
                return msg
            number = to_number(value)
            if number != number:
                self.log(f"Not a number: {to_string(value)}")
                return None
            result = place(number)
            if result is None:
                return None
            put(msg, result)
            return msg

        self.on_message = handle  # type: ignore[method-assign]


def mapping(config: RangeConfig) -> Callable[[float], Any]:
    """The function from a number to its place in the target range; None drops.

    Bounds given high to low are swapped together. It raises NodeError for each number when they are the same.
    """
    low, high, out_low, out_high = config.minin, config.maxin, config.minout, config.maxout
    if low > high:
        low, high, out_low, out_high = high, low, out_high, out_low
    if config.round:
        out_low, out_high = math.ceil(out_low), math.floor(out_high)
    bend = {"scale": _go_on, "clamp": _clamp, "roll": _roll, "drop": _drop}[config.action]
    finish = _whole if config.round else _plain
    span, out_span = high - low, out_high - out_low

    def place(number: float) -> Any:
        bent = bend(number, low, high)
        if bent is None:
            return None
        return finish((bent - low) / span * out_span + out_low)

    def refuse(number: float) -> Any:
        raise NodeError(_no_range(config))

    return place if span else refuse


def _no_range(config: RangeConfig) -> str:
    return f"'minin' and 'maxin' are both {config.minin:g}: they must differ"


def _go_on(number: float, low: float, high: float) -> float:
    return number


def _clamp(number: float, low: float, high: float) -> float:
    return min(max(number, low), high)


def _roll(number: float, low: float, high: float) -> float:
    return (number - low) % (high - low) + low


def _drop(number: float, low: float, high: float) -> float | None:
    return number if low <= number <= high else None


def _whole(value: float) -> float | int:
    """The nearest integer, halves upwards as JavaScript rounds."""
    return math.floor(value + 0.5) if math.isfinite(value) else value


def _plain(value: float) -> float | int:
    """5 rather than 5.0, as JavaScript's one kind of number prints it."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
