"""The encoding of values for the debug panel; titles follow Node-RED's own tests of its debug node where they check the same."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.encode import encode
from busway.engine.errors import ScriptError
from busway.engine.http import HttpRequest
from busway.engine.message import UNDEFINED


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("test", "test", "string[4]"),
        ("😀", "😀", "string[2]"),
        (True, "true", "boolean"),
        (7, "7", "number"),
        (5.0, "5", "number"),
        (float("nan"), "NaN", "number"),
        (None, "(undefined)", "null"),
        (UNDEFINED, "(undefined)", "undefined"),
        (b"HELLO", "48454c4c4f", "buffer[5]"),
        ({"type": "foo"}, '{"type":"foo"}', "Object"),
        ([0, 1, 2, 3], "[0,1,2,3]", "array[4]"),
        ((1.0, "é"), '[1,"é"]', "array[2]"),
        ({1}, '{"__enc__":true,"type":"set","data":[1],"length":1}', "set[1]"),
        (re.compile("a+"), "/a+/", "regexp"),
        (print, "[function]", "function"),
        (object, "[function]", "function"),
    ],
)
def test_a_value_is_shown_as_text_with_its_format(value, text, kind):
    assert encode(value) == (text, kind)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("inf"), {"__enc__": True, "type": "number", "data": "Infinity"}),
        (2**60, {"__enc__": True, "type": "bigint", "data": str(2**60)}),
        (UNDEFINED, {"__enc__": True, "type": "undefined"}),
        (b"XX", {"type": "Buffer", "data": [88, 88], "__enc__": True, "length": 2}),
        (re.compile("a"), {"__enc__": True, "type": "regexp", "data": "/a/"}),
        (print, {"__enc__": True, "type": "function"}),
        (object(), {"__enc__": True, "type": "internal"}),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_what_json_cannot_say_is_named_inside_an_object(value, shown):
    text, kind = encode({"foo": value})
    assert json.loads(text) == {"foo": shown}
    assert kind == "Object"


def test_a_long_text_is_cut():
    assert encode("X" * 1001) == ("X" * 1000 + "...", "string[1001]")
    assert encode({"foo": "X" * 1001})[0] == '{"foo":"' + "X" * 1000 + '..."}'
    assert encode("ab😀", 3) == ("ab...", "string[4]")


def test_a_large_array_is_cut():
    cut = {"__enc__": True, "type": "array", "data": ["X"] * 1000, "length": 1001}
    text, kind = encode(["X"] * 1001)
    assert (json.loads(text), kind) == (cut, "array[1001]")
    assert json.loads(encode({"foo": ["X"] * 1001})[0]) == {"foo": cut}


def test_a_large_buffer_is_cut():
    assert encode(b'"' * 501) == ("22" * 500, "buffer[501]")
    cut = {"type": "Buffer", "data": [88] * 1000, "__enc__": True, "length": 1001}
    assert json.loads(encode({"foo": b"X" * 1001})[0]) == {"foo": cut}


def test_circular_references_are_named():
    value = {"name": "bar", "list": []}
    value["o"] = value
    value["list"].append({"up": value["list"]})
    assert encode(value)[0] == '{"name":"bar","list":[{"up":"[Circular ~.list]"}],"o":"[Circular ~]"}'


def test_an_object_that_is_there_twice_is_no_circle():
    part = {"a": 1}
    assert encode([part, part])[0] == '[{"a":1},{"a":1}]'


def test_deep_nesting_ends_somewhere():
    value = []
    for _ in range(100_000):
        value = [value]
    assert "[too deep]" in encode(value)[0]


def test_an_error_is_shown_with_name_message_and_stack():
    try:
        raise ValueError("oops") from KeyError("why")
    except ValueError as error:
        text, kind = encode(error)
    shown = json.loads(text)
    assert (kind, shown["__enc__"], shown["type"]) == ("error", True, "error")
    assert (shown["data"]["name"], shown["data"]["message"], shown["data"]["cause"]) == ("ValueError", "oops", "'why'")
    assert "test_encode.py" in shown["data"]["stack"]


def test_an_error_of_a_script_is_shown_as_the_script_raised_it():
    error = ScriptError("x is not defined", name="ReferenceError", stack="at line 3", code="E1")
    data = {"name": "ReferenceError", "message": "x is not defined", "code": "E1", "stack": "at line 3"}
    assert json.loads(encode({"e": error})[0]) == {"e": {"__enc__": True, "type": "error", "data": data}}


def test_a_request_is_shown_with_its_properties_and_what_is_internal_only_named():
    request = HttpRequest({"method": "GET", "path": "/x", "headers": [], "client": ("1.2.3.4", 5)})
    text, kind = encode({"req": request, "res": {"_res": object()}})
    shown = json.loads(text)
    assert kind == "Object"
    assert (shown["req"]["method"], shown["req"]["ip"]) == ("GET", "1.2.3.4")
    assert shown["res"] == {"_res": {"__enc__": True, "type": "internal"}}
    assert encode(request)[1] == "Object"


def test_a_date_is_shown_in_local_time():
    text, kind = encode(datetime(2026, 1, 1, tzinfo=UTC))
    assert kind == "Date"
    assert re.fullmatch(r"\w{3} \w{3} \d\d 20\d\d \d\d:00:00 GMT[+-]\d{4} \(.+\)", text) or ":30:00" in text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_any_message_can_be_shown(value):
    text, kind = encode({"payload": value}, 3)
    json.loads(text)
    assert kind == "Object"
    assert isinstance(encode(value, 3)[0], str)
