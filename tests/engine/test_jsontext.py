import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.jsontext import MAX_DEPTH, canonical, js_number, kept, too_deep

NODE_PROGRAM = """
require('readline').createInterface({input: process.stdin})
  .on('line', line => console.log(JSON.stringify(JSON.stringify(JSON.parse(line)))));
"""

keys = st.one_of(
    st.text(st.characters(), max_size=5),
    st.sampled_from(["0", "2", "10", "007", "-1", "1.0", "4294967294", "4294967295", "__proto__", "x"]),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [2**53, 2**53 + 1, -(2**63), 2**64 - 1, 1e-5, 1e-6, 1.5e-6, 1e-7, 1e15, 123456789012345678.0, 1e21]
    )
    | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def stringify():
    """JSON.stringify(JSON.parse(text)) of a text without line feeds, done by Node."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    process = subprocess.Popen(["node", "-e", NODE_PROGRAM], **pipes)

    def ask(text):
        process.stdin.write(text + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    with process:
        yield ask
        process.stdin.close()


@settings(deadline=None)
@given(value=values)
def test_canonical_is_what_javascript_writes(stringify, value):
    assert canonical(value).decode() == stringify(json.dumps(value))


@settings(deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-30, 30, places=9).map(float))
def test_numbers_are_spelled_as_in_javascript(stringify, number):
    assert js_number(number) == stringify(repr(number))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (1.5e300, "1.5e+300"),
        (float("inf"), "null"),
        (float("nan"), "null"),
        (10**400, "null"),
        (2**53 + 1, "9007199254740992"),
    ],
)
def test_number_spelling(number, text):
    assert js_number(number) == text


@settings(deadline=None)
@given(value=values, pretty=st.booleans())
def test_kept_text_parses_to_an_equal_value_in_the_same_order(value, pretty):
    again = json.loads(kept(value, pretty))
    assert again == value
    assert list(_keys(again)) == list(_keys(value))


def _keys(value):
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(item)
    if isinstance(value, dict):
        yield list(value)


@settings(deadline=None)
@given(value=values)
def test_pretty_is_indented_by_four_blanks_as_javascript_does(value):
    theirs = json.dumps(value, indent=4).split("\n")
    assert [_indent(line) for line in kept(value, True).decode().split("\n")] == [_indent(line) for line in theirs]


def _indent(line):
    return len(line) - len(line.lstrip(" "))


def test_kept_loses_neither_large_integers_nor_key_order_nor_overflowing_numbers():
    text = b'{"b":12345678901234567890123,"1":1e999,"a":-1e999}'
    assert kept(json.loads(text)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2**53, b"9007199254740992"),
        (2**53 + 1, b"9007199254740992"),
        (2**64 - 1, b"18446744073709552000"),
        (0.00001, b"0.00001"),
        (0.000001, b"0.000001"),
        (1e-7, b"1e-7"),
        (1e15, b"1000000000000000"),
        (0.1, b"0.1"),
    ],
)
def test_canonical_numbers(number, text):
    assert canonical({"n": number}) == b'{"n":%b}' % text


def test_lone_surrogates_are_escaped_and_other_text_is_raw():
    assert canonical(["\ud83d", "\U0001f600 é \u2028"]) == b'["\\ud83d","\xf0\x9f\x98\x80 \xc3\xa9 \xe2\x80\xa8"]'


def test_one_odd_number_does_not_change_the_text_of_its_neighbours():
    plain = {"id": "a", "x": 0.5, "name": 'quote " and \\'}
    assert canonical([plain, {"x": 1.0}, plain]) == b"[%b,%b,%b]" % (canonical(plain), b'{"x":1}', canonical(plain))


def test_depth_is_limited_below_what_every_encoder_can_take():
    value = 1.0
    for _ in range(MAX_DEPTH):
        value = [value]
    assert not too_deep(value)
    assert kept(value, pretty=True).count(b"[") == canonical(value).count(b"[") == MAX_DEPTH
    assert too_deep([value])


def test_a_structure_that_contains_itself_is_too_deep():
    value = {}
    value["self"] = [value]
    assert too_deep(value)


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="set is not JSON"):
        canonical({"a": {1}})
