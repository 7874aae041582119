"""What function bodies ask of context stores that other processes share: the answers come later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..context import Context
from ..errors import NodeStopped
from ..message import UNDEFINED
from ..origin import ORIGIN, Origin


async def ask(context: Context, what: str, key: Any, store: str | None, values: list[Any]) -> Any:
    """The answer to one question; values that may be missing travel as lists of one or none. Raises what the context raises."""
    if what == "get":
        return _maybe(await context.aget(key, store))
    if what == "set":
        return await context.aset(key, _value(values[0]), store)
    if what == "keys":
        return await context.akeys(store)
    if what == "increment":
        return await context.increment(key, values[0], store)
    return await context.compare_and_set(key, _value(values[0]), _value(values[1]), store)


def _maybe(value: Any) -> list[Any]:
    return [] if value is UNDEFINED else [value]


def _value(given: list[Any]) -> Any:
    return given[0] if given else UNDEFINED


class Asking:
    """The questions of one function that are not answered yet; the message that led to one is not settled before its answer."""

    def __init__(self, id: str, answer: Callable[[int, Any], None]) -> None:
        self._id, self._answer = id, answer
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, question: int, context: Context, asked: list[Any]) -> None:
        """Asks; ``answer(question, value or exception)`` is called later."""
        origin = ORIGIN.get()
        if origin is not None:
            origin.pending += 1
        task = asyncio.get_running_loop().create_task(self._run(question, context, asked), name=f"context {self._id}")
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, origin))

    async def _run(self, question: int, context: Context, asked: list[Any]) -> None:
        what, key, store, *values = asked
        try:
            found: Any = await ask(context, what, key, store, values)
        except Exception as error:
            found = error
        self._answer(question, found)

    def _ended(self, task: asyncio.Task[None], origin: Origin | None) -> None:
        self._tasks.discard(task)
        if origin is None:
            return
        if task.cancelled():
            why = f"node {self._id} stopped before its context store answered"
            origin.errors.append((self._id, NodeStopped(why)))
        origin.release()

    def cancel(self) -> None:
        """The function ends: nobody waits for the answers any more."""
        for task in list(self._tasks):
            task.cancel()
