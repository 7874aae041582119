"""Behaviour as Node-RED documents it for its trigger node; titles follow its own tests where they check the same."""

import pytest

from busway.engine.node import Config, Node
from busway.testing import flow_of, node


class Spoiler(Node[Config]):
    """Changes what it gets."""

    type = "spoiler"

    def on_message(self, msg):
        msg["deep"]["a"] = "spoilt"


def trigger(to="out", **properties):
    return node("trigger", "t", to=to, **properties)


async def payloads(flow, count, id="out"):
    """``(payload, seconds since the start)`` of the next messages."""
    found = []
    for _ in range(count):
        msg = await flow.output(id)
        found.append((msg.get("payload", "absent"), round(flow.now, 3)))
    return found


async def play(flow, *moments):
    """Sends messages: ``(seconds, message)``, the time counted from the start."""
    for seconds, msg in moments:
        await flow.advance(seconds - flow.now)
        await flow.send("t", msg)


async def test_by_default_it_sends_1_and_a_quarter_of_a_second_later_0():
    async with flow_of([trigger()]) as flow:
        await flow.send("t", {"payload": None})
        assert await payloads(flow, 2) == [("1", 0), ("0", 0.25)]


@pytest.mark.parametrize(("unit", "seconds"), [("ms", 0.002), ("s", 2), ("min", 120), ("hr", 7200)])
async def test_the_wait_has_a_unit(unit, seconds):
    async with flow_of([trigger(duration="2", units=unit)]) as flow:
        await flow.send("t", {})
        assert (await payloads(flow, 2))[1] == ("0", seconds)


VALUES = [
    ("num", 10, 10),
    ("str", "10", "10"),
    ("bool", True, True),
    ("json", '{"x": "vx"}', {"x": "vx"}),
    ("bin", "[1,2,3]", b"\x01\x02\x03"),
    ("env", "TRIGGER_TEST", "env-val"),
    ("date", "iso", "2026-01-01T00:00:00.000Z"),
    ("null", "", None),
    ("val", "true", True),
    ("val", "false", False),
    ("val", "null", None),
    ("val", "text", "text"),
    ("nonsense", "raw", "raw"),
]


@pytest.mark.parametrize(("kind", "given", "value"), VALUES)
async def test_it_sends_a_first_value_of_type(kind, given, value, monkeypatch):
    monkeypatch.setenv("TRIGGER_TEST", "env-val")
    async with flow_of([trigger(op1=given, op1type=kind, op2type="nul")], start=1_767_225_600) as flow:
        await flow.send("t", {"payload": "in", "topic": "kept"})
        msg = await flow.output("out")
        assert (msg["payload"], type(msg["payload"]), msg["topic"]) == (value, type(value), "kept")


@pytest.mark.parametrize(("kind", "given", "value"), [case for case in VALUES if case[0] != "date"])
async def test_it_sends_a_second_value_of_type(kind, given, value, monkeypatch):
    monkeypatch.setenv("TRIGGER_TEST", "env-val")
    async with flow_of([trigger(op1="foo", op1type="str", op2=given, op2type=kind)]) as flow:
        await flow.send("t", {"payload": "in", "topic": "kept"})
        await flow.output("out")
        msg = await flow.output("out")
        assert (msg["payload"], type(msg["payload"]), msg["topic"]) == (value, type(value), "kept")


async def test_a_second_date_is_that_of_its_sending():
    properties = {"op1": "1", "op1type": "date", "op2": "0", "op2type": "date", "duration": "5", "units": "s"}
    async with flow_of([trigger(**properties)], start=1_767_225_600) as flow:
        await flow.send("t", {})
        assert [msg for msg, _ in await payloads(flow, 2)] == [1_767_225_600_000, 1_767_225_605_000]


async def test_a_second_value_from_the_context_is_read_when_it_is_sent():
    async with flow_of([trigger(op1="foo", op1type="flow", op2="bar", op2type="global")]) as flow:
        flow.node("t").flow_context.set("foo", "first")
        await flow.send("t", {"payload": 1})
        flow.node("t").global_context.set("bar", "second")
        assert await payloads(flow, 2) == [("first", 0), ("second", 0.25)]


async def test_a_value_that_the_context_does_not_have_leaves_no_payload():
    async with flow_of([trigger(op1="foo", op1type="flow", op2="foo", op2type="flow")]) as flow:
        await flow.send("t", {"payload": 1})
        assert await payloads(flow, 2) == [("absent", 0), ("absent", 0.25)]


async def test_texts_may_be_mustache_templates():
    async with flow_of([trigger(op1="{{payload}}", op2="{{topic.name}}&")]) as flow:
        await flow.send("t", {"payload": "Hello", "topic": {"name": "World"}})
        assert await payloads(flow, 2) == [("Hello", 0), ("World&", 0.25)]


