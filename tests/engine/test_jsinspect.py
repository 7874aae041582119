"""Values as text for people; expectations were made with Node.js 24's ``util.inspect``."""

import re
from datetime import UTC, datetime

import pytest

from busway.engine.http import HttpRequest
from busway.engine.jsinspect import inspect
from busway.engine.message import UNDEFINED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"payload": "test"}, "{ payload: 'test' }"),
        ([], "[]"),
        ({}, "{}"),
        ([1, 2.0, None, True, UNDEFINED], "[ 1, 2, null, true, undefined ]"),
        ({"a": {"b": {"c": {"d": 1}}}}, "{ a: { b: { c: [Object] } } }"),
        ({"a b": "it's", "q": "\"'", "$x": 1}, "{ 'a b': \"it's\", q: `\"'`, '$x': 1 }"),
        ({"x": [{"y": 1}, {"z": [1, [2]]}]}, "{ x: [ { y: 1 }, { z: [Array] } ] }"),
        ("a\nb\\", "'a\\nb\\\\'"),
        (["x" * 20] * 3, "[\n" + ",\n".join(f"  '{'x' * 20}'" for _ in range(3)) + "\n]"),
        (b"AB", "<Buffer 41 42>"),
        (b"A" * 52, "<Buffer " + " ".join(["41"] * 50) + " ... 2 more bytes>"),
        ({1, 2}, "Set(2) { 1, 2 }"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
        (re.compile("a"), "/a/"),
        (ValueError("x"), "[ValueError: x]"),
        (print, "[Function: print]"),
        (object(), "[object]"),
        (float("nan"), "NaN"),
    ],
)
def test_a_value_reads_as_in_node_js(value, text):
    assert inspect(value) == text


def test_a_message_of_several_lines_is_indented():
    boot = {"status": "Accepted", "currentTime": "2026-11-22T20:00:00Z", "interval": 300}
    assert inspect({"payload": boot, "topic": "abc", "_msgid": "0123456789abcdef"}).splitlines() == [
        "{",
        "  payload: {",
        "    status: 'Accepted',",
        "    currentTime: '2026-11-22T20:00:00Z',",
        "    interval: 300",
        "  },",
        "  topic: 'abc',",
        "  _msgid: '0123456789abcdef'",
        "}",
    ]


def test_depth_can_be_chosen():
    value = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    assert inspect(value, 10) == "{\n  a: {\n    b: { c: { d: { e: 1 } } }\n  }\n}"
    assert inspect(value, 0) == "{ a: [Object] }"


def test_what_contains_itself_is_named():
    value = {"a": 1}
    value["self"] = value
    assert inspect(value) == "{ a: 1, self: [Circular *1] }"


def test_long_things_are_cut():
    assert inspect(list(range(102))).endswith("  ... 2 more items\n]")
    assert inspect("x" * 10_001).endswith("x'... 1 more character")


def test_a_request_is_shown_with_its_properties():
    text = inspect(HttpRequest({"method": "GET", "path": "/x", "headers": []}))
    assert "method: 'GET'" in text
