"""What a car takes from a connector: power over time as a battery allows it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Final

VOLTAGE: Final = 230.0
_STEP: Final = 10.0
"""Longest step of the integration, in seconds."""
_RAMP: Final = 60.0
"""Seconds until a car takes its full power."""
_KNEE: Final = 0.8
"""State of charge from which a battery takes less and less."""
_LEAST: Final = 0.06
"""Part of the full power that a nearly full battery still takes."""


@dataclass(slots=True)
class Car:
    """A battery of ``capacity`` Wh at ``level`` Wh that takes up to ``power`` W over ``phases`` phases."""

    capacity: float
    level: float
    power: float
    phases: int

    @classmethod
    def arriving(cls, rng: random.Random) -> Car:
        """A car as it comes to a station for alternating current: some charge left, 3.7 to 22 kW."""
        capacity = rng.choice((38_000.0, 52_000.0, 64_000.0, 77_000.0))
        power, phases = rng.choice(((3_680.0, 1), (7_360.0, 1), (11_040.0, 3), (11_040.0, 3), (22_080.0, 3)))
        return cls(capacity, capacity * rng.uniform(0.1, 0.7), power, phases)

    @property
    def charge(self) -> float:
        """State of charge, 0 to 1."""
        return self.level / self.capacity

    def taken(self, since_start: float) -> float:
        """Power in W that the car takes when offered any, so many seconds after its start."""
        ramp = min(1.0, since_start / _RAMP)
        taper = 1.0 if self.charge < _KNEE else max(_LEAST, (1.0 - self.charge) / (1.0 - _KNEE))
        return self.power * ramp * taper if self.charge < 1.0 else 0.0


@dataclass(slots=True)
class Sample:
    """A reading of a connector's meter: Wh, W, A per phase, V, percent."""

    energy: int
    power: float
    current: float
    voltage: float
    charge: float


@dataclass(slots=True)
class ChargingSession:
    """One transaction. ``meter`` is the connector's register in Wh, ``limit`` the power that the back office allows in W."""

    id_tag: str
    car: Car
    meter: float
    limit: float
    remote_start_id: int | None = None
    reservation_id: int | None = None
    transaction_id: str | int | None = None
    sequence: int = 0
    seconds: float = 0.0
    power: float = 0.0
    meter_start: int = 0
    reason: str = "Local"
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.meter_start = round(self.meter)

    def advance(self, seconds: float) -> None:
        """Charges for so many seconds."""
        while seconds > 0:
            step = min(seconds, _STEP)
            self.seconds += step
            self.power = min(self.car.taken(self.seconds), self.limit)
            energy = min(self.power * step / 3600, self.car.capacity - self.car.level)
            self.car.level += energy
            self.meter += energy
            seconds -= step

    @property
    def full(self) -> bool:
        """Whether the car takes no more."""
        return self.car.charge >= 0.999

    def sample(self) -> Sample:
        """The meter as it reads now."""
        current = self.power / VOLTAGE / self.car.phases
        return Sample(
            round(self.meter), round(self.power, 1), round(current, 2), VOLTAGE, round(self.car.charge * 100, 1)
        )

    def next_sequence(self) -> int:
        """Numbers the transaction's events from 0."""
        self.sequence += 1
        return self.sequence - 1

    def stop(self, reason: str) -> None:
        """Asks the transaction to end; the first reason counts."""
        if not self.stopping.is_set():
            self.reason = reason
            self.stopping.set()
