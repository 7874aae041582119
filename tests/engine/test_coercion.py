"""JavaScript's conversions and comparisons: many values, and every pair of them, against a JavaScript engine."""

import enum
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
import quickjs
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.coercion import (
    date_text,
    greater,
    greater_equal,
    less,
    less_equal,
    loose_equal,
    parse_number,
    strict_equal,
    to_number,
    to_string,
    truthy,
    type_name,
)
from busway.engine.message import UNDEFINED

VALUES = {
    "null": None,
    "undefined": UNDEFINED,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-0": -0.0,
    "5.5": 5.5,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "1e21": 1e21,
    "123456789012345680000": 123456789012345680000,
    "1e-7": 1e-7,
    "0.000001": 0.000001,
    "1.5e300": 1.5e300,
    "2**53": 2**53,
    "''": "",
    "' '": " ",
    "'1'": "1",
    "'0x1F'": "0x1F",
    "'1e3'": "1e3",
    "'abc'": "abc",
    "'ABC'": "ABC",
    "'true'": "true",
    "'null'": "null",
    "'10'": "10",
    "'9'": "9",
    "'1_0'": "1_0",
    "'.5'": ".5",
    "'5.'": "5.",
    "'+5'": "+5",
    "'--5'": "--5",
    "'-0'": "-0",
    "'Infinity'": "Infinity",
    "'infinity'": "infinity",
    "'1e400'": "1e400",
    "'\\u00a05'": "\u00a05",
    "'\\x1c5'": "\x1c5",
    "'0b101'": "0b101",
    "'-0x1'": "-0x1",
    "'\\u{1F600}'": "\U0001f600",
    "'\\uffee'": "\uffee",
    "'1,2'": "1,2",
    "'[object Object]'": "[object Object]",
    "[]": [],
    "[1]": [1],
    "['1']": ["1"],
    "[1,2]": [1, 2],
    "[null,undefined,[3,[4]]]": [None, UNDEFINED, [3, [4]]],
    "({})": {},
    "({a:1})": {"a": 1},
    "/a/i": re.compile("a", re.IGNORECASE),
    "new Error('boom')": Exception("boom"),
}
ANSWERS = json.loads(
    quickjs.Context().eval(
        "const V = [VALUES]; const show = x => Object.is(x, -0) ? '-0' : String(x);"
        "const pairs = f => V.map(a => V.map(b => f(a, b)));"
        "JSON.stringify({number: V.map(x => show(Number(x))), string: V.map(String), truthy: V.map(Boolean),"
        "  type: V.map(x => typeof x), eq: pairs((a, b) => a == b), seq: pairs((a, b) => a === b),"
        "  lt: pairs((a, b) => a < b), lte: pairs((a, b) => a <= b), gt: pairs((a, b) => a > b),"
        "  gte: pairs((a, b) => a >= b)})".replace("VALUES", ",".join(VALUES))
    )
)
SOURCES = list(VALUES)


def shown(number):
    return "-0" if number == 0 and math.copysign(1, number) < 0 else to_string(number)


@pytest.mark.parametrize("index", range(len(SOURCES)), ids=SOURCES)
def test_conversions_are_those_of_javascript(index):
    value = VALUES[SOURCES[index]]
    assert shown(to_number(value)) == ANSWERS["number"][index]
    assert to_string(value) == ANSWERS["string"][index]
    assert truthy(value) is ANSWERS["truthy"][index]
    assert type_name(value) == ANSWERS["type"][index]


@pytest.mark.parametrize(
    ("name", "compare"),
    [
        ("eq", loose_equal),
        ("seq", strict_equal),
        ("lt", less),
        ("lte", less_equal),
        ("gt", greater),
        ("gte", greater_equal),
    ],
)
def test_comparisons_are_those_of_javascript_for_every_pair(name, compare):
    wrong = [
        (left, right)
        for i, left in enumerate(SOURCES)
        for k, right in enumerate(SOURCES)
        if compare(VALUES[left], VALUES[right]) is not ANSWERS[name][i][k]
    ]
    assert wrong == []


def test_buffers_are_their_text_in_conversions():
    assert to_number(b"5") == 5
    assert to_string(bytearray(b"abc")) == "abc"
    assert loose_equal(b"abc", "abc")
    assert loose_equal("1", b"1")
    assert less(b"a", "b")


def test_objects_equal_only_themselves():
    payload, other = {"a": 1}, {"a": 1}
    assert loose_equal(payload, payload)
    assert not loose_equal(payload, other)
    assert not loose_equal([1], (1,))


def test_dates_are_numbers_in_order_and_texts_in_equality():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert to_number(moment) == 1767225600000
    assert less(moment, 1767225600001)
    assert less(moment, moment + timedelta(milliseconds=1))
    assert loose_equal(moment, "Thu Jan 01 2026 00:00:00 GMT+0000 (Coordinated Universal Time)")
    assert date_text(datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=2), "EET"))) == (
        "Thu Jan 01 2026 05:00:00 GMT+0200 (EET)"
    )


def test_whole_numbers_in_texts_become_ints():
    assert type(parse_number("5.0")) is int
    assert type(parse_number("1e3")) is int
    assert type(parse_number("5.5")) is float
    assert parse_number("9007199254740993") == 9007199254740993
    assert parse_number("9" * 400) == math.inf


def test_large_whole_numbers_print_as_in_javascript():
    assert to_string(10**21) == "1e+21"
    assert to_string(-(10**400)) == "-Infinity"
    assert to_string(10**20 + 1) == "100000000000000000001"  # JavaScript would round it


def test_a_list_inside_itself_is_empty_text():
    items = [1]
    items.append(items)
    assert to_string(items) == "1,"


def test_enum_members_count_as_their_values():
    class Mode(enum.StrEnum):
        FAST = "5"

    class Level(enum.IntEnum):
        HIGH = 5

    assert to_number(Mode.FAST) == to_number(Level.HIGH) == 5
    assert to_string(Mode.FAST) == to_string(Level.HIGH) == "5"
    assert loose_equal(Mode.FAST, "5")
    assert loose_equal(Level.HIGH, "5")


def test_errors_print_their_class():
    assert to_string(ValueError("bad")) == "Error: bad"


JS = quickjs.Context()
JS.eval("function texts(x) { const v = JSON.parse(x); return JSON.stringify([String(v), String(Number(String(v)))]) }")


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_numbers_print_and_parse_as_in_javascript(number):
    text, parsed = json.loads(JS.get("texts")(json.dumps(number)))
    if len(to_string(number)) < len(text):  # QuickJS does not always find the shortest text, which the language demands
        assert float(to_string(number)) == float(text)
        return
    assert to_string(number) == text
    assert to_string(to_number(text)) == parsed


@settings(deadline=None)
@given(st.text(alphabet="0123456789.eExXbBoO+-_ \t\u00a0Infity", max_size=8))
def test_texts_parse_to_numbers_as_in_javascript(text):
    context = json.loads(JS.eval(f"JSON.stringify(String(Number({json.dumps(text)})))"))
    assert to_string(parse_number(text)) == context


@settings(deadline=None)
@given(st.text(), st.text())
def test_texts_are_ordered_by_utf16_units(left, right):
    units = [text.encode("utf-16-be", "surrogatepass") for text in (left, right)]
    assert less(left, right) == (units[0] < units[1])
    assert less_equal(left, right) == (units[0] <= units[1])
