"""The ways in which a delay node keeps messages back. Each takes messages by :meth:`Pace.take` and lets them go later.

However many messages wait, a pace has one timer: for the one that is due next.
"""

from __future__ import annotations

import heapq
import math
import random
import re
from collections import deque
from collections.abc import Callable
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from busway.engine.message import Message
from busway.engine.node import Hold, NodeError, Timer

if TYPE_CHECKING:
    from busway.nodes.function.delay import Delay

TOO_MANY = "too many pending messages in delay node"
NO_TOPIC = "_none_"
SAME_MOMENT = 1e-6
"""Seconds within which two moments are the same."""
_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


def leading_number(value: Any) -> float | None:
    """The number that a value is or begins with, as JavaScript's ``parseFloat`` finds it; None when there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        found = _LEADING_NUMBER.match(value)
        return float(found[1]) if found else None
    return None if math.isnan(value) else float(value)


def between(shortest: float, longest: float) -> Callable[[Message], float]:
    """Random times between two, in seconds."""
    return lambda msg: random.uniform(shortest, longest)


class Pace:
    """A way to keep messages back. ``take`` is the node's handler."""

    waiting: int

    def __init__(self, node: Delay) -> None:
        self.node = node
        self._loop = node.flow.runtime.dispatcher.loop
        self._timer: Timer | None = None

    def take(self, msg: Message) -> Any:
        """Handles one message."""
        raise NotImplementedError

    def _set_timer(self, at: float) -> None:
        self._stop_timer()
        self._timer = self.node.after(max(0.0, at - self._loop.time()), self._fire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._due(self._loop.time() + SAME_MOMENT)

    def _due(self, now: float) -> None:
        """The timer has fired."""

    @staticmethod
    def _let_go(hold: Hold) -> None:
        hold.send(hold.msg)
        hold.done()


def only_control(msg: Message, *names: str) -> bool:
    """Whether a message holds nothing but these properties and its id."""
    return all(key == "_msgid" or key in names for key in msg)


def how_many(flush: Any, waiting: int) -> int:
    """How many messages a ``flush`` releases."""
    if isinstance(flush, bool) or not isinstance(flush, (int, float)) or math.isnan(flush):
        return waiting
    return waiting if flush > waiting else max(0, math.floor(flush))


class Delays(Pace):
    """Each message waits for a time of its own, ``seconds(msg)``; with ``show`` the status tells how many wait."""

    def __init__(self, node: Delay, seconds: Callable[[Message], float], show: bool) -> None:
        super().__init__(node)
        self._seconds, self._show = seconds, show
        self._holds: dict[int, Hold] = {}
        self._dues: list[tuple[float, int]] = []
        self._numbers = count()
        self._timer_at = math.inf

    @property
    def waiting(self) -> int:  # type: ignore[override]
        return len(self._holds)

    def take(self, msg: Message) -> None:
        if "reset" in msg:
            self._reset()
        elif "flush" in msg:
            if not only_control(msg, "flush"):
                self._keep(msg)
            self._flush(how_many(msg["flush"], len(self._holds)))
        else:
            self._keep(msg)
            if self._show:
                self.node.show_soon(self)

    def _keep(self, msg: Message) -> None:
        number, due = next(self._numbers), self._loop.time() + self._seconds(msg)
        self._holds[number] = self.node.hold(msg)
        heapq.heappush(self._dues, (due, number))
        if due < self._timer_at:
            self._timer_at = due
            self._set_timer(due)

    def _reset(self) -> None:
        holds, self._holds = self._holds, {}
        self._dues.clear()
        self._timer_at = math.inf
        self._stop_timer()
        for hold in holds.values():
            hold.done()
        self.node.show_waiting(0, "ring")

    def _flush(self, number: int) -> None:
        for key in list(islice(self._holds, number)):
            self._let_go(self._holds.pop(key))
        self.node.show_waiting(len(self._holds))

    def _due(self, now: float) -> None:
        dues = self._dues
        while dues and dues[0][0] <= now:
            hold = self._holds.pop(heapq.heappop(dues)[1], None)
            if hold is not None:
                self._let_go(hold)
        while dues and dues[0][1] not in self._holds:
            heapq.heappop(dues)
        self._timer_at = dues[0][0] if dues else math.inf
        if dues:
            self._set_timer(self._timer_at)
        if self._show:
            self.node.show_soon(self)


class _Rated(Pace):
    """A pace with a time between messages, which messages may change where the node allows it."""

    def __init__(self, node: Delay, interval: float) -> None:
        super().__init__(node)
        self._interval = self._fixed = interval

    def _wanted(self, msg: Message) -> float | None:
        """The time between messages that this one asks for, in seconds; None when it asks for no other."""
        wanted = leading_number(msg.get("rate")) if self.node.config.allowrate and "rate" in msg else None
        if wanted is None or wanted <= 0 or wanted / 1000 == self._interval:
            return None
        return wanted / 1000


class Limit(_Rated):
    """All messages pass, one in each interval; those that come earlier wait in line."""

    def __init__(self, node: Delay, interval: float) -> None:
        super().__init__(node, interval)
        self._line: deque[Hold] = deque()
        self._next = math.inf

    @property
    def waiting(self) -> int:  # type: ignore[override]
        return len(self._line)

    @property
    def _running(self) -> bool:
        return self._timer is not None

    def take(self, msg: Message) -> Message | None:
        if "flush" in msg or "reset" in msg:
            return self._control(msg)
        if self._running:
            self._queue(msg)
            return None
        return self._pass(msg)

    def _control(self, msg: Message) -> Message | None:
        flushes, resets = "flush" in msg, "reset" in msg
        flush, passed = msg.pop("flush", None), None
        if not only_control(msg, "reset"):
            if flushes and (self._running or resets):
                self._queue(msg)
            elif not (self._running or resets):
                passed = self._pass(msg)
        if flushes:
            self._flush(how_many(flush, len(self._line)))
        if resets:
            self._reset(keep_running=flushes)
        return passed

    def _pass(self, msg: Message) -> Message:
        self._interval = self._wanted(msg) or self._interval
        self._restart()
        self.node.show_soon(self)
        return msg

    def _queue(self, msg: Message) -> None:
        wanted = self._wanted(msg)
        if wanted is not None:
            self._interval = wanted
            self._restart()
        most = self.node.flow.runtime.settings.node_message_buffer_max_length
        if 0 < most <= len(self._line):
            self._give_up()
        hold = self.node.hold(msg)
        (self._line.appendleft if msg.get("toFront") is True else self._line.append)(hold)
        if not self._running:
            self._restart()
        self.node.show_soon(self)

    def _give_up(self) -> None:
        """Too many wait: all are lost, this one too, and every source learns of it."""
        error = NodeError(TOO_MANY)
        while self._line:
            self._line.popleft().abandon(error)
        raise error

    def _flush(self, number: int) -> None:
        for _ in range(number):
            hold = self._line.popleft()
            hold.msg.pop("reset", None)
            self._let_go(hold)
        if number:
            self._restart()
        else:
            self._stop_timer()
        self.node.show_waiting(len(self._line))

    def _reset(self, keep_running: bool) -> None:
        if not keep_running:
            self._stop_timer()
        while self._line:
            self._line.popleft().done()
        self._interval = self._fixed
        self.node.show_waiting(0, "ring")

    def _restart(self) -> None:
        self._next = self._loop.time() + self._interval
        self._set_timer(self._next)

    def _due(self, now: float) -> None:
        """One message for each interval that is over: many where intervals are short. An idle one ends the timer."""
        while self._next <= now:
            if not self._line:
                return
            self._let_go(self._line.popleft())
            self._next += self._interval
        self._set_timer(self._next)
        self.node.show_soon(self)


class Gate(_Rated):
    """One message passes in each interval; what comes earlier is dropped, or leaves by the second output."""

    waiting = 0

    def __init__(self, node: Delay, interval: float) -> None:
        super().__init__(node, interval)
        self._last = -math.inf

    def take(self, msg: Message) -> Any:
        if "reset" in msg:
            return self._reset(msg)
        self._interval = self._wanted(msg) or self._interval
        now = self._loop.time()
        if now - self._last > self._interval - SAME_MOMENT:
            self._last = now
            return msg
        return [None, msg] if self.node.config.outputs == 2 else None

    def _reset(self, msg: Message) -> None:
        if "flush" not in msg:
            self._last = -math.inf
        self._interval = self._fixed
        self.node.show_waiting(0, "ring")


class Burst(Pace):
    """Up to ``most`` messages pass at once; each makes room for another after ``window`` seconds."""

    def __init__(self, node: Delay, most: float, window: float) -> None:
        super().__init__(node)
        self._most, self._window = most, window
        self._until: deque[float] = deque()
        self._open()

    @property
    def waiting(self) -> int:  # type: ignore[override]
        return 0

    def _open(self) -> None:
        self._full = False
        self.node.status("", "green", "ring")

    def take(self, msg: Message) -> Any:
        if "reset" in msg:
            self._stop_timer()
            self._until.clear()
            return self._open()
        now = self._loop.time()
        while self._until and self._until[0] <= now + SAME_MOMENT:
            self._until.popleft()
        if len(self._until) < self._most:
            self._until.append(now + self._window)
            return msg
        return self._refuse(msg)

    def _refuse(self, msg: Message) -> Any:
        if not self._full:
            self._full = True
            self.node.status("", "red", "dot")
            if self._until:
                self._set_timer(self._until[0])
        return [None, msg] if self.node.config.outputs == 2 else None

    def _due(self, now: float) -> None:
        self._open()


class Topics(_Rated):
    """The latest message of each topic waits; at each tick one topic leaves, or all ``together``.

    The ticks are counted from the start of the node, but the clock only runs while something waits.
    """

    def __init__(self, node: Delay, interval: float, together: bool) -> None:
        super().__init__(node, interval)
        self._together = together
        self._latest: dict[Any, Hold] = {}
        self._began = self._loop.time()

    @property
    def waiting(self) -> int:  # type: ignore[override]
        return len(self._latest)

    def take(self, msg: Message) -> None:
        wanted = self._wanted(msg)
        if wanted is not None:
            self._interval, self._began = wanted, self._loop.time()
            self._stop_timer()
        flushes, resets = "flush" in msg, "reset" in msg
        if (flushes or not resets) and not only_control(msg, "flush", "reset", "rate"):
            self._keep(msg)
        if flushes:
            self._flush(how_many(msg["flush"], len(self._latest)))
        if resets:
            self._reset()
        elif self._latest and self._timer is None:
            self._tick_next()

    def _keep(self, msg: Message) -> None:
        key = _key(msg.setdefault("topic", NO_TOPIC))
        replaced = self._latest.get(key)
        self._latest[key] = self.node.hold(msg)
        if replaced is not None:
            if self.node.config.outputs == 2:
                replaced.send([None, replaced.msg])
            replaced.done()
        self.node.show_soon(self)

    def _flush(self, number: int) -> None:
        for key in list(islice(self._latest, number)):
            hold = self._latest.pop(key)
            for name in ("flush", "reset"):
                hold.msg.pop(name, None)
            self._let_go(hold)
        self.node.status()

    def _reset(self) -> None:
        latest, self._latest = self._latest, {}
        for hold in latest.values():
            hold.done()
        self._interval = self._fixed
        self._stop_timer()
        self.node.status("reset")

    def _tick_next(self) -> None:
        ticks = math.floor((self._loop.time() - self._began + SAME_MOMENT) / self._interval) + 1
        self._set_timer(self._began + ticks * self._interval)

    def _due(self, now: float) -> None:
        for key in list(islice(self._latest, None if self._together else 1)):
            self._let_go(self._latest.pop(key))
        if self._latest:
            self._tick_next()
        self.node.show_soon(self)


def _key(topic: Any) -> Any:
    """What makes two topics the same: JavaScript's strict equality."""
    return (type(topic) is bool, topic) if isinstance(topic, (str, int, float, bool)) else id(topic)
