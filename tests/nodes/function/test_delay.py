"""Behaviour as Node-RED documents it for its delay node; titles follow its own tests where they check the same."""

import pytest

from busway.testing import flow_of, node

RATE = {"pauseType": "rate", "rate": "2", "nbRateUnits": "1", "rateUnits": "second"}


def delay(**properties):
    return node("delay", "d", to=properties.pop("to", "out"), **properties)


async def arrivals(flow, count, id="out"):
    """``(payload, seconds since the start)`` of the next messages."""
    found = []
    for _ in range(count):
        msg = await flow.output(id)
        found.append((msg["payload"], round(flow.now, 3)))
    return found


async def send_all(flow, *messages):
    for msg in messages:
        await flow.send("d", msg)


# -- by time --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("amount", "unit", "seconds"),
    [
        (0.5, "seconds", 0.5),
        ("500", "milliseconds", 0.5),
        (2, "minutes", 120),
        (1, "hours", 3600),
        (0.5, "days", 43_200),
    ],
)
async def test_a_message_is_delayed_by_exactly_the_time_in_its_unit(amount, unit, seconds):
    async with flow_of([delay(timeout=amount, timeoutUnits=unit)]) as flow:
        await flow.send("d", {"payload": "late"})
        assert await arrivals(flow, 1) == [("late", seconds)]


@pytest.mark.parametrize(
    ("given", "seconds"), [(250, 0.25), ("250ms", 0.25), (0, 0), (-250, 0), (None, 0.5), ("no", 0.5)]
)
async def test_a_variable_delay_comes_from_the_message_in_milliseconds(given, seconds):
    async with flow_of([delay(pauseType="delayv", timeout=0.5)]) as flow:
        await flow.send("d", {"payload": 1, "delay": given})
        assert await arrivals(flow, 1) == [(1, seconds)]


async def test_a_random_delay_lies_between_its_bounds_and_varies():
    async with flow_of([delay(pauseType="random", randomFirst="2", randomLast="4", randomUnits="minutes")]) as flow:
        await send_all(flow, *({"payload": n} for n in range(20)))
        times = [time for _, time in await arrivals(flow, 20)]
    assert 120 <= min(times) < max(times) <= 240


async def test_a_shorter_delay_overtakes_a_longer_one():
    async with flow_of([delay(pauseType="delayv")]) as flow:
        await send_all(flow, {"payload": "slow", "delay": 3000}, {"payload": "quick", "delay": 1000})
        assert await arrivals(flow, 2) == [("quick", 1.0), ("slow", 3.0)]


async def test_flush_releases_all_in_the_order_they_came_and_is_not_kept_itself():
    async with flow_of([delay(timeout=10)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(4)), {"flush": True})
        assert await arrivals(flow, 4) == [(0, 0), (1, 0), (2, 0), (3, 0)]
        await flow.advance(20)
        assert not flow.unread("out")


async def test_flush_with_a_number_releases_as_many():
    async with flow_of([delay(timeout=10)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(5)), {"flush": 2})
        await flow.advance(0.2)
        await flow.send("d", {"flush": 1})
        await flow.advance(0.2)
        await flow.send("d", {"flush": 4})
        assert await arrivals(flow, 5) == [(0, 0.4), (1, 0.4), (2, 0.4), (3, 0.4), (4, 0.4)]
        assert [msg["payload"] for msg in flow.sent("out")] == [0, 1, 2, 3, 4]


async def test_a_flush_with_a_payload_is_released_too():
    async with flow_of([delay(timeout=10)]) as flow:
        await send_all(flow, {"payload": 1}, {"payload": 2, "flush": True})
        assert await arrivals(flow, 2) == [(1, 0), (2, 0)]


async def test_reset_drops_all_that_wait_and_itself():
    async with flow_of([delay(timeout=1)]) as flow:
        await send_all(flow, {"payload": 1}, {"payload": 2}, {"payload": 3, "reset": True})
        await flow.advance(5)
        assert flow.sent("d") == []


