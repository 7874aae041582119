"""Behaviour as Node-RED documents it for its change node; titles follow its own tests where they check the same."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.message import UNDEFINED, get_property
from busway.engine.regexp import compile_regexp, compile_replacement, escape
from busway.nodes.function.change_rules import _Search, _within
from busway.testing import flow_of, node

TAB = {"id": "tab", "type": "tab", "env": [{"name": "SITE", "type": "str", "value": "Oslo"}]}


def change(*rules, **more):
    return node("change", "c", to="out", rules=list(rules), **more)


def rule(t="set", p="payload", **more):
    return {"t": t, "p": p, "pt": "msg", **more}


async def changed(msg, *rules):
    """What the node makes of one message; None when it sends nothing."""
    async with flow_of([change(*rules)]) as flow:
        await flow.send("c", msg)
        sent = flow.sent("c")
    return {key: value for key, value in sent[0].items() if key != "_msgid"} if sent else None


async def warnings(msg, *rules):
    async with flow_of([change(*rules)]) as flow:
        await flow.send("c", msg)
        return [line.text for line in flow.logs if line.level == "warn"], flow.sent("c")


def containers(value):
    """All lists and objects in a value."""
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


async def test_no_rules_change_nothing():
    assert await changed({"payload": {"a": 1}}) == {"payload": {"a": 1}}


class TestSet:
    @pytest.mark.parametrize(
        ("to", "type", "value"),
        [
            ("changed", "str", "changed"),
            ("123", "num", 123),
            ("true", "bool", True),
            ("false", "bool", False),
            ('{"a": 123}', "json", {"a": 123}),
            ('"text"', "json", "text"),
            ("[1,2]", "bin", b"\x01\x02"),
            ("iso", "date", "2026-01-01T00:00:00.000Z"),
            ("", "date", 1767225600000),
            ("topic & 1", "jsonata", "t1"),
            ("topic", "msg", "t"),
            ("msg.deep.list[1]", "msg", 2),
            ("deep", "msg", {"list": [1, 2]}),
            ("nothing", "msg", None),
            ("deep.list[msg.one]", "msg", 2),
        ],
    )
    async def test_gives_a_value_of_every_type(self, to, type, value):
        msg = {"payload": "before", "topic": "t", "deep": {"list": [1, 2]}, "nothing": None, "one": 1}
        async with flow_of([change(rule(to=to, tot=type))], start=1_767_225_600) as flow:
            await flow.send("c", msg)
            found = (await flow.output("out"))["payload"]
        assert found == value
        assert found.__class__ is value.__class__

    async def test_a_value_that_came_typed_from_a_variable_keeps_its_type(self):
        assert await changed({}, rule(to=5, tot="str"), rule(p="b", to=True, tot="bool")) == {"payload": 5, "b": True}

    async def test_makes_missing_parents(self):
        assert await changed({}, rule(p="a.b[0].c", to="x", tot="str")) == {"a": {"b": [{"c": "x"}]}}

    async def test_uses_nested_references_in_the_target(self):
        msg = await changed({"key": "k"}, rule(p="payload[msg.key]", to="x", tot="str"))
        assert msg == {"key": "k", "payload": {"k": "x"}}

    async def test_a_source_that_is_undefined_deletes_the_target(self):
        assert await changed({"payload": 1}, rule(to="other", tot="msg")) == {}

    async def test_a_source_below_something_missing_leaves_the_target(self):
        assert await changed({"payload": 1}, rule(to="other.x", tot="msg")) == {"payload": 1}
        assert await changed({"payload": 1}, rule(to="a[msg.none]", tot="msg")) == {"payload": 1}
        assert await changed({"payload": 1}, rule(p="a[msg.none]", to="x", tot="str")) == {"payload": 1}

    async def test_a_target_below_a_value_that_is_no_object_is_warned_of(self):
        told, sent = await warnings({"payload": "text"}, rule(p="payload.x", to="1", tot="str"))
        assert told == ["Cannot set property of non-object type: payload.x"]
        assert sent[0]["payload"] == "text"

    @pytest.mark.parametrize("text", ["[]", '{"a": 1}', '{"a": {"b": [1, {}]}}', "[[null, 1.5, true]]"])
    @pytest.mark.parametrize("path", ["payload", "payload.deep"])
    async def test_objects_are_new_for_every_message(self, text, path):
        seen = []
        async with flow_of([change(rule(p=path, to=text, tot="json"))]) as flow:
            flow.runtime.ports["out"].tap(lambda msg: seen.append(get_property(msg, path)))
            for _ in range(2):
                await flow.send("c", {})
        assert seen == [json.loads(text)] * 2
        shared = {id(part) for part in containers(seen[0])} & {id(part) for part in containers(seen[1])}
        assert not shared

    @pytest.mark.parametrize(("deep_copy", "shared"), [(False, True), (True, False)])
    async def test_a_source_is_copied_only_if_wanted(self, deep_copy, shared):
        seen = []
        async with flow_of([change(rule(p="copy", to="payload", tot="msg", dc=deep_copy))]) as flow:
            flow.runtime.ports["out"].tap(seen.append)
            await flow.send("c", {"payload": {"a": 1}})
        assert (seen[0]["copy"] is seen[0]["payload"]) is shared
        assert seen[0]["copy"] == {"a": 1}

    async def test_environment_is_read_at_the_start(self, monkeypatch):
        monkeypatch.setenv("CHANGE_TEST", "before")
        rules = [rule(to="SITE", tot="env"), rule(p="other", to="x${CHANGE_TEST}", tot="env")]
        async with flow_of([TAB, change(*rules, z="tab")]) as flow:
            monkeypatch.setenv("CHANGE_TEST", "after")
            await flow.send("c", {})
            msg = await flow.output("out")
        assert (msg["payload"], msg["other"]) == ("Oslo", "xbefore")

    async def test_contexts_are_targets_and_sources(self):
        rules = [
            {"t": "set", "p": "a.b", "pt": "flow", "to": "payload", "tot": "msg"},
            {"t": "set", "p": "g[msg.key]", "pt": "global", "to": "a.b", "tot": "flow"},
            rule(p="back", to="g.k", tot="global"),
            rule(p="expression", to='$flowContext("a.b") & $globalContext("g.k")', tot="jsonata"),
        ]
        msg = await changed({"payload": 5, "key": "k"}, *rules)
        assert msg == {"payload": 5, "key": "k", "back": 5, "expression": "55"}

    async def test_a_failing_expression_ends_the_message_with_an_error(self):
        async with flow_of([change(rule(to="$unknown(payload)", tot="jsonata"))]) as flow:
            await flow.send("c", {"payload": 1})
            line = await flow.error()
            assert line.node == "c"
            assert "Invalid JSONata expression: Attempted to invoke a non-function" in line.text
            assert flow.sent("c") == []


class TestChange:
    @pytest.mark.parametrize(
        ("before", "parts", "after"),
        [
            ("Hello World!", ("Hello", "str", "Goodbye", "str"), "Goodbye World!"),
            ("a.b.c", (".", "str", "-", "str"), "a-b-c"),
            ("Replace all numbers 12 and 14", (r"\d+", "re", "N", "str"), "Replace all numbers N and N"),
            ("test123", (r"(\d)(\d)", "re", "$2$1", "str"), "test213"),
            ("abc123abc", ("123", "num", "456", "num"), "abc456abc"),
            ("123", ("123", "num", "456", "num"), 456),
            (123, ("123", "num", "abc", "str"), "abc"),
            (124, ("123", "num", "abc", "str"), 124),
            ("true", ("true", "bool", "xxx", "str"), "xxx"),
            (True, ("true", "bool", "xxx", "str"), "xxx"),
            (False, ("true", "bool", "xxx", "str"), False),
            ("atrueb", ("true", "bool", "x", "str"), "axb"),
            ("123", ("123", "str", "456", "num"), 456),
            ("changeMe", ("changeMe", "str", "true", "bool"), True),
            ("xtruex", ("x", "str", "", "str"), "true"),
            ("say true", (".*", "re", "true", "bool"), "truetrue"),
            ("say yes", ("say yes|no", "re", "true", "bool"), True),
            ("abc", ("b", "str", '{"x":1}', "json"), "a[object Object]c"),
            ("b", ("b", "str", '{"x":1}', "json"), {"x": 1}),
            (None, ("b", "str", "c", "str"), None),
            ({"b": "b"}, ("b", "str", "c", "str"), {"b": "b"}),
            (["b"], ("b", "str", "c", "str"), ["b"]),
            ("cost", ("cost", "str", "$&$1", "str"), "$&$1"),
            ("a cost", ("cost", "str", "<$&>", "str"), "a <cost>"),
            ("a{2}", ("{2}", "str", "\\n", "str"), "a\\n"),
            ("a.b.$", (".$", "str", "[$&$$]", "str"), "a.b[.$$]"),
            ("xy", ("", "str", "-", "str"), "-x-y-"),
            ("xy", ("y", "str", "missing", "msg"), "xundefined"),
        ],
    )
    async def test_replaces(self, before, parts, after):
        search, search_type, to, to_type = parts
        given = rule("change", **{"from": search, "fromt": search_type, "to": to, "tot": to_type})
        found = (await changed({"payload": before}, given))["payload"]
        assert found == after
        assert found.__class__ is after.__class__

    @pytest.mark.parametrize(
        ("before", "search", "after"),
        [
            ("abcABCabc", "ABC", "abc-abc"),
            ("a.b.a.b", ".", "a-b-a-b"),
            ("5", "5", "-"),
            (5, 5, "-"),
            ("5", 5, "5"),
            (True, True, "-"),
            ("aXbX", re.compile("X"), "a-bX"),
        ],
    )
    async def test_searches_for_what_another_property_holds(self, before, search, after):
        given = rule("change", **{"from": "topic", "fromt": "msg", "to": "-", "tot": "str"})
        assert (await changed({"payload": before, "topic": search}, given))["payload"] == after

    @pytest.mark.parametrize(("value", "kind"), [(None, "object"), ({}, "object"), (UNDEFINED, "undefined")])
    async def test_a_search_for_something_else_is_an_error_and_the_rule_does_nothing(self, value, kind):
        given = rule("change", **{"from": "topic", "fromt": "msg", "to": "-", "tot": "str"})
        async with flow_of([change(given, rule(p="next", to="1", tot="num"))]) as flow:
            origin = await flow.send("c", {"payload": "a"} | ({} if value is UNDEFINED else {"topic": value}))
            assert (await flow.error()).text == f"Invalid 'from' property: unsupported type: {kind}"
            assert len(origin.errors) == 1
            sent = await flow.output("out")
            assert (sent["payload"], sent["next"]) == ("a", 1)

    async def test_takes_search_and_replacement_from_contexts_and_environment(self, monkeypatch):
        monkeypatch.setenv("CHANGE_TEST", "E")
        rules = [
            {"t": "set", "p": "f", "pt": "flow", "to": "a", "tot": "str"},
            {"t": "set", "p": "g", "pt": "global", "to": "b", "tot": "str"},
            rule("change", **{"from": "f", "fromt": "flow", "to": "g", "tot": "global"}),
            rule("change", **{"from": "CHANGE_TEST", "fromt": "env", "to": "topic", "tot": "msg"}),
        ]
        assert (await changed({"payload": "a-E", "topic": "t"}, *rules))["payload"] == "b-t"

    async def test_changes_contexts(self):
        rules = [
            {"t": "set", "p": "f.x", "pt": "flow", "to": "payload", "tot": "msg"},
            {"t": "change", "p": "f.x", "pt": "flow", "from": "l", "fromt": "str", "to": "L", "tot": "str"},
            rule(to="f.x", tot="flow"),
        ]
        assert (await changed({"payload": "hello"}, *rules))["payload"] == "heLLo"

    async def test_leaves_what_does_not_exist(self):
        given = {"from": "a", "fromt": "str", "to": "b", "tot": "str"}
        assert await changed({"x": 1}, rule("change", **given), rule("change", "a.b", **given)) == {"x": 1}


class TestDelete:
    async def test_removes_properties(self):
        rules = [rule("delete"), rule("delete", "a.b"), rule("delete", "list[0]"), rule("delete", "none.x")]
        msg = {"payload": 1, "a": {"b": 1, "c": 2}, "list": [1, 2]}
        assert await changed(msg, *rules) == {"a": {"c": 2}, "list": [2]}

    async def test_removes_from_contexts(self):
        rules = [
            {"t": "set", "p": "f", "pt": "flow", "to": "1", "tot": "num"},
            {"t": "delete", "p": "f", "pt": "flow"},
            rule(to="f", tot="flow"),
        ]
        assert await changed({"payload": "x"}, *rules) == {}


class TestMove:
    @pytest.mark.parametrize(
        ("before", "source", "target", "after"),
        [
            ({"topic": "t"}, "topic", "payload", {"payload": "t"}),
            ({"payload": {"x": 1}}, "payload", "payload", {"payload": {"x": 1}}),
            ({"payload": {"x": 1}}, "payload", "payload.y", {"payload": {"y": {"x": 1}}}),
            ({"payload": {"x": 1}}, "payload.x", "payload", {"payload": 1}),
            ({"payload": {"x": {"x": 1}}}, "payload.x", "payload", {"payload": {"x": 1}}),
            ({"payload": 1}, "topic", "payload", {}),
            ({"payload": 1}, "topic.x", "payload", {}),
            ({"payload": {"a": 1}}, "payload.x", "payload", {}),
            ({}, "payload", "payload.x", {}),
            ({"payload": "t"}, "payload", "payload.x", {"payload": {"x": "t"}}),
            ({"payload": {"a": 1}}, "payload.a", 'payload["a"]', {"payload": {"a": 1}}),
            ({"payload": {"a": 1, "b": 2}}, "payload.a", "payload.b", {"payload": {"b": 1}}),
            ({"payload": 1}, "payload", "payload2", {"payload2": 1}),
            ({"payload2": 1}, "payload2", "payload", {"payload": 1}),
            ({"payload": [1, 2]}, "payload[0]", "x", {"payload": [2], "x": 1}),
            ({"payload": 1}, "a[msg.none]", "payload", {"payload": 1}),
            ({"payload": 1}, "payload.x.y", "payload", {"payload": 1}),
        ],
    )
    async def test_moves(self, before, source, target, after):
        assert await changed(before, rule("move", source, to=target, tot="msg")) == after

    async def test_moves_between_message_and_contexts(self):
        rules = [
            rule("move", to="a.b", tot="flow"),
            {"t": "move", "p": "a", "pt": "flow", "to": "g", "tot": "global"},
            rule(p="flow", to="a", tot="flow"),
            rule(p="global", to="g", tot="global"),
        ]
        assert await changed({"payload": 5, "flow": 0}, *rules) == {"global": {"b": 5}}

    async def test_moves_within_a_context(self):
        rules = [
            {"t": "set", "p": "a", "pt": "flow", "to": '{"x": {"x": 1}}', "tot": "json"},
            {"t": "move", "p": "a.x", "pt": "flow", "to": "a", "tot": "flow"},
            {"t": "move", "p": "a", "pt": "flow", "to": "a.y", "tot": "flow"},
            rule(to="a", tot="flow"),
        ]
        assert await changed({}, *rules) == {"payload": {"y": {"x": 1}}}

    async def test_keeps_the_value_where_the_target_cannot_be_set(self):
        told, sent = await warnings({"payload": 5, "topic": "t"}, rule("move", to="topic.x", tot="msg"))
        assert told == ["Cannot set property of non-object type: topic.x"]
        assert (sent[0]["payload"], sent[0]["topic"]) == (5, "t")


async def test_rules_apply_in_their_order():
    rules = [
        rule(p="a", to="payload", tot="msg"),
        rule("change", "a", **{"from": "x", "fromt": "str", "to": "y", "tot": "str"}),
        rule("move", "a", to="b", tot="msg"),
        rule("delete"),
    ]
    assert await changed({"payload": "x"}, *rules) == {"b": "y"}


class TestOlderFiles:
    @pytest.mark.parametrize(
        ("properties", "after"),
        [
            ({"action": "replace", "property": "payload", "to": "new"}, {"payload": "new", "t": 1}),
            ({"action": "replace", "property": "payload", "to": "msg.t"}, {"payload": 1, "t": 1}),
            ({"action": "change", "property": "payload", "from": "o", "to": "0"}, {"payload": "0ld", "t": 1}),
            (
                {"action": "change", "property": "payload", "from": "[od]", "to": "-", "reg": True},
                {"payload": "-l-", "t": 1},
            ),
            (
                {"action": "change", "property": "payload", "from": "[od]", "to": "-", "reg": None},
                {"payload": "-l-", "t": 1},
            ),
            ({"action": "delete", "property": "payload"}, {"t": 1}),
            ({"action": "move", "property": "payload", "to": "p"}, {"t": 1, "p": "old"}),
            ({}, {"payload": "old", "t": 1}),
        ],
    )
    async def test_have_one_rule_in_other_fields(self, properties, after):
        async with flow_of([node("change", "c", to="out") | properties]) as flow:
            await flow.send("c", {"payload": "old", "t": 1})
            msg = await flow.output("out")
        del msg["_msgid"]
        assert msg == after

    async def test_types_that_are_missing_are_filled_in(self):
        rules = [
            {"t": "set", "p": "payload", "to": "msg.t"},
            {"t": "change", "p": "t", "from": "1", "to": "2", "re": True},
        ]
        async with flow_of([node("change", "c", to="out", rules=rules)]) as flow:
            assert flow.runtime.nodes["c"].public()["rules"] == [
                {"t": "set", "p": "payload", "pt": "msg", "to": "t", "tot": "msg", "fromt": "str"},
                {"t": "change", "p": "t", "pt": "msg", "from": "1", "fromt": "re", "to": "2", "tot": "str"},
            ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (rule(to="{a:1}", tot="json"), "invalid JSON '{a:1}'"),
        (rule(to="5", tot="bin"), "Not string or array"),
        (rule(to="$x(", tot="jsonata"), "Unexpected end"),
        (rule(p="a..b", to="", tot="str"), "unexpected '.' at position 2"),
        (
            rule("change", **{"from": "\\+**+", "fromt": "re", "to": "", "tot": "str"}),
            "Invalid 'from' property: invalid regular",
        ),
        (rule("sett"), "the action 'sett' does not exist; there are: set, change, move, delete"),
        (rule(p="a", pt="env", to="", tot="str"), "'env' names no place"),
    ],
)
async def test_a_rule_that_cannot_work_is_told_at_the_start(bad, reason):
    async with flow_of([change(rule(to="x", tot="str"), bad)]) as flow:
        told = [line for line in flow.logs if line.node == "c" and line.level == "error"]
    assert len(told) == 1
    assert reason in told[0].text
    assert f"node c (change): rule 2 ({bad['t']} {bad['p']}): " in told[0].text


async def test_a_rule_without_property_is_warned_of_and_does_nothing():
    told, sent = await warnings({"payload": 1}, rule(p="", to="x", tot="str"), rule(to="y", tot="str"))
    assert told == ["rule 1 (set) names no property and does nothing"]
    assert sent[0]["payload"] == "y"


async def test_all_rules_that_cannot_work_are_told_at_once():
    wrong = [rule(to="{", tot="json"), rule(), rule("change", **{"from": "(", "fromt": "re"})]
    async with flow_of([change(*wrong)]) as flow:
        text = (await flow.error()).text
    assert "rule 1 (set payload): invalid JSON" in text
    assert "rule 3 (change payload): Invalid 'from' property" in text
    assert "rule 2" not in text


@given(
    st.text(alphabet="ab.$", max_size=8), st.text(alphabet="ab.$", max_size=3), st.text(alphabet="ab$&1", max_size=3)
)
def test_texts_are_replaced_as_by_the_regular_expression_that_means_them(text, sought, replacement):
    expected = compile_regexp(escape(sought)).sub(compile_replacement(replacement), text)
    assert _within(text, _Search("str", sought, sought), replacement, False) == expected
