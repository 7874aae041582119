"""Values on the border to JavaScript and back."""

import gc
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.errors import ScriptError
from busway.engine.message import UNDEFINED
from busway.engine.script.javascript import JavaScript
from busway.engine.script.values import ScriptMap

TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | TEXTS
DATES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(
    lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000)
)
OTHERS = st.binary(max_size=8) | DATES | st.sets(st.integers(0, 9), max_size=3)
VALUES = st.recursive(
    PLAIN | OTHERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=2).map(ScriptMap)
    ),
    max_leaves=8,
)
ENGINE = JavaScript(Contexts())
ECHO = ENGINE.make_entry(
    "(function($, id) { return (text, tagged) => { const v = $.read(text, tagged); return $.flush($.encode(v)); }; })",
    0,
)


def echo(value):
    return ENGINE.unpacked(ECHO(*ENGINE.packed(value)))[0]


def same(a, b):
    if isinstance(a, float) and isinstance(b, (int, float)) and not isinstance(b, bool):
        return math.isnan(b) if math.isnan(a) else a == float(b)
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_every_value_comes_back_as_it_went_in(value):
    assert same(value, echo(value))


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ((1, 2), [1, 2]),
        (frozenset((1,)), {1}),
        (bytearray(b"x"), b"x"),
        ({1: "a"}, {"1": "a"}),
        (5.0, 5),
        (2**53 + 1, 2**53),
        (10**400, math.inf),
        ({"a": UNDEFINED}, {}),
        ([UNDEFINED], [None]),
        (datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2020, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_values_that_javascript_has_no_exact_form_for(value, back):
    assert echo(value) == back
    assert type(echo(value)) is type(back)


def test_cycles_are_kept():
    value = {"list": [], "set": ScriptMap()}
    value["list"].append(value)
    value["set"]["whole"] = value["list"]
    back = echo(value)
    assert back["list"][0] is back
    assert back["set"]["whole"][0] is back


def test_an_object_that_is_no_data_comes_back_as_itself(bench):
    class Request:
        def script_view(self):
            return {"headers": {"host": "x"}}

    request = Request()
    out, _ = bench.run(
        "return {req: msg.req, host: msg.req.headers.host, all: {...msg}.req === msg.req};", {"req": request}
    )
    assert out == {"_msgid": "m", "req": request, "host": "x", "all": True}


def test_objects_are_let_go_when_javascript_has_forgotten_them(bench):
    function, _ = bench.function("return {...msg};")
    for _ in range(1000):
        function.handle({"_msgid": "m", "req": object()})
    assert len(bench.engine.values.objects) < 500


def test_an_object_lives_as_long_as_javascript_refers_to_it(bench):
    kept = object()
    bench.run("flow.set('kept', msg.res);", {"res": kept})
    function, _ = bench.function("return {...msg};")
    for _ in range(1000):
        function.handle({"_msgid": "m", "req": object()})
    assert bench.run("return {res: flow.get('kept')};")[0]["res"] is kept


def test_what_only_javascript_can_hold_is_carried_by_reference(bench):
    out, _ = bench.run("msg.double = x => x * 2; msg.pattern = /b+/; return msg;")
    assert [str(out["double"]), str(out["pattern"])] == ["[function]", "[RegExp]"]
    again, _ = bench.run("return {n: msg.double(21), matches: msg.pattern.test('abb')};", out)
    assert (again["n"], again["matches"]) == (42, True)


def test_what_nothing_refers_to_any_longer_is_let_go_in_javascript(bench):
    out, _ = bench.run("msg.f = () => 1; return msg;")
    held = out["f"].id
    del out
    gc.collect()
    bench.run("return msg;")
    assert bench.engine.make_entry("(function($) { return (id) => $.isHeldId(id); })", 0)(held) is False


def test_errors_in_messages_become_data(bench):
    out, _ = bench.run("return {e: Object.assign(new TypeError('no'), {code: 'E1'})};")
    assert {key: out["e"][key] for key in ("name", "message", "code")} == {
        "name": "TypeError",
        "message": "no",
        "code": "E1",
    }


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "é€😀", "</script>", '"\\', "x" * 5000])
def test_texts_cross_unharmed(bench, value):
    assert (
        bench.run("msg.payload = [msg.payload, msg.payload.length]; return msg;", {"payload": value})[0]["payload"][0]
        == value
    )


def test_data_from_outside_cannot_pass_for_a_mark(bench):
    fake = {"$ref": 1, "$" + "0" * 16: ["ref", 1]}
    assert bench.run("return {...msg};", {"payload": [fake, b"x"]})[0]["payload"] == [fake, b"x"]


def test_a_buffer_in_a_message_is_a_buffer_in_javascript(bench):
    assert bench.value("Buffer.isBuffer(msg.payload) && msg.payload.toString()", payload=b"abc") == "abc"
    assert bench.value("[msg.payload, Buffer.from('b')]", payload=b"a") == [b"a", b"b"]


def test_a_value_that_cannot_cross_is_an_error_of_its_message_alone(bench):
    class Broken:
        def script_view(self):
            raise OSError("gone")

    function, _ = bench.function("node.send({a: 1}); return {...msg};")
    with pytest.raises(ScriptError) as raised:
        function.handle({"_msgid": "m", "x": Broken()})
    assert (raised.value.name, str(raised.value)) == ("OSError", "gone")
    assert function.handle({"_msgid": "m", "x": 1}) == {"_msgid": "m", "x": 1}
