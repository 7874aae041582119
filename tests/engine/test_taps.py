"""Counts, samples, activity and errors, with a running engine."""

import asyncio

import pytest

from busway.engine.live import Live, secrets_of
from busway.engine.masking import MASK
from tests.editor.serving import TAB, do, place, served, until


@do
def hand_on(msg):
    return msg


@do
def three(msg):
    return [[msg, {"n": 2}], None, {"n": 3}]


@do
def by_number(msg):
    return (1, msg)


@do
def fail_with(msg):
    raise ValueError(f"bad {msg.get('payload')}")


@do
def nothing(msg):
    return None


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as running:
        yield running


def placed(id, what, *outputs):
    return {**place("do", id, what=what), "wires": [list(to) for to in outputs]}


async def send(site, id, *payloads):
    for payload in payloads:
        site.runtime.receive(id, {"payload": payload})
    await site.settled()


async def test_messages_are_counted_at_each_output(site):
    await site.deploy(
        placed("a", "three", ["b", "s"], [], ["s"]), placed("b", "by_number", [], ["s"]), place("seen", "s")
    )
    watch = Live.of(site.runtime).count(["a", "b"])
    await send(site, "a", 1, 2)
    assert watch.read() == {"a": [4, 0, 2], "b": [0, 4]}
    watch.close()


async def test_a_tab_means_its_nodes_and_a_star_all(site):
    await site.deploy(placed("a", "hand_on", ["s"]), place("seen", "s"))
    live = Live.of(site.runtime)
    assert live.nodes_of(["t"]) == live.nodes_of(["*"]) == {"a", "s"}
    assert live.nodes_of(["nobody"]) == set()


async def test_nothing_is_on_the_path_while_nobody_watches(site):
    await site.deploy(placed("a", "hand_on", ["s"]), place("seen", "s"))
    port = site.runtime.ports["a"]
    route, handle = port.route, port.handle
    live = Live.of(site.runtime)
    first, second = live.count(["a"]), live.count(["a"])
    samples, wanted = live.sample("a"), live.tracer.want("a")
    assert port.route is not route
    assert port.handle is not handle
    first.close()
    samples.close()
    wanted.cancel()
    assert port.route is not route
    second.close()
    assert port.route is route
    assert port.handle == handle


async def test_counting_goes_on_after_deploys_and_follows_nodes_that_come_back(site):
    first = (placed("a", "hand_on", ["s"]), place("seen", "s"))
    await site.deploy(*first)
    watch = Live.of(site.runtime).count(["t"])
    await send(site, "a", 1)
    await site.deploy(placed("a", "hand_on", ["s"], ["s"]), place("seen", "s"), mode="nodes")
    await send(site, "a", 1)
    assert watch.read()["a"] == [2]
    await site.deploy(place("seen", "s"), mode="nodes")
    watch.refresh()
    assert watch.ids == {"s"}
    await site.deploy(*first, placed("c", "hand_on", ["s"]), mode="nodes")
    watch.refresh()
    await send(site, "a", 1)
    await send(site, "c", 1)
    assert (watch.read()["a"], watch.read()["c"]) == ([1], [1])
    watch.close()


SUBFLOW = [
    {
        "id": "sub",
        "type": "subflow",
        "name": "S",
        "in": [{"wires": [{"id": "i1"}]}],
        "out": [{"wires": [{"id": "i1", "port": 0}]}, {"wires": [{"id": "sub", "port": 0}]}],
    },
    {"id": "i1", "type": "do", "z": "sub", "x": 1, "y": 1, "what": "three", "wires": [[]]},
]


async def test_a_subflow_instance_counts_what_leaves_it(site):
    await site.deploy(
        *SUBFLOW,
        {"id": "x", "type": "subflow:sub", "z": "t", "x": 1, "y": 1, "wires": [["s"], ["s"]]},
        place("seen", "s"),
    )
    live = Live.of(site.runtime)
    watch, inner = live.count(["t"]), live.count(["x"])
    await send(site, "x", 1)
    assert watch.read()["x"] == [2, 1]
    assert inner.read()["x-i1"] == [2, 0, 1]
    watch.close()
    inner.close()


