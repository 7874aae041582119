"""Typed values: each type, from text to value, and where values can be put."""

import math
import re
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.errors import BuswayError, PathError, ValueEvaluationError
from busway.engine.message import UNDEFINED
from busway.engine.values import compile_target, compile_value, expand_variables, literal, parse_json, to_buffer
from tests.engine.scopes import make_scope

MSG = {"payload": {"a": [1, 2]}, "topic": "a", "k": "x"}


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("str", "5", "5"),
        ("str", 5, "5"),
        ("num", "", 0),
        ("num", "0x1F", 31),
        ("num", "0b1", 1),
        ("num", " 1e3 ", 1000),
        ("num", "1.5", 1.5),
        ("num", 7, 7),
        ("bool", "true", True),
        ("bool", "TRUE", True),
        ("bool", True, True),
        ("bool", "yes", False),
        ("bool", "", False),
        ("json", '{"a":[1,null]}', {"a": [1, None]}),
        ("json", '"\\ud800"', "\ud800"),
        ("json", "5.0", 5),
        ("json", {"already": 1}, {"already": 1}),
        ("bin", "[1,257,-1,\"3\",null]", b"\x01\x01\xff\x03\x00"),
        ("bin", '"hé"', "hé".encode()),
        ("null", "anything", None),
        ("msg", "payload.a[0]", 1),
        ("msg", "msg.payload[msg.topic][1]", 2),
        ("msg", "payload.x.y", UNDEFINED),
        ("unheard-of", "raw", "raw"),
        ("cred", "secret", "secret"),
    ],
)  # fmt: skip
def test_gives_the_value_of_its_type(type, text, value):
    found = compile_value(text, type)(MSG)
    assert found == value
    assert found.__class__ is value.__class__ or value == 5


def test_num_that_is_none_is_nan():
    assert math.isnan(compile_value("abc", "num")(MSG))


def test_re_is_a_pattern_without_flags():
    pattern = compile_value(r"^\d+$", "re")(MSG)
    assert isinstance(pattern, re.Pattern)
    assert pattern.search("12")
    assert not pattern.search("12\n")
    assert literal(pattern, "re") is pattern


def test_json_is_new_for_every_message():
    get = compile_value('{"a":[1]}', "json")
    first = get(MSG)
    first["a"].append(2)
    assert get(MSG) == {"a": [1]}


@pytest.mark.parametrize(
    ("type", "text", "reason"),
    [
        ("json", "{a:1}", "invalid JSON '{a:1}'"),
        ("json", "NaN", "NaN is not JSON"),
        ("json", "", "invalid JSON"),
        ("json", "[" * 100_000, "invalid JSON"),
        ("bin", "5", "Not string or array"),
        ("bin", "[1", "invalid JSON"),
        ("re", "(", "invalid regular expression"),
        ("jsonata", "$x(", "Unexpected end"),
        ("msg", "a..b", "unexpected '.' at position 2"),
        ("flow", "a b", "unexpected ' ' at position 1"),
    ],
)
def test_what_cannot_be_compiled_is_told_at_once(type, text, reason):
    with pytest.raises(BuswayError, match=re.escape(reason)):
        compile_value(text, type, make_scope())


def test_strictly_a_missing_parent_is_an_error():
    with pytest.raises(PathError):
        compile_value("a.b", "msg", strict=True)(MSG)
    assert compile_value("a", "msg", strict=True)(MSG) is UNDEFINED


class TestDate:
    def test_is_milliseconds_or_text_or_date(self):
        scope = make_scope()
        assert compile_value("", "date", scope)(MSG) == 1767225600123
        assert compile_value("iso", "date", scope)(MSG) == "2026-01-01T00:00:00.123Z"
        assert compile_value("object", "date", scope)(MSG) == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)

    def test_may_have_a_format_of_its_own(self, monkeypatch):
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            text = compile_value("D MMM YYYY, HH:mm Z", "date", make_scope())(MSG)
        finally:
            monkeypatch.undo()
            time.tzset()
        assert text == "1 Jan 2026, 09:00 +09:00"

    def test_without_a_scope_is_the_time_of_the_machine(self):
        assert abs(compile_value("", "date")(MSG) - time.time() * 1000) < 60_000


