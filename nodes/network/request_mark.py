"""Tells headers that came from an http request node and were not touched since from those that a flow has set.

The http request node marks the headers of its answer with a hash over them; other nodes send them on only when they have
changed since. The hash is that of the npm package ``hash-sum``, so that marks made by Node-RED are understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from busway.engine.http.payload import text_of

MARK = "x-node-red-request-node"


def set_by_flow(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The headers without the mark, or nothing at all if they are as the http request node gave them."""
    if MARK not in headers:
        return headers
    rest = {name: value for name, value in headers.items() if name != MARK}
    return {} if headers[MARK] == headers_hash(rest) else rest


def headers_hash(headers: Mapping[str, Any]) -> str:
    """The mark of some headers: eight or more hexadecimal digits."""
    return f"{_fold_value(0, headers, ''):08x}"


def _fold(hash: int, text: str) -> int:
    """Adds a text to a hash, in the 32-bit arithmetic of JavaScript."""
    if not text:
        return hash
    units = text.encode("utf-16-le", "surrogatepass")
    for at in range(0, len(units), 2):
        hash = (hash * 31 + units[at] + (units[at + 1] << 8)) & 0xFFFFFFFF
    return (0x100000000 - hash) * 2 if hash & 0x80000000 else hash


def _fold_value(hash: int, value: Any, key: str) -> int:
    tag, kind = _kind(value)
    hash = _fold(_fold(_fold(hash, key), f"[object {tag}]"), kind)
    if isinstance(value, Mapping):
        members: list[tuple[str, Any]] = sorted((str(name), item) for name, item in value.items())
        return _fold(_fold_members(hash, members), _string(value))
    if isinstance(value, (list, tuple)):
        by_text = sorted((str(index), item) for index, item in enumerate(value))
        return _fold(_fold_members(hash, by_text), _string(value))
    return _fold(hash, text_of(value))


def _string(value: Any) -> str:
    """``String(value)``, also of arrays and objects."""
    if isinstance(value, (list, tuple)):
        return ",".join("" if item is None else _string(item) for item in value)
    return "[object Object]" if isinstance(value, Mapping) else text_of(value)


def _fold_members(hash: int, members: list[tuple[str, Any]]) -> int:
    for name, item in members:
        hash = _fold_value(hash, item, name)
    return hash


def _kind(value: Any) -> tuple[str, str]:
    """JavaScript's class and type of a value."""
    if isinstance(value, bool):
        return "Boolean", "boolean"
    if isinstance(value, (int, float)):
        return "Number", "number"
    if isinstance(value, str):
        return "String", "string"
    if value is None:
        return "Null", "object"
    return ("Array" if isinstance(value, (list, tuple)) else "Object"), "object"
