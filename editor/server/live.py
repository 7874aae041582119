"""Live data over ``/comms``: each client gets what it watches, at most four times a second. The frames are in docs/live-data.md."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from busway.engine.errors import BuswayError, suggest
from busway.engine.http.payload import json_bytes
from busway.engine.live import Live
from busway.engine.runtime import Runtime

from .outbox import Outbox

PERIOD = 0.25
"""Seconds between two updates."""
MOST_FEEDS = 64
"""Wires and traces that one client may watch."""
LAGGING = 200
"""Unsent messages above which a client gets no updates."""
RATE_OVER = 4
"""Updates over which a rate is taken."""
Put = Callable[[Outbox, str, bytes], None]


class WatchError(BuswayError):
    """A client asks to watch what cannot be watched; says what, and what would be right."""


class Feed(Protocol):
    """Something that a client watches."""

    topic: str

    def look(self) -> dict[str, Any] | None:
        """What is new since the last look; None when nothing is."""

    def refresh(self) -> None:
        """Something was deployed."""

    def close(self) -> None:
        """Nobody watches any more."""


class LiveDesk:
    """Serves live data to the clients of ``/comms``."""

    def __init__(self, runtime: Runtime, put: Put) -> None:
        self._live = Live.of(runtime)
        self._put = put
        self._clients: dict[Outbox, _Client] = {}

    def hear(self, outbox: Outbox, message: Mapping[str, Any]) -> None:
        """A client's ``{"watch": {...}}`` or ``{"unwatch": {...}}``."""
        try:
            if "watch" in message:
                self._client(outbox).watch(message["watch"])
            if "unwatch" in message and outbox in self._clients:
                self._clients[outbox].unwatch(message["unwatch"])
        except WatchError as error:
            self._put(outbox, "live/refused", json_bytes({"topic": "live/refused", "data": {"message": str(error)}}))

    def leave(self, outbox: Outbox) -> None:
        """A client is gone."""
        client = self._clients.pop(outbox, None)
        if client is not None:
            client.close()

    def _client(self, outbox: Outbox) -> _Client:
        client = self._clients.get(outbox)
        if client is None:
            client = self._clients[outbox] = _Client(self._live, outbox, self._put)
        return client


class _Client:
    """What one client watches."""

    def __init__(self, live: Live, outbox: Outbox, put: Put) -> None:
        self._live, self._outbox, self._put = live, outbox, put
        self._feeds: dict[str, Feed] = {}
        self._deploys = live.deploys
        self._ticking: asyncio.Task[None] | None = None

    def watch(self, wanted: Any) -> None:
        """Begins to watch; what was watched under the same topic is replaced."""
        for feed in [make(self._live, what) for make, what in _wanted(wanted)]:
            old = self._feeds.pop(feed.topic, None)
            if old is None and len(self._feeds) >= MOST_FEEDS:
                feed.close()
                raise WatchError(f"one client may watch {MOST_FEEDS} things; unwatch some first")
            if old is not None:
                old.close()
            self._feeds[feed.topic] = feed
        if self._ticking is None and self._feeds:
            self._ticking = asyncio.create_task(self._tick())

    def unwatch(self, unwanted: Any) -> None:
        """Stops watching; an empty object means everything."""
        topics = list(self._feeds) if unwanted == {} else [topic_of(kind, what) for kind, what in _members(unwanted)]
        for topic in topics:
            feed = self._feeds.pop(topic, None)
            if feed is not None:
                feed.close()
        if not self._feeds and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def close(self) -> None:
        """The client is gone."""
        self.unwatch({})

    async def _tick(self) -> None:
        while True:
            if len(self._outbox) < LAGGING:
                self._update()
            await asyncio.sleep(PERIOD)

    def _update(self) -> None:
        if self._deploys != self._live.deploys:
            self._deploys = self._live.deploys
            for feed in self._feeds.values():
                feed.refresh()
        for topic, feed in list(self._feeds.items()):
            data = feed.look()
            if data is not None:
                self._put(self._outbox, topic, json_bytes({"topic": topic, "data": data}))


# -- requests -------------------------------------------------------------------------------------------------------
def _members(wanted: Any) -> list[tuple[str, Any]]:
    if not isinstance(wanted, Mapping):
        raise WatchError(f"an object is wanted that says what to watch: {', '.join(KINDS)}")
    for kind in wanted:
        if kind not in KINDS:
            raise WatchError(
                f"{kind!r} cannot be watched{suggest(str(kind), KINDS) or ': there are ' + ', '.join(KINDS)}"
            )
    return list(wanted.items())


def _wanted(wanted: Any) -> list[tuple[Callable[[Live, Any], Feed], Any]]:
    return [(KINDS[kind], what) for kind, what in _members(wanted)]


def topic_of(kind: str, what: Any) -> str:
    """The topic under which something is sent."""
    if kind == "wire":
        return f"live/wire/{_node(kind, what)}/{_number(what, 'output', 0, 999)}"
    return f"live/trace/{_node(kind, what)}" if kind == "trace" else f"live/{kind}"


def _node(kind: str, what: Any) -> str:
    node = what.get("node") if isinstance(what, Mapping) else None
    if not isinstance(node, str) or not node:
        raise WatchError(f"{kind!r} wants an object with 'node', the id of a node")
    return node


