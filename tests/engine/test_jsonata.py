"""JSONata: what it sees, what it gives back, what is added to the language, and how it fails."""

import re
from datetime import UTC, datetime

import pytest

from busway.engine import jsonata
from busway.engine.jsonata import ExpressionError, compile_expression
from busway.engine.message import UNDEFINED
from tests.engine.scopes import make_scope


def evaluate(text, data=None, bindings=None, scope=None):
    return compile_expression(text, scope).evaluate({} if data is None else data, bindings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("payload", None),
        ("null", None),
        ("nothing", UNDEFINED),
        ("list.x", UNDEFINED),
        ("list[0]", 1),
        ("items.v", [1, 2]),
        ("items[v = 2].v", 2),
        ("$sum(list)", 6),
        ("5.0", 5),
        ("10 / 4", 2.5),
        ('topic & "!"', "t!"),
        ("topic /* said */", "t"),
        ("($x := 2; $x * 3)", 6),
    ],
)
def test_gives_values_null_and_undefined(text, value):
    msg = {"payload": None, "list": [1, 2, 3], "items": [{"v": 1}, {"v": 2}], "topic": "t"}
    found = evaluate(text, msg)
    assert found == value
    assert found is value or value is not None


@pytest.mark.parametrize(
    ("text", "legacy"),
    [
        ("msg.payload", True),
        ("(msg)", True),
        ("payload", False),
        ("payload.msg", False),
        ('"msg"', False),
        ("msgs", False),
    ],
)
def test_speaking_of_msg_makes_the_message_a_member(text, legacy):
    assert compile_expression(text).legacy is legacy


def test_msg_is_the_message():
    assert evaluate("msg.payload", {"payload": 5}) == 5


def test_bindings_are_variables():
    assert evaluate("$I + 1", {}, {"I": 1}) == 2
    assert evaluate("$A", {}, {"A": None}) is None
    assert evaluate("$A", {}, {"B": 1}) is UNDEFINED
    assert evaluate("$A", {}, {"A": b"x"}) == b"x"


def test_values_beyond_json_pass_through():
    handle, date = object(), datetime(2026, 1, 1, tzinfo=UTC)
    msg = {"payload": {"buffer": b"x", "n": 1}, "req": handle, "date": date, "set": {1}, "gone": UNDEFINED, 5: "five"}
    assert evaluate("payload.n", msg) == 1
    assert evaluate("payload", msg) == {"buffer": b"x", "n": 1}
    assert evaluate("[req, date]", msg) == [handle, date]
    assert evaluate("set", msg) == [1]
    assert evaluate("$exists(gone)", msg) is False
    assert evaluate('$lookup($, "5")', msg) == "five"


def test_large_whole_numbers_become_floats_and_lone_surrogates_are_replaced():
    assert evaluate("payload + 1", {"payload": 2**70}) == 2.0**70
    assert evaluate("payload", {"payload": "a\ud800", "x": b""}) == "a\ufffd"


def test_a_message_that_contains_itself_is_cut():
    msg = {"payload": {"n": 1}}
    msg["payload"]["self"] = msg
    assert evaluate("payload.n", msg | {"req": object()}) == 1


def test_data_is_not_changed():
    msg = {"payload": {"a": [1]}}
    assert evaluate("$merge([payload, {'b': 2}])", msg) == {"a": [1], "b": 2}
    assert msg == {"payload": {"a": [1]}}


