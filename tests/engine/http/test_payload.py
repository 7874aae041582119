import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.http.payload import iso, json_bytes, text_of
from busway.engine.message import UNDEFINED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 5.0, "b": [1.0, 1.5], "v": "2.0, 3.0"}, b'{"a":5,"b":[1,1.5],"v":"2.0, 3.0"}'),
        (5.0, b"5"),
        (float("nan"), b"null"),
        (None, b"null"),
        (datetime(1970, 1, 1, tzinfo=UTC), b'"1970-01-01T00:00:00.000Z"'),
        ({"b": b"ab"}, b'{"b":{"type":"Buffer","data":[97,98]}}'),
        ({"s": {1}, "t": (1, 2)}, b'{"s":[1],"t":[1,2]}'),
        ({1: "a"}, b'{"1":"a"}'),
        ({"big": 2**70, "half": "\ud800"}, b'{"big":1180591620717411303424,"half":"\\ud800"}'),
        ({"u": UNDEFINED, "big": 2**70}, b'{"big":1180591620717411303424}'),
        ("\u2028</script>", '"\u2028</script>"'.encode()),
    ],
)
def test_json_is_what_javascript_would_write(value, text):
    assert json_bytes(value) == text


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="a value of type object has no JSON form"):
        json_bytes({"a": object()})


def test_a_value_that_contains_itself_is_refused():
    value = {}
    value["self"] = value
    with pytest.raises(TypeError, match="contains itself"):
        json_bytes(value)


NUMBERS = st.integers() | st.floats(-(2.0**53), 2.0**53)


@given(st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), st.lists))
def test_json_means_the_same_as_the_value(value):
    assert json.loads(json_bytes([value])) == [value]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (5, "5"), (5.0, "5"), (1e21, "1e+21"), (float("inf"), "Infinity"), (None, "null"), ("x", "x")],
)
def test_text_is_what_javascript_would_write(value, text):
    assert text_of(value) == text


def test_a_date_is_written_in_utc_with_milliseconds():
    assert iso(datetime(2026, 1, 1, 1, 2, 3, 4567, timezone(timedelta(hours=1)))) == "2026-01-01T00:02:03.004Z"