class TestContext:
    def test_is_read_where_the_key_says(self):
        scope = make_scope(contexts=Contexts({"a": {"module": "memory"}, "b": {"module": "memory"}}))
        scope.flow_context.set("n.x", 1)
        scope.flow_context.set("n", 2, "b")
        scope.global_context.set("g", [3])
        scope.contexts.flow("f", "outer")
        scope.contexts.flow("outer").set("o", 4)
        assert compile_value("n[msg.k]", "flow", scope)(MSG) == 1
        assert compile_value("#:(b)::n", "flow", scope)(MSG) == 2
        assert compile_value("g[0]", "global", scope)(MSG) == 3
        assert compile_value("$parent.o", "flow", scope)(MSG) == 4
        assert compile_value("none.x", "flow", scope)(MSG) is UNDEFINED

    def test_of_a_store_that_must_wait_is_read_too(self, tmp_path):
        storage = {"disk": {"module": "localfilesystem", "config": {"cache": False}}}
        scope = make_scope(contexts=Contexts(storage, tmp_path))
        assert compile_target("a.b", "flow", scope)(MSG, 1)
        assert compile_value("a.b", "flow", scope)(MSG) == 1

    def test_without_a_scope_is_undefined(self):
        assert compile_value("a", "flow")(MSG) is UNDEFINED


class TestEnv:
    LOOKUP = {"A": "x", "N": 5, "O": {"k": 1}, "B": True}.get

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("A", "x"),
            ("${A}", "x"),
            ("N", 5),
            ("${N}", 5),
            ("${O}", {"k": 1}),
            ("foo${A}bar", "fooxbar"),
            ("${A}${N}-${B}", "x5-true"),
            ("foo${Z}bar", "foobar"),
            ("Z", ""),
            ("${Z}", ""),
            ("${A", ""),
            ("", ""),
        ],
    )
    def test_names_one_variable_or_fills_a_text(self, text, value):
        assert expand_variables(text, lambda name: self.LOOKUP(name, UNDEFINED)) == value

    def test_is_looked_up_in_the_scope(self):
        assert compile_value("N", "env", make_scope({"N": 5}))(MSG) == 5
        assert compile_value("N", "env")(MSG) == ""


def test_jsonata_sees_message_and_scope():
    scope = make_scope({"A": "x"})
    scope.flow_context.set("n", 1)
    get = compile_value('payload.a[1] & $env("A") & $flowContext("n")', "jsonata", scope)
    assert get(MSG) == "2x1"


class TestTarget:
    def test_is_message_flow_or_global(self):
        scope, msg = make_scope(), {"k": "x"}
        assert compile_target("a.b", "msg")(msg, 1)
        assert compile_target("n[msg.k]", "flow", scope)(msg, 2)
        assert compile_target("g", "global", scope)(msg, 3)
        assert msg == {"k": "x", "a": {"b": 1}}
        assert scope.flow_context.get("n.x") == 2
        assert scope.global_context.get("g") == 3
        assert compile_target("g", "global", scope)(msg, UNDEFINED)
        assert scope.global_context.keys() == []

    def test_other_types_are_refused(self):
        with pytest.raises(ValueEvaluationError, match="'env' names no place"):
            compile_target("a", "env", make_scope())
        with pytest.raises(PathError):
            compile_target("a..b", "flow", make_scope())


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.sampled_from(["str", "num", "bool", "json", "bin", "re", "msg", "flow", "date", "jsonata", "env"]),
)
def test_any_text_of_any_type_compiles_or_is_refused(text, type):
    try:
        get = compile_value(text, type, make_scope())
    except BuswayError:
        return
    with suppress(BuswayError):
        get(MSG)


@settings(deadline=None)
@given(st.binary(max_size=20))
def test_buffers_are_lists_of_bytes(data):
    assert to_buffer(list(data)) == data
    assert parse_json(b"[1]") == [1]
