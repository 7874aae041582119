"""The Mustache language as Node-RED's users know it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.message import UNDEFINED
from busway.nodes.function.mustache import TemplateError, compile_template

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
    ],
)
def test_it_renders(source, expected):
    assert render(source) == expected


@pytest.mark.parametrize("source", ["{{open", "{{#a}}x", "{{/a}}", "{{#a}}{{/b}}", "{{=x=}}", "{{{a}}"])
def test_what_does_not_parse_is_told(source):
    with pytest.raises(TemplateError):
        render(source)


def test_names_that_the_message_lacks_are_looked_up_outside():
    assert render("{{flow.x}}", lookup=lambda name, msg: {"flow.x": "<1>"}.get(name, UNDEFINED)) == "&lt;1&gt;"


def test_the_filter_sees_text_values_before_they_are_escaped():
    assert render("{{{payload.name}}}", filter=str.upper) == "ANN"


@given(st.text())
def test_any_text_renders_or_is_refused_by_name(source):
    try:
        assert isinstance(render(source), str)
    except TemplateError as error:
        assert str(error)


@given(st.text(alphabet=st.characters(exclude_characters="{")))
def test_text_without_tags_stays_as_it_is(source):
    assert render(source) == source
