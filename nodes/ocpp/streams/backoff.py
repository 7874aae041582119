"""How long to wait before Redis is tried again."""

from __future__ import annotations

import asyncio

FIRST = 0.05
LONGEST = 1.0


class Backoff:
    """Waits that double from 50 ms to a second, until something went well."""

    def __init__(self) -> None:
        self._next = FIRST

    def reset(self) -> None:
        """The next wait is a short one again."""
        self._next = FIRST

    async def sleep(self) -> None:
        """Waits."""
        delay, self._next = self._next, min(2 * self._next, LONGEST)
        await asyncio.sleep(delay)
