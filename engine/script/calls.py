"""Calls of function bodies that are not over when the body has returned: it awaits something, or says itself when it is done."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import ScriptError
from ..message import Message
from .host import Held


class Call:
    """One such call. ``manual``: it is over only when :meth:`finish` was called too. While the handler still runs nothing is held:
    the outcome is :attr:`out` and :attr:`error`; later it goes to what holds the message, or to the ``future`` that waits."""

    def __init__(
        self, number: int, msg: Message | None, manual: bool = False, future: asyncio.Future[None] | None = None
    ) -> None:
        self.number, self.msg, self.manual, self.future = number, msg, manual, future
        self.held: Held | None = None
        self.returned = self.finished = False
        self.out: Any = None
        self.error: ScriptError | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.returned and (self.finished or not self.manual or self.error is not None)

    def settle(self, out: Any, error: ScriptError | None) -> None:
        """The body has returned at last, or failed."""
        self.returned, self.out = True, out
        self.error = self.error or error
        if self.future is not None:
            _resolve(self.future, self.error)
        elif self.held is not None and out is not None:
            self.held.send(out)
        self._end()

    def finish(self, error: ScriptError | None) -> None:
        """The body said that it is done with the message; what it says again does not count."""
        if not self.finished:
            self.finished, self.error = True, error
            self._end()

    def _end(self) -> None:
        if self.held is not None and self.over:
            if self.error is not None:
                self.held.fail(self.error)
            else:
                self.held.done()


def _resolve(future: asyncio.Future[None], error: ScriptError | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(None)
