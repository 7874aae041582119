"""The template node: a text with the values of a message in it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, Any, Literal

from busway.engine.coercion import to_string, type_name
from busway.engine.errors import BuswayError, ValueEvaluationError
from busway.engine.fields import Choices, Code, Hidden, TypedValue
from busway.engine.message import UNDEFINED, Getter, Message, Setter
from busway.engine.mustache import TemplateError, compile_template
from busway.engine.node import Config, Field, Node, NodeError
from busway.engine.values import compile_target, compile_value, parse_json

CACHED = 256
"""How many templates of messages, and names of contexts, a node keeps compiled."""

Render = Callable[[Message], str]
Parse = Callable[[str], Any]

_CONTEXT_NAME = re.compile(r"(flow|global)(?:\[(\w+)\])?\.(.+)", re.DOTALL)
_JSON_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\f": r"\f", "\b": r"\b"})


PLACES = Choices(msg="Message", flow="Flow context", **{"global": "Global context"})
SYNTAXES = Choices(mustache="Mustache", plain="Plain text", jinja2="Jinja2")
OUTPUTS = Choices(str="Text", json="What the text says as JSON", yaml="What the text says as YAML")


class TemplateConfig(Config):
    field: Annotated[str, TypedValue("fieldType", "msg", "flow", "global")] = Field(
        "payload", title="Property", description="Where the result goes; empty is the payload."
    )
    fieldType: Annotated[Literal["msg", "flow", "global"], PLACES] = Field(
        "msg", title="Property of", description="The message, the flow context or the global context."
    )
    format: Annotated[str, Hidden()] = Field(
        "handlebars", title="Highlighting", description="The language that the editor highlights."
    )
    syntax: Annotated[Literal["mustache", "plain", "jinja2"], SYNTAXES] = Field(
        "mustache", title="Syntax", description="The language of the template; `plain` is a text without any."
    )
    template: Annotated[str, Code("mustache", "syntax")] = Field(
        "This is the payload: {{payload}} !",
        title="Template",
        description="The text; if it is empty, `msg.template` is the template.",
    )
    output: Annotated[Literal["str", "json", "yaml"], OUTPUTS] = Field(
        "str", title="Output as", description="The text itself, or what it says when it is read as JSON or YAML."
    )


class Template(Node[TemplateConfig]):
    """Sets a property to a text made from a template and the values of the message.

    ### Input

    - `template`: the template, where the node has none of its own.

    ### Mustache

    `{{payload.name}}` is a value with `& < > " ' / = ` and the backtick escaped for HTML, `{{{payload.name}}}` one as
    it is. `{{#payload.list}}...{{/payload.list}}` is repeated for each item of a list, where `{{.}}` is the item and
    names mean its members first, or shown once if the value is neither missing, empty, false nor 0;
    `{{^payload.list}}...{{/payload.list}}` is shown if it is. `{{! }}` is a comment.

    Names that the message does not have are looked up further out: `{{flow.name}}` and `{{global.name}}` in the
    contexts, `{{flow[store].name}}` in a store of them, `{{env.NAME}}` in the environment. What is found nowhere is
    empty.

    ### Jinja2

    The language of [Jinja](https://jinja.palletsprojects.com/templates/), in its sandbox. The properties of the message
    are names, also `msg` itself, `flow`, `global_` and `env`: `{% for item in payload %}{{ item.name }}{% endfor %}`,
    `{{ flow.count + 1 }}`. Nothing is escaped; the filters `e` (HTML) and `tojson` do that.

    ### Details

    With *JSON* as output, line ends, tabs and backslashes in texts of the message are escaped in Mustache templates, so
    that `{"name": "{{{payload}}}"}` can be read; quotes are not. What cannot be read as JSON or YAML is an error. A
    template that is wrong is an error of each message, and a status from the start.
    """

    type = "template"
    category = "function"
    color = "#F3B567"
    icon = "template.svg"

    def start(self) -> None:
        config = self.config
        self._is_wrong = False
        self._getter = lru_cache(maxsize=CACHED)(self._compile_name)
        self._compile = lru_cache(maxsize=CACHED)(self._compiler())
        render = self._render_own(config.template) if config.template else self._render_given
        path = config.field or "payload"
        put = compile_target(path, config.fieldType, self)
        parse = {"json": parse_json, "yaml": parse_yaml}.get(config.output)
        self.on_message = self._handler(render, parse, put)  # type: ignore[method-assign, assignment]

    def _handler(self, render: Render, parse: Parse | None, put: Setter) -> Callable[[Message], Message]:
        def handle(msg: Message) -> Message:
            text = render(msg)
            if not put(msg, text if parse is None else parse(text)):
                self.warn(f"Cannot set property of non-object type: {self.config.field}")
            return msg

        return handle

    def stop(self) -> None:
        if self._is_wrong:
            self.status()

    # -- templates --------------------------------------------------------------------------------------------------
    def _render_own(self, template: str) -> Render:
        """What renders the node's template; a wrong one is shown now, and an error of each message."""
        try:
            return self._compile(template)
        except BuswayError as error:
            self._is_wrong = True
            self.status(str(error), "red", "ring")
            return _failing(error)

    def _render_given(self, msg: Message) -> str:
        """Renders the template that the message brings."""
        template = msg.get("template", "")
        if type(template) is not str:
            raise NodeError(f"msg.template has to be a text, but is of type {type_name(template)}")
        return self._compile(template)(msg)

    def _compiler(self) -> Callable[[str], Render]:
        if self.config.syntax == "plain":
            return lambda template: lambda msg: template
        if self.config.syntax == "jinja2":
            return self._jinja()
        escape = _escaped_for_json if self.config.output == "json" else None
        return lambda template: compile_template(template, self._look_up, escape)

    def _jinja(self) -> Callable[[str], Render]:
        from jinja2 import TemplateSyntaxError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        jinja = ImmutableSandboxedEnvironment(keep_trailing_newline=True)
        flow, global_, env = self.flow_context.get, self.global_context.get, self.env.get
        names = {"flow": _Members(flow), "global_": _Members(global_), "env": _Members(env)}

        def compile(template: str) -> Render:
            try:
                render = jinja.from_string(template).render
            except TemplateSyntaxError as error:
                raise TemplateError(f"{error.message} (line {error.lineno})") from None
            return lambda msg: render({**msg, **names, "msg": msg})

        return compile

    # -- names ------------------------------------------------------------------------------------------------------
    def _look_up(self, name: str, msg: Message) -> Any:
        return self._getter(name)(msg)

    def _compile_name(self, name: str) -> Getter:
        """How a name that the message does not have is found: in a context, in the environment, or not at all."""
        found = _CONTEXT_NAME.fullmatch(name)
        if found is not None:
            scope, store, key = found.groups()
            return compile_value(key if store is None else f"#:({store})::{key}", scope, self)
        if name.startswith("env."):
            variable = name.removeprefix("env.")
            return lambda msg: self.env.get(variable)
        return lambda msg: UNDEFINED


class _Members:
    """A context or the environment as a Jinja template sees it: ``flow.name``, ``flow["a.b"]``."""

    __slots__ = ("_get",)

    def __init__(self, get: Callable[[str], Any]) -> None:
        self._get = get

    def __getitem__(self, name: str) -> Any:
        value = self._get(name)
        if value is UNDEFINED:
            raise KeyError(name)
        return value

    def __contains__(self, name: str) -> bool:
        return self._get(name) is not UNDEFINED


def _failing(error: BuswayError) -> Render:
    def fail(msg: Message) -> str:
        raise error

    return fail


def _escaped_for_json(text: str) -> str:
    return text.translate(_JSON_ESCAPES)


# -- YAML -----------------------------------------------------------------------------------------------------------
def parse_yaml(text: str) -> Any:
    """The value of a YAML 1.2 document: keys are texts, dates are datetimes. Raises ValueEvaluationError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            return _plain(YAML(typ="safe", pure=True).load(text), {})
    except MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise ValueEvaluationError(f"invalid YAML: {error.problem}{where}") from None
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise ValueEvaluationError(f"invalid YAML: {error}") from None


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """``value`` as messages hold it. What is referred to twice stays one object."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if not isinstance(value, (dict, list)):
        return value
    if id(value) in known:
        return known[id(value)]
    copy: Any = {} if isinstance(value, dict) else []
    known[id(value)] = copy
    if isinstance(value, dict):
        copy.update({to_string(key): _plain(item, known) for key, item in value.items()})
    else:
        copy.extend([_plain(item, known) for item in value])
    return copy
