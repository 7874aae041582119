"""A coroutine that is run at once up to its first wait."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from busway.engine import eager

NAME: ContextVar[str] = ContextVar("name", default="nobody")


def start(coro):
    return eager.start(coro, copy_context(), asyncio.get_running_loop())


async def test_what_does_not_wait_is_through_at_once():
    async def work():
        return 5

    future = start(work())
    assert future.done()
    assert future.result() == 5


async def test_what_raises_before_it_waits_has_failed_at_once():
    async def work():
        raise ValueError("no")

    future = start(work())
    assert isinstance(future.exception(), ValueError)


async def test_what_waits_goes_on_as_a_task():
    gate = asyncio.Event()
    seen = []

    async def work():
        seen.append("before")
        await gate.wait()
        seen.append("after")
        return "done"

    future = start(work())
    assert seen == ["before"]
    gate.set()
    assert await future == "done"
    assert seen == ["before", "after"]


async def test_an_exception_of_what_it_waits_for_reaches_the_coroutine():
    waiting = asyncio.get_running_loop().create_future()

    async def work():
        try:
            await waiting
        except KeyError:
            return "caught"

    future = start(work())
    waiting.set_exception(KeyError("x"))
    assert await future == "caught"


async def test_it_runs_in_the_context_given_before_and_after_the_wait():
    seen = []

    async def work():
        seen.append(NAME.get())
        await asyncio.sleep(0)
        seen.append(NAME.get())

    context = copy_context()
    context.run(NAME.set, "ada")
    await eager.start(work(), context, asyncio.get_running_loop())
    assert seen == ["ada", "ada"]
    assert NAME.get() == "nobody"


async def test_a_timeout_that_begins_in_the_first_step_holds():
    async def work():
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await start(work())


async def test_it_can_be_cancelled_while_it_waits():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    future = start(work())
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    assert ended == [True]


async def test_the_task_that_starts_it_stays_the_current_one():
    async def work():
        return None

    me = asyncio.current_task()
    start(work())
    assert asyncio.current_task() is me
