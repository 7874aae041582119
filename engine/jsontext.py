"""JSON text as JavaScript writes it.

Two forms of the same value are needed. The *canonical* form is byte for byte what ``JSON.stringify(JSON.parse(text))``
gives: Node-RED hashes it to get the revision of a flow file. The *kept* form is what we store: the same spelling, but
nothing is lost that JavaScript would lose (integers beyond 2**53, the order of integer-like keys, numbers beyond the
double range).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import orjson

MAX_DEPTH = 200
"""Deepest nesting that is accepted; below the limits of every encoder and every recursive walk in the engine."""

_LARGEST_SAFE = 2**53
_LARGEST_INDEX = 2**32 - 2
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTAINERS, _NUMBERS = {dict, list}, {int, float}

NumberText = Callable[[float], str]
Items = Callable[[dict[str, Any]], Iterable[tuple[str, Any]]]


def js_number(number: float) -> str:
    """A number as ``JSON.stringify`` spells it: ``1.0 -> 1``, ``-0.0 -> 0``, ``1e21 -> 1e+21``, inf -> ``null``."""
    try:
        value = float(number)
    except OverflowError:
        return "null"
    if not math.isfinite(value):
        return "null"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """ECMAScript's Number::toString; the decimal point stands before index ``point`` of the significant ``digits``."""
    count = len(digits)
    if count <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{tail}e{point - 1:+d}"


def canonical(value: Any) -> bytes:
    """``value`` as compact ``JSON.stringify`` text in UTF-8 (lone surrogates escaped, other non-ASCII raw)."""
    fast = _fast(value, 0)
    if fast:
        return fast
    if isinstance(value, list):  # one odd number in a flow file makes one node slow, not all
        return b"[%b]" % b",".join(map(canonical, value))
    return _slow(value, _canonical_number, _js_order, None)


def kept(value: Any, pretty: bool = False) -> bytes:
    """``value`` as the text we store: compact, or with 4 blanks of indentation as Node-RED writes it."""
    fast = _fast(value, orjson.OPT_INDENT_2 if pretty else 0)
    if not fast:
        return _slow(value, _kept_number, dict.items, "    " if pretty else None)
    return _double_indentation(fast) if pretty else fast


def too_deep(value: Any) -> bool:
    """Whether lists and objects nest deeper than :data:`MAX_DEPTH` (also true for a structure that contains itself)."""
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [child for child in _children(level) if type(child) in _CONTAINERS]
        if not level:
            return False
    return True


def _children(level: list[Any]) -> Iterator[Any]:
    return chain.from_iterable(parent.values() if type(parent) is dict else parent for parent in level)


def _fast(value: Any, option: int) -> bytes | None:
    """orjson's text where it is sure to be JavaScript's, else None."""
    try:
        return orjson.dumps(value, option=option) if _is_plain(value) else None
    except TypeError:  # a lone surrogate or an integer beyond 64 bits
        return None


def _is_plain(value: Any) -> bool:
    """Whether no number and no key in ``value`` is one that orjson and JavaScript write differently."""
    level: list[Any] = [[value]]
    while level:
        keys: set[str] = set().union(*(parent for parent in level if type(parent) is dict))
        if any(key[:1].isdigit() for key in keys):
            return False
        children = list(_children(level))
        if not all(_is_plain_number(child) for child in children if type(child) in _NUMBERS):
            return False
        level = [child for child in children if type(child) in _CONTAINERS]
    return True


def _is_plain_number(number: float) -> bool:
    if isinstance(number, int):
        return abs(number) <= _LARGEST_SAFE
    return 1e-5 <= abs(number) < 1e15 and not number.is_integer()


def _double_indentation(text: bytes) -> bytes:
    """From orjson's 2 blanks a level to Node-RED's 4. Text within quotes holds no line feed and no carriage return."""
    depth = 0
    while b"\n" + b"  " * (depth + 1) in text:
        depth += 1
    for level in range(depth, 0, -1):
        text = text.replace(b"\n" + b"  " * level, b"\r" + b"    " * level)
    return text.replace(b"\r", b"\n")


def _slow(value: Any, number: NumberText, items: Items, indent: str | None) -> bytes:
    text = _Writer(number, items, indent).text(value, "\n")
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


class _Writer:
    """Writes any JSON value with a given spelling of numbers and order of keys."""

    def __init__(self, number: NumberText, items: Items, indent: str | None) -> None:
        self._number, self._items, self._indent = number, items, indent
        self._colon = ":" if indent is None else ": "

    def text(self, value: Any, newline: str) -> str:
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, (int, float)):
            return self._number(value)
        inner = newline + (self._indent or "")
        if isinstance(value, dict):
            pairs = (f"{self.text(key, '')}{self._colon}{self.text(item, inner)}" for key, item in self._items(value))
            return self._enclose("{", pairs, "}", newline, inner)
        if isinstance(value, list):
            return self._enclose("[", (self.text(item, inner) for item in value), "]", newline, inner)
        raise TypeError(f"{type(value).__name__} is not JSON")

    def _enclose(self, opening: str, parts: Iterable[str], closing: str, newline: str, inner: str) -> str:
        content = list(parts)
        if self._indent is None or not content:
            return opening + ",".join(content) + closing
        return f"{opening}{inner}{f',{inner}'.join(content)}{newline}{closing}"


def _canonical_number(number: float) -> str:
    return str(number) if isinstance(number, int) and abs(number) <= _LARGEST_SAFE else js_number(number)


def _kept_number(number: float) -> str:
    if isinstance(number, int):
        return str(number)
    if math.isinf(number):  # only a literal beyond the double range parses to infinity
        return "1e999" if number > 0 else "-1e999"
    if _LARGEST_SAFE < abs(number) < 1e21:  # JavaScript rounds to 17 digits, which is another integer
        return str(int(number))
    return js_number(number)


def _js_order(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """JavaScript lists integer-like keys first, in ascending order, whatever the order in the text."""
    indexes = sorted((key for key in value if _is_index(key)), key=int)
    if not indexes:
        return value.items()
    first = [(key, value[key]) for key in indexes]
    return first + [(key, item) for key, item in value.items() if not _is_index(key)]


def _is_index(key: str) -> bool:
    return _INDEX.fullmatch(key) is not None and int(key) <= _LARGEST_INDEX