def _number(what: Mapping[str, Any], name: str, default: int, most: int) -> int:
    number = what.get(name, default)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= most:
        raise WatchError(f"{name!r} is a whole number from 0 to {most}, not {number!r}")
    return number


# -- feeds ----------------------------------------------------------------------------------------------------------
class CountsFeed:
    """Messages and rate per output of some nodes, and which of them are busy."""

    topic = "live/counts"

    def __init__(self, live: Live, what: Any) -> None:
        if not isinstance(what, list) or not all(isinstance(id, str) for id in what):
            raise WatchError("'counts' wants a list of ids: of nodes, tabs or subflow instances, or '*'")
        self._live, self._watch = live, live.count(what)
        self._past: deque[tuple[float, dict[str, list[int]]]] = deque(maxlen=RATE_OVER + 1)
        self._shown: dict[str, dict[str, Any]] = {}
        self._first = True

    def look(self) -> dict[str, Any] | None:
        now = time.monotonic()
        counts = self._watch.read()
        self._past.append((now, {id: list(sent) for id, sent in counts.items()}))
        then, before = self._past[0]
        activity = self._live.activity(self._watch.ids)
        changed: dict[str, dict[str, Any]] = {}
        for id, sent in counts.items():
            if sent == before.get(id) and id not in activity and id not in self._shown:
                continue
            state = {"sent": list(sent), "rate": _rates(sent, before.get(id, []), now - then), **activity.get(id, {})}
            if self._shown.get(id) != state:
                self._shown[id] = changed[id] = state
        if not changed and not self._first:
            return None
        self._first = False
        return {"nodes": changed}

    def refresh(self) -> None:
        self._watch.refresh()

    def close(self) -> None:
        self._watch.close()


def _rates(now: list[int], before: list[int], seconds: float) -> list[float]:
    if seconds <= 0:
        return [0.0] * len(now)
    past = before + [0] * (len(now) - len(before))
    return [round((count - old) / seconds, 1) for count, old in zip(now, past, strict=False)]


class ErrorsFeed:
    """The errors of all nodes since the last deploy."""

    topic = "live/errors"

    def __init__(self, live: Live, what: Any) -> None:
        self._live = live
        self._told: dict[str, int] | None = None

    def look(self) -> dict[str, Any] | None:
        errors, told = self._live.errors, self._told
        counts = {id: entry["count"] for id, entry in errors.by_node.items()}
        if counts == told:
            return None
        known = told or {}
        self._told = counts
        changed = {id: errors.shown(id) for id, count in counts.items() if known.get(id) != count}
        return {"nodes": changed, "gone": [id for id in known if id not in counts]}

    def refresh(self) -> None:
        """Errors are forgotten at a deploy: the next look sees it."""

    def close(self) -> None:
        """Errors are counted anyway."""


class LoadFeed:
    """How much the engine has to do."""

    topic = "live/load"

    def __init__(self, live: Live, what: Any) -> None:
        self._live = live
        self._past: deque[tuple[float, int]] = deque(maxlen=RATE_OVER + 1)
        self._shown: dict[str, Any] | None = None

    def look(self) -> dict[str, Any] | None:
        now, load = time.monotonic(), self._live.load()
        self._past.append((now, load["delivered"]))
        then, before = self._past[0]
        rate = round((load["delivered"] - before) / (now - then), 1) if now > then else 0.0
        shown = {**load, "rate": rate}
        if shown == self._shown:
            return None
        self._shown = shown
        return shown

    def refresh(self) -> None:
        """The load is one of the whole runtime."""

    def close(self) -> None:
        """Nothing was begun for it."""


class WireFeed:
    """The last messages that left one output."""

    def __init__(self, live: Live, what: Any) -> None:
        self.topic = topic_of("wire", what)
        node, output = _node("wire", what), _number(what, "output", 0, 999)
        self._samples = live.sample(node, output, _number(what, "last", 20, 100))
        self._seen = -1

    def look(self) -> dict[str, Any] | None:
        samples = self._samples
        if samples.seen == self._seen:
            return None
        self._seen = samples.seen
        return {"node": samples.id, "output": samples.output, "seen": samples.seen, "messages": samples.look()}

    def refresh(self) -> None:
        self._samples.refresh()

    def close(self) -> None:
        self._samples.close()


class TraceFeed:
    """The path of the next message that a node handles or sends."""

    def __init__(self, live: Live, what: Any) -> None:
        self.topic = topic_of("trace", what)
        self._wanted = live.tracer.want(_node("trace", what))
        self._told: tuple[Any, ...] | None = None

    def look(self) -> dict[str, Any] | None:
        trace = self._wanted.trace
        state = (trace is not None, *((trace.version, trace.complete) if trace is not None else ()))
        if state == self._told:
            return None
        self._told = state
        return (
            {"node": self._wanted.node, "waiting": True}
            if trace is None
            else {"node": self._wanted.node, **trace.shown()}
        )

    def refresh(self) -> None:
        """The tracer itself follows deploys."""

    def close(self) -> None:
        self._wanted.cancel()


KINDS: dict[str, Callable[[Live, Any], Feed]] = {
    "counts": CountsFeed,
    "errors": ErrorsFeed,
    "load": LoadFeed,
    "wire": WireFeed,
    "trace": TraceFeed,
}
"""What can be watched."""
