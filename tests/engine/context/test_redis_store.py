"""Context in Redis: what is stored, what other processes see, what happens when Redis is away."""

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.errors import ContextError, StorageError
from busway.engine.message import UNDEFINED
from tests.e2e.program import environment
from tests.e2e.servers import RedisServer


def storage(url, **config):
    return {"default": {"module": "memory"}, "shared": {"module": "redis", "config": {"url": url, **config}}}


@asynccontextmanager
async def opened(url, seed=None, **config):
    contexts = Contexts(storage(url, **config), seed=seed)
    await contexts.open()
    try:
        yield contexts
    finally:
        await contexts.close()


@pytest.fixture
async def contexts(redis_server):
    async with opened(redis_server.url) as found:
        yield found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(value=JSON)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_json_value_comes_back_as_it_was(redis_server, value):
    async def round_trip():
        async with opened(redis_server.url) as contexts:
            context = contexts.flow("f")
            await context.aset("v", value, "shared")
            assert await context.aget("v", "shared") == value
            assert context.read(("v",), "shared") == value

    asyncio.run(round_trip())


async def test_what_json_has_no_form_for_is_stored_as_in_files(contexts):
    context = contexts.global_()
    when = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    await context.aset("v", {"b": b"\x01", "d": when, "t": (1, 2), "f": print}, "shared")
    assert await context.aget("v", "shared") == {
        "b": {"type": "Buffer", "data": [1]},
        "d": "2026-01-02T03:04:05.678Z",
        "t": [1, 2],
    }


async def test_a_value_that_contains_itself_is_stored_without_that_link(contexts, caplog):
    value = {"name": "x"}
    value["self"] = value
    await contexts.flow("f").aset("v", value, "shared")
    assert await contexts.flow("f").aget("v", "shared") == {"name": "x"}
    assert "contains itself" in caplog.text


async def test_paths_lead_into_values(contexts):
    context = contexts.node("n", "f")
    assert await context.aset("a.b[1].c", 5, "shared")
    assert await context.aget("a", "shared") == {"b": [None, {"c": 5}]}
    assert await context.aget("#:(shared)::a.b[1].c") == 5
    assert await context.aget("a.x.y", "shared") is UNDEFINED
    await context.aset("a.b[0]", UNDEFINED, "shared")
    assert await context.aget("a.b", "shared") == [{"c": 5}]
    await context.aset("text", "x", "shared")
    assert not await context.aset("text.inside", 1, "shared")
    assert await context.aget("text", "shared") == "x"


async def test_names_and_deleting(contexts):
    context = contexts.flow("f")
    await context.aset(["a", "odd_key", "ü"], [1, 2, 3], "shared")
    await context.aset('"lone \ud800"', 4, "shared")
    assert sorted(await context.akeys("shared")) == ["a", "lone \ud800", "odd_key", "ü"]
    assert sorted(contexts.stores["shared"].keys("f")) == ["a", "lone \ud800", "odd_key", "ü"]
    await context.aset("a", UNDEFINED, "shared")
    assert await context.aget("a", "shared") is UNDEFINED
    await contexts.delete("f")
    assert await context.akeys("shared") == []


async def test_flow_code_cannot_read_it_without_waiting_and_nodes_can(contexts):
    context = contexts.flow("f")
    for access in (
        lambda: context.get("a", "shared"),
        lambda: context.set("a", 1, "shared"),
        lambda: context.keys("shared"),
    ):
        with pytest.raises(ContextError, match="only asynchronous access"):
            access()
    assert context.write(("a", "b"), 1, "shared")
    assert context.write(("c",), 2, "shared")
    assert (context.read(("a",), "shared"), context.read(("c",), "shared")) == ({"b": 1}, 2)
    assert context.write(("c",), UNDEFINED, "shared")
    assert context.read(("c",), "shared") is UNDEFINED
    assert not context.write(("a", "b", "c"), 1, "shared")


async def test_it_outlives_the_process_and_others_see_it(redis_server):
    async with opened(redis_server.url) as one, opened(redis_server.url) as other:
        await one.flow("f").aset("v", [1], "shared")
        assert await other.flow("f").aget("v", "shared") == [1]
    async with opened(redis_server.url) as later:
        assert await later.flow("f").aget("v", "shared") == [1]


async def test_values_are_json_under_the_prefix_and_the_scope(redis_server):
    async with opened(redis_server.url, prefix="mine*") as contexts:
        await contexts.global_().aset("v", {"a": 1}, "shared")
        await contexts.node("n", "f").aset("v", "x", "shared")
        with redis_server.client() as client:
            assert sorted(client.keys()) == ["mine*:global", "mine*:n:f"]
            assert client.hgetall("mine*:global") == {"v": '{"a":1}'}


