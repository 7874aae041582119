import asyncio

import pytest

from busway.engine import tracing
from busway.engine.live import Live
from busway.engine.origin import Origin
from tests.editor.serving import do, place, served, until


@do
def forward(msg):
    return msg


@do
def fail(msg):
    raise ValueError("bad")


@do
async def slow(msg):
    await asyncio.sleep(0.02)
    return msg


@do
def twice(msg):
    return [[msg, dict(msg)], msg]


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as running:
        yield running


def path(trace):
    """Each step as (node, who sent it)."""
    steps = trace.shown()["steps"]
    return [(step["node"], step["from"] and (steps[step["from"][0]]["node"], step["from"][1])) for step in steps]


async def traced(site, node, msg=None):
    wanted = Live.of(site.runtime).tracer.want(node)
    site.runtime.receive(node, msg or {})
    await site.settled()
    return wanted.trace


def do_node(id, what, *outputs):
    return {**place("do", id, what=what), "wires": [list(to) for to in outputs]}


async def test_the_path_of_a_message_is_told_with_the_time_of_each_step(site):
    await site.deploy(
        do_node("a", "twice", ["b"], ["c"]),
        do_node("b", "forward", ["s"]),
        do_node("c", "slow", ["s"]),
        place("seen", "s"),
    )
    trace = await traced(site, "a")
    shown = trace.shown()
    assert shown["complete"]
    assert not shown["truncated"]
    assert path(trace) == [
        ("a", None),
        ("b", ("a", 0)),
        ("b", ("a", 0)),
        ("c", ("a", 1)),
        ("s", ("b", 0)),
        ("s", ("b", 0)),
        ("s", ("c", 0)),
    ]
    assert shown["steps"][0]["sent"] == [2, 1]
    slow = shown["steps"][3]
    assert 15 < slow["took"] < 2000
    assert shown["took"] >= slow["took"]
    assert all(step["took"] is not None and step["waited"] >= 0 for step in shown["steps"])


async def test_only_one_message_is_traced_and_then_nothing_is_left_behind(site):
    await site.deploy(do_node("a", "forward", ["s"]), place("seen", "s"))
    port = site.runtime.ports["s"]
    handle = port.handle
    trace = await traced(site, "a")
    assert port.handle == handle
    site.runtime.receive("a", {})
    await site.settled()
    assert len(trace.steps) == 2
    assert len(site.node("s").messages) == 2


async def test_a_node_that_waits_before_it_answers_can_begin_a_trace(site):
    await site.deploy(do_node("a", "slow", ["b"]), do_node("b", "forward", ["s"]), place("seen", "s"))
    trace = await traced(site, "a")
    assert path(trace) == [("a", None), ("b", ("a", 0)), ("s", ("b", 0))]
    assert trace.shown()["steps"][0]["took"] > 15


async def test_errors_are_part_of_the_path_and_so_is_what_catches_them(site):
    await site.deploy(
        do_node("a", "fail"),
        do_node("b", "forward", ["a"]),
        place("catch", "k", to=["s"], scope=None),
        place("seen", "s"),
        place("complete", "done", to=["s"], scope=["a"]),
    )
    for start in ("a", "b"):
        trace = await traced(site, start)
        steps = {step["node"]: step for step in trace.shown()["steps"]}
        assert steps["a"]["error"] == "ValueError: bad"
        assert {"k", "s"} <= steps.keys()
        assert "done" not in steps


async def test_a_message_that_its_source_waits_for_settles_as_without_a_trace(site):
    await site.deploy(do_node("a", "slow", ["b"]), do_node("b", "fail"))
    settled = asyncio.get_running_loop().create_future()
    wanted = Live.of(site.runtime).tracer.want("a")
    with site.runtime.dispatcher.origin(settled.set_result) as origin:
        site.runtime.dispatcher.deliver(site.runtime.ports["a"], {}, origin)
    found: Origin = await asyncio.wait_for(settled, 5)
    assert wanted.trace.complete
    assert [id for id, _ in found.errors] == ["b"]


async def test_what_a_node_sends_of_itself_is_traced(site):
    await site.deploy(place("seen", "s"), do_node("a", "forward", ["s"]))
    wanted = Live.of(site.runtime).tracer.want("a")
    site.node("a").send({"payload": 1})
    await site.settled()
    assert path(wanted.trace) == [("a", None), ("s", ("a", 0))]


async def test_held_messages_go_on_in_the_trace(site):
    await site.deploy(
        place("delay", "d", to=["s"], pauseType="delay", timeout="20", timeoutUnits="milliseconds"), place("seen", "s")
    )
    wanted = Live.of(site.runtime).tracer.want("d")
    site.runtime.receive("d", {})
    await until(lambda: wanted.trace is not None and wanted.trace.complete)
    assert path(wanted.trace) == [("d", None), ("s", ("d", 0))]
    assert wanted.trace.shown()["steps"][1]["at"] > 15


async def test_subflows_and_links_are_followed(site):
    await site.deploy(
        {
            "id": "sub",
            "type": "subflow",
            "name": "S",
            "in": [{"wires": [{"id": "i"}]}],
            "out": [{"wires": [{"id": "i", "port": 0}]}],
        },
        {"id": "i", "type": "do", "z": "sub", "x": 1, "y": 1, "what": "forward", "wires": [[]]},
        {"id": "x", "type": "subflow:sub", "z": "t", "x": 1, "y": 1, "wires": [["lo"]]},
        place("link out", "lo", links=["li"], mode="link"),
        place("link in", "li", to=["s"], links=["lo"]),
        place("seen", "s"),
    )
    trace = await traced(site, "x")
    assert path(trace) == [("x", None), ("x-i", ("x", 0)), ("lo", ("x-i", 0)), ("li", ("lo", 0)), ("s", ("li", 0))]


async def test_a_trace_is_bounded(site, monkeypatch):
    monkeypatch.setattr(tracing, "MOST_STEPS", 10)

    @do
    def count_down(msg):
        msg["payload"] -= 1
        return msg if msg["payload"] else None

    await site.deploy(do_node("a", "count_down", ["a"]))
    trace = await traced(site, "a", {"payload": 50})
    assert (len(trace.steps), trace.truncated, trace.complete) == (10, True, True)


async def test_a_trace_ends_in_time_though_its_message_is_still_under_way(site, monkeypatch):
    monkeypatch.setattr(tracing, "LONGEST", 0.02)
    gate = asyncio.Event()

    @do
    async def stuck(msg):
        await gate.wait()

    await site.deploy(do_node("a", "stuck"))
    tracer = Live.of(site.runtime).tracer
    wanted = tracer.want("a")
    site.runtime.receive("a", {})
    await until(lambda: wanted.trace is not None and not tracer._running)
    assert wanted.trace.shown()["steps"][0]["took"] is None
    assert not tracer._watched
    gate.set()
    await site.settled()
    assert wanted.trace.complete


async def test_a_wish_survives_a_deploy_and_can_be_taken_back(site):
    await site.deploy(place("seen", "s"))
    tracer = Live.of(site.runtime).tracer
    first, second = tracer.want("a"), tracer.want("a")
    await site.deploy(do_node("a", "forward", ["s"]), place("seen", "s"))
    second.cancel()
    site.runtime.receive("a", {})
    await site.settled()
    assert path(first.trace) == [("a", None), ("s", ("a", 0))]
    assert second.trace is None
