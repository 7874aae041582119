"""What a full deploy leaves behind is collected a moment later; what runs is not looked at again."""

import asyncio
import gc
import weakref

import pytest

from busway.engine import collector
from tests.engine.bench import node, tab


@pytest.fixture(autouse=True)
def as_before():
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    gc.enable()


async def test_nodes_of_the_last_deploy_are_collected_when_it_is_calm_again(bench, monkeypatch):
    monkeypatch.setattr(collector, "CALM", 0.01)
    await bench.start(tab(), node("a", "pass"))
    old = bench.runtime.nodes["a"]
    old.itself = old
    gone = asyncio.Event()
    weakref.finalize(old, gone.set)
    del old
    await bench.deploy(tab(), node("a", "pass"), mode="full")
    await asyncio.wait_for(gone.wait(), 5)
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == collector.THRESHOLDS


async def test_a_runtime_that_stops_leaves_the_collector_running(bench):
    await bench.start(tab(), node("a", "pass"))
    bench.runtime.dispatcher.hold_collector(True)
    assert not gc.isenabled()
    await bench.runtime.stop()
    assert gc.isenabled()
