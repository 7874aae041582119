"""Mustache templates, compiled to closures.

The language is that of the Mustache specification without partials and lambdas: variables, sections, inverted
sections, dotted names, comments, set delimiters. Escaping and the treatment of values are JavaScript's, as Node-RED's
users know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .coercion import to_string, truthy
from .message import UNDEFINED, Keys, read
from .mustache_inline import inline
from .node import NodeError

Lookup = Callable[[str, Any], Any]
"""Finds a name outside of the sections: called with the name and the message; UNDEFINED when there is none."""
Stack = tuple[Any, ...]
Find = Callable[[Any, Stack], Any]
Part = Callable[[Any, Stack], str]
Template = Callable[[Any], str]


class TemplateError(NodeError):
    """A template does not parse; says which tag, and where."""


class Token(NamedTuple):
    """A piece of a template: ``kind`` is text, or the mark of the tag (``&`` for unescaped, "" for a plain name)."""

    kind: str
    text: str
    at: int


_UNSAFE = re.compile("[&<>\"'/`=]")
_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
    "/": "&#x2F;",
    "`": "&#x60;",
    "=": "&#x3D;",
}
_MARK = re.compile(r"\s*([{&#^/!>=])")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def compile_template(source: str, lookup: Lookup, filter: Callable[[str], str] | None = None) -> Template:
    """The function that renders ``source`` for a message.

    Names are looked up in the sections around them, innermost first, then by ``lookup``. ``filter`` is applied to each
    text that a name finds in the message, before escaping (Node-RED's JSON mode). Raises TemplateError.
    """
    tokens, make = _tokens(source), _Compiler(lookup, filter)
    if filter is None and _is_flat(tokens):
        return inline([_flat_part(token, make) for token in tokens if token.kind or token.text])
    parts, _end = _parse(tokens, 0, None, make)
    render = _join(parts)
    return lambda msg: render(msg, ())


def _is_flat(tokens: list[Token]) -> bool:
    """Whether there are variables, named by keys of objects, and nothing but text beside them."""
    kinds = {token.kind for token in tokens}
    names = [token.text for token in tokens if token.kind in ("", "&")]
    plain = all(all(part and not part.isdecimal() and part != "length" for part in name.split(".")) for name in names)
    return kinds <= {"text", "", "&"} and bool(names) and plain


def _flat_part(token: Token, make: _Compiler) -> str | tuple[tuple[str, ...], bool, Callable[[Any], str]]:
    if token.kind == "text":
        return token.text
    part = make.variable(token.text, escaped=not token.kind, inside=False)
    return tuple(token.text.split(".")), not token.kind, lambda msg: part(msg, ())


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
    mark = _MARK.match(source, start + len(opening))
    kind = mark[1] if mark is not None else ""
    ending = {"{": "}" + closing, "=": "=" + closing}.get(kind, closing)
    at = mark.end() if mark is not None else start + len(opening)
    end = source.find(ending, at)
    if end < 0:
        raise TemplateError(f"Unclosed tag at {start}: {source[start : start + 20]!r} needs {ending!r}")
    return kind.replace("{", "&"), source[at:end].strip(), end + len(ending)


def _delimiters(text: str, at: int) -> tuple[str, str]:
    parts = text.split()
    if len(parts) != 2:
        raise TemplateError(f"Invalid tags at {at}: {text!r} has to be two delimiters with a blank between them")
    return parts[0], parts[1]


def _stand_alone(tokens: list[Token]) -> list[Token]:
    """Takes the blanks and the line end away where nothing but sections, comments and delimiters stand on a line."""
    kept: list[Token] = []
    line: list[Token] = []
    for token in tokens:
        pieces = [token] if token.kind != "text" else [Token("text", text, 0) for text in _LINE.findall(token.text)]
        for piece in pieces:
            line.append(piece)
            if piece.kind == "text" and piece.text.endswith("\n"):
                kept += _without_blanks(line)
                line = []
    return kept + _without_blanks(line)


def _without_blanks(line: list[Token]) -> list[Token]:
    tags = [token for token in line if token.kind != "text"]
    shows = any(tag.kind in ("", "&") for tag in tags)
    has_text = any(token.kind == "text" and token.text.strip() for token in line)
    return line if shows or has_text or not tags else tags


# -- parts ----------------------------------------------------------------------------------------------------------
class _Compiler:
    """Makes the closures of one template."""

    def __init__(self, lookup: Lookup, filter: Callable[[str], str] | None) -> None:
        self.lookup, self.filter = lookup, filter

    def find(self, name: str, inside: bool) -> Find:
        """How the value of ``name`` is found; ``inside`` says whether a section is around it."""
        if name == ".":
            return lambda msg, stack: stack[-1] if stack else msg
        keys, lookup, filter = tuple(name.split(".")), self.lookup, self.filter
        if not inside and filter is None:
            return _find_in_message(name, keys, lookup)

        def find(msg: Any, stack: Stack) -> Any:
            for around in (*reversed(stack), msg):
                value = walk(around, keys)
                if value is not UNDEFINED:
                    return filter(value) if filter is not None and type(value) is str else value
            return lookup(name, msg)

        return find

    def variable(self, name: str, escaped: bool, inside: bool) -> Part:
        """A name's value as text."""
        find, is_unsafe = self.find(name, inside), _UNSAFE.search

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            if type(value) is str:
                text = value
            elif type(value) is int:
                return str(value)
            elif value is None or value is UNDEFINED:
                return ""
            else:
                text = to_string(value)
            if escaped and not text.isalnum() and is_unsafe(text):
                return _UNSAFE.sub(_entity, text)
            return text

        return part

    def section(self, name: str, body: Part, inside: bool) -> Part:
        """What is rendered for each item of a list, or once for a value that is there."""
        find = self.find(name, inside)

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            if isinstance(value, list):
                return "".join([body(msg, (*stack, item)) for item in value])
            if not truthy(value):
                return ""
            return body(msg, (*stack, value) if not isinstance(value, bool) else stack)

        return part

    def inverted(self, name: str, body: Part, inside: bool) -> Part:
        """What is rendered when a value is missing, false or an empty list."""
        find = self.find(name, inside)

        def part(msg: Any, stack: Stack) -> str:
            value = find(msg, stack)
            return body(msg, stack) if value == [] or not truthy(value) else ""

        return part


def _find_in_message(name: str, keys: tuple[str, ...], lookup: Lookup) -> Find:
    first, second = keys[0], keys[-1]

    def find(msg: Any, stack: Stack) -> Any:
        value = walk(msg, keys)
        return lookup(name, msg) if value is UNDEFINED else value

    def find_member(msg: Any, stack: Stack) -> Any:
        parent = msg.get(first)
        value = parent.get(second, UNDEFINED) if type(parent) is dict else read(parent, second)
        return lookup(name, msg) if value is UNDEFINED else value

    return find_member if len(keys) == 2 else find


def walk(value: Any, keys: Keys) -> Any:
    """The value below ``value`` along ``keys``; UNDEFINED where the way ends."""
    for key in keys:
        value = value.get(key, UNDEFINED) if type(value) is dict else read(value, key)
        if value is UNDEFINED:
            return UNDEFINED
    return value


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
            parts.append(make.variable(text, not kind, open is not None))
        elif kind in ("#", "^"):
            body, at = _parse(tokens, at, tokens[at - 1], make)
            parts.append((make.section if kind == "#" else make.inverted)(text, _join(body), open is not None))
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
    calls = [part for part in parts if not isinstance(part, str)]
    if not calls:
        text = "".join([part for part in parts if isinstance(part, str)])
        return lambda msg, stack: text
    pattern = "".join([part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts])
    if pattern == "%s":
        return calls[0]
    return lambda msg, stack: pattern % tuple([call(msg, stack) for call in calls])
