"""What a node can do beside handling messages: timers, tasks, sources, status, context."""

import asyncio
import logging
import threading

from busway.engine.node import Config, Node
from busway.engine.watchdog import Watchdog
from tests.engine.bench import node, tab


class Ticker(Node[Config]):
    """Sends until it is stopped."""

    type = "ticker"
    inputs = 0
    ended = False

    async def run(self):
        try:
            while True:
                self.send({"payload": "tick"})
                await asyncio.sleep(0.001)
        finally:
            type(self).ended = True


class Broken(Node[Config]):
    """A source that fails."""

    type = "broken-source"
    inputs = 0

    async def run(self):
        raise OSError("unplugged")


class Late(Node[Config]):
    """Starts slowly."""

    type = "late"

    async def start(self):
        await asyncio.sleep(0.02)

    def on_message(self, msg):
        return msg


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


async def test_a_source_runs_when_all_nodes_are_there_and_ends_with_the_flow(bench):
    bench.runtime.registry.add(Ticker)
    await bench.start(tab(), node("t1", "ticker", "x"), node("x", "sink"))
    await until(lambda: len(bench.got("x")) >= 3)
    await bench.deploy(tab(), node("x", "sink"))
    assert Ticker.ended
    seen = len(bench.got("x"))
    await asyncio.sleep(0.01)
    assert len(bench.got("x")) == seen


async def test_a_source_that_fails_is_an_error_of_that_node(bench):
    bench.runtime.registry.add(Broken)
    await bench.start(tab(), node("b", "broken-source"), node("c", "catch", "x", scope=None), node("x", "sink"))
    await until(lambda: bench.got("x"))
    assert bench.got("x")[0]["error"]["message"] == "OSError: unplugged"


async def test_messages_wait_while_a_node_starts(bench):
    bench.runtime.registry.add(Late)
    starting = asyncio.ensure_future(bench.start(tab(), node("l", "late", "x"), node("x", "sink")))
    await until(lambda: "l" in bench.runtime.nodes)
    bench.runtime.receive("l", {"payload": 1})
    await starting
    await bench.settle()
    assert bench.payloads("x") == [1]


async def test_a_timer_fires_unless_the_node_stops(bench):
    await bench.start(tab(), node("a"))
    fired = []
    bench.runtime.nodes["a"].after(0.001, fired.append, 1)
    await until(lambda: fired)
    bench.runtime.nodes["a"].after(0.001, fired.append, 2).cancel()
    bench.runtime.nodes["a"].after(0.001, fired.append, 3)
    await bench.deploy(tab())
    await asyncio.sleep(0.01)
    assert fired == [1]


async def test_an_exception_in_a_timer_is_the_nodes_error(bench):
    await bench.start(tab(), node("a"), node("c", "catch", "x", scope=None), node("x", "sink"))
    bench.runtime.nodes["a"].after(0, lambda: 1 / 0)
    await until(lambda: bench.got("x"))
    assert bench.got("x")[0]["error"]["source"]["id"] == "a"


async def test_a_task_ends_with_its_node_and_its_exception_is_the_nodes_error(bench):
    await bench.start(tab(), node("a"), node("c", "catch", "x", scope=None), node("x", "sink"))

    async def fail():
        raise ValueError("in a task")

    bench.runtime.nodes["a"].spawn(fail())
    await until(lambda: bench.got("x"))
    waiting = bench.runtime.nodes["a"].spawn(asyncio.Event().wait())
    await bench.deploy(tab(), node("x", "sink"))
    assert waiting.done()


async def test_context_scopes_are_apart(bench):
    await bench.start(tab(), tab("u"), node("a"), node("b"), node("c", z="u"))
    a, b, c = (bench.runtime.nodes[id] for id in "abc")
    a.context.set("k", 1)
    a.flow_context.set("k", 2)
    a.global_context.set("k", 3)
    assert a.context.get("k") == 1
    assert not b.context.get("k")
    assert (b.flow_context.get("k"), bool(c.flow_context.get("k")), c.global_context.get("k")) == (2, False, 3)


async def test_what_blocks_the_loop_is_named(bench, caplog):
    class Blocking(Node[Config]):
        """Blocks."""

        type = "blocking"

        def on_message(self, msg):
            told.wait(5)

    told = threading.Event()
    bench.runtime.registry.add(Blocking)
    await bench.start(tab(), node("b", "blocking", name="culprit"))

    class Telling(logging.Handler):
        def emit(self, record):
            told.set()

    log, handler = logging.getLogger("busway.watchdog"), Telling()
    log.addHandler(handler)
    watchdog = Watchdog(bench.runtime.dispatcher, 0.05)
    watchdog.start()
    try:
        await bench.send("b", {})
    finally:
        watchdog.stop()
        log.removeHandler(handler)
    assert told.is_set()
    assert "blocking 'culprit' has held the event loop" in caplog.text
