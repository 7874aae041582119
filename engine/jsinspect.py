"""A value as text for people, written as Node.js' ``util.inspect`` writes it: ``{ a: 1, b: [ 'x' ] }``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .http.payload import iso, text_of
from .message import UNDEFINED

LINE = 80
"""Characters of a line, of which Node.js keeps ten and one for each entry."""
MOST_ITEMS = 100
MOST_CHARACTERS = 10_000
MOST_BYTES = 50
_LEVELS_ON_A_LINE = 3
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_ESCAPED = re.compile(r"[\x00-\x1f\\\x7f-\x9f]")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v", "\\": "\\\\"}


def inspect(value: Any, depth: int = 2) -> str:
    """The text of a value; what lies deeper than ``depth`` levels is only named."""
    return _Inspector(depth).text(value)[0]


class _Inspector:
    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._around: list[int] = []

    def text(self, value: Any) -> tuple[str, int]:
        """The text, and how many levels of containers are in it."""
        if isinstance(value, str):
            return _quoted(value), 0
        if isinstance(value, (bytes, bytearray, memoryview)):
            return _buffer(bytes(value)), 0
        if isinstance(value, (list, tuple, set, frozenset, Mapping)):
            return self._container(value)
        view = getattr(value, "script_view", None)
        return self._container(view()) if callable(view) else (_atom(value), 0)

    def _container(self, value: Any) -> tuple[str, int]:
        if id(value) in self._around:
            return "[Circular *1]", 0
        if not value and not isinstance(value, (set, frozenset)):
            return ("{}" if isinstance(value, Mapping) else "[]"), 0
        if len(self._around) > self._depth:
            return ("[Object]" if isinstance(value, Mapping) else "[Array]"), 0
        self._around.append(id(value))
        try:
            return self._laid_out(value)
        finally:
            self._around.pop()

    def _laid_out(self, value: Any) -> tuple[str, int]:
        inner = [self.text(item) for item, _ in zip(_items(value), range(MOST_ITEMS), strict=False)]
        texts = [text for text, _ in inner]
        if isinstance(value, Mapping):
            texts = [f"{_key(key)}: {text}" for key, text in zip(value, texts, strict=False)]
        if len(value) > MOST_ITEMS:
            left = len(value) - MOST_ITEMS
            texts.append(f"... {left} more item{'s' if left > 1 else ''}")
        levels = 1 + max((level for _, level in inner), default=0)
        return self._joined(texts, levels, *_brackets(value)), levels

    def _joined(self, texts: list[str], levels: int, opening: str, closing: str) -> str:
        margins = 2 * (len(self._around) - 1) + len(opening) + 2 * len(texts) + 10
        fits = sum(map(len, texts)) + margins <= LINE
        if fits and levels <= _LEVELS_ON_A_LINE and not any("\n" in text for text in texts):
            return f"{opening} {', '.join(texts)} {closing}" if texts else f"{opening}{closing}"
        margin = "\n" + "  " * len(self._around)
        return f"{opening}{margin}{f',{margin}'.join(texts)}{margin[:-2]}{closing}"


def _items(value: Any) -> Any:
    return value.values() if isinstance(value, Mapping) else value


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, (set, frozenset)):
        return f"Set({len(value)}) {{", "}"
    return ("{", "}") if isinstance(value, Mapping) else ("[", "]")


def _key(key: Any) -> str:
    text = str(key)
    return text if _IDENTIFIER.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        left = len(text) - MOST_CHARACTERS
        return f"{_quoted(text[:MOST_CHARACTERS])}... {left} more character{'s' if left > 1 else ''}"
    text = _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], f"\\x{ord(found[0]):02X}"), text)
    mark = next((mark for mark in "'\"`" if mark not in text), "'")
    return mark + (text.replace("'", "\\'") if mark == "'" else text) + mark


def _buffer(data: bytes) -> str:
    more = (
        f" ... {len(data) - MOST_BYTES} more byte{'s' if len(data) > MOST_BYTES + 1 else ''}"
        if len(data) > MOST_BYTES
        else ""
    )
    return f"<Buffer {data[:MOST_BYTES].hex(' ')}{more}>"


def _atom(value: Any) -> str:
    if isinstance(value, datetime):
        return iso(value)
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, BaseException):
        return f"[{type(value).__name__}: {value}]"
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    if value is None or isinstance(value, (bool, int, float)):
        return text_of(value)
    return f"[Function: {getattr(value, '__name__', '')}]" if callable(value) else f"[{type(value).__name__}]"
