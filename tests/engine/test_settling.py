"""Origins: a source learns when all that came of a message has been handled, and what went wrong on the way."""

import asyncio

from busway.engine.errors import NodeStopped
from busway.engine.node import Config, Node
from tests.engine.bench import node, tab


class Source(Node[Config]):
    """Sends under an origin."""

    type = "source"
    inputs = 0

    def emit(self, msg):
        settled = asyncio.get_running_loop().create_future()
        with self.origin(settled.set_result):
            self.send(msg)
        return settled


class Keep(Node[Config]):
    """Holds messages until told."""

    type = "keep"

    def start(self):
        self.kept = []

    def on_message(self, msg):
        self.kept.append(self.hold(msg))


async def started(bench, *items):
    for cls in (Source, Keep):
        bench.runtime.registry.add(cls)
    await bench.start(tab(), *items)
    return bench.runtime.nodes


async def test_an_origin_settles_when_every_branch_is_through(bench):
    nodes = await started(
        bench, node("s", "source", ["a", "b"]), node("a", "pass", "x"), node("b", "pass", "x"), node("x", "sink")
    )
    settled = nodes["s"].emit({"payload": 1})
    assert not settled.done()
    origin = await settled
    assert origin.errors == []
    assert bench.payloads("x") == [1, 1]


async def test_a_source_without_wires_settles_at_once(bench):
    nodes = await started(bench, node("s", "source"))
    assert nodes["s"].emit({}).done()


async def test_a_coroutine_handler_keeps_its_origin_open_until_it_returns(bench):
    nodes = await started(bench, node("s", "source", "w"), node("w", "slow", "x"), node("x", "sink"))
    settled = nodes["s"].emit({"payload": 1})
    await asyncio.sleep(0.01)
    assert not settled.done()
    nodes["w"].gate.set()
    await settled
    assert bench.payloads("x") == [1]


async def test_a_held_message_keeps_its_origin_open_until_it_is_done(bench):
    nodes = await started(bench, node("s", "source", "k"), node("k", "keep", "x"), node("x", "sink"))
    settled = nodes["s"].emit({"payload": 1})
    await asyncio.sleep(0.01)
    (hold,) = nodes["k"].kept
    hold.send(hold.msg)
    await asyncio.sleep(0.01)
    assert bench.payloads("x") == [1]
    assert not settled.done()
    hold.done()
    await settled


async def test_an_uncaught_error_is_told_with_the_node(bench):
    nodes = await started(bench, node("s", "source", "a"), node("a", "pass"))
    origin = await nodes["s"].emit({"raise": ValueError("no")})
    ((id, error),) = origin.errors
    assert id == "a"
    assert str(error) == "no"


async def test_a_caught_error_is_handled_and_its_branch_belongs_to_the_origin(bench):
    nodes = await started(
        bench,
        node("s", "source", "a"),
        node("a", "pass"),
        node("c", "catch", "w", scope=None),
        node("w", "slow", "x"),
        node("x", "sink"),
    )
    settled = nodes["s"].emit({"raise": ValueError("no")})
    await asyncio.sleep(0.01)
    assert not settled.done()
    nodes["w"].gate.set()
    origin = await settled
    assert origin.errors == []
    assert bench.got("x")[0]["error"]["message"] == "ValueError: no"


async def test_messages_without_origin_settle_nothing(bench):
    nodes = await started(bench, node("s", "source", "a"), node("a", "pass", "x"), node("x", "sink"))
    await bench.send("a", {"payload": 0})
    await nodes["s"].emit({"payload": 1})
    assert bench.payloads("x") == [0, 1]


async def test_a_node_that_stops_with_a_held_message_tells_its_source(bench):
    nodes = await started(bench, node("s", "source", "k"), node("k", "keep"))
    settled = nodes["s"].emit({})
    await asyncio.sleep(0.01)
    await bench.deploy(tab(), node("s", "source", "k"), node("k", "keep", name="changed"))
    origin = await settled
    assert isinstance(origin.errors[0][1], NodeStopped)


async def test_a_handler_that_is_cancelled_by_a_deploy_tells_its_source(bench):
    nodes = await started(bench, node("s", "source", "w"), node("w", "slow"))
    settled = nodes["s"].emit({})
    await asyncio.sleep(0.01)
    await bench.deploy(tab(), node("s", "source", "w"), node("w", "slow", name="changed"))
    origin = await settled
    assert isinstance(origin.errors[0][1], NodeStopped)


async def test_stopping_waits_for_what_is_under_way(bench):
    nodes = await started(bench, node("s", "source", "w"), node("w", "slow", "x"), node("x", "sink"))
    bench.runtime.settings.stop_drain_timeout = 5
    settled, sink = nodes["s"].emit({"payload": 1}), nodes["x"]
    await asyncio.sleep(0.01)
    stopping = asyncio.ensure_future(bench.runtime.stop())
    await asyncio.sleep(0.02)
    assert not stopping.done()
    nodes["w"].gate.set()
    await stopping
    assert settled.done()
    assert [m["payload"] for m in sink.got] == [1]


async def test_messages_for_a_node_that_restarts_wait_for_it(bench):
    nodes = await started(bench, node("s", "source", "a"), node("a", "pass", "x"), node("x", "sink"))
    bench.runtime.ports["a"].park()
    settled = nodes["s"].emit({"payload": 1})
    await asyncio.sleep(0.01)
    assert not settled.done()
    bench.runtime.ports["a"].open(nodes["a"])
    await settled
    assert bench.payloads("x") == [1]
