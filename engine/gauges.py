"""Figures that parts of a process offer to whoever watches it; read only when somebody asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Values = Mapping[tuple[str, ...], float]
"""A figure for each combination of the labels' values; ``{(): 5}`` where there are no labels."""


@dataclass(frozen=True)
class Gauge:
    """A figure that goes up and down. ``help`` says what it is; ``read()`` gives the values, at once or awaited."""

    help: str
    read: Callable[[], Values | Awaitable[Values]]
    labels: tuple[str, ...] = ()
