"""Values as text and as JSON, the way JavaScript would write them into a response."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from .. import jsontext
from ..message import UNDEFINED

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def text_of(value: Any) -> str:
    """``String(value)``: ``true``, ``5`` for 5.0, ``null``, ``undefined``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return iso(value)
    return "null" if value is None else str(value)


def _number(value: float) -> str:
    if math.isfinite(value):
        return jsontext.js_number(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def utf8(text: str) -> bytes:
    """The text in UTF-8; halves of surrogate pairs become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def iso(moment: datetime) -> str:
    """A date as JavaScript's ``toISOString``: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_bytes(value: Any) -> bytes:
    """``JSON.stringify``: whole numbers without a fraction, dates as text, bytes as Node.js's Buffer writes itself; but
    integers keep all their digits.

    Raises TypeError for what has no JSON form.
    """
    try:
        text = orjson.dumps(value, _plain, _OPTIONS)
    except TypeError:  # an integer beyond 64 bits, half a surrogate pair, or no JSON at all
        return jsontext.kept(_plain_tree(value, 0))
    if b".0" in text and (b".0," in text or b".0}" in text or b".0]" in text or text.endswith(b".0")):
        return jsontext.kept(orjson.loads(text))
    return text


def _plain(value: Any) -> Any:
    """What orjson does not know, as something it does."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"type": "Buffer", "data": list(bytes(value))}
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if value is UNDEFINED:
        return None
    view = getattr(value, "script_view", None)
    if callable(view):
        return view()
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _plain_tree(value: Any, depth: int) -> Any:
    if depth > jsontext.MAX_DEPTH:
        raise TypeError(f"the value nests deeper than {jsontext.MAX_DEPTH} levels, or contains itself")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain_tree(item, depth + 1) for key, item in value.items() if item is not UNDEFINED}
    if isinstance(value, list):
        return [_plain_tree(item, depth + 1) for item in value]
    return _plain_tree(_plain(value), depth + 1)
