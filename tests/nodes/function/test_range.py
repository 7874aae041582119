"""Behaviour as Node-RED documents it for its range node; titles follow its own tests where they check the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.function.range import RangeConfig, mapping
from busway.testing import flow_of, node


def range_node(low, high, out_low, out_high, action="scale", round=False, **more):
    bounds = {"minin": low, "maxin": high, "minout": out_low, "maxout": out_high}
    return node("range", "r", to="out", action=action, round=round, **bounds, **more)


async def mapped(definition, payload):
    """What the node makes of a payload; "dropped" when it sends nothing."""
    async with flow_of([definition]) as flow:
        await flow.send("r", {"payload": payload})
        sent = flow.sent("r")
    return sent[0]["payload"] if sent else "dropped"


@pytest.mark.parametrize(
    ("bounds", "action", "round", "payload", "result"),
    [
        ((0, 100, 0, 1000), "scale", False, 50, 500),
        ((0, 100, 0, 1), "scale", False, 55, 0.55),
        ((0, 10, 0, 100), "scale", False, 15, 150),
        ((0, 10, 0, 360), "roll", True, 15, 180),
        ((0, 10, 0, 360), "roll", True, 13.3333, 120),
        ((0, 10, 0, 360), "roll", True, -12.5, 270),
        ((0, 10, 0, 360), "roll", True, -10, 0),
        ((5, 15, 100, 200), "roll", False, 3, 180),
        ((0, 10, 0, 1000), "clamp", False, 111, 1000),
        ((0, 10, 0, 1000), "clamp", False, -1, 0),
        ((0, 9.5, 0.5, 100.5), "clamp", True, 13.1, 100),
        ((0, 9.5, 0.3, 100.5), "clamp", True, -13.1, 1),
        ((100, 0, 0, -100), "scale", False, 40, -60),
        ((100, 0, -100, 0), "scale", False, 10, -10),
        ((2, 8, 20, 80), "drop", True, 1, "dropped"),
        ((2, 8, 20, 80), "drop", True, 9, "dropped"),
        ((2, 8, 20, 80), "drop", True, 5, 50),
        ((0, 10, 0, 5), "scale", True, 5, 3),
        ((0, 10, 0, -5), "scale", True, 5, -2),
        ((0, 10, 3, 3), "scale", False, 5, 3),
    ],
)
async def test_maps_a_number(bounds, action, round, payload, result):
    found = await mapped(range_node(*bounds, action, round), payload)
    assert found == result
    assert found.__class__ is result.__class__


@pytest.mark.parametrize(
    ("payload", "result"),
    [(" 50 ", 500), ("0x10", 160), ("", 0), (None, 0), (True, 10), ([5], 50), ("Infinity", float("inf"))],
)
async def test_what_reads_as_a_number_is_one(payload, result):
    assert await mapped(range_node(0, 100, 0, 1000), payload) == result


@pytest.mark.parametrize(
    ("payload", "shown"), [("NOT A NUMBER", "NOT A NUMBER"), ({}, "[object Object]"), ([1, 2], "1,2")]
)
async def test_what_is_no_number_is_logged_and_dropped(payload, shown):
    async with flow_of([range_node(0, 100, 0, 1000)]) as flow:
        await flow.send("r", {"payload": payload})
        assert [(line.level, line.text) for line in flow.logs] == [("info", f"Not a number: {shown}")]
        assert flow.sent("r") == []


async def test_a_message_without_the_property_passes_unchanged():
    async with flow_of([range_node(0, 100, 0, 1000, property="a.b")]) as flow:
        for msg in ({"topic": "pass on"}, {"a": None}, {"a": {}}):
            await flow.send("r", msg)
            out = await flow.output("out")
            del out["_msgid"]
            assert out == msg


async def test_another_property_is_mapped():
    async with flow_of([range_node("0", "10", "0", "100", property="a.b")]) as flow:
        await flow.send("r", {"a": {"b": 5}, "payload": 5})
        out = await flow.output("out")
        assert (out["a"], out["payload"]) == ({"b": 50}, 5)


async def test_fields_left_empty_map_a_number_to_itself():
    assert await mapped(range_node("", "", "", "", property=""), 5) == 5


async def test_bounds_that_are_the_same_are_told_at_the_start_and_an_error_of_each_message():
    reason = "'minin' and 'maxin' are both 3: they must differ"
    async with flow_of([range_node(3, 3, 0, 10)]) as flow:
        assert [(line.level, line.text) for line in flow.logs] == [("warn", reason)]
        await flow.send("r", {"payload": 5})
        assert (await flow.error()).text == reason
        assert flow.sent("r") == []


async def test_bounds_that_are_no_numbers_are_an_error_at_the_start():
    async with flow_of([range_node("ten", 3, 0, "inf")]) as flow:
        text = (await flow.error()).text
    assert "'minin' is 'ten'" in text
    assert "'maxout' is 'inf'" in text


numbers = st.floats(-1e6, 1e6)
bounds = st.tuples(*[st.integers(-1000, 1000)] * 4).filter(lambda b: b[0] != b[1])


def place(bounds, **more):
    low, high, out_low, out_high = bounds
    return mapping(RangeConfig(minin=low, maxin=high, minout=out_low, maxout=out_high, **more))


@given(bounds, numbers, st.booleans())
def test_clamped_and_rolled_results_lie_within_the_target_range(bounds, number, round):
    bottom, top = min(bounds[2:]), max(bounds[2:])
    for action in ("clamp", "roll"):
        result = place(bounds, action=action, round=round)(number)
        assert bottom - 1e-6 <= result <= top + 1e-6
        assert isinstance(result, int) or not round


@given(bounds)
def test_ends_map_to_ends(bounds):
    scale = place(bounds)
    assert scale(bounds[0]) == pytest.approx(bounds[2])
    assert scale(bounds[1]) == pytest.approx(bounds[3])
