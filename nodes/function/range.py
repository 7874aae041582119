"""The range node."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from ...engine.coercion import to_number, to_string
from ...engine.errors import ConfigError
from ...engine.fields import PropertyPath
from ...engine.message import UNDEFINED, Message, compile_get, compile_set
from ...engine.node import Config, Field, Node


class RangeConfig(Config):
    action: Literal["scale", "clamp", "roll", "drop"] = Field(
        "scale", title="Action", description="What to do outside the range: go on along the line, stop at the end, wrap around, drop."
    )
    minin: float = Field(0, title="From, lowest", description="What maps to the lowest result.")
    maxin: float = Field(1, title="From, highest", description="What maps to the highest result.")
    minout: float = Field(0, title="To, lowest", description="The lowest result.")
    maxout: float = Field(1, title="To, highest", description="The highest result.")
    round: bool = Field(False, title="Whole numbers", description="Round the result to the nearest integer.")
    property: Annotated[str, PropertyPath()] = Field("payload", title="Property", description="The number to map.")


class Range(Node[RangeConfig]):
    """Maps a number from one range to another.

    The property has to be a number, or text that reads as one. What reads as no number is logged and dropped; a message without the
    property passes unchanged.

    - *Scale* goes on along the line outside of the range.
    - *Clamp* stops at the nearest end.
    - *Roll* wraps around within the target range, like an angle or a clock.
    - *Drop* passes nothing on that lies outside.
    """

    type = "range"
    category = "function"
    color = "#E2D96E"
    icon = "range.svg"
    label = "{name}"

    def start(self) -> None:
        config = self.config
        path = config.property or "payload"
        self._get, self._set = compile_get(path), compile_set(path)
        self._map = mapping(config, self.id)

    def on_message(self, msg: Message) -> Message | None:
        value = self._get(msg)
        if value is UNDEFINED:
            return msg
        number = to_number(value)
        if math.isnan(number):
            self.log(f"Not a number: {to_string(value)}")
            return None
        result = self._map(number)
        if result is None:
            return None
        self._set(msg, result)
        return msg


def mapping(config: RangeConfig, node_id: str) -> Callable[[float], Any]:
    """The function from a number to its place in the target range; None drops. Bounds given high to low are swapped together."""
    low, high, out_low, out_high = config.minin, config.maxin, config.minout, config.maxout
    if low > high:
        low, high, out_low, out_high = high, low, out_high, out_low
    if low == high:
        raise ConfigError(f"node {node_id} (range): 'minin' and 'maxin' are both {low:g}; they must differ")
    bend = {"scale": _go_on, "clamp": _clamp, "roll": _roll, "drop": _drop}[config.action]
    whole = config.round

    def result(number: float) -> Any:
        bent = bend(number, low, high)
        if bent is None:
            return None
        value = (bent - low) / (high - low) * (out_high - out_low) + out_low
        return _whole(value, out_low, out_high) if whole else _plain(value)

    return result


def _go_on(number: float, low: float, high: float) -> float:
    return number


def _clamp(number: float, low: float, high: float) -> float:
    return min(max(number, low), high)


def _roll(number: float, low: float, high: float) -> float:
    span = high - low
    return (number - low) % span + low


def _drop(number: float, low: float, high: float) -> float | None:
    return number if low <= number <= high else None


def _whole(value: float, out_low: float, out_high: float) -> int:
    """The nearest integer, halves upwards as JavaScript rounds, within the integers of the target range when it began inside."""
    bottom, top = sorted((out_low, out_high))
    rounded = math.floor(value + 0.5)
    if bottom <= value <= top and math.ceil(bottom) <= math.floor(top):
        return min(max(rounded, math.ceil(bottom)), math.floor(top))
    return rounded


def _plain(value: float) -> float | int:
    """5 rather than 5.0, as JavaScript's one kind of number prints it."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
