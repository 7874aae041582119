"""JavaScript's conversions and comparisons, for nodes whose behaviour is defined by them (switch, change, range, ...).

The functions take any value a message may hold: str, int, float, bool, None (null), UNDEFINED, list, dict, bytes
(Buffer), datetime (Date), compiled patterns (RegExp), exceptions (Error); every other object counts as a plain one.
Whole numbers are ints here and keep all their digits; JavaScript would round beyond 2**53.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from .jsontext import js_number
from .message import UNDEFINED, Undefined

BLANKS = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
"""What JavaScript counts as white space."""
_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_PREFIXED = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
_EXACT_DIGITS = 20
"""Whole numbers in texts keep all digits up to this length; longer ones become floats, as in JavaScript."""
_NUMBERS = frozenset((int, float, bool))
_PRIMITIVES = frozenset((str, int, float, bool, type(None), Undefined))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Number = int | float


# -- to a number ---------------------------------------------------------------------------------------------------
def to_number(value: Any) -> Number:
    """``Number(value)``: ``"" -> 0``, ``" 0x1F " -> 31``, ``None -> 0``, ``[5] -> 5``, what is no number ``-> NaN``."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return parse_number(value)
    if value is None or kind is bool:
        return int(value or 0)
    if value is UNDEFINED:
        return math.nan
    return to_number(to_primitive(value, prefer_number=True))


def parse_number(text: str) -> Number:
    """The number that a whole text spells in JavaScript; NaN when it spells none."""
    text = text.strip(BLANKS)
    if not text:
        return 0
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if not _DECIMAL.fullmatch(text):
        return math.nan
    if text.isdigit() and len(text) <= _EXACT_DIGITS:
        return int(text)
    number = float(text)
    is_whole = number.is_integer() and abs(number) < 2**53 and not (number == 0 and text[0] == "-")
    return int(number) if is_whole else number


# -- to a text -----------------------------------------------------------------------------------------------------
def to_string(value: Any) -> str:
    """``String(value)``: ``5.0 -> "5"``, ``None -> "null"``, ``[1, None] -> "1,"``, dicts ``-> "[object Object]"``."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int and -(10**21) < value < 10**21:
        return str(value)
    if kind is bool or value is None or value is UNDEFINED:
        return _WORDS[value]
    if kind is int or kind is float:
        return number_text(value)
    return to_string(to_primitive(value))


_WORDS = {True: "true", False: "false", None: "null", UNDEFINED: "undefined"}


def number_text(number: Number) -> str:
    """A number as JavaScript prints it: ``1e21 -> "1e+21"``, ``0.1 -> "0.1"``, ``-0.0 -> "0"``, ``nan -> "NaN"``."""
    text = repr(number)
    if type(number) is float and number and "e" not in text and "n" not in text:
        return text.removesuffix(".0")
    if number != number:
        return "NaN"
    text = js_number(number)
    return text if text != "null" else "Infinity" if number > 0 else "-Infinity"


def to_primitive(value: Any, prefer_number: bool = False) -> Any:
    """What an object is in an expression: lists joined by commas, dates text or milliseconds, Buffers text."""
    if isinstance(value, (str, int, float)):
        return _plain(value)
    if isinstance(value, (list, tuple)):
        return _join(value, ())
    if isinstance(value, datetime):
        return milliseconds(value) if prefer_number else date_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/{'i' if value.flags & re.IGNORECASE else ''}"
    if isinstance(value, BaseException):
        return f"{getattr(value, 'name', None) or 'Error'}: {value}"
    return "[object Object]"


def _plain(value: Any) -> Any:
    """The value of an instance of a subclass of a built-in type, an enum's member say."""
    if isinstance(value, str):
        return str.__str__(value)
    if type(value) is bool:
        return value
    return float(value) if isinstance(value, float) else int(value)


def _join(items: Any, around: tuple[int, ...]) -> str:
    """Array.prototype.join: absent elements and the array inside itself are empty."""
    inside = (*around, id(items))
    return ",".join([_element_text(item, inside) for item in items])


def _element_text(item: Any, around: tuple[int, ...]) -> str:
    if item is None or item is UNDEFINED or id(item) in around:
        return ""
    return _join(item, around) if isinstance(item, (list, tuple)) else to_string(item)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch; a date without zone is local time."""
    aware = moment if moment.tzinfo is not None else moment.astimezone()
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def date_text(moment: datetime) -> str:
    """A date as ``String(date)`` prints it, in its own zone (local without one)."""
    local = moment if moment.tzinfo is not None else moment.astimezone()
    zone = "Coordinated Universal Time" if local.tzinfo is UTC else local.tzname()
    return f"{local:%a %b %d} {local.year:04d} {local:%H:%M:%S} GMT{local:%z} ({zone})"


# -- truth and types -----------------------------------------------------------------------------------------------
def truthy(value: Any) -> bool:
    """Whether a value counts as true: empty lists and dicts do; ``""``, 0, NaN, None and UNDEFINED do not."""
    kind = type(value)
    if kind is float:
        return bool(value == value and value != 0)
    if kind in _PRIMITIVES:
        return bool(value)
    return True


def type_name(value: Any) -> str:
    """``typeof value``: string, number, boolean, undefined, function or object (None too)."""
    kind = type(value)
    if kind is bool:
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    if value is UNDEFINED:
        return "undefined"
    return "function" if callable(value) else "object"


# -- equality ------------------------------------------------------------------------------------------------------
def loose_equal(left: Any, right: Any) -> bool:
    """``left == right``: ``1 == "1"``, ``True == "1"``, null equals undefined; objects only themselves."""
    kind, other = type(left), type(right)
    if kind is other:
        return bool(left == right) if kind in _PRIMITIVES else left is right
    if left is None or left is UNDEFINED:
        return right is None or right is UNDEFINED
    if right is None or right is UNDEFINED:
        return False
    if kind not in _PRIMITIVES:
        return left is right if other not in _PRIMITIVES else loose_equal(to_primitive(left), right)
    if other not in _PRIMITIVES:
        return loose_equal(left, to_primitive(right))
    return to_number(left) == to_number(right)


def strict_equal(left: Any, right: Any) -> bool:
    """``left === right``: no conversion between types; objects are equal to themselves."""
    kind, other = type(left), type(right)
    if kind is other:
        return bool(left == right) if kind in _PRIMITIVES else left is right
    return kind in _NUMBERS and other in _NUMBERS and bool not in (kind, other) and bool(left == right)


# -- order ---------------------------------------------------------------------------------------------------------
def less(left: Any, right: Any) -> bool:
    """``left < right``: two texts by UTF-16 units, everything else as numbers; false when one is not a number."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return bool(left < right)
    left, right = _comparable(left), _comparable(right)
    if isinstance(left, str) and isinstance(right, str):
        return _text_before(left, right)
    return to_number(left) < to_number(right)


def less_equal(left: Any, right: Any) -> bool:
    """``left <= right``, see :func:`less`."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return bool(left <= right)
    left, right = _comparable(left), _comparable(right)
    if isinstance(left, str) and isinstance(right, str):
        return not _text_before(right, left)
    return to_number(left) <= to_number(right)


def greater(left: Any, right: Any) -> bool:
    """``left > right``, see :func:`less`."""
    return less(right, left)


def greater_equal(left: Any, right: Any) -> bool:
    """``left >= right``, see :func:`less`."""
    return less_equal(right, left)


def _comparable(value: Any) -> Any:
    return value if type(value) in _PRIMITIVES else to_primitive(value, prefer_number=True)


def _text_before(left: str, right: str) -> bool:
    if left.isascii() or right.isascii():
        return left < right
    return left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass")
