"""Behaviour as Node-RED documents it for its inject node; titles follow its own tests where they check the same."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from busway.testing import flow_of, node


def inject(**properties):
    return node("inject", "i", to="out", **properties)


def row(path, value, kind="str"):
    return {"p": path, "v": value, "vt": kind}


async def pressed(*rows, props=None, **properties):
    """What one press of the button sends."""
    async with flow_of([inject(props=list(rows), **properties)], start=1_767_225_600.25) as flow:
        await flow.press("i", props)
        msg = await flow.output("out", within=1)
    del msg["_msgid"]
    return msg


# -- values ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("num", "10", 10),
        ("num", 10, 10),
        ("str", "10", "10"),
        ("bool", "true", True),
        ("json", '{"x": [1, "vx"]}', {"x": [1, "vx"]}),
        ("bin", "[1,2,3]", b"\x01\x02\x03"),
        ("date", "", 1_767_225_600_250),
        ("date", "iso", "2026-01-01T00:00:00.250Z"),
        ("jsonata", "1 + 2", 3),
        ("env", "NR_NODE_ID", "i"),
        ("env", "NR_NODE_PATH", "test-tab/i"),
        ("env", "NR_FLOW_NAME", "Test"),
    ],
)
async def test_it_injects_a_value_of_type(kind, text, value):
    assert await pressed(row("payload", text, kind)) == {"payload": value}


async def test_it_injects_variables_of_the_process_and_by_substitution(monkeypatch):
    monkeypatch.setenv("SITE", "north")
    assert await pressed(row("payload", "SITE", "env"), row("topic", "${NR_NODE_NAME}"), name="button") == {
        "payload": "north",
        "topic": "button",
    }


async def test_it_injects_values_of_the_flow_and_global_contexts():
    async with flow_of([inject(props=[row("payload", "a.b", "flow"), row("topic", "c", "global")])]) as flow:
        flow.node("i").flow_context.set("a", {"b": 5})
        flow.node("i").global_context.set("c", "seen")
        await flow.press("i")
        msg = await flow.output("out")
        assert (msg["payload"], msg["topic"]) == (5, "seen")


async def test_properties_are_set_in_order_and_may_refer_to_those_before():
    assert await pressed(row("a.b", "1", "num"), row("c", "a.b", "msg"), row("d", "c + 2", "jsonata")) == {
        "a": {"b": 1},
        "c": 1,
        "d": 3,
    }


async def test_rows_without_a_value_take_payload_and_topic_of_the_node():
    rows = [{"p": "topic", "vt": "str"}, {"p": "payload"}]
    assert await pressed(*rows, payload="123", payloadType="num", topic="foo") == {"payload": 123, "topic": "foo"}


@pytest.mark.parametrize(
    ("legacy", "payload"),
    [({"payload": "hello"}, "hello"), ({"payload": "", "payloadType": "date"}, 1_767_225_600_250)],
)
async def test_files_from_before_there_were_rows_have_payload_and_topic(legacy, payload):
    async with flow_of([inject(topic="t1", **legacy)], start=1_767_225_600.25) as flow:
        await flow.press("i")
        msg = await flow.output("out")
        assert (msg["payload"], msg["topic"]) == (payload, "t1")


async def test_without_any_row_the_message_is_empty():
    assert await pressed() == {}


async def test_rows_of_a_press_replace_those_of_the_node():
    given = [row("topic", "t_override"), row("str1", "1", "num"), row("bool1", "false", "bool")]
    assert await pressed(row("payload", "static"), row("str1", "1"), props=given) == {
        "topic": "t_override",
        "str1": 1,
        "bool1": False,
    }


async def test_an_evaluation_that_fails_is_an_error_and_nothing_is_sent():
    rows = [row("a", "$error('first')", "jsonata"), row("b", "fine"), row("c", "$error('second')", "jsonata")]
    async with flow_of([inject(props=rows), node("catch", "c", to="caught")]) as flow:
        await flow.press("i")
        message = (await flow.output("caught"))["error"]["message"]
        assert message.index("first") < message.index("; ") < message.index("second")
        assert flow.sent("i") == []


async def test_a_row_that_cannot_be_compiled_is_logged_at_start_and_an_error_at_each_press():
    async with flow_of([inject(props=[row("payload", "{", "json")]), node("catch", "c", to="caught")]) as flow:
        assert len(flow.errors) == 1
        await flow.press("i")
        assert (await flow.output("caught"))["error"]["message"] == flow.errors[0].text
        assert flow.sent("i") == []


async def test_a_row_of_a_press_that_cannot_be_compiled_is_an_error_of_that_press_only():
    async with flow_of([inject(props=[row("payload", "good")])]) as flow:
        await flow.press("i", [row("payload", "[", "json")])
        await flow.press("i")
        assert [msg["payload"] for msg in flow.sent("i")] == ["good"]
        assert len(flow.errors) == 1


async def test_a_message_that_reaches_it_from_outside_keeps_its_properties():
    async with flow_of([inject(props=[row("payload", "own")])]) as flow:
        await flow.send("i", {"extra": 1})
        msg = await flow.output("out")
        assert (msg["payload"], msg["extra"]) == ("own", 1)


# -- schedules ------------------------------------------------------------------------------------------------------
async def times(flow, count):
    found = []
    for _ in range(count):
        await flow.output("out")
        found.append(round(flow.now, 3))
    return found


@pytest.mark.parametrize(
    ("delay", "seconds"), [({}, 0.1), ({"onceDelay": ""}, 0.1), ({"onceDelay": 0}, 0.1), ({"onceDelay": "2"}, 2)]
)
async def test_it_injects_once_after_the_delay(delay, seconds):
    async with flow_of([inject(once=True, **delay)]) as flow:
        assert await times(flow, 1) == [seconds]
        await flow.advance(1000)
        assert not flow.unread("out")


async def test_an_interval_begins_at_start_and_does_not_drift():
    async with flow_of([inject(repeat="0.2")]) as flow:
        assert await times(flow, 3) == [0.2, 0.4, 0.6]
        await flow.advance(100)
        assert len(flow.sent("out")) == 503


async def test_an_interval_begins_after_the_first_injection():
    async with flow_of([inject(once=True, onceDelay=1.2, repeat=0.5)]) as flow:
        assert await times(flow, 3) == [1.2, 1.7, 2.2]


async def test_an_interval_wins_over_a_schedule():
    async with flow_of([inject(repeat=300, crontab="* * * * *")]) as flow:
        assert await times(flow, 2) == [300, 600]


async def test_an_interval_that_is_too_large_is_told_and_left_out():
    async with flow_of([inject(repeat="2147484")]) as flow:
        assert flow.errors[0].text == "Interval too large"
        await flow.press("i")
        assert len(flow.sent("i")) == 1


async def test_a_schedule_follows_the_local_clock(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    start = datetime(2026, 3, 6, 17, 50, tzinfo=ZoneInfo("America/New_York")).timestamp()
    async with flow_of([inject(crontab="30 8 * * 1-5")], start=start) as flow:
        await flow.output("out", within=4 * 86_400)
        there = datetime.fromtimestamp(flow.clock.now(), ZoneInfo("America/New_York"))
        assert there.isoformat(timespec="seconds") == "2026-03-09T08:30:00-04:00"


async def test_a_schedule_with_seconds_fires_each_time_once():
    async with flow_of([inject(crontab="*/10 * * * * *")], start=1_767_225_605) as flow:
        assert await times(flow, 4) == [5, 15, 25, 35]


async def test_a_schedule_that_is_none_is_told_with_the_right_form():
    async with flow_of([inject(crontab="every day")]) as flow:
        assert "'every day'" in flow.errors[0].text
        assert "five fields" in flow.errors[0].text


async def test_nothing_is_sent_any_more_when_the_flow_has_stopped():
    async with flow_of([inject(repeat=1)]) as flow:
        await flow.advance(2.5)
        await flow.deploy([])
        await flow.advance(10)
        assert len(flow.sent("i")) == 2


async def test_while_the_run_queue_is_full_it_says_so_and_sends_nothing():
    async with flow_of([inject(), node("junction", "j")], settings={"run_queue_high_water": 1}) as flow:
        for _ in range(2):
            flow.runtime.receive("j", {})
        await flow.press("i")
        assert flow.sent("i") == []
        assert flow.statuses[-1].status == {"fill": "yellow", "shape": "ring", "text": "held back"}
        assert [line.level for line in flow.logs] == ["warn"]
        await flow.press("i")
        assert len(flow.sent("i")) == 1
        assert flow.statuses[-1].status == {}


async def test_pressing_what_has_no_button_is_a_key_error():
    async with flow_of([node("junction", "j")]) as flow:
        for id in ("j", "nobody"):
            with pytest.raises(KeyError):
                await flow.press(id)