async def test_cleaning_forgets_what_is_gone_and_leaves_others_alone(redis_server):
    async with opened(redis_server.url) as contexts, opened(redis_server.url, prefix="other") as others:
        for scope in (contexts.global_(), contexts.flow("f"), contexts.flow("gone"), contexts.node("gone", "f")):
            await scope.aset("v", 1, "shared")
        await others.flow("gone").aset("v", 1, "shared")
        await contexts.clean({"f"})
        with redis_server.client() as client:
            assert sorted(client.keys()) == ["busway:context:f", "busway:context:global", "other:gone"]


async def test_values_that_the_global_context_starts_with_are_seen_through(redis_server):
    async with opened(redis_server.url, seed={"n": 5}) as contexts:
        context = contexts.global_()
        assert await context.aget("n", "shared") == 5
        assert await context.increment("n", 2, "shared") == 7
        assert await context.aget("n", "shared") == 7


async def test_many_processes_count_without_losing_any(redis_server):
    code = (
        "import asyncio, sys\n"
        "from busway.engine.context import Contexts\n"
        "async def main():\n"
        "    contexts = Contexts({'default': {'module': 'redis', 'config': {'url': sys.argv[1]}}})\n"
        "    await contexts.open()\n"
        "    for n in range(50):\n"
        "        await contexts.global_().increment('n')\n"
        "        await contexts.global_().increment('deep.n', 0.5)\n"
        "        await contexts.global_().update('list', lambda found: [*found, n], default=[])\n"
        "    await contexts.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, redis_server.url]
    processes = [await asyncio.create_subprocess_exec(*command, env=environment()) for _ in range(3)]
    assert [await asyncio.wait_for(process.wait(), 60) for process in processes] == [0, 0, 0]
    async with opened(redis_server.url) as contexts:
        context = contexts.global_()
        assert (await context.aget("n", "shared"), await context.aget("deep.n", "shared")) == (150, 75)
        assert sorted(await context.aget("list", "shared")) == sorted([*range(50)] * 3)


async def test_a_counter_that_is_no_integer_for_redis_counts_all_the_same(contexts):
    context = contexts.flow("f")
    await context.aset("n", 2**63 - 1, "shared")
    assert await context.increment("n", 1, "shared") == 2**63
    await context.aset("n", 1.5, "shared")
    assert await context.increment("n", 1, "shared") == 2.5
    await context.aset("n", "5", "shared")
    with pytest.raises(ContextError, match="cannot add 1 to '5': it is no number"):
        await context.increment("n", 1, "shared")


async def test_a_redis_that_is_away_is_told_and_comes_back(tmp_path):
    server = RedisServer(tmp_path / "r").start()
    try:
        async with opened(server.url) as contexts:
            context = contexts.flow("f")
            await context.aset("v", 1, "shared")
            assert context.read(("v",), "shared") == 1
            server.kill()
            for access in (context.aget("v", "shared"), context.increment("v", 1, "shared")):
                with pytest.raises(StorageError, match=r"context store: no answer from Redis at unix://"):
                    await access
            with pytest.raises(StorageError, match="no answer from Redis"):
                context.read(("v",), "shared")
            server.start()
            assert await context.increment("v", 1, "shared") == 2
            assert context.read(("v",), "shared") == 2
    finally:
        server.kill()


async def test_a_redis_that_is_not_there_is_told_at_the_start(tmp_path):
    contexts = Contexts(storage(f"unix://{tmp_path}/none?password=PLANTED"))
    with pytest.raises(StorageError, match="no answer from Redis at unix://") as told:
        await contexts.open()
    assert "PLANTED" not in str(told.value)
    await contexts.close()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "needs a 'url', or the setting 'redis_url'"),
        ({"url": "http://:PLANTED@here"}, "'http://here' is not the URL of a Redis; it begins redis://"),
        ({"url": "redis://here", "urls": 1}, "a redis store has no 'urls'; it has 'url' and 'prefix'"),
    ],
)
def test_settings_that_name_no_redis_are_told(config, told):
    with pytest.raises(ContextError, match=told):
        Contexts({"shared": {"module": "redis", "config": config}})


def test_the_redis_of_the_process_is_the_default():
    contexts = Contexts({"shared": {"module": "redis"}}, redis_url="unix:///run/here")
    assert contexts.stores["shared"].url == "unix:///run/here"


def test_redis_is_not_loaded_before_a_store_needs_it():
    code = "import sys, busway.engine.context; print('redis' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.lower()) is False
