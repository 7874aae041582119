"""The Mustache language as Node-RED's users know it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.message import UNDEFINED
from busway.engine.mustache import TemplateError, compile_template

MESSAGE = {
    "payload": {
        "name": "Ann",
        "n": 5.0,
        "half": 0.5,
        "yes": True,
        "no": False,
        "null": None,
        "list": [1, 2],
        "people": [{"name": "A"}, {"name": "B"}],
    },
    "topic": "<b>'x'/`=&",
}


def render(source, msg=MESSAGE, lookup=lambda name, msg: UNDEFINED, filter=None):
    return compile_template(source, lookup, filter)(msg)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("Hello {{payload.name}}!", "Hello Ann!"),
        ("{{ payload.name }}", "Ann"),
        ("{{payload.n}} {{payload.half}}", "5 0.5"),
        ("{{payload.yes}} {{payload.no}}", "true false"),
        ("[{{payload.null}}{{payload.missing}}{{payload.name.deeper}}]", "[]"),
        ("{{payload}}", "[object Object]"),
        ("{{payload.list}}", "1,2"),
        ("{{payload.list.1}} {{payload.list.length}}", "2 2"),
        ("{{topic}}", "&lt;b&gt;&#39;x&#39;&#x2F;&#x60;&#x3D;&amp;"),
        ("{{{topic}}} {{&topic}} {{& topic}}", "<b>'x'/`=& <b>'x'/`=& <b>'x'/`=&"),
        ("a{{! a comment }}b", "ab"),
        ("{{#payload.yes}}on{{/payload.yes}}{{^payload.yes}}off{{/payload.yes}}", "on"),
        ("{{#payload.no}}on{{/payload.no}}{{^payload.no}}off{{/payload.no}}", "off"),
        ("{{^payload.missing}}none{{/payload.missing}}", "none"),
        ("{{#payload.list}}<{{.}}>{{/payload.list}}", "<1><2>"),
        ("{{#payload.people}}{{name}} {{/payload.people}}", "A B "),
        ("{{#payload}}{{name}} {{topic}}{{/payload}}", "Ann &lt;b&gt;&#39;x&#39;&#x2F;&#x60;&#x3D;&amp;"),
        ("{{=<% %>=}}<% payload.name %> {{payload.name}}", "Ann {{payload.name}}"),
        ("| {{#payload.yes}}x{{/payload.yes}} |", "| x |"),
        ("a\n{{#payload.yes}}\nb\n{{/payload.yes}}\nc\n", "a\nb\nc\n"),
        ("a\n  {{! alone }}\nb", "a\nb"),
        ("a {{! not alone }}\nb", "a \nb"),
        ("{{#payload.list}}\n- {{.}}\n{{/payload.list}}\n", "- 1\n- 2\n"),
        ("a\n {{#payload.yes}}{{#topic}} \nb\n{{/topic}} {{/payload.yes}} \nc", "a\nb\nc"),
        ("{{#payload.yes}}\r\nb\r\n{{/payload.yes}}\r\nc", "b\r\nc"),
        ("  {{! over\n lines }}  \nx", "x"),
        ("  {{=<% %>=}}\n<% payload.name %>\n", "Ann\n"),
        ("a\n{{payload.missing}}\nb", "a\n\nb"),
        ("{{ & topic }}{{# payload.yes }}on{{/ payload.yes }}", "<b>'x'/`=&on"),
        ("{{#payload}}{{#people}}{{name}}{{n}} {{/people}}{{/payload}}", "A5 B5 "),
        ("{{#payload.people}}{{payload.name}} {{/payload.people}}", "Ann Ann "),
        ("{{payload.people.1.name}} {{payload.name.length}} {{payload.name.0}}", "B 3 A"),
        ("{{#payload.n}}{{.}}{{/payload.n}} {{#payload.name}}{{.}}{{/payload.name}}", "5 Ann"),
        ("a{{>part}}b{{}}c", "abc"),
        ("100% {{payload.name}} %s %%", "100% Ann %s %%"),
    ],
)
def test_it_renders(source, expected):
    assert render(source) == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{open", "Unclosed tag at 0: '{{open' needs '}}'"),
        ("a{{{b}}", "Unclosed tag at 1: '{{{b}}' needs '}}}'"),
        ("{{#a}}x", 'Unclosed section "a" at 0'),
        ("{{/a}}", 'Unopened section "a"'),
        ("{{#a}}{{/b}}", 'Unclosed section "a" at 0: {{/b}} closes another one'),
        ("{{=x=}}", "Invalid tags at 0: 'x' has to be two delimiters with a blank between them"),
    ],
)
def test_what_does_not_parse_is_told(source, reason):
    with pytest.raises(TemplateError) as told:
        render(source)
    assert str(told.value) == reason


def test_names_that_the_message_lacks_are_looked_up_outside():
    assert render("{{flow.x}}", lookup=lambda name, msg: {"flow.x": "<1>"}.get(name, UNDEFINED)) == "&lt;1&gt;"


def test_the_filter_sees_texts_of_the_message_before_they_are_escaped():
    msg = {"a": {"b": "x&"}, "list": ["x"], "five": 5}
    found = render("{{a.b}} {{#a}}{{b}}{{/a}} {{#a.b}}{{.}}{{/a.b}} {{five}}", msg, filter=str.upper)
    assert found == "X&amp; X&amp; X&amp; 5"


def test_the_filter_leaves_items_and_what_is_found_outside():
    found = render("{{#list}}{{.}}{{/list}} {{flow.x}}", {"list": ["x"]}, lambda name, msg: "y", str.upper)
    assert found == "x y"


@given(st.one_of(st.text(), st.lists(st.sampled_from([*"{}#^/&!>=. ab\n", "{{", "}}"])).map("".join)))
def test_any_text_renders_or_is_refused_by_one_error(source):
    with suppress(TemplateError):
        assert isinstance(render(source), str)


@given(st.text(alphabet=st.characters(exclude_characters="{")))
def test_text_without_tags_stays_as_it_is(source):
    assert render(source) == source


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "length"]), inner),
    max_leaves=6,
)


@given(VALUES, st.sampled_from(["{{a}}", "{{{a}}}", "{{a.b}}", "x{y}'\"\\\n{{&a.b.a}} {{b}}"]))
def test_templates_of_variables_only_read_as_those_with_other_tags(value, source):
    msg = {"a": value, "b": "<"}
    assert render(source, msg) == render(source + "{{! a comment keeps it from being inlined }}", msg)
