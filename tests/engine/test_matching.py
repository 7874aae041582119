from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.matching import MATCHERS, MatcherError, differences, shown
from busway.engine.message import UNDEFINED

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text().filter(lambda k: k[:1] != "$"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_every_value_is_as_itself(value):
    assert differences(value, value) == []
    assert differences({"$exact": value}, value) == []


@given(st.dictionaries(st.text(min_size=1).filter(lambda k: k[:1] != "$"), JSON, min_size=1))
def test_an_object_may_have_more_members_than_expected_but_not_fewer(value):
    name = next(iter(value))
    part = {key: item for key, item in value.items() if key != name}
    assert differences(part, value) == []
    assert differences(value, part) != []
    assert differences({"$exact": part}, value) != []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, "1"),
        (1, True),
        (0, False),
        (None, False),
        ("a", None),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ([1, 2], [2, 1]),
        ({"a": 1}, [1]),
        ({"a": None}, {}),
        ("2026-01-01T00:00:00.000Z", datetime(2026, 1, 2, tzinfo=UTC)),
        ("abc", b"abd"),
    ],
)
def test_what_is_not_equal_differs(expected, actual):
    assert differences(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1.0),
        ("2026-01-01T00:00:00.000Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("abc", b"abc"),
        ([1, 255], bytes([1, 255])),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        ([1, 2], (1, 2)),
    ],
)
def test_what_means_the_same_is_equal(expected, actual):
    assert differences(expected, actual) == []


MATCHING = [
    ({"$any": True}, None, UNDEFINED),
    ({"$absent": True}, UNDEFINED, None),
    ({"$exact": {"a": {"b": 1}}}, {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
    ({"$exact": [{"a": 1}]}, [{"a": 1}], [{"a": 1, "c": 2}]),
    ({"$regex": "^Tx-\\d+$"}, "Tx-12", "Tx-"),
    ({"$regex": "1"}, "1", 1),
    ({"$type": "string"}, "", 1),
    ({"$type": "number"}, 1.5, True),
    ({"$type": "integer"}, 2.0, 1.5),
    ({"$type": "boolean"}, False, 0),
    ({"$type": "object"}, {}, []),
    ({"$type": "array"}, [], {}),
    ({"$type": "null"}, None, UNDEFINED),
    ({"$type": "buffer"}, b"", ""),
    ({"$type": "date"}, datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ({"$type": "timestamp"}, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00"),
    ({"$oneOf": ["Accepted", {"$regex": "^Pend"}]}, "Pending", "Rejected"),
    ({"$between": [1, 2]}, 2, 2.1),
    ({"$between": [1, 2]}, 1, float("nan")),
    ({"$contains": "ell"}, "hello", "world"),
    ({"$contains": {"id": 2}}, [{"id": 1}, {"id": 2, "x": 0}], [{"id": 1}]),
    ({"$length": 3}, "abc", [1, 2]),
    ({"$length": {"$between": [1, 9]}}, [1], []),
    ({"$length": 1}, {"a": 1}, 1),
    ({"$not": 1}, 2, 1),
    ({"$not": {"$type": "string"}}, 2, "x"),
]


@pytest.mark.parametrize(("matcher", "right", "wrong"), MATCHING)
def test_a_matcher_takes_what_it_says_and_nothing_else(matcher, right, wrong):
    assert differences({"x": matcher}, {"x": right}) == []
    assert differences({"x": matcher}, {} if wrong is UNDEFINED else {"x": wrong})


def test_each_matcher_is_tested():
    assert {next(iter(matcher)) for matcher, _, _ in MATCHING} == set(MATCHERS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"$regx": "a"}, r"no matcher \$regx; did you mean '\$regex'\?; there are \$any"),
        ({"$any": 1, "b": 2}, r"\$any stands alone in its object; here are \$any, b"),
        ({"$regex": "("}, "no regular expression"),
        ({"$regex": 5}, "no regular expression"),
        ({"$type": "nmber"}, "did you mean 'number'"),
        ({"$type": ["string"]}, "is no type"),
        ({"$oneOf": "a"}, "no list of the allowed values"),
        ({"$between": [1]}, "lowest, highest"),
    ],
)
def test_a_matcher_that_is_none_is_an_error_that_says_what_would_be_right(wrong, message):
    with pytest.raises(MatcherError, match=message):
        differences(wrong, "x")


def test_differences_name_the_place_what_was_expected_and_what_came():
    expected = {"payload": {"status": "Accepted", "list": [1, {"a": 1}], "gone": 1}, "n": {"$type": "number"}}
    actual = {"payload": {"status": "Rejected", "list": [1, {"a": 2}, 3]}, "n": "x"}
    assert differences(expected, actual) == [
        'payload.status: expected "Accepted", got "Rejected"',
        "payload.list[1].a: expected 1, got 2",
        'payload.list has 3 items instead of 2: [1, {"a": 2}, 3]',
        "payload.gone: expected 1, but it is not there",
        'n: expected a value of type number, got "x"',
    ]


def test_a_long_value_is_cut_and_an_opaque_one_named():
    assert len(shown("x" * 1000)) == 120
    assert shown({"a": object(), "b": b"12"}) == '{"a": "(object)", "b": "buffer of 2 bytes"}'
