"""Catch, status and complete nodes: who hears of what, and what they get."""

from busway.engine.errors import ScriptError
from busway.engine.node import Config, Node
from tests.engine.bench import node, tab


def catch(id, *wires, scope=None, **more):
    return node(id, "catch", *wires, scope=scope, **more)


def group(id, *members, **more):
    return {"id": id, "type": "group", "z": "t", "nodes": list(members), "env": [], **more}


SINKS = tuple(node(id, "sink") for id in ("x", "y", "z"))
BOOM = {"raise": ValueError("boom"), "payload": 1}


async def test_a_catch_node_gets_a_copy_with_the_error_and_its_source(bench):
    await bench.start(tab(), node("a", name="worker"), catch("c", "x"), *SINKS)
    await bench.send("a", dict(BOOM))
    (msg,) = bench.got("x")
    assert msg["payload"] == 1
    assert msg["error"] == {
        "message": "ValueError: boom",
        "source": {"id": "a", "type": "pass", "name": "worker", "count": 1},
    }


async def test_a_caught_error_is_not_logged_and_an_uncaught_one_is(bench):
    await bench.start(tab(), node("a"), node("b"), catch("c", "x", scope=["a"]), *SINKS)
    await bench.send("a", dict(BOOM))
    assert bench.log == []
    await bench.send("b", dict(BOOM))
    assert [entry["level"] for entry in bench.log] == [20]


async def test_a_previous_error_moves_aside(bench):
    await bench.start(tab(), node("a"), catch("c", "x"), *SINKS)
    await bench.send("a", {**BOOM, "error": "old"})
    assert bench.got("x")[0]["_error"] == "old"


async def test_a_script_error_brings_code_stack_and_cause(bench):
    await bench.start(tab(), node("a"), catch("c", "x"), *SINKS)
    error = ScriptError("no", name="RangeError", stack="at 1", code="E1", cause="because")
    await bench.send("a", {"raise": error})
    told = bench.got("x")[0]["error"]
    assert (told["message"], told["code"], told["stack"], told["cause"]) == ("RangeError: no", "E1", "at 1", "because")


async def test_all_matching_catch_nodes_get_the_error(bench):
    await bench.start(
        tab(), node("a"), catch("c", "x"), catch("d", "y", scope=["a"]), catch("e", "z", scope=["b"]), *SINKS
    )
    await bench.send("a", dict(BOOM))
    assert [len(bench.got(id)) for id in "xyz"] == [1, 1, 0]


async def test_a_catch_node_for_the_uncaught_waits_for_the_others(bench):
    await bench.start(tab(), node("a"), node("b"), catch("c", "x", scope=["a"]), catch("d", "y", uncaught=True), *SINKS)
    await bench.send("a", dict(BOOM))
    await bench.send("b", dict(BOOM))
    assert [len(bench.got(id)) for id in "xy"] == [1, 1]


async def test_several_catch_nodes_for_the_uncaught_all_get_it(bench):
    await bench.start(tab(), node("a"), catch("c", "x", uncaught=True), catch("d", "y", uncaught=True), *SINKS)
    await bench.send("a", dict(BOOM))
    assert [len(bench.got(id)) for id in "xy"] == [1, 1]


async def test_scope_group_hears_its_group_and_those_inside(bench):
    groups = [group("g", "c", "a"), group("h", "b", g="g")]
    nodes = [node("a", g="g"), node("b", g="h"), node("o"), catch("c", "x", scope="group", g="g")]
    await bench.start(tab(), *groups, *nodes, *SINKS)
    for id in ("a", "b", "o"):
        await bench.send(id, dict(BOOM))
    assert [m["error"]["source"]["id"] for m in bench.got("x")] == ["a", "b"]


async def test_the_nearest_group_is_told_first(bench):
    groups = [group("g", "far"), group("h", "a", "near", g="g")]
    nodes = [node("a", g="h"), catch("out", "x", topic="out"), catch("far", "x", g="g"), catch("near", "x", g="h")]
    await bench.start(tab(), *groups, *nodes, *SINKS)
    order = []
    for id in ("out", "far", "near"):
        bench.runtime.ports[id].tap(lambda msg, id=id: order.append(id))
    await bench.send("a", dict(BOOM))
    assert order == ["near", "far", "out"]


class Always(Node[Config]):
    """Fails every time."""

    type = "always"
    count = 0

    def on_message(self, msg):
        self.count += 1
        raise ValueError("again")


async def test_an_error_that_comes_back_to_its_node_is_given_up(bench):
    bench.runtime.registry.add(Always)
    await bench.start(tab(), node("a", "always"), catch("c", "a"), *SINKS)
    await bench.send("a", {})
    assert bench.runtime.nodes["a"].count == 10
    assert bench.log[0]["msg"] == "Message exceeded maximum number of catches"