@pytest.mark.parametrize("control", ["reset", "flush"])
async def test_complete_nodes_hear_of_each_message_that_was_dropped_or_released_at_once(control):
    nodes = [delay(timeout=1), node("complete", "c", scope=["d"], to="done")]
    async with flow_of(nodes) as flow:
        await send_all(flow, {"payload": 1}, {"payload": 2, control: True})
        assert await arrivals(flow, 2, "done") == [(1, 0), (2, 0)]


async def test_complete_nodes_hear_of_a_message_when_it_leaves():
    async with flow_of([delay(timeout=7), node("complete", "c", scope=["d"], to="done")]) as flow:
        await flow.send("d", {"payload": 1})
        assert await arrivals(flow, 1, "done") == [(1, 7)]


async def test_a_message_is_unsettled_while_it_waits():
    async with flow_of([delay(timeout=7)]) as flow:
        origin = await flow.send("d", {"payload": 1})
        await flow.advance(6)
        assert not origin.settled
        await flow.advance(2)
        assert origin.settled
        assert origin.errors == []


async def test_a_source_learns_that_its_message_was_lost_when_the_node_stops():
    async with flow_of([delay(timeout=100)]) as flow:
        origin = await flow.send("d", {"payload": 1})
    assert origin.settled
    assert "stopped while it held" in str(origin.errors[0][1])


async def test_the_status_tells_how_many_wait_at_most_every_half_second():
    async with flow_of([delay(timeout=10)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(100)))
        assert await flow.status("d") == {"fill": "blue", "shape": "dot", "text": "1"}
        assert (await flow.status("d"))["text"] == "100"
        assert round(flow.now, 3) == 0.5


async def test_ten_thousand_waiting_messages_need_one_timer():
    async with flow_of([delay(timeout=1)]) as flow:
        timers = len(flow.runtime.dispatcher.loop._scheduled)
        for n in range(10_000):
            flow.runtime.receive("d", {"payload": n})
        await flow.settle()
        assert len(flow.runtime.dispatcher.loop._scheduled) - timers <= 2
        await flow.advance(1.001)
        assert [msg["payload"] for msg in flow.sent("out")] == list(range(10_000))


# -- rate -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rate", "per", "unit", "gap"),
    [(1, "1", "second", 1), (1, 2, "second", 2), (2, 1, "second", 0.5), ("4", 1, "hour", 900), (2, 1, "day", 43_200)],
)
async def test_the_first_message_passes_at_once_and_the_others_one_in_each_interval(rate, per, unit, gap):
    async with flow_of([delay(pauseType="rate", rate=rate, nbRateUnits=per, rateUnits=unit)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(4)))
        assert await arrivals(flow, 4) == [(0, 0), (1, gap), (2, 2 * gap), (3, 3 * gap)]


async def test_after_an_idle_interval_a_message_passes_at_once_again():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, {"payload": 1})
        await flow.advance(0.6)
        await send_all(flow, {"payload": 2})
        assert await arrivals(flow, 2) == [(1, 0.6), (2, 0.6)]


async def test_a_high_rate_is_kept_on_average_without_drift():
    async with flow_of([delay(pauseType="rate", rate=50_000)]) as flow:
        for n in range(5_001):
            flow.runtime.receive("d", {"payload": n})
        await flow.advance(0.1001)
        assert len(flow.sent("out")) == 5_001


async def test_a_message_overrides_the_rate_only_where_that_is_allowed():
    for allowed, gap in ((False, 0.5), (True, 2.0)):
        async with flow_of([delay(**RATE, allowrate=allowed)]) as flow:
            await send_all(flow, *({"payload": n, "rate": 2000} for n in range(3)))
            assert await arrivals(flow, 3) == [(0, 0), (1, gap), (2, 2 * gap)]


async def test_a_rate_in_a_message_takes_effect_while_others_wait():
    async with flow_of([delay(**RATE, allowrate=True)]) as flow:
        await send_all(flow, {"payload": 0}, {"payload": 1}, {"payload": 2, "rate": "100"})
        assert await arrivals(flow, 3) == [(0, 0), (1, 0.1), (2, 0.2)]


async def test_flush_releases_the_line_and_the_rate_goes_on_from_there():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(4)), {"flush": 2}, {"payload": 4})
        assert await arrivals(flow, 5) == [(0, 0), (1, 0), (2, 0), (3, 0.5), (4, 1.0)]