class TestFunctions:
    def test_env(self):
        scope = make_scope({"A": "x", "N": 5, "B": b"z"})
        assert evaluate('$env("A") & $env("N") & $env("Z")', scope=scope) == "x5"
        assert evaluate('$env("N") + 1', scope=scope) == 6
        assert evaluate('$env("B")', scope=scope) == b"z"
        assert evaluate('$env("A")') == ""

    def test_contexts(self):
        scope = make_scope()
        scope.flow_context.set("a", {"b": [1], "null": None, "buffer": b"x"})
        scope.global_context.set("g", [])
        assert evaluate('$flowContext("a.b")', scope=scope) == [1]
        assert evaluate('$flowContext("a").b[0] + 1', scope=scope) == 2
        assert evaluate('$flowContext("a.null")', scope=scope) is None
        assert evaluate('$flowContext("a.buffer")', scope=scope) == b"x"
        assert evaluate('$flowContext("none")', scope=scope) is UNDEFINED
        assert evaluate('$exists($flowContext("none"))', scope=scope) is False
        assert evaluate('$globalContext("g", "memory")', scope=scope) == []
        assert evaluate('[1..2].($globalContext("g") ~> $count)', scope=scope) == [0, 0]
        assert evaluate('$flowContext("a")') == ""

    def test_clone_and_random(self):
        assert evaluate("$clone(payload)", {"payload": {"a": 1}}) == {"a": 1}
        assert 0 <= evaluate("$random()") < 1

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('$moment(0).utc().format("YYYY-MM-DD")', "1970-01-01"),
            ('$moment(0).utc().add(1, "day").format()', "1970-01-02T00:00:00+00:00"),
            ('$moment("03.01.2026 Z", "DD.MM.YYYY Z").toISOString()', "2026-01-03T00:00:00.000Z"),
            ('$moment(payload).tz( "America/New_York" ) . format("H z")', "19 EST"),
            ('($m := $moment(0).utc(); $m.format("YYYY") & $m.format("[format()]"))', "1970format()"),
            ("$moment(0).utc().year()", 1970),
            ("$moment(0).valueOf()", 0),
            ('$moment("nonsense").isValid()', False),
            ('$moment(0).isBefore($moment(1)) and $moment(1).isAfter(0) and $moment(0).isSame(0, "day")', True),
            ('$moment(86400000).diff(0, "hours")', 24),
            ('{"at": $moment(0)}.at.toISOString()', "1970-01-01T00:00:00.000Z"),
            ('"$moment().format()"', "$moment().format()"),
        ],
    )
    def test_moment(self, text, value):
        assert evaluate(text, {"payload": 0}) == value

    def test_a_moment_as_result_is_a_date(self):
        assert evaluate('[$moment(0), {"at": $moment(1)}]') == [
            datetime.fromtimestamp(0, UTC),
            {"at": datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)},
        ]

    def test_properties_named_like_methods_are_properties(self):
        assert evaluate('payload.format & $moment(0).utc().format("Y")', {"payload": {"format": "f"}}) == "f1970"


class TestErrors:
    @pytest.mark.parametrize("text", ["", "a.(b", "a) + (b", "$x(", "[1", '"a', "// no"])
    def test_what_does_not_parse_is_told_at_compile_time(self, text):
        with pytest.raises(ExpressionError) as caught:
            compile_expression(text)
        assert re.fullmatch(r"S\d{4}", caught.value.code)

    @pytest.mark.parametrize(
        ("text", "code", "reason"),
        [
            ('"a" + 1', "T2001", "left side of the + operator"),
            ("$nothing()", "T1006", "non-function"),
            ('$error("said so")', "D3137", "said so"),
            ('$moment(0).tz("Nowhere")', "", "'Nowhere' is no time zone"),
            ('$moment(0).add(1, "dya")', "", "'dya' is no unit of time"),
            ('$flowContext("a..b")', "", "invalid property path"),
        ],
    )
    def test_what_fails_has_code_and_reason(self, text, code, reason):
        with pytest.raises(ExpressionError, match=re.escape(reason)) as caught:
            evaluate(text, scope=make_scope())
        assert caught.value.code == code

    def test_an_endless_evaluation_ends(self, monkeypatch):
        monkeypatch.setattr(jsonata, "TIME_LIMIT", 0.05)
        with pytest.raises(ExpressionError, match="timeout") as caught:
            evaluate("($f := function($n) { $f($n + 1) }; $f(1))")
        assert caught.value.code == "D1012"

    def test_endless_recursion_ends(self):
        with pytest.raises(ExpressionError):
            evaluate("($f := function($n) { 1 + $f($n) }; $f(1))")
