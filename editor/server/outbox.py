"""What waits to be sent to one client of ``/comms``: bounded, however slowly the client reads."""

from __future__ import annotations

import asyncio
from collections import deque

from busway.engine.errors import BuswayError
from busway.engine.http.payload import json_bytes

FRAME_LENGTH = 50
"""Messages in one frame."""
MOST_DEBUG = 2_000
MOST_BYTES = 4 * 1024 * 1024
MOST_OTHERS = 20_000
_REPLACED = ("status/", "live/", "notification/runtime-", "hb")
"""Beginnings of the topics of which only the last message counts."""


class TooSlow(BuswayError):
    """A client has left so much unread that it is to be disconnected; it gets the state of things when it comes back."""


class Outbox:
    """Messages in order.

    A client that reads more slowly than they come loses debug messages, and a notice in their place says how many: from
    ``most_debug`` messages or ``most_bytes`` on it takes none (:attr:`takes_debug`) until half of them are sent, so that
    the sender need not even encode them. Nothing else is lost, but that a later status replaces an earlier one when more
    than ``most_others`` messages wait.
    """

    def __init__(
        self, most_debug: int = MOST_DEBUG, most_bytes: int = MOST_BYTES, most_others: int = MOST_OTHERS
    ) -> None:
        self.takes_debug = True
        self.closed = asyncio.Event()
        """Set to end the connection."""
        self._most_debug, self._most_bytes, self._most_others = most_debug, most_bytes, most_others
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._debug = self._debug_bytes = self._missed = 0
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, text: bytes) -> None:
        """Adds a message: its topic, and its JSON text. Raises TooSlow."""
        self._waiting.append((topic, text))
        if len(self._waiting) - self._debug > self._most_others:
            self._forget_replaced()
        self._some.set()

    def put_debug(self, text: bytes) -> None:
        """Adds a debug message; one that there is no room for is only counted."""
        if not self.takes_debug:
            self._missed += 1
            return
        self._waiting.append(("debug", text))
        self._debug += 1
        self._debug_bytes += len(text)
        self.takes_debug = self._debug < self._most_debug and self._debug_bytes < self._most_bytes
        self._some.set()

    def miss(self) -> None:
        """Counts a debug message that was not even made, because there is no room for it."""
        self._missed += 1

    async def wait(self) -> None:
        """Returns when there is something to send."""
        await self._some.wait()

    def take_frame(self) -> str:
        """The next frame: a JSON array of at most 50 messages."""
        taken = [self._waiting.popleft() for _ in range(min(FRAME_LENGTH, len(self._waiting)))]
        debug = [text for topic, text in taken if topic == "debug"]
        self._debug -= len(debug)
        self._debug_bytes -= sum(map(len, debug))
        self._make_room()
        if not self._waiting:
            self._some.clear()
        return (b"[" + b",".join([text for _, text in taken]) + b"]").decode()

    def _make_room(self) -> None:
        """Takes debug messages again when enough are gone; first comes what is to be said of those that were missed."""
        if self.takes_debug or self._debug > self._most_debug // 2 or self._debug_bytes > self._most_bytes // 2:
            return
        self.takes_debug = True
        if self._missed:
            missed, self._missed = self._missed, 0
            self.put_debug(_notice(missed))

    def _forget_replaced(self) -> None:
        last = {topic: at for at, (topic, _) in enumerate(self._waiting)}
        kept = [
            item for at, item in enumerate(self._waiting) if not item[0].startswith(_REPLACED) or last[item[0]] == at
        ]
        self._waiting = deque(kept)
        if len(kept) - self._debug > self._most_others // 2:
            raise TooSlow(f"a client of /comms has left {len(kept)} messages unread")


def _notice(missed: int) -> bytes:
    text = f"{missed} debug messages were dropped: this client reads more slowly than they come"
    data = {"level": 30, "msg": text, "format": f"string[{len(text)}]", "dropped": missed}
    return json_bytes({"topic": "debug", "data": data})
