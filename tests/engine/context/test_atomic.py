"""Reading, changing and writing at once, in every kind of store."""

import asyncio

import pytest

from busway.engine.context import Contexts
from busway.engine.errors import ContextError
from busway.engine.message import UNDEFINED

STORES = ("memory", "cached", "files", "redis")


@pytest.fixture(params=STORES)
async def contexts(request, tmp_path):
    config = {
        "memory": {"module": "memory"},
        "cached": {"module": "localfilesystem"},
        "files": {"module": "localfilesystem", "config": {"cache": False}},
        "redis": {"module": "redis"},
    }[request.param]
    url = request.getfixturevalue("redis_server").url if request.param == "redis" else ""
    found = Contexts({"default": config}, tmp_path, redis_url=url)
    await found.open()
    yield found
    await found.close()


async def test_counting_begins_at_nothing(contexts):
    context = contexts.flow("f")
    assert await context.increment("n") == 1
    assert await context.increment("n", 5) == 6
    assert await context.increment("n", -0.5) == 5.5
    assert await context.increment("stations.S1.boots") == 1
    assert await context.aget("stations") == {"S1": {"boots": 1}}


async def test_those_who_count_at_the_same_time_all_count(contexts):
    context = contexts.global_()
    numbers = await asyncio.gather(*(context.increment("a.n") for _ in range(40)))
    assert sorted(numbers) == list(range(1, 41))


@pytest.mark.parametrize("value", ["5", True, None, [1], {}])
async def test_what_is_no_number_is_not_counted_on(contexts, value):
    context = contexts.flow("f")
    await context.aset("n", value)
    with pytest.raises(ContextError, match="it is no number"):
        await context.increment("n")
    assert await context.aget("n") == value


async def test_a_value_is_set_only_if_it_is_what_was_expected(contexts):
    context = contexts.flow("f")
    assert await context.compare_and_set("owner", None, "a")
    assert not await context.compare_and_set("owner", None, "b")
    assert not await context.compare_and_set("owner", "b", "c")
    assert await context.compare_and_set("owner", "a", {"id": 1})
    assert not await context.compare_and_set("owner", {"id": True}, 0)
    assert await context.compare_and_set("owner", {"id": 1}, UNDEFINED)
    assert await context.aget("owner") is UNDEFINED


async def test_of_those_who_compete_one_wins(contexts):
    context = contexts.flow("f")
    won = await asyncio.gather(*(context.compare_and_set("lock", None, n) for n in range(1, 11)))
    assert won.count(True) == 1
    assert await context.aget("lock") == won.index(True) + 1


async def test_updates_do_not_lose_each_other(contexts):
    context = contexts.flow("f")
    results = await asyncio.gather(
        *(context.update("seen", lambda found, n=n: [*found, n], default=[]) for n in range(20))
    )
    assert sorted(await context.aget("seen")) == list(range(20))
    assert sorted(map(len, results)) == list(range(1, 21))


async def test_an_update_may_delete_and_may_fail(contexts):
    context = contexts.flow("f")
    await context.aset("v", 1)
    with pytest.raises(ZeroDivisionError):
        await context.update("v", lambda found: found / 0)
    assert await context.aget("v") == 1
    assert await context.update("v", lambda found: UNDEFINED) is UNDEFINED
    assert await context.akeys() == []


async def test_a_path_through_what_is_no_object_is_told(contexts):
    context = contexts.flow("f")
    await context.aset("v", "text")
    with pytest.raises(ContextError, match="what it leads through is no object"):
        await context.update("v.inside", lambda found: 1)


async def test_listeners_hear_of_it(contexts):
    told = []
    contexts.subscribe(lambda *change: told.append(change))
    await contexts.flow("f").increment("a.n")
    await contexts.flow("f").compare_and_set("b", None, 1)
    assert told == [("f", "default", "a"), ("f", "default", "b")]


async def test_the_flow_around_a_subflow_is_reached(contexts):
    inner = contexts.flow("inner", "outer")
    assert await inner.increment("$parent.n") == 1
    assert await contexts.flow("outer").aget("n") == 1
    with pytest.raises(ContextError, match="outside of the outermost flow"):
        await contexts.flow("outer").increment("$parent.n")


async def test_values_that_the_global_context_starts_with_count():
    context = Contexts(seed={"n": 5, "d": {"x": 1}}).global_()
    assert await context.increment("n") == 6
    assert await context.compare_and_set("d", {"x": 1}, 2)
