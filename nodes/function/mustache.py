"""Mustache templates, compiled to closures: variables, sections, inverted sections, dotted names, comments, set delimiters.

The language is that of the Mustache specification without partials and lambdas; escaping and the treatment of values are
JavaScript's, as Node-RED users know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ...engine.coercion import to_string, truthy
from ...engine.errors import BuswayError
from ...engine.message import UNDEFINED

Lookup = Callable[[str, Any], Any]
"""Finds a name outside of the sections: called with the name and the message; UNDEFINED when there is none."""
Stack = tuple[Any, ...]
Part = Callable[[Any, Stack], str]
Template = Callable[[Any], str]


class TemplateError(BuswayError):
    """A template does not parse; says which tag, and where."""


class Token(NamedTuple):
    """A piece of a template: ``kind`` is text, or the mark of the tag (``&`` for unescaped, "" for a plain name)."""

    kind: str
    text: str
    at: int


_UNSAFE = re.compile("[&<>\"'/`=]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"}
_ALONE = re.compile(r"[ \t]*\Z")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")


def compile_template(source: str, lookup: Lookup, filter: Callable[[str], str] | None = None) -> Template:
    """The function that renders ``source`` for a message.

    Names are looked up in the sections around them, innermost first, then by ``lookup``. ``filter`` is applied to each text value
    before escaping (Node-RED's JSON mode). Raises TemplateError.
    """
    parts, _end = _parse(_tokens(source), 0, None, _Compiler(lookup, filter))
    render = _join(parts)
    return lambda msg: render(msg, ())


# -- tokens ---------------------------------------------------------------------------------------------------------
def _tokens(source: str) -> list[Token]:
    tokens: list[Token] = []
    opening, closing, at = "{{", "}}", 0
    while True:
        start = source.find(opening, at)
        if start < 0:
            tokens.append(Token("text", source[at:], at))
            return _stand_alone(tokens)
        tokens.append(Token("text", source[at:start], at))
        kind, text, at = _tag(source, start, opening, closing)
        if kind == "=":
            opening, closing = _delimiters(text, start)
        tokens.append(Token(kind, text, start))


def _tag(source: str, start: int, opening: str, closing: str) -> tuple[str, str, int]:
    """The tag that begins at ``start``: its mark, its text, and where the template goes on."""
    at = start + len(opening)
    mark = source[at : at + 1]
    ending = {"{": "}" + closing, "=": "=" + closing}.get(mark, closing)
    end = source.find(ending, at)
    if end < 0:
        raise TemplateError(f"Unclosed tag at {start}: {source[start : start + 20]!r} needs {ending!r}")
    if mark in "{&#^/!>=" and mark:
        kind = "&" if mark == "{" else mark
        return kind, source[at + 1 : end].strip(), end + len(ending)
    return "", source[at:end].strip(), end + len(ending)


def _delimiters(text: str, at: int) -> tuple[str, str]:
    parts = text.split()
    if len(parts) != 2:
        raise TemplateError(f"Invalid tags at {at}: {text!r} has to be two delimiters with a blank between them")
    return parts[0], parts[1]


def _stand_alone(tokens: list[Token]) -> list[Token]:
    """Takes the line away on which a section tag, comment or delimiter stands alone."""
    texts = [token.text for token in tokens]
    for index in range(1, len(tokens) - 1, 2):
        if tokens[index].kind in ("#", "^", "/", "!", "=", ">"):
            before, after = tokens[index - 1].text, tokens[index + 1].text
            blank = _ALONE.search(before)
            rest = _REST_OF_LINE.match(after)
            begins = blank is not None and (blank.start() == 0 and index == 1 or before[: blank.start()].endswith("\n"))
            ends = rest is not None and (rest.end() > 0 and after[: rest.end()].endswith("\n") or index == len(tokens) - 2)
            if blank is not None and rest is not None and begins and ends and (after or index == len(tokens) - 2):
                cut = len(before) - len(blank.group())
                texts[index - 1] = texts[index - 1][: len(texts[index - 1]) - (len(before) - cut)]
                texts[index + 1] = after[rest.end() :]
    return [token._replace(text=text) for token, text in zip(tokens, texts, strict=True)]


# -- parts ----------------------------------------------------------------------------------------------------------
class _Compiler:
    """Makes the closures of one template."""

    def __init__(self, lookup: Lookup, filter: Callable[[str], str] | None) -> None:
        self.lookup, self.filter = lookup, filter

    def find(self, name: str) -> Callable[[Any, Stack], Any]:
        """How the value of ``name`` is found."""
        lookup = self.lookup
        if name == ".":
            return lambda msg, stack: stack[-1] if stack else msg
        keys = tuple(name.split("."))

        def find(msg: Any, stack: Stack) -> Any:
            for around in reversed(stack):
                value = walk(around, keys)
                if value is not UNDEFINED:
                    return value
            value = walk(msg, keys)
            return lookup(name, msg) if value is UNDEFINED else value

        return find

    def variable(self, name: str, escaped: bool) -> Part:
        """A name's value as text."""
        find, filter = self.find(name), self.filter

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            if type(value) is str:
                text = filter(value) if filter is not None else value
            elif value is None or value is UNDEFINED:
                return ""
            else:
                text = str(value) if type(value) is int else to_string(value)
            return _UNSAFE.sub(_entity, text) if escaped and _UNSAFE.search(text) else text

        return part

    def section(self, name: str, body: Part) -> Part:
        """What is rendered for each item of a list, or once for a value that is there."""
        find = self.find(name)

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            if isinstance(value, list):
                return "".join([body(msg, (*stack, item)) for item in value])
            if not truthy(value):
                return ""
            return body(msg, (*stack, value) if not isinstance(value, bool) else stack)

        return part

    def inverted(self, name: str, body: Part) -> Part:
        """What is rendered when a value is missing, false or an empty list."""
        find = self.find(name)

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            return body(msg, stack) if value == [] or not truthy(value) else ""

        return part


def walk(value: Any, keys: tuple[str, ...]) -> Any:
    """The value below ``value`` along ``keys``; UNDEFINED where the way ends."""
    for key in keys:
        if type(value) is dict:
            value = value.get(key, UNDEFINED)
        elif isinstance(value, (list, str)):
            value = _element(value, key)
        elif value is None or isinstance(value, (int, float)):
            return UNDEFINED
        else:
            value = getattr(value, key, UNDEFINED) if not key.startswith("_") else UNDEFINED
        if value is UNDEFINED:
            return UNDEFINED
    return value


def _element(value: list[Any] | str, key: str) -> Any:
    if key == "length":
        return len(value)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return UNDEFINED


def _entity(found: re.Match[str]) -> str:
    return _ENTITIES[found.group()]


def _parse(tokens: list[Token], at: int, open: Token | None, make: _Compiler) -> tuple[list[str | Part], int]:
    """The parts from ``at`` to the end of the section ``open``, and where the template goes on after it."""
    parts: list[str | Part] = []
    while at < len(tokens):
        kind, text, _position = tokens[at]
        at += 1
        if kind == "text":
            parts.append(text)
        elif kind in ("", "&"):
            parts.append(make.variable(text, escaped=not kind))
        elif kind in ("#", "^"):
            body, at = _parse(tokens, at, tokens[at - 1], make)
            parts.append((make.section if kind == "#" else make.inverted)(text, _join(body)))
        elif kind == "/":
            if open is None or open.text != text:
                raise _unopened(open, text)
            return parts, at
    if open is not None:
        raise TemplateError(f'Unclosed section "{open.text}" at {open.at}')
    return parts, at


def _unopened(open: Token | None, text: str) -> TemplateError:
    if open is None:
        return TemplateError(f'Unopened section "{text}"')
    return TemplateError(f'Unclosed section "{open.text}" at {open.at}: {{{{/{text}}}}} closes another one')


def _join(parts: list[str | Part]) -> Part:
    """One function for a list of parts."""
    pieces = [part for part in parts if part != ""]
    if all(isinstance(piece, str) for piece in pieces):
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return lambda msg, stack: text
    calls = [(piece, None) if isinstance(piece, str) else ("", piece) for piece in pieces]
    return lambda msg, stack: "".join([text if call is None else call(msg, stack) for text, call in calls])
