"""Link in, link out and link call; titles follow Node-RED's own tests where they check the same."""

import pytest

from busway.engine.links import LinkCalls
from busway.engine.node import Config, Node, NodeError
from busway.testing import flow_of, node


class Double(Node[Config]):
    """Doubles the payload."""

    type = "double"

    def on_message(self, msg):
        msg["payload"] *= 2
        return msg


class Twice(Node[Config]):
    """Sends everything twice."""

    type = "twice"

    def on_message(self, msg):
        return [[msg, dict(msg)]]


class Caller(Node[Config]):
    """Calls ``msg.target`` and sends what comes back."""

    type = "caller"

    async def on_message(self, msg):
        return await LinkCalls.of(self.flow.runtime).call(self, msg["target"], msg, timeout=5)


TYPES = [Double, Twice, Caller]
TABS = [{"id": f"t{n}", "type": "tab", "label": f"Flow {n}"} for n in (1, 2, 3)]
SUBROUTINE = [
    node("link in", "in", to="work", name="double it"),
    node("double", "work", to="back"),
    node("link out", "back", mode="return"),
]


def call(**properties):
    return node("link call", "call", to="out", **properties)


def static(target, **properties):
    return call(links=[target], linkType="static", **properties)


def dynamic(**properties):
    return call(linkType="dynamic", **properties)


# -- wires ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("from_out", "from_in"), [(["in"], []), ([], ["out"]), (["in"], ["out"])], ids=["link out", "link in", "both"]
)
async def test_a_link_is_made_by_either_side(from_out, from_in):
    nodes = [node("link out", "out", links=from_out), node("link in", "in", links=from_in, to="end")]
    async with flow_of(nodes) as flow:
        await flow.send("out", {"payload": "hello"})
        msg = await flow.output("end")
        assert (msg["payload"], msg["_event"]) == ("hello", "node:out")
        assert not flow.unread("end")


async def test_a_link_out_sends_to_all_its_targets_on_other_tabs_too():
    nodes = [
        *TABS,
        node("link out", "out", links=["in1", "in2"], z="t1"),
        node("link in", "in1", z="t2", to="end1"),
        node("link in", "in2", z="t3", to="end2"),
    ]
    async with flow_of(nodes) as flow:
        await flow.send("out", {"payload": [1]})
        assert (await flow.output("end1"))["payload"] == (await flow.output("end2"))["payload"] == [1]


async def test_a_link_in_is_linked_from_several():
    nodes = [*(node("link out", f"out{n}", links=["in"]) for n in (1, 2)), node("link in", "in", to="end")]
    async with flow_of(nodes) as flow:
        await flow.send("out1", {"payload": 1})
        await flow.send("out2", {"payload": 2})
        assert [msg["payload"] for msg in flow.sent("end")] == [1, 2]


# -- calls ----------------------------------------------------------------------------------------------------------
async def test_a_call_sends_on_what_is_returned_without_a_trace_of_the_call():
    async with flow_of([*SUBROUTINE, static("in")], types=TYPES) as flow:
        origin = await flow.send("call", {"payload": 4})
        msg = await flow.output("out")
        assert msg["payload"] == 8
        assert "_linkSource" not in msg
        assert origin.settled


@pytest.mark.parametrize("target", ["in", "double it"], ids=["id", "name"])
async def test_a_dynamic_call_finds_its_target_by(target):
    async with flow_of([*SUBROUTINE, dynamic()], types=TYPES) as flow:
        await flow.send("call", {"payload": 4, "target": target})
        assert (await flow.output("out"))["payload"] == 8


async def test_a_name_in_the_same_flow_wins_over_the_same_name_elsewhere():
    here = [{**item, "z": "t1"} for item in SUBROUTINE]
    there = [node("link in", "in2", name="double it", z="t2"), {**dynamic(), "z": "t1"}]
    async with flow_of([*TABS, *here, *there], types=TYPES) as flow:
        await flow.send("call", {"payload": 4, "target": "double it"})
        assert (await flow.output("out"))["payload"] == 8