# -- blocking and extending -----------------------------------------------------------------------------------------
async def test_other_messages_are_ignored_while_it_waits():
    async with flow_of([trigger(duration="50")]) as flow:
        await play(flow, (0, {}), (0.01, {}), (0.03, {}), (0.06, {}))
        assert await payloads(flow, 4) == [("1", 0.06), ("0", 0.06), ("1", 0.06), ("0", 0.11)]


async def test_the_delay_of_a_message_counts_only_where_that_is_allowed():
    for allowed, seconds in ((False, 0.05), (True, 0.3), ("true", 0.3)):
        async with flow_of([trigger(duration="50", overrideDelay=allowed)]) as flow:
            await flow.send("t", {"delay": 300})
            assert (await payloads(flow, 2))[1] == ("0", seconds)


@pytest.mark.parametrize("extend", ["true", True])
async def test_further_messages_extend_the_wait_and_the_latest_is_the_base(extend):
    async with flow_of([trigger(extend=extend, duration="100")]) as flow:
        await play(flow, (0, {"n": 1}), (0.05, {"n": 2}), (0.1, {"n": 3}))
        assert await payloads(flow, 2) == [("1", 0.1), ("0", 0.2)]
        assert [msg["n"] for msg in flow.sent("out")] == [1, 3]


async def test_an_extended_wait_without_second_message_just_ends():
    async with flow_of([trigger(extend="true", op1type="pay", op2type="nul", duration="200")]) as flow:
        await play(flow, (0, {"payload": "Hello"}), (0.05, {}), (0.1, {}), (0.33, {"payload": "World"}))
        assert await payloads(flow, 2) == [("Hello", 0.33), ("World", 0.33)]


async def test_the_second_message_may_be_the_first_payload():
    async with flow_of([trigger(op1="null", op1type="val", op2type="pay", duration="40")]) as flow:
        await flow.send("t", {"payload": ["World"]})
        assert await payloads(flow, 2) == [(None, 0), (["World"], 0.04)]


@pytest.mark.parametrize(("extend", "seconds"), [("false", 0.06), ("true", 0.14)])
async def test_the_second_message_may_be_the_latest_message(extend, seconds):
    async with flow_of([trigger(extend=extend, op1type="nul", op2type="payl", duration="60")]) as flow:
        await play(flow, (0, {"payload": "Hello"}), (0.04, {"payload": "Goodbye", "topic": "t2"}))
        if extend == "true":
            await play(flow, (0.08, {"payload": "World", "topic": "t3"}))
        msg = await flow.output("out")
        assert (msg["payload"], msg["topic"]) == (("Goodbye", "t2") if extend == "false" else ("World", "t3"))
        assert flow.now == pytest.approx(seconds)


async def test_nothing_may_be_sent_first_or_second():
    async with flow_of([trigger(op1type="nul", op2="false", op2type="val", duration="30")]) as flow:
        await flow.send("t", {"payload": None})
        assert await payloads(flow, 1) == [(False, 0.03)]
    async with flow_of([trigger(op1="true", op1type="val", op2type="nul", duration="100")]) as flow:
        await play(flow, (0, {"n": 1}), (0.05, {"n": 2}), (0.2, {"n": 3}), (0.25, {"n": 4}), (1, {"n": 5}))
        assert [msg["n"] for msg in flow.sent("out")] == [1, 3, 5]


async def test_the_second_message_may_have_its_own_output():
    async with flow_of([trigger([["out"], ["later"]], outputs=2, op1="hello", op2="world")]) as flow:
        await flow.send("t", {"topic": "test"})
        assert await payloads(flow, 1) == [("hello", 0)]
        assert await payloads(flow, 1, "later") == [("world", 0.25)]


async def test_what_a_receiver_changes_does_not_show_in_the_second_message():
    async with flow_of([trigger(["spoiler", "out"], op1type="pay"), node("spoiler")], types=[Spoiler]) as flow:
        await flow.send("t", {"deep": {"a": 1}})
        await flow.output("out")
        assert flow.received("spoiler")[0]["deep"] == {"a": 1}
        assert (await flow.output("out"))["deep"] == {"a": 1}


# -- reset ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "not_yet", "resetting"),
    [
        ("", {"payload": "boo"}, {"reset": False}),
        ("boo", {"payload": "foo"}, {"payload": "boo"}),
        ("true", {"payload": False}, {"payload": True}),
        ("false", {"payload": "foo"}, {"payload": False}),
        ("5", {"payload": "55"}, {"payload": 5.0}),
    ],
)
async def test_with_a_time_of_zero_all_is_blocked_until_a_reset(field, not_yet, resetting):
    async with flow_of([trigger(duration="0", reset=field)]) as flow:
        await play(flow, (0, {"n": 1}), (9, {"n": 2}), (9, not_yet), (9, resetting), (9, {"n": 3}), (99, {"n": 4}))
        assert [(msg["n"], msg["payload"]) for msg in flow.sent("t")] == [(1, "1"), (3, "1")]