async def test_a_flushed_message_carries_neither_flush_nor_reset():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, {"payload": 0}, {"payload": 1, "flush": True}, {"payload": 2, "flush": 1, "reset": True})
        await flow.output("out")
        assert set(await flow.output("out")) == {"payload", "_msgid"}
        assert set(await flow.output("out")) == {"payload", "_msgid"}


async def test_flushing_an_empty_line_lets_the_next_message_pass_at_once():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, {"payload": 0}, {"flush": True}, {"payload": 1})
        assert await arrivals(flow, 2) == [(0, 0), (1, 0)]


async def test_flush_with_reset_releases_some_and_drops_the_others():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(4)), {"flush": 1, "reset": True}, {"payload": 9})
        assert await arrivals(flow, 3) == [(0, 0), (1, 0), (9, 0.5)]


async def test_a_message_to_the_front_leaves_next():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, {"payload": "a"}, {"payload": "b"}, {"payload": "c", "toFront": True})
        await send_all(
            flow, {"payload": "d", "toFront": True, "flush": 1}, {"payload": "e", "toFront": True}, {"flush": 1}
        )
        assert await arrivals(flow, 5) == [("a", 0), ("d", 0), ("e", 0), ("c", 0.5), ("b", 1.0)]


async def test_reset_empties_the_line_and_the_next_message_passes_at_once():
    async with flow_of([delay(**RATE)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(5)), {"reset": True}, {"payload": "next"})
        assert await arrivals(flow, 2) == [(0, 0), ("next", 0)]
        await flow.advance(10)
        assert not flow.unread("out")


async def test_a_reset_to_an_idle_node_sends_nothing():
    async with flow_of([delay(**RATE)]) as flow:
        await flow.send("d", {"payload": 1, "topic": "foo", "reset": True})
        await flow.advance(5)
        assert flow.sent("d") == []


async def test_reset_restores_the_rate():
    async with flow_of([delay(**RATE, allowrate=True)]) as flow:
        await send_all(flow, {"payload": 0, "rate": 9000}, {"reset": True}, {"payload": 1}, {"payload": 2})
        assert await arrivals(flow, 3) == [(0, 0), (1, 0), (2, 0.5)]


async def test_too_many_waiting_messages_are_given_up_with_one_error_and_their_sources_learn_of_it():
    nodes = [delay(**RATE), node("catch", "c", to="caught")]
    async with flow_of(nodes, settings={"node_message_buffer_max_length": 2}) as flow:
        origins = [await flow.send("d", {"payload": n}) for n in range(4)]
        caught = await flow.output("caught")
        assert (caught["payload"], caught["error"]["message"]) == (3, "too many pending messages in delay node")
        assert [origin.settled for origin in origins] == [True] * 4
        assert [bool(origin.errors) for origin in origins] == [False, True, True, False]
        await flow.advance(10)
        assert [msg["payload"] for msg in flow.sent("out")] == [0]


async def test_with_drop_what_comes_too_early_is_dropped():
    async with flow_of([delay(**RATE, drop=True)]) as flow:
        for n in range(6):
            await flow.send("d", {"payload": n})
            await flow.advance(0.3)
        assert [msg["payload"] for msg in flow.sent("out")] == [0, 2, 4]


async def test_with_drop_and_two_outputs_it_leaves_by_the_second():
    async with flow_of([delay(**RATE, drop=True, outputs=2, to=[["out"], ["early"]])]) as flow:
        await send_all(flow, {"payload": 0}, {"payload": 1}, {"payload": 2, "reset": True}, {"payload": 3})
        assert [msg["payload"] for msg in flow.sent("out")] == [0, 3]
        assert [msg["payload"] for msg in flow.sent("early")] == [1]


async def test_a_rate_of_zero_is_told_at_start():
    async with flow_of([delay(pauseType="rate", rate=0)]) as flow:
        assert "'rate' is 0" in (await flow.error()).text