@pytest.mark.parametrize("tabs", [("t1", "t1"), ("t2", "t3")], ids=["same tab", "different tabs"])
async def test_a_name_that_several_have_is_an_error(tabs):
    targets = [node("link in", f"in{n}", name="double it", z=tab) for n, tab in enumerate(tabs)]
    nodes = [*TABS, *targets, {**dynamic(), "z": "t1"}, node("catch", "c", z="t1", to="caught")]
    async with flow_of(nodes) as flow:
        await flow.send("call", {"payload": 4, "target": "double it"})
        msg = await flow.output("caught")
        assert msg["error"]["message"] == "Multiple link-in nodes named 'double it' found"
        assert msg["error"]["source"]["id"] == "call"


@pytest.mark.parametrize(
    ("nodes", "msg", "named"),
    [
        ([dynamic()], {"target": "nobody"}, "nobody"),
        ([dynamic()], {}, ""),
        ([dynamic()], {"target": {"a": 1}}, "{'a': 1}"),
        ([static("gone")], {}, "gone"),
        ([call()], {}, ""),
        ([static("d"), node("double", "d")], {}, "d"),
    ],
)
async def test_a_target_that_is_not_there_is_an_error_that_names_it(nodes, msg, named):
    async with flow_of([*nodes, node("catch", "c", to="caught")], types=TYPES) as flow:
        await flow.send("call", msg)
        assert (await flow.output("caught"))["error"]["message"] == f"target link-in node '{named}' not found"


async def test_after_a_deploy_a_renamed_target_is_found_by_its_new_name_only():
    def nodes(name):
        second = [node("link in", "in2", name=name, to="back2"), node("link out", "back2", mode="return")]
        return [*SUBROUTINE, *second, dynamic()]

    async with flow_of(nodes("double it"), types=TYPES) as flow:
        await flow.deploy(nodes("add"), "nodes")
        await flow.send("call", {"payload": 4, "target": "add"})
        await flow.send("call", {"payload": 4, "target": "double it"})
        assert [msg["payload"] for msg in flow.sent("out")] == [4, 8]


@pytest.mark.parametrize("mode", ["full", "nodes"])
async def test_a_target_that_was_removed_is_not_found_any_more(mode):
    async with flow_of([*SUBROUTINE, dynamic()], types=TYPES) as flow:
        await flow.deploy([dynamic()], mode)
        await flow.send("call", {"payload": 1, "target": "double it"})
        assert (await flow.error()).text == "target link-in node 'double it' not found"


async def test_calls_nest():
    nodes = [
        *SUBROUTINE,
        node("link in", "in6", to="inner"),
        node("link call", "inner", links=["in"], to="inner2"),
        node("link call", "inner2", links=["in"], to="back6"),
        node("link out", "back6", mode="return"),
        static("in6"),
    ]
    async with flow_of(nodes, types=TYPES) as flow:
        await flow.send("call", {"payload": 4})
        msg = await flow.output("out")
        assert msg["payload"] == 16
        assert "_linkSource" not in msg


async def test_the_timeout_is_an_error_with_the_message_as_it_was_sent():
    nodes = [node("link in", "in", to="w"), node("double", "w", to="lost"), static("in", timeout="0.5")]
    async with flow_of([*nodes, node("catch", "c", to="caught")], types=TYPES) as flow:
        origin = await flow.send("call", {"payload": 4})
        assert not origin.settled
        msg = await flow.output("caught")
        assert (msg["error"]["message"], msg["payload"], msg["_linkSource"]) == ("timeout", 4, [])
        assert flow.now == pytest.approx(0.5)
        await flow.settle()
        assert origin.settled


async def test_without_a_timeout_of_its_own_a_call_waits_thirty_seconds():
    async with flow_of([node("link in", "in"), static("in")]) as flow:
        await flow.send("call", {"payload": 4})
        assert (await flow.error()).text == "timeout"
        assert flow.now == pytest.approx(30)


