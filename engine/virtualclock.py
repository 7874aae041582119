"""Time that does not pass by itself: an event loop whose clock jumps to the next timer whenever nothing is left to do.

An hour's delay takes no time to test, and takes exactly an hour by the clock that nodes see.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from selectors import BaseSelector, SelectorKey
from typing import Any

from .errors import BuswayError

RESOLUTION = 1e-6
"""Seconds within which two moments are the same."""


class VirtualClock:
    """The clock of one event loop, in place of the machine's from :meth:`install` to :meth:`remove`.

    ``start`` is the wall-clock time at that moment, in seconds since the epoch; without it the machine's. Work that
    other threads do for the loop (``run_in_executor``, ``asyncio.to_thread``) is waited for before the clock moves on.
    What comes from outside through a socket is not: use real time where a flow talks over the network.
    """

    def __init__(self, start: float | None = None) -> None:
        self._epoch = time.time() if start is None else start
        self._began = self._now = 0.0
        self._in_threads = 0
        self._resolution = 0.0
        self._loop: Any = None
        self._selector: BaseSelector | None = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Puts ``loop`` under this clock. Raises ClockError when the loop is not asyncio's own."""
        if not isinstance(loop, asyncio.SelectorEventLoop):
            raise ClockError(f"a virtual clock needs asyncio's own event loop, this is {type(loop).__module__}'s")
        own: Any = loop
        self._began = self._now = loop.time()
        self._loop, self._selector = own, own._selector
        own._selector = _JumpingSelector(own._selector, self)
        own.time = lambda: self._now
        # After months the clock's steps are larger than the machine's resolution, and a timer would never be due.
        self._resolution, own._clock_resolution = own._clock_resolution, RESOLUTION
        self._count_threads(own)

    def _count_threads(self, loop: Any) -> None:
        run_in_executor = loop.run_in_executor

        def counted(executor: Any, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
            future: asyncio.Future[Any] = run_in_executor(executor, function, *args)
            self._in_threads += 1
            future.add_done_callback(self._thread_done)
            return future

        loop.run_in_executor = counted

    def _thread_done(self, future: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    def remove(self) -> None:
        """Gives the loop its own clock back."""
        if self._loop is not None:
            self._loop._selector, self._loop._clock_resolution = self._selector, self._resolution
            del self._loop.time, self._loop.run_in_executor
            self._loop = self._selector = None

    def __enter__(self) -> VirtualClock:
        self.install(asyncio.get_running_loop())
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove()

    @property
    def elapsed(self) -> float:
        """Seconds that have passed by this clock."""
        return self._now - self._began

    def now(self) -> float:
        """Seconds since the epoch: the clock to give to a runtime."""
        return self._epoch + self.elapsed

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class ClockError(BuswayError):
    """A virtual clock cannot drive this event loop."""


class _JumpingSelector(BaseSelector):
    """Waits for nothing: when no file is ready, the time that the loop wanted to wait has passed."""

    def __init__(self, selector: BaseSelector, clock: VirtualClock) -> None:
        self._selector, self._clock = selector, clock

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None or self._clock._in_threads:
            return self._selector.select(timeout if timeout == 0 else None)
        ready = self._selector.select(0)
        if not ready and timeout > 0:
            self._clock._jump(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._selector.get_map()

    def get_key(self, fileobj: Any) -> SelectorKey:
        return self._selector.get_key(fileobj)

    def close(self) -> None:
        self._selector.close()


def virtual_loop(start: float | None = None) -> asyncio.AbstractEventLoop:
    """A new event loop under a virtual clock; ``start`` as for :class:`VirtualClock`. Close it like any other."""
    loop = asyncio.SelectorEventLoop()
    VirtualClock(start).install(loop)
    return loop
