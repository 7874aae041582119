"""Passing parts of a message must never be told from passing all of it."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.message import clone
from busway.engine.script import compilation
from busway.engine.script.access import analyse
from busway.engine.script.function import JavaScriptFunction
from busway.engine.script.javascript import JavaScript
from busway.engine.script.source import Source
from tests.engine.script.hosting import Host

CONTEXTS = Contexts()
ENGINE = JavaScript(CONTEXTS, time_limit=2.0)
NAMES = ("a", "b", "c")
LITERALS = ("1", "'x'", "null", "undefined", "true", "{}", "[]", "{a: {b: 1}}", "[{a: 1}, 2]")
STEPS = (".a", ".b", ".c", "?.a", "['b']", "[0]", "?.[0]", ".length")
EXPRESSIONS = (
    *("({x} || {y})", "({x} && {y})", "({x} ?? {y})", "({x} ? {y} : {x})", "({x} === {y})", "typeof {x}", "!{x}"),
    *("[{x}, {y}]", "({{a: {x}, b: {y}}})", "({{...{x}, c: {y}}})", "({x} + {y})", "`${{typeof {x}}}`"),
    *("Object.keys({x} || {{}}).join()", "JSON.stringify({x})", "[].concat({x}).map(e => e)", "('a' in Object({x}))"),
)
STATEMENTS = (
    *("{to} = {x};", "{to} = {x};", "{to} += 1;", "delete {to};", "const {new} = {x};", "let {new} = {place} || {{}};"),
    "const {{a: {new}}} = {x} || {{}};",
    "[].concat({x}).forEach(e => {{ if (e) e.c = 1; }});",
    "if (Array.isArray({place})) {place}.push(7);",
    "for (const e of [].concat({place})) if (e && typeof e === 'object') e.b = 2;",
    "const {new} = {{k: {x}}}; if ({new}.k) {new}.k.a = 3;",
    "function f{new}(x) {{ if (x && typeof x === 'object') x.b = 4; return x; }} const {new} = f{new}({x});",
    "flow.set('k', {x}); if (flow.get('k')) flow.get('k').c = 5;",
    "try {{ {to}.a.b = 6; }} catch (e) {{ msg.topic = 'caught'; }}",
    "const {new} = {place}; {new} && ({new}.a = {x});",
    "switch ({place}) {{ case 'x': {to} = 1; break; case 5: {to} = {x}; }}",
    "for (const k in Object({place})) if (k === 'a') {to} = k;",
    "Object.assign(Object({place}), {{c: {x}}});",
    "for (const e of Object.values(Object({place}))) if (e && e.b) e.b = {x};",
    "[].concat({place}).sort(() => 0).map(e => e && e.a).forEach(e => {{ if (e) e.b = 8; }});",
    "const {new} = [].concat({place}).find(e => e && e.a); if ({new}) {new}.a = {x};",
    "const {new} = [].concat({place}).reduce((sum, e) => e || sum, {x}); if ({new} && {new}.a) {new}.a.b = 1;",
    "(() => {{ {to} = {x}; }})();",
    "const {new} = () => {place}; const r{new} = {new}(); if (r{new} && r{new}.a) r{new}.a.b = 5;",
    "const m{new} = msg; m{new}.payload = {x}; const {new} = m{new}.topic;",
    "const [{new}] = [].concat({x}); if ({new} && typeof {new} === 'object') {new}.b = {place};",
    "const {{payload: {new}, topic: t{new} = {x}}} = msg; if ({new} && {new}.a) {new}.a = t{new};",
    "let {new}; {new} = {place}; if ({new} && typeof {new} === 'object') {new}.c = 4;",
    "var {new} = {x}; var {new} = {new} || {place}; if ({new} && {new}.a) {new}.a.c = 4;",
    "const {new} = Object.assign({{}}, {place}); if ({new}.a) {new}.a.b = {x};",
    "const {new} = structuredClone({place}); if ({new} && {new}.a) {new}.a = {x};",
    "if (Array.isArray({place})) {{ const {new} = {place}.pop(); if ({new}) {new}.a = 1; }}",
    "do {{ {to} = {x}; }} while (false);",
    "class C{new} {{ constructor(x) {{ if (x && typeof x === 'object') x.b = 1; }} }} new C{new}({x});",
    "[{to}] = [{x}]; ({{a: {to}}} = {{a: {x}}});",
    "{to} ||= {x}; {to} ??= {x};",
    "if ({x}) {{ {block} }}",
)
ENDS = (
    "return msg;",
    "return [null, msg];",
    "return {payload: msg.payload, topic: msg.a};",
    "node.send(msg); return msg;",
    "node.send([msg, {x: msg.topic}]); msg.topic = 9; return [[msg, {y: 1}]];",
    "return [{p: msg.payload}, msg];",
)


class Author:
    """Writes function bodies at random."""

    def __init__(self, random):
        self.random, self.count = random, 0

    def body(self):
        return self.block([], 2) + " " + self.random.choice(ENDS)

    def place(self, variables):
        roots = ["msg.payload", "msg.payload", "msg.topic", "msg.a", *variables]
        return self.random.choice(roots) + "".join(self.random.choices(STEPS, k=self.random.randint(0, 2)))

    def expression(self, variables, depth=2):
        if depth == 0 or self.random.random() < 0.4:
            literal = self.random.random() < 0.3
            return f"({self.random.choice(LITERALS)})" if literal else self.place(variables)
        x, y = self.expression(variables, depth - 1), self.expression(variables, depth - 1)
        return self.random.choice(EXPRESSIONS).format(x=x, y=y)

    def block(self, variables, depth):
        """Statements; the variables they declare are known to those that follow."""
        known, lines = list(variables), []
        for _ in range(self.random.randint(1, 4)):
            self.count += 1
            form, fresh, place = (
                self.random.choice(STATEMENTS[: None if depth else -1]),
                f"v{self.count}",
                self.place(known),
            )
            parts = {
                "new": fresh,
                "place": place,
                "to": place.replace("?.[", "[").replace("?.", "."),
                "x": self.expression(known),
            }
            lines.append(form.format(**parts, block=self.block(known, depth - 1) if "{block}" in form else ""))
            known += [fresh] if "{new} =" in form or "{new}}} =" in form else []
        return " ".join(lines)


VALUES = st.recursive(
    st.sampled_from([None, True, 0, 5, "x", "", [], {}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.dictionaries(st.sampled_from(["payload", "topic", "a", "other"]), VALUES, max_size=4)


def outcome(body, msg, whole):
    """All that can be seen of a run: result, message, what was sent, the error."""
    for scope in list(CONTEXTS.flow("tab").keys()):
        CONTEXTS.flow("tab").set(scope, None)
    host = Host(CONTEXTS)
    host.watched = True
    access = replace(analyse(body), transfer=None) if whole else analyse(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "analyse", lambda source: access if source == body else analyse(source))
        function = JavaScriptFunction(ENGINE, host, Source(body))
    message = {"_msgid": "m", **clone(msg)}
    try:
        out, error = function.handle(message), None
    except Exception as raised:
        out, error = None, str(raised)
    ENGINE.remove(function)
    if isinstance(out, tuple):
        out = [None] * out[0] + [out[1]]
    shown = ["MSG" if one is message else one for one in (out if isinstance(out, list) else [out])]
    return canonical([shown, message, error, host.told])


def canonical(value, around=()):
    """A value as text, whatever the order of its keys."""
    if id(value) in around:
        return "..."
    inner = (*around, id(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {canonical(value[key], inner)}" for key in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(canonical(item, inner) for item in value) + "]"
    return repr(value)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32).map(lambda seed: Author(Random(seed)).body()), MESSAGES)
@example("const p = msg.payload; p.a = 1; return msg;", {"payload": {"a": {"b": 2}}})
@example("msg.payload = {m: msg.a}; msg.payload.m.b = 1; return msg;", {"a": {}})
@example("function f() { return p.a; } const p = msg.payload; msg.topic = f(); return msg;", {"payload": {"a": 5}})
@example("const {a, ...rest} = msg.payload; rest.b.c = 1; return msg;", {"payload": {"a": 5, "b": {}}})
@example("msg.payload.a.b = 1; msg.payload.a = 2; return msg;", {"payload": {"a": {}}})
@example("const x = [msg.payload]; x[0].a = 1; return msg;", {"payload": {}})
@example("for (const k in msg.payload) msg.payload[k] = 0; return msg;", {"payload": {"a": 5, "b": {}}})
def test_a_body_does_the_same_with_the_parts_it_can_touch_as_with_the_whole_message(body, msg):
    assert outcome(body, msg, whole=False) == outcome(body, msg, whole=True)
