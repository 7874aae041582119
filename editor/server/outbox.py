"""What waits to be sent to one client of ``/comms``: bounded, however slowly the client reads."""

from __future__ import annotations

import asyncio
from collections import deque

from busway.engine.http.payload import json_bytes

FRAME_LENGTH = 50
"""Messages in one frame."""
MOST_MESSAGES = 5_000
MOST_BYTES = 8 * 1024 * 1024


class Outbox:
    """Messages in order. When there are too many, statuses that a later one has replaced go first, then the oldest debug
    messages, and a notice says how many those were."""

    def __init__(self, most_messages: int = MOST_MESSAGES, most_bytes: int = MOST_BYTES) -> None:
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = self._dropped = 0
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, text: bytes) -> None:
        """Adds a message: its topic, and its JSON text."""
        self._waiting.append((topic, text))
        self._bytes += len(text)
        if len(self._waiting) > self._most_messages or self._bytes > self._most_bytes:
            self._make_room()
        self._some.set()

    async def wait(self) -> None:
        """Returns when there is something to send."""
        await self._some.wait()

    def take_frame(self) -> str:
        """The next frame: a JSON array of at most 50 messages, the first of them a notice when some were dropped."""
        notice = [_notice(self._dropped)] if self._dropped else []
        self._dropped = 0
        count = min(FRAME_LENGTH - len(notice), len(self._waiting))
        texts = [self._waiting.popleft()[1] for _ in range(count)]
        self._bytes -= sum(map(len, texts))
        if not self._waiting:
            self._some.clear()
        return (b"[" + b",".join(notice + texts) + b"]").decode()

    def _make_room(self) -> None:
        """Shrinks to half, so that this is not done for every message."""
        messages = self._without_replaced()
        room = self._most_bytes // 2 - sum(len(text) for topic, text in messages if topic != "debug")
        places = self._most_messages // 2 - sum(topic != "debug" for topic, _ in messages)
        kept: deque[tuple[str, bytes]] = deque()
        for topic, text in reversed(messages):
            if topic == "debug":
                room, places = room - len(text), places - 1
                if room < 0 or places < 0:
                    self._dropped += 1
                    continue
            kept.appendleft((topic, text))
        self._waiting = kept
        self._bytes = sum(len(text) for _, text in kept)

    def _without_replaced(self) -> list[tuple[str, bytes]]:
        """Of each topic but debug only the last message."""
        last = {topic: at for at, (topic, _) in enumerate(self._waiting)}
        return [item for at, item in enumerate(self._waiting) if item[0] == "debug" or last[item[0]] == at]


def _notice(dropped: int) -> bytes:
    text = f"{dropped} debug messages were dropped: this client reads more slowly than they come"
    return json_bytes({"topic": "debug", "data": {"level": 30, "msg": text, "format": f"string[{len(text)}]"}})