# -- burst ----------------------------------------------------------------------------------------------------------
async def test_a_burst_passes_at_once_and_each_message_frees_its_place_a_window_later():
    async with flow_of([delay(pauseType="burst", rate=3, to=[["out"], ["rest"]], outputs=2)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(5)))
        assert [msg["payload"] for msg in flow.sent("out")] == [0, 1, 2]
        assert [msg["payload"] for msg in flow.sent("rest")] == [3, 4]
        await flow.advance(1.01)
        await flow.send("d", {"payload": 5})
        assert flow.sent("out")[-1]["payload"] == 5


async def test_the_status_of_a_burst_is_green_while_there_is_room_and_red_when_there_is_none():
    async with flow_of([delay(pauseType="burst", rate=1)]) as flow:
        await send_all(flow, {"payload": 0}, {"payload": 1}, {"payload": 2})
        await flow.advance(1.01)
        assert [told.status["fill"] for told in flow.statuses] == ["green", "red", "green"]


async def test_reset_makes_room_for_a_new_burst():
    async with flow_of([delay(pauseType="burst", rate=3)]) as flow:
        await send_all(flow, *({"payload": n} for n in range(5)), {"reset": True}, {"payload": 6})
        assert [msg["payload"] for msg in flow.sent("out")] == [0, 1, 2, 6]


# -- per topic ------------------------------------------------------------------------------------------------------
BY_TOPIC = (
    {"payload": 1},
    {"payload": 1, "topic": "A"},
    {"payload": 1, "topic": "B"},
    {"payload": 2, "topic": "A"},
    {"payload": 3, "topic": "A"},
    {"payload": 2},
    {"payload": 4, "topic": "A"},
)


async def test_queue_releases_the_latest_of_one_topic_at_each_tick_of_a_clock_that_runs_from_the_start():
    async with flow_of([delay(pauseType="queue", rate=4)]) as flow:
        await flow.advance(0.275)
        await send_all(flow, *BY_TOPIC)
        assert await arrivals(flow, 3) == [(2, 0.5), (4, 0.75), (1, 1.0)]
        assert [msg["topic"] for msg in flow.sent("out")] == ["_none_", "A", "B"]


async def test_timed_releases_the_latest_of_all_topics_together():
    async with flow_of([delay(pauseType="timed", rate=2)]) as flow:
        await send_all(flow, *BY_TOPIC)
        assert await arrivals(flow, 3) == [(2, 0.5), (4, 0.5), (1, 0.5)]


async def test_a_replaced_message_leaves_by_the_second_output_and_is_complete():
    nodes = [delay(pauseType="queue", to=[["out"], ["old"]], outputs=2), node("complete", "c", scope=["d"], to="done")]
    async with flow_of(nodes) as flow:
        await send_all(flow, {"payload": 1, "topic": "A"}, {"payload": 2, "topic": "A"})
        assert await arrivals(flow, 1, "old") == [(1, 0)]
        assert await arrivals(flow, 2, "done") == [(1, 0), (2, 1)]


@pytest.mark.parametrize("control", ["reset", "flush"])
async def test_flush_releases_and_reset_drops_what_waits_per_topic(control):
    nodes = [delay(pauseType="timed"), node("complete", "c", scope=["d"], to="done")]
    async with flow_of(nodes) as flow:
        await send_all(flow, {"payload": 1, "topic": "a"}, {"payload": 2, control: True})
        assert await arrivals(flow, 2, "done") == [(1, 0), (2, 0)]
        await flow.advance(5)
        assert [msg["payload"] for msg in flow.sent("out")] == ([1, 2] if control == "flush" else [])


async def test_a_bare_flush_does_not_replace_a_message_without_topic():
    async with flow_of([delay(pauseType="queue")]) as flow:
        await send_all(flow, {"payload": 1}, {"flush": True})
        assert await arrivals(flow, 1) == [(1, 0)]


async def test_a_rate_in_a_message_changes_the_ticks():
    async with flow_of([delay(pauseType="queue", rate=1, allowrate=True)]) as flow:
        await send_all(flow, {"payload": 1, "topic": "a", "rate": 4000}, {"payload": 2, "topic": "b"})
        assert await arrivals(flow, 2) == [(1, 4), (2, 8)]


async def test_the_status_is_cleared_when_the_node_stops():
    async with flow_of([delay(timeout=10)]) as flow:
        await flow.send("d", {"payload": 1})
    assert flow.statuses[-1] == ("d", {})