async def test_an_error_in_a_subflow_goes_out_with_the_instance_as_reporter(bench):
    sub = {"id": "s", "type": "subflow", "in": [{"wires": [{"id": "i"}]}], "out": []}
    items = [sub, node("i", z="s"), node("one", "subflow:s"), node("two", "subflow:s")]
    await bench.start(tab(), *items, catch("c", "x", scope=["one"]), *SINKS)
    await bench.send("one", dict(BOOM))
    await bench.send("two", dict(BOOM))
    assert [m["error"]["source"]["id"] for m in bench.got("x")] == ["one-i"]


async def test_a_catch_node_inside_a_subflow_takes_the_error_there(bench):
    sub = {"id": "s", "type": "subflow", "in": [{"wires": [{"id": "i"}]}], "out": [{"wires": [{"id": "k", "port": 0}]}]}
    items = [sub, node("i", z="s"), node("k", "catch", z="s", scope=None), node("one", "subflow:s", "y")]
    await bench.start(tab(), *items, catch("c", "x"), *SINKS)
    await bench.send("one", dict(BOOM))
    assert [len(bench.got(id)) for id in "xy"] == [0, 1]


async def test_a_status_node_gets_status_and_source_only(bench):
    await bench.start(tab(), node("a"), node("s", "status", "x", scope=None), *SINKS)
    bench.runtime.nodes["a"].status("hello", "green", "ring")
    await bench.settle()
    (msg,) = bench.got("x")
    assert msg.pop("_msgid")
    assert msg == {"status": {"fill": "green", "shape": "ring", "text": "hello", "source": {"id": "a", "type": "pass"}}}


async def test_a_status_node_does_not_hear_the_node_it_is_wired_to(bench):
    await bench.start(tab(), node("a"), node("s", "status", "a", scope=["a"]), *SINKS)
    bench.runtime.nodes["a"].status("hello")
    await bench.settle()
    assert bench.runtime.dispatcher.queue.__len__() == 0


async def test_statuses_of_a_config_node_are_offered_where_it_is_used(bench):
    items = [
        {"id": "s", "type": "shared"},
        node("u", "user", server="s"),
        tab("v"),
        node("w", "user", z="v", server="s"),
    ]
    items += [
        node("n", "status", "x", scope=["u"]),
        node("m", "status", "y2", z="v", scope=None),
        node("y2", "sink", z="v"),
    ]
    await bench.start(tab(), *items, *SINKS)
    bench.runtime.nodes["s"].status("up")
    await bench.settle()
    assert [len(bench.got(id)) for id in ("x", "y2")] == [1, 1]


async def test_the_status_output_of_a_subflow_sets_the_status_of_the_instance(bench):
    status = {"wires": [{"id": "i", "port": 0}]}
    sub = {"id": "s", "type": "subflow", "in": [{"wires": [{"id": "i"}]}], "out": [], "status": status}
    shown = []
    bench.runtime.events.on("status", lambda told: shown.append((told[0].id, told[1])))
    await bench.start(
        tab(), sub, node("i", z="s"), node("one", "subflow:s"), node("n", "status", "x", scope=["one"]), *SINKS
    )
    await bench.send("one", {"payload": "busy"})
    await bench.send("one", {"payload": {"fill": "red", "text": "full"}})
    assert shown == [("one", {"text": "busy"}), ("one", {"fill": "red", "text": "full"})]
    assert [m["status"]["text"] for m in bench.got("x")] == ["busy", "full"]


async def test_a_complete_node_gets_the_message_as_it_was_left(bench):
    await bench.start(tab(), node("a", "pass", "y"), node("c", "complete", "x", scope=["a"]), *SINKS)
    await bench.send("a", {"payload": 1})
    assert bench.got("x")[0]["complete"] == {"source": {"id": "a", "type": "pass"}}
    assert bench.payloads("x") == bench.payloads("y") == [1]


async def test_an_error_completes_nothing(bench):
    await bench.start(tab(), node("a"), node("c", "complete", "x", scope=["a"]), *SINKS)
    await bench.send("a", dict(BOOM))
    assert bench.got("x") == []


async def test_a_coroutine_completes_when_it_returns(bench):
    await bench.start(tab(), node("w", "slow"), node("c", "complete", "x", scope=["w"]), *SINKS)
    bench.runtime.receive("w", {"payload": 1})
    assert bench.got("x") == []
    bench.runtime.nodes["w"].gate.set()
    await bench.settle()
    assert bench.payloads("x") == [1]
