"""Order, cloning and outputs on the message path, as flows see them."""

import asyncio
import gc

import pytest

from busway.engine.errors import Overloaded
from busway.engine.message import Fresh
from busway.engine.node import Config, Node
from tests.engine.bench import node, tab


class Emit(Node[Config]):
    """Sends what the message holds under ``out``."""

    type = "emit"

    def on_message(self, msg):
        return msg["out"]


class Named(Node[Config]):
    """Has outputs with names."""

    type = "named"
    outputs = ("line", "match")

    def on_message(self, msg):
        return msg["out"]


async def emitting(bench, *wires, type="emit"):
    for cls in (Emit, Named):
        bench.runtime.registry.add(cls)
    sinks = [node(id, "sink") for id in ("x", "y", "z")]
    return await bench.start(tab(), node("a", type, *wires), *sinks)


async def test_a_message_keeps_its_id_and_gets_one_if_it_has_none(bench):
    await bench.start(tab(), node("a", "pass", "x"), node("x", "sink"))
    await bench.send("a", {"payload": 1, "_msgid": "mine"})
    await bench.send("a", {"payload": 2})
    first, second = bench.got("x")
    assert first["_msgid"] == "mine"
    assert len(second["_msgid"]) == 16


async def test_messages_without_ids_sent_together_share_one(bench):
    await emitting(bench, "x", "y")
    await bench.send("a", {"out": [{"payload": 1}, {"payload": 2}]})
    assert bench.got("x")[0]["_msgid"] == bench.got("y")[0]["_msgid"]


async def test_an_id_found_in_a_call_goes_to_those_without(bench):
    await emitting(bench, "x", "y")
    await bench.send("a", {"out": [{"payload": 1}, {"payload": 2, "_msgid": "known"}]})
    assert bench.got("x")[0]["_msgid"] == "known"


async def test_only_the_first_delivery_carries_the_original(bench):
    await bench.start(tab(), node("a", "pass", ["x", "y", "z"]), *(node(i, "sink") for i in "xyz"))
    sent = {"payload": {"deep": [1]}}
    await bench.send("a", sent)
    (first,), (second,), (third,) = (bench.got(i) for i in "xyz")
    assert first is sent
    assert second == sent
    assert len({id(m["payload"]["deep"]) for m in (first, second, third)}) == 3


async def test_a_lone_message_on_a_lone_wire_is_never_copied(bench):
    await bench.start(tab(), node("a", "pass", "b"), node("b", "pass", "x"), node("x", "sink"))
    sent = {"payload": object()}
    await bench.send("a", sent)
    assert bench.got("x") == [sent]
    assert bench.got("x")[0] is sent


async def test_messages_that_nobody_else_holds_are_copied_for_a_second_wire_only(bench):
    await emitting(bench, "x")
    sent = [{"payload": [1]}, {"payload": [2]}]
    await bench.send("a", {"out": Fresh([sent])})
    assert [a is b for a, b in zip(bench.got("x"), sent, strict=True)] == [True, True]


async def test_on_two_wires_they_share_nothing(bench):
    await emitting(bench, ["x", "y"])
    await bench.send("a", {"out": Fresh([[{"payload": [1]}, {"payload": [2]}]])})
    lists = [msg["payload"] for msg in (*bench.got("x"), *bench.got("y"))]
    assert lists == [[1], [2], [1], [2]]
    assert len({id(one) for one in lists}) == 4


async def test_the_collector_is_held_off_while_many_messages_wait_and_runs_again_after(bench):
    await emitting(bench, "x")
    seen = []
    bench.runtime.ports["x"].tap(lambda msg: seen.append(gc.isenabled()))
    await bench.send("a", {"out": Fresh([[{"payload": at} for at in range(50_000)]])})
    assert False in seen
    assert gc.isenabled()


async def test_a_collector_that_somebody_else_turned_off_stays_off(bench):
    await emitting(bench, "x")
    gc.disable()
    try:
        await bench.send("a", {"out": Fresh([[{"payload": at} for at in range(50_000)]])})
        assert not gc.isenabled()
    finally:
        gc.enable()


async def test_a_list_has_an_element_per_output_and_none_sends_nothing(bench):
    await emitting(bench, "x", "y", "z")
    await bench.send("a", {"out": [{"payload": 1}, None, {"payload": 3}]})
    assert (bench.payloads("x"), bench.payloads("y"), bench.payloads("z")) == ([1], [], [3])


async def test_an_element_may_be_a_list_of_messages_in_order(bench):
    await emitting(bench, ["x", "y"])
    await bench.send("a", {"out": [[{"payload": 1}, None, {"payload": 2}]]})
    assert bench.payloads("x") == bench.payloads("y") == [1, 2]


