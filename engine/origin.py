"""Settling: which messages descend from what a source took in, and when all of them have been handled.

A source sends under an :class:`Origin`. Every delivery that descends from it counts up when it is queued and down when its
handler is done; zero means settled. The origin travels in the queue entry and in a context variable, never in the message.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, Protocol

ORIGIN: ContextVar[Origin | None] = ContextVar("busway_origin", default=None)
"""The origin of the message that the running handler, task or timer works on."""


class Counter(Protocol):
    """Counts the origins that have not settled."""

    origins: int


class Origin:
    """What a source took in and has to answer for.

    ``on_settled(origin)`` is called once, when nothing that descends from it is waiting or being handled any more;
    ``errors`` then holds ``(node id, exception)`` for each error that no catch node took. Used as a context manager, everything
    sent inside the block descends from it; it cannot settle before the block ends. ``counter`` counts it until then.
    """

    __slots__ = ("_counter", "_on_settled", "_token", "errors", "pending", "settled")

    def __init__(self, on_settled: Callable[[Origin], None], counter: Counter) -> None:
        self.pending = 0
        self.settled = False
        self.errors: list[tuple[str, BaseException]] = []
        self._on_settled, self._counter = on_settled, counter
        self._token: Token[Origin | None] | None = None

    def release(self) -> None:
        """One delivery less; the last one settles."""
        self.pending -= 1
        if not self.pending and not self.settled:
            self.settled = True
            self._counter.origins -= 1
            self._on_settled(self)

    def __enter__(self) -> Origin:
        self.pending += 1
        self._token = ORIGIN.set(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._token is not None:
            ORIGIN.reset(self._token)
            self._token = None
        self.release()
