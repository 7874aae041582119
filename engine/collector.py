"""Python's garbage collector, told what stays: what flows are made of lives until the next deploy."""

from __future__ import annotations

import asyncio
import gc

CALM = 5.0
"""Seconds after the last deploy at which what a full one left behind is collected: with ten thousand nodes that takes most
of a second, for which no deploy is to wait."""
THRESHOLDS = (100_000, 50, 1000)
"""Messages make many objects that soon die by themselves: the usual thresholds have the collector walk them all the time."""


class Collector:
    """Sees to one runtime's process after each full deploy."""

    def __init__(self) -> None:
        self._later: asyncio.TimerHandle | None = None

    def flows_replaced(self) -> None:
        """All nodes are new: the old ones are collected soon, the new ones not looked at again."""
        gc.set_threshold(*THRESHOLDS)
        self.close()
        self._later = asyncio.get_running_loop().call_later(CALM, self._collect)

    def deploying(self) -> None:
        """A deploy begins: if something waits to be collected, it waits on."""
        if self._later is not None:
            self.flows_replaced()

    def close(self) -> None:
        """Nothing is done any more."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _collect(self) -> None:
        self._later = None
        gc.unfreeze()
        gc.collect()
        gc.freeze()
