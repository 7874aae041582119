"""Time in a simulation: seconds that pass faster than real ones."""

from __future__ import annotations

import asyncio
import contextlib


class Pace:
    """Simulated seconds; ``speed`` of them pass in a real one. All durations of the simulator are simulated seconds."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed

    def now(self) -> float:
        """Simulated seconds on a clock that only serves to tell differences."""
        return asyncio.get_running_loop().time() * self.speed

    async def sleep(self, seconds: float) -> None:
        """Lets simulated seconds pass."""
        await asyncio.sleep(seconds / self.speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Lets simulated seconds pass, or fewer when the event is set; whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds / self.speed):
                await event.wait()
        return event.is_set()