async def test_a_reset_takes_the_second_message_back():
    async with flow_of([trigger()]) as flow:
        await play(flow, (0, {}), (0.1, {"reset": True}))
        await flow.advance(5)
        assert [msg["payload"] for msg in flow.sent("t")] == ["1"]


@pytest.mark.parametrize("kind", ["pay", "date"])
async def test_with_a_time_below_zero_the_first_message_is_repeated_until_a_reset(kind):
    async with flow_of([trigger(duration=-25, op1="", op1type=kind, reset="boo")], start=1_767_225_600) as flow:
        await play(flow, (0, {"payload": "foo"}), (0.09, {"payload": "boo"}))
        await flow.advance(10)
        sent = [msg["payload"] for msg in flow.sent("t")]
        started = 1_767_225_600_000
        assert sent == (["foo"] * 4 if kind == "pay" else [started, started + 25, started + 50, started + 75])


async def test_a_new_message_restarts_the_repetition_with_itself():
    async with flow_of([trigger(duration=-1, units="s", op1type="pay")]) as flow:
        await play(flow, (0, {"payload": 1}), (1.5, {"payload": 2}))
        await flow.advance(1.1)
        assert [msg["payload"] for msg in flow.sent("t")] == [1, 1, 2, 2]


# -- topics ---------------------------------------------------------------------------------------------------------
BOTH = ((0, {"topic": "A"}), (0.01, {"topic": "B"}))


@pytest.mark.parametrize(("handling", "topics"), [("all", ["A", "A"]), ("topic", ["A", "B", "A", "B"])])
async def test_topics_are_handled_as_one_or_each_for_itself(handling, topics):
    async with flow_of([trigger(bytopic=handling)]) as flow:
        await play(flow, *BOTH)
        await flow.advance(1)
        assert [msg["topic"] for msg in flow.sent("t")] == topics


async def test_one_topic_is_extended_without_the_other():
    async with flow_of([trigger(bytopic="topic", extend="true", duration="30")]) as flow:
        await play(flow, *BOTH, (0.02, {"topic": "A"}))
        await flow.advance(1)
        assert [msg["topic"] for msg in flow.sent("t")] == ["A", "B", "B", "A"]


async def test_another_property_may_be_the_topic_and_one_topic_is_reset_alone():
    async with flow_of([trigger(bytopic="topic", topic="foo.id")]) as flow:
        await play(flow, (0, {"foo": {"id": 1}}), (0, {"foo": {"id": 2}}), (0.1, {"foo": {"id": 1}, "reset": 1}))
        await flow.advance(1)
        assert [msg["foo"]["id"] for msg in flow.sent("t")] == [1, 2, 2]


async def test_the_status_shows_whether_and_for_how_many_topics_it_waits():
    async with flow_of([trigger(bytopic="topic")]) as flow:
        await play(flow, *BOTH)
        await flow.advance(1)
        shown = [told.status.get("text", told.status.get("fill", "cleared")) for told in flow.statuses]
        assert shown == ["blue", "2", "blue", "cleared"]


# -- settling -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("msg", [{"payload": "A"}, {"payload": "A", "reset": True}])
async def test_it_has_finished_with_a_message_before_the_second_one(msg):
    nodes = [trigger(duration="1", units="s"), node("complete", "c", scope=["t"], to="done")]
    async with flow_of(nodes) as flow:
        await flow.send("t", msg)
        await flow.output("done")
        assert flow.now == 0
        await flow.advance(5)
        assert len(flow.sent("done")) == 1


async def test_a_message_is_unsettled_until_the_second_one_is_sent_or_taken_back():
    async with flow_of([trigger()]) as flow:
        first = await flow.send("t", {})
        blocked = await flow.send("t", {})
        assert (first.settled, blocked.settled) == (False, True)
        await flow.advance(1)
        assert first.settled
        second = await flow.send("t", {})
        await flow.send("t", {"reset": True})
        assert second.settled
        assert second.errors == []


async def test_with_extend_only_the_latest_message_is_unsettled():
    async with flow_of([trigger(extend="true")]) as flow:
        first, second = await flow.send("t", {}), await flow.send("t", {})
        assert (first.settled, second.settled) == (True, False)


@pytest.mark.parametrize("properties", [{"duration": "0"}, {"duration": "-1"}, {"op2type": "nul"}])
async def test_a_message_that_no_second_one_comes_of_is_settled_at_once(properties):
    async with flow_of([trigger(**properties)]) as flow:
        assert (await flow.send("t", {})).settled


async def test_a_source_learns_that_the_second_message_was_lost_when_the_node_stops():
    async with flow_of([trigger(duration="1000", units="s")]) as flow:
        origin = await flow.send("t", {})
        await flow.deploy([])
        assert origin.settled
        assert len(origin.errors) == 1


async def test_a_value_that_cannot_be_compiled_fails_the_node_with_the_reason():
    async with flow_of([trigger(op1="{", op1type="json")]) as flow:
        assert "JSON" in (await flow.error()).text
