"""Runs a coroutine at once up to where it really waits; only then does it become a task.

Python 3.12 has this as ``eager_start``. On 3.11 the first step runs under a stand-in for the task, so that
``asyncio.timeout`` and its like, which ask for the current task, work in that step too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

if sys.version_info >= (3, 12):

    def start(coro: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any]:
        """A task of ``coro`` that has already run up to its first real wait, in ``context``; it may be done."""
        return asyncio.Task(coro, loop=loop, context=context, eager_start=True)

else:

    class _Standin:
        """Takes the calls that code makes on the current task before the task exists, and hands them on to it."""

        task: asyncio.Task[Any] | None = None
        _cancelled = 0

        def cancel(self, msg: Any = None) -> bool:
            if self.task is not None:
                return self.task.cancel(msg)
            self._cancelled += 1
            return True

        def cancelling(self) -> int:
            return self.task.cancelling() if self.task is not None else self._cancelled

        def uncancel(self) -> int:
            if self.task is not None:
                return self.task.uncancel()
            self._cancelled = max(0, self._cancelled - 1)
            return self._cancelled

        def adopt(self, task: asyncio.Task[Any]) -> None:
            self.task = task
            if self._cancelled:
                task.cancel()

        def get_name(self) -> str:
            return self.task.get_name() if self.task is not None else "eager"

        def done(self) -> bool:
            return self.task is not None and self.task.done()

        def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
            if self.task is not None:
                self.task.add_done_callback(*args, **kwargs)

    class _Rest(Coroutine[Any, Any, Any]):
        """A coroutine from its first wait on, as the coroutine of a task: what the task throws in reaches it at once."""

        def __init__(self, coro: Coroutine[Any, Any, Any], waiting: Any) -> None:
            self._coro, self._waiting = coro, waiting
            self._resumed = False

        def send(self, value: Any) -> Any:
            if self._resumed:
                return self._coro.send(value)
            self._resumed = True
            return self._waiting

        def throw(self, *error: Any) -> Any:
            self._resumed = True
            return self._coro.throw(*error)

        def close(self) -> None:
            self._coro.close()

        def __await__(self) -> Generator[Any, Any, Any]:
            return self._coro.__await__()

    def _first_step(coro: Coroutine[Any, Any, Any], standin: _Standin, loop: asyncio.AbstractEventLoop) -> Any:
        """Steps once with the stand-in as current task; raises StopIteration when the coroutine is through."""
        current = asyncio.current_task(loop)
        if current is not None:
            asyncio.tasks._leave_task(loop, current)
        asyncio.tasks._enter_task(loop, standin)  # type: ignore[arg-type]
        try:
            return coro.send(None)
        finally:
            asyncio.tasks._leave_task(loop, standin)  # type: ignore[arg-type]
            if current is not None:
                asyncio.tasks._enter_task(loop, current)

    def start(coro: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        """A future of ``coro``, which has already run up to its first real wait, in ``context``; it may be done."""
        standin = _Standin()
        try:
            waiting = context.run(_first_step, coro, standin, loop)
        except StopIteration as end:
            done: asyncio.Future[Any] = loop.create_future()
            done.set_result(end.value)
            return done
        except Exception as error:
            failed: asyncio.Future[Any] = loop.create_future()
            failed.set_exception(error)
            return failed
        task = loop.create_task(_Rest(coro, waiting), context=context)
        standin.adopt(task)
        return task
