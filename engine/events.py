"""What the engine tells the outside: a small hub of topics.

| topic | data |
|---|---|
| ``status`` | ``(node, {fill, shape, text, ...})``; an empty dict clears |
| ``debug`` | what a debug node shows: ``{id, z, path, name, topic, property, msg, format, ...}`` before encoding |
| ``error`` | ``(node, exception, whether a catch node took it)`` |
| ``log`` | ``{level, id, type, name, z, path, msg, timestamp}``; level as in Node-RED: error 20, warn 30, info 40, debug 50, trace 60 |
| ``notification`` | ``(name, data)``: ``runtime-state``, ``runtime-deploy``, ``node/added``, ... |
| ``deployed`` | the ids of the nodes that vanished |
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

Listener = Callable[[Any], None]
log = logging.getLogger("busway.events")


class Events:
    """Calls every listener of a topic; one that raises is logged and does not keep the others from being called."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Listener, ...]] = {}

    def on(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Adds a listener; returns how to remove it."""
        self._listeners[topic] = (*self._listeners.get(topic, ()), listener)

        def off() -> None:
            self._listeners[topic] = tuple(one for one in self._listeners[topic] if one is not listener)

        return off

    def emit(self, topic: str, data: Any) -> None:
        """Tells all listeners of ``topic``."""
        for listener in self._listeners.get(topic, ()):
            try:
                listener(data)
            except Exception:
                log.exception("a listener of %r failed", topic)

    def heard(self, topic: str) -> bool:
        """Whether anybody listens to ``topic``."""
        return bool(self._listeners.get(topic))
