"""The examples of the guide to context run, with the stores that it sets up."""

import re
import tomllib
from pathlib import Path

import pytest

from busway.engine.model import FlowModel
from busway.engine.registry import Registry
from busway.engine.runtime import Runtime
from busway.engine.settings import load_settings
from tests.engine.bench import Sink, node, tab
from tests.engine.context.conftest import redis_process, redis_server

__all__ = ["redis_process", "redis_server"]

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "context.md").read_text()
BLOCKS = {name: code for _, name, code in re.findall(r"^```(\w+) ([\w.]+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)}


@pytest.fixture
async def run(tmp_path, redis_server):
    """Runs a node of the guide with one message: ``await run({"type": ...}, payload=1)`` gives what it sends."""
    (tmp_path / "busway.toml").write_text(BLOCKS["stores"])
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "counter.py").write_text(BLOCKS["counter.py"])
    settings = load_settings(tmp_path, {"redis_url": redis_server.url, "stop_drain_timeout": 0.1})
    registry = Registry(tmp_path / "nodes")
    registry.add(Sink)
    runtime = Runtime(settings, registry)
    runtime.journal = []

    async def run_one(properties, **msg):
        given = node("n", properties.pop("type"), "sink", **properties)
        await runtime.deploy(FlowModel.parse([tab(), given, node("sink", "sink")]))
        assert not runtime.failed
        origin = runtime.dispatcher.origin(lambda _: None)
        with origin:
            runtime.dispatcher.deliver(runtime.nodes["n"].port, msg, origin)
        assert await runtime.dispatcher.drained(10)
        [got] = runtime.nodes["sink"].got
        return got

    await runtime.start()
    run_one.contexts = runtime.contexts
    yield run_one
    await runtime.stop()


def function(name, **properties):
    return {"type": "function", "func": BLOCKS[name], "outputs": 1, **properties}


async def test_the_stores_of_the_guide_are_those_it_names(run):
    assert list(run.contexts.stores) == ["memory", "disk", "shared"]
    assert run.contexts.default == tomllib.loads(BLOCKS["stores"])["context_storage"]["default"] == "memory"


async def test_reading_and_writing(run):
    assert (await run(function("write")))["payload"] == [11, 1, ["a", "b", "stations"]]
    assert sorted(run.contexts.flow("t").keys()) == ["b", "stations"]


async def test_a_callback_gets_the_value(run):
    await run.contexts.flow("t").aset("greeting", "hello", "shared")
    assert (await run(function("later"), payload=1))["payload"] == "hello"


async def test_python_waits(run):
    assert (await run(function("waiting", language="python")))["payload"] == [11, ["stations"]]


@pytest.mark.parametrize(("name", "language"), [("atomic", "javascript"), ("counting", "python")])
async def test_counting_comparing_and_updating(run, name, language):
    sent = [await run(function(name, language=language), payload=n) for n in range(5)]
    assert [msg["count"] for msg in sent] == [1, 2, 3, 4, 5]
    assert [msg["mine"] for msg in sent] == [True, False, False, False, False]
    assert sent[-1]["last"] == [2, 3, 4]


@pytest.mark.parametrize("store", ["", "disk", "shared"])
async def test_the_node_counts(run, store):
    assert [(await run({"type": "counter", "store": store}))["number"] for _ in range(3)] == [1, 2, 3]
