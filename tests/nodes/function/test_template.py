"""Behaviour as Node-RED documents it for its template node; titles follow its own tests where they check the same."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.errors import ValueEvaluationError
from busway.nodes.function.template import parse_yaml
from busway.testing import flow_of, node

STORES = {"context_storage": {"memory": {"module": "memory"}, "other": {"module": "memory"}}}


def template(text, **more):
    return node("template", "t", to="out", template=text, **more)


async def rendered(text, msg, **more):
    """What the payload becomes."""
    async with flow_of([template(text, **more)]) as flow:
        await flow.send("t", msg)
        return (await flow.output("out"))["payload"]


class TestMustache:
    async def test_the_payload_becomes_the_text_with_the_values(self):
        text = "payload={{payload.doh.rei}} <{{{topic}}}> {{topic}}"
        assert await rendered(text, {"payload": {"doh": {"rei": "me"}}, "topic": "a&b"}) == "payload=me <a&b> a&amp;b"

    async def test_names_are_found_in_contexts_stores_and_environment(self, monkeypatch):
        monkeypatch.setenv("TEMPLATE_TEST", "xyzzy")
        text = (
            "{{flow.a.b}} {{global.g}} {{flow[other].x}} {{global[other].x}} {{env.TEMPLATE_TEST}} {{env.NR_NODE_ID}}"
        )
        async with flow_of([template(text)], settings=STORES) as flow:
            running = flow.node("t")
            running.flow_context.set("a", {"b": "A"})
            running.global_context.set("g", ["G", 1])
            running.flow_context.set("x", "F", "other")
            running.global_context.set("x", "H", "other")
            await flow.send("t", {})
            assert (await flow.output("out"))["payload"] == "A G,1 F H xyzzy t"

    @pytest.mark.parametrize(
        "name", ["flow.none", "global.none", "flow[other].none", "env.NONE_OF_US", "flow", "none.at.all"]
    )
    async def test_what_is_found_nowhere_is_empty(self, name):
        assert await rendered(f"[{{{{{name}}}}}]", {}, field="payload") == "[]"

    async def test_the_message_goes_before_contexts(self):
        async with flow_of([template("{{flow.a}} {{flow.b}}")]) as flow:
            flow.node("t").flow_context.set("a", "context")
            flow.node("t").flow_context.set("b", "context")
            await flow.send("t", {"flow": {"a": "message"}})
            assert (await flow.output("out"))["payload"] == "message context"

    async def test_sections_over_contexts(self):
        text = "{{#flow.list}}[{{.}}]{{/flow.list}}{{^flow.list}}none{{/flow.list}}"
        async with flow_of([template(text)]) as flow:
            await flow.send("t", {})
            flow.node("t").flow_context.set("list", [1, 2])
            await flow.send("t", {})
            assert [msg["payload"] for msg in flow.sent("t")] == ["none", "[1][2]"]

    async def test_a_context_path_that_does_not_parse_is_an_error_of_the_message(self):
        async with flow_of([template("{{flow.a..b}}")]) as flow:
            await flow.send("t", {})
            assert "invalid property path 'a..b'" in (await flow.error()).text
            assert flow.sent("t") == []

    async def test_a_wrong_template_is_shown_at_the_start_and_an_error_of_each_message(self):
        async with flow_of([template("payload={{payload"), node("catch", to="caught")]) as flow:
            shown = await flow.status("t")
            assert (shown["fill"], shown["text"]) == ("red", "Unclosed tag at 8: '{{payload' needs '}}'")
            await flow.send("t", {"payload": "foo"})
            assert (await flow.output("catch"))["error"]["message"] == shown["text"]
            await flow.deploy([template("{{payload}}")])
            assert await flow.status("t") == {}


class TestTemplateOfTheMessage:
    async def test_is_used_where_the_node_has_none(self):
        async with flow_of([template("", field="result")]) as flow:
            for topic, text in [("bar", "topic={{topic}}"), ("baz", "topic={{topic}}"), ("bar", "{{payload}}")]:
                await flow.send("t", {"payload": "foo", "topic": topic, "template": text})
            found = flow.sent("t")
        assert [msg["result"] for msg in found] == ["topic=bar", "topic=baz", "foo"]
        assert found[0]["template"] == "topic={{topic}}"

    async def test_is_ignored_where_the_node_has_one(self):
        assert await rendered("own", {"template": "other"}) == "own"

    async def test_is_empty_if_it_is_missing(self):
        assert await rendered("", {"payload": 1}) == ""

    @pytest.mark.parametrize(("given", "kind"), [(5, "number"), (None, "object"), ({"a": 1}, "object")])
    async def test_has_to_be_a_text(self, given, kind):
        async with flow_of([template("")]) as flow:
            await flow.send("t", {"template": given})
            assert (await flow.error()).text == f"msg.template has to be a text, but is of type {kind}"

    async def test_is_told_of_if_it_is_wrong(self):
        async with flow_of([template("")]) as flow:
            await flow.send("t", {"template": "{{x"})
            assert (await flow.error()).text == "Unclosed tag at 0: '{{x' needs '}}'"
            await flow.send("t", {"template": "{{payload}}", "payload": 1})
            assert (await flow.output("out"))["payload"] == "1"


class TestTarget:
    @pytest.mark.parametrize(
        ("field", "after"),
        [("", {"payload": "x"}), ("a.b[1].c", {"a": {"b": [None, {"c": "x"}]}}), ("a[msg.key]", {"a": {"k": "x"}})],
    )
    async def test_is_a_property_of_the_message(self, field, after):
        async with flow_of([template("x", field=field)]) as flow:
            await flow.send("t", {"key": "k"})
            found = await flow.output("out")
        assert found.items() >= after.items()

    @pytest.mark.parametrize(("type", "field", "store"), [("flow", "k.z", None), ("global", "#:(other)::k.z", "other")])
    async def test_is_a_value_of_a_context(self, type, field, store):
        async with flow_of([template("x{{payload}}", field=field, fieldType=type)], settings=STORES) as flow:
            await flow.send("t", {"payload": "foo"})
            assert (await flow.output("out"))["payload"] == "foo"
            running = flow.node("t")
            context = running.flow_context if type == "flow" else running.global_context
            assert context.get("k.z", store) == "xfoo"

    async def test_below_a_value_that_is_no_object_is_warned_of(self):
        async with flow_of([template("x", field="payload.x")]) as flow:
            await flow.send("t", {"payload": "text"})
            assert (await flow.output("out"))["payload"] == "text"
            assert flow.logs[0][1:3] == ("warn", "Cannot set property of non-object type: payload.x")

    async def test_a_path_that_does_not_parse_is_an_error_at_the_start(self):
        async with flow_of([template("x", field="a..b")]) as flow:
            assert "unexpected '.' at position 2" in (await flow.error()).text


class TestPlain:
    async def test_leaves_the_text_as_it_is(self):
        assert await rendered("payload={{payload}}", {"payload": 1}, syntax="plain") == "payload={{payload}}"

    async def test_takes_the_text_of_the_message(self):
        assert await rendered("", {"template": "{{x}}"}, syntax="plain") == "{{x}}"


class TestJinja:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            ("{{ payload.name }} {{ topic }}", "Ann <t>"),
            ("{{ msg.payload['name'] }} {{ msg.env }}", "Ann mine"),
            ("{% for item in payload.list %}{{ item + 1 }},{% endfor %}", "2,3,"),
            ("{% if flow.on and 'off' not in flow %}{{ flow['deep.x'] }}{% endif %}", "X"),
            ("{{ global_.g }} {{ env.NR_NODE_ID }} [{{ env.NONE_OF_US }}] [{{ flow.none }}]", "G t [] []"),
            ("{{ topic | e }} {{ payload.list | tojson }}", "&lt;t&gt; [1, 2]"),
            ("line\n", "line\n"),
        ],
    )
    async def test_renders(self, text, result):
        async with flow_of([template(text, syntax="jinja2")]) as flow:
            running = flow.node("t")
            running.flow_context.set("on", True)
            running.flow_context.set("deep", {"x": "X"})
            running.global_context.set("g", "G")
            await flow.send("t", {"payload": {"name": "Ann", "list": [1, 2]}, "topic": "<t>", "env": "mine"})
            assert (await flow.output("out"))["payload"] == result

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (
                "{{ payload.__class__.__mro__ }}",
                "SecurityError: access to attribute '__class__' of 'dict' object is unsafe.",
            ),
            ("{{ payload.clear() }}", "SecurityError: "),
            ("{{ flow._get('a') }}", "SecurityError: "),
            ("{{ missing.at.all }}", "UndefinedError: 'missing' is undefined"),
            ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ],
    )
    async def test_what_is_not_allowed_or_fails_is_an_error_of_the_message(self, text, reason):
        async with flow_of([template(text, syntax="jinja2")]) as flow:
            await flow.send("t", {"payload": {"a": 1}})
            assert (await flow.error()).text.startswith(reason)
            assert flow.sent("t") == []

    async def test_a_wrong_template_is_told_with_its_line(self):
        async with flow_of([template("a\n{% if %}", syntax="jinja2")]) as flow:
            assert (await flow.status("t"))["text"].endswith("(line 2)")

    async def test_the_template_of_the_message_is_rendered_too(self):
        assert await rendered("", {"template": "{{ 1 + 1 }}"}, syntax="jinja2") == "2"


class TestJson:
    async def test_line_ends_tabs_and_backslashes_are_escaped(self):
        text = "line\t1\nline\\2\r\nline\b3\f"
        assert await rendered('{"data":"{{payload}}"}', {"payload": text}, output="json") == {"data": text}

    async def test_texts_of_contexts_are_not(self):
        async with flow_of([template("[{{{flow.fragment}}}]", output="json")]) as flow:
            flow.node("t").flow_context.set("fragment", '{\n"a": "\\n"}')
            await flow.send("t", {})
            assert (await flow.output("out"))["payload"] == [{"a": "\n"}]

    async def test_what_is_no_json_is_an_error_of_the_message(self):
        async with flow_of([template('{"a": "{{{payload}}}"}', output="json")]) as flow:
            await flow.send("t", {"payload": 'a "quote"'})
            assert (await flow.error()).text.startswith('invalid JSON \'{"a": ')
            assert flow.sent("t") == []


class TestYaml:
    async def test_the_text_is_read_as_yaml(self):
        assert await rendered("a: {{payload}}\nb: [1, x]", {"payload": "v"}, output="yaml") == {"a": "v", "b": [1, "x"]}

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("[yes, no, on, 017, 0o17, 1.5, ~, true]", ["yes", "no", "on", 17, 15, 1.5, None, True]),
            ("2: a\ntrue: b\nnull: c\n1.5: d", {"2": "a", "true": "b", "null": "c", "1.5": "d"}),
            ("2020-01-02", datetime(2020, 1, 2, tzinfo=UTC)),
            ("2020-01-02T12:00:00+02:00", datetime(2020, 1, 2, 10, tzinfo=UTC)),
            ("2020-01-02 10:00:00", datetime(2020, 1, 2, 10, tzinfo=UTC)),
            ("!!binary aGVsbG8=", b"hello"),
            ("x: &x {a: 1}\ny: {<<: *x, b: 2}", {"x": {"a": 1}, "y": {"a": 1, "b": 2}}),
            ("- &a 1\n- *a\n- &a 2\n- *a", [1, 1, 2, 2]),
            ("", None),
        ],
    )
    def test_values_are_those_of_messages(self, text, value):
        assert parse_yaml(text) == value

    def test_what_is_referred_to_twice_is_one_object(self):
        found = parse_yaml("a: &list [1]\nb: *list\nc: &self [*self]")
        assert found["a"] is found["b"]
        assert found["c"][0] is found["c"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("a: 1\nb: [", "expected the node content, but found '<stream end>' in line 2"),
            ("a: 1\na: 2", 'found duplicate key "a"'),
            ("a: 1\n---\nb: 2", "but found another document in line 2"),
            ("a: !!python/object:os.system x", "could not determine a constructor"),
            ("\x01", "unacceptable character"),
            ("!!int", "string index out of range"),
            ("[" * 5000, "recursion"),
        ],
    )
    def test_what_is_no_yaml_is_told(self, text, reason):
        with pytest.raises(ValueEvaluationError) as told:
            parse_yaml(text)
        assert str(told.value).startswith("invalid YAML: ")
        assert reason in str(told.value)

    @given(st.one_of(st.text(), st.text(alphabet="ab1:-.,[]{}&*!|>?#%@'\" \n\t~<")))
    def test_any_text_is_read_or_refused_by_one_error(self, text):
        with suppress(ValueEvaluationError):
            parse_yaml(text)