@pytest.mark.parametrize(("number", "expected"), [(0, ([9], [], [])), (1, ([], [9], [9])), (7, ([], [], []))])
async def test_a_pair_of_output_number_and_message_goes_to_that_output(bench, number, expected):
    await emitting(bench, "x", ["y", "z"], [])
    await bench.send("a", {"out": (number, {"payload": 9})})
    assert (bench.payloads("x"), bench.payloads("y"), bench.payloads("z")) == expected


async def test_elements_beyond_the_outputs_are_ignored(bench):
    await emitting(bench, "x")
    await bench.send("a", {"out": [None, {"payload": 2}, {"payload": 3}]})
    assert bench.payloads("x") == []


@pytest.mark.parametrize(
    ("out", "what"), [("text", "string"), (5, "number"), (True, "boolean"), ([7], "number"), ([["x"]], "string")]
)
async def test_what_is_no_message_is_an_error_that_names_its_type(bench, out, what):
    await emitting(bench, "x")
    await bench.send("a", {"out": out})
    assert bench.payloads("x") == []
    assert f"Node tried to send a message of type {what}" in str(bench.log[-1]["msg"])


async def test_outputs_with_names_are_reached_by_name(bench):
    await emitting(bench, "x", "y", type="named")
    await bench.send("a", {"out": {"match": {"payload": 2}, "line": {"payload": 1}}})
    assert (bench.payloads("x"), bench.payloads("y")) == ([1], [2])


async def test_a_message_of_a_node_with_named_outputs_goes_to_the_first(bench):
    await emitting(bench, "x", "y", type="named")
    await bench.send("a", {"out": {"payload": 1}})
    assert (bench.payloads("x"), bench.payloads("y")) == ([1], [])


async def test_messages_arrive_in_the_order_sent_over_many_hops(bench):
    chain = [node(f"n{i}", "pass", f"n{i + 1}") for i in range(20)]
    await bench.start(tab(), *chain, node("n20", "sink"))
    for i in range(500):
        bench.runtime.receive("n0", {"payload": i})
    await bench.settle()
    assert bench.payloads("n20") == list(range(500))


async def test_the_queue_is_first_in_first_out_over_all_wires(bench):
    await bench.start(tab(), node("a", "pass", ["b", "x"]), node("b", "pass", "x"), node("x", "sink"))
    bench.runtime.receive("a", {"payload": 1})
    bench.runtime.receive("a", {"payload": 2})
    await bench.settle()
    assert bench.payloads("x") == [1, 2, 1, 2]


async def test_a_wire_to_nowhere_is_skipped(bench):
    await bench.start(tab(), node("a", "pass", ["gone", "x"]), node("x", "sink"))
    await bench.send("a", {"payload": 1})
    assert bench.payloads("x") == [1]


async def test_a_disabled_node_gets_nothing_and_ends_the_wire(bench):
    await bench.start(tab(), node("a", "pass", ["b", "x"]), node("b", "pass", "x", d=True), node("x", "sink"))
    await bench.send("a", {"payload": 1})
    assert bench.payloads("x") == [1]
    assert "b" not in bench.runtime.nodes


async def test_an_error_in_one_node_stops_no_other(bench):
    await bench.start(tab(), node("a", "pass", ["b", "x"]), node("b", "pass", "x"), node("x", "sink"))
    await bench.send("b", {"raise": ValueError("no")})
    await bench.send("a", {"payload": 1})
    assert bench.payloads("x") == [1, 1]
    assert isinstance(bench.log[0]["msg"], ValueError)


async def test_io_gets_its_turn_while_a_long_queue_is_drained(bench):
    await bench.start(tab(), node("a", "pass", "a"))
    bench.runtime.receive("a", {"payload": "for ever"})
    turns = 0
    for _ in range(5):
        await asyncio.sleep(0)
        turns += 1
    assert turns == 5
    bench.runtime.ports["a"].shut()


async def test_above_the_high_water_mark_messages_are_refused_by_name(bench):
    await bench.start(tab(), node("a"))
    bench.runtime.dispatcher.high_water = 3
    for _ in range(4):
        bench.runtime.receive("a", {})
    with pytest.raises(Overloaded, match="try again later"):
        bench.runtime.receive("a", {})


async def test_a_tap_sees_each_message_until_it_is_taken_off(bench):
    await bench.start(tab(), node("a", "pass", "x"), node("x", "sink"))
    seen = []
    untap = bench.runtime.ports["x"].tap(lambda msg: seen.append(msg["payload"]))
    await bench.send("a", {"payload": 1})
    untap()
    await bench.send("a", {"payload": 2})
    assert seen == [1]
    assert bench.payloads("x") == [1, 2]