async def test_what_returns_after_the_timeout_is_sent_on_but_not_complete():
    slow = [
        node("link in", "in", to="d"),
        node("delay", "d", timeout=2, to="back"),
        node("link out", "back", mode="return"),
    ]
    nodes = [*slow, static("in", timeout=1), node("complete", "c", scope=["call"], to="done")]
    async with flow_of(nodes) as flow:
        await flow.send("call", {"payload": 4})
        assert (await flow.output("out"))["payload"] == 4
        assert flow.now == pytest.approx(2)
        assert flow.sent("done") == []


async def test_each_message_that_is_returned_is_sent_on_and_the_call_is_complete_once():
    nodes = [node("link in", "in", to="w"), node("twice", "w", to="back"), node("link out", "back", mode="return")]
    done = node("complete", "c", scope=["call"], to="done")
    async with flow_of([*nodes, static("in"), done], types=TYPES) as flow:
        await flow.send("call", {"payload": 4})
        assert len(flow.sent("out")) == 2
        assert len(flow.sent("done")) == 1


@pytest.mark.parametrize("source", [None, [], "x", [{"id": "1", "node": "gone"}], [5]])
async def test_a_return_without_a_caller_is_a_warning(source):
    async with flow_of([node("link out", "back", mode="return")]) as flow:
        await flow.send("back", {"payload": 1, **({} if source is None else {"_linkSource": source})})
        assert [(line.level, line.text) for line in flow.logs] == [("warn", "Missing return node information")]


async def test_a_stopped_caller_lets_its_source_know_and_forgets_its_calls():
    async with flow_of([node("link in", "in"), static("in")]) as flow:
        origin = await flow.send("call", {"payload": 4})
        calls = LinkCalls.of(flow.runtime)
        await flow.deploy([], "nodes")
        assert origin.settled
        assert origin.errors
        assert calls._waiting == {}


async def test_within_a_subflow_a_target_is_found_by_its_id_in_the_template_and_by_name():
    template = [
        {
            "id": "sub",
            "type": "subflow",
            "in": [{"wires": [{"id": "call"}]}],
            "out": [{"wires": [{"id": "call", "port": 0}]}],
        },
        *({**item, "z": "sub"} for item in SUBROUTINE),
        {**dynamic(), "z": "sub"},
        node("subflow:sub", "instance", to="end"),
    ]
    async with flow_of(template, types=TYPES) as flow:
        for target in ("in", "double it"):
            await flow.send("instance", {"payload": 4, "target": target})
            assert (await flow.output("end"))["payload"] == 8


async def test_names_inside_other_subflows_are_not_found():
    nodes = [
        {"id": "sub", "type": "subflow", "in": [], "out": []},
        *({**item, "z": "sub"} for item in SUBROUTINE),
        node("subflow:sub", "instance"),
        dynamic(),
    ]
    async with flow_of(nodes, types=TYPES) as flow:
        await flow.send("call", {"payload": 4, "target": "double it"})
        assert "not found" in (await flow.error()).text


# -- the service, as function nodes use it ---------------------------------------------------------------------------
async def test_a_coroutine_can_call_and_wait():
    async with flow_of([*SUBROUTINE, node("caller", "f", to="out")], types=TYPES) as flow:
        origin = await flow.send("f", {"payload": 4, "target": "double it"})
        assert (await flow.output("out"))["payload"] == 8
        await flow.settle()
        assert origin.settled


async def test_its_wait_ends_with_a_timeout_and_late_returns_go_nowhere():
    slow = [
        node("link in", "in", to="d"),
        node("delay", "d", timeout=9, to="back"),
        node("link out", "back", mode="return"),
    ]
    async with flow_of([*slow, node("caller", "f", to="out")], types=TYPES) as flow:
        await flow.send("f", {"payload": 4, "target": "in"})
        error = await flow.error()
        assert (error.text, flow.now) == ("timeout", pytest.approx(5))
        assert isinstance(error.error, NodeError)
        await flow.advance(10)
        assert flow.sent("f") == []
        assert [line.level for line in flow.logs] == ["error"]