async def test_the_last_messages_of_a_wire_are_sampled_and_secrets_hidden(site):
    await site.deploy(placed("a", "hand_on", ["s"]), place("seen", "s"))
    samples = Live.of(site.runtime).sample("a", 0, keep=3)
    await send(site, "a", {"token": "abc", "n": 1}, "x" * 2000)
    first, second = samples.look()
    assert f'"payload":{{"token":"{MASK}","n":1}}' in first["msg"]
    assert len(second["msg"]) < 700
    assert (first["number"], first["format"]) == (1, "Object")
    await send(site, "a", *range(100))
    assert samples.seen == 102
    assert [sample["number"] for sample in samples.look()] == [5, 6, 7]
    assert samples.look() == []
    samples.close()


async def test_a_sample_is_of_the_moment_when_the_message_left(site):
    @do
    def spoil(msg):
        msg["payload"]["n"] = "later"

    await site.deploy(placed("a", "hand_on", ["b"]), placed("b", "spoil"))
    samples = Live.of(site.runtime).sample("a")
    await send(site, "a", {"n": "first"})
    assert "first" in samples.look()[0]["msg"]
    samples.close()


async def test_passwords_of_nodes_are_hidden_in_samples_and_errors(site):
    await site.deploy(placed("a", "fail_with", ["s"]), place("seen", "s"))
    await site.runtime.deploy(site.runtime.model, credentials={})
    site.runtime.persistence.credentials._entries["a"] = {"pin": "open-sesame", "map": {"k": "other-secret"}}
    assert secrets_of(site.runtime) == {"open-sesame", "other-secret"}
    live = Live.of(site.runtime)
    live.errors.clear()
    await send(site, "a", "open-sesame and other-secret")
    assert live.errors.shown("a")["message"] == f"ValueError: bad {MASK} and {MASK}"


async def test_errors_are_counted_since_the_last_deploy_with_the_last_one(site):
    live = Live.of(site.runtime)
    nodes = (
        placed("a", "fail_with"),
        place("catch", "c", to=["s"], scope=["a"]),
        place("seen", "s"),
        placed("b", "fail_with"),
    )
    await site.deploy(*nodes)
    await send(site, "a", 1, 2)
    await send(site, "b", 3)
    shown = live.errors.shown("a")
    assert (shown["count"], shown["message"], shown["caught"]) == (2, "ValueError: bad 2", True)
    assert live.errors.shown("b")["caught"] is False
    await site.deploy(*nodes)
    assert live.errors.by_node == {}


async def test_busy_waiting_and_queued_nodes_are_seen(site):
    gate = asyncio.Event()

    @do
    async def gated(msg):
        await gate.wait()

    await site.deploy(
        placed("a", "gated"),
        place("delay", "d", pauseType="delay", timeout="5", timeoutUnits="seconds"),
        placed("n", "nothing"),
    )
    live = Live.of(site.runtime)
    for id in ("a", "a", "d", "n"):
        site.runtime.receive(id, {})
    queued = live.activity({"a", "d", "n"})
    assert queued == {"a": {"queued": 2}, "d": {"queued": 1}, "n": {"queued": 1}}
    assert live.load()["queued"] == 4
    await until(lambda: not site.runtime.dispatcher.queue)
    assert live.activity({"a", "d", "n"}) == {"a": {"busy": 2}, "d": {"held": 1}}
    assert live.load()["working"] == 2
    gate.set()
    await site.deploy(TAB | {"id": "other"})


async def test_deliveries_are_counted(site):
    await site.deploy(placed("a", "hand_on", ["s"]), place("seen", "s"))
    live = Live.of(site.runtime)
    before = live.load()["delivered"]
    await send(site, "a", 1, 2, 3)
    assert live.load()["delivered"] - before == 6
