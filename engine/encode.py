"""Values as the debug panel and the context API show them: a text or JSON, and a format that says of what.

The encoding is Node-RED's (``RED.util.encodeObject``): long texts, arrays and buffers are cut, what JSON cannot say
becomes ``{"__enc__": true, "type": ..., "data": ..., "length": ...}``.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from . import jsontext
from .errors import ScriptError
from .http.payload import iso, text_of
from .message import UNDEFINED, text_length

DEFAULT_LIMIT = 1000
DEEPEST = 100
"""Levels of lists and objects that are shown."""
_LARGEST_SAFE = 2**53
_INTERNAL = {"__enc__": True, "type": "internal"}


def encode(value: Any, limit: int = DEFAULT_LIMIT) -> tuple[Any, str]:
    """The text of a value and its format, such as ``("abc", "string[3]")``; ``limit`` is the length at which it is cut."""
    if isinstance(value, str):
        return _cut(value, limit), f"string[{text_length(value)}]"
    if value is None or value is UNDEFINED:
        return "(undefined)", "null" if value is None else "undefined"
    if isinstance(value, bool):
        return text_of(value), "boolean"
    if isinstance(value, (int, float)):
        return text_of(value), "number"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()[:limit], f"buffer[{len(value)}]"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%a %b %d %Y %H:%M:%S GMT%z (%Z)"), "Date"
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/", "regexp"
    return _encode_object(value, limit)


def _encode_object(value: Any, limit: int) -> tuple[Any, str]:
    kind = _format_of(value)
    if kind == "function":
        return "[function]", kind
    return jsontext.canonical(_Encoder(limit).encode(value)).decode("utf-8", "surrogatepass"), kind


def _format_of(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"array[{len(value)}]"
    if isinstance(value, (set, frozenset)):
        return f"set[{len(value)}]"
    if isinstance(value, BaseException):
        return "error"
    return "function" if callable(value) else "Object"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit and text_length(text) <= limit:
        return text
    if not text.isascii():
        units = text.encode("utf-16-le", "surrogatepass")[: 2 * limit]
        return units.decode("utf-16-le", "ignore") + "..."
    return text[:limit] + "..."


class _Encoder:
    """Turns a value into one that is plain JSON. Remembers the way down, to recognise what contains itself."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._around: list[int] = []
        self._path: list[str] = []

    def encode(self, value: Any) -> Any:
        """The JSON form of a value."""
        if isinstance(value, str):
            return _cut(value, self._limit)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return _number(value)
        if isinstance(value, (dict, list, tuple, set, frozenset, Mapping)):
            return self._container(value)
        view = getattr(value, "script_view", None)
        return self._container(view()) if callable(view) else self._special(value)

    def _container(self, value: Any) -> Any:
        if id(value) in self._around:
            return self._circular(value)
        if len(self._around) >= DEEPEST:
            return "[too deep]"
        self._around.append(id(value))
        try:
            return self._members(value) if isinstance(value, Mapping) else self._items(value)
        finally:
            self._around.pop()

    def _members(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        return {name: self._member(name, item) for name, item in ((str(key), item) for key, item in value.items())}

    def _member(self, name: str, item: Any) -> Any:
        if name in ("_req", "_res"):
            return _INTERNAL
        self._path.append(name)
        try:
            return self.encode(item)
        finally:
            self._path.pop()

    def _items(self, value: Any) -> Any:
        shown = [self._member(str(index), item) for index, item in zip(range(self._limit), value, strict=False)]
        if isinstance(value, (set, frozenset)):
            return {"__enc__": True, "type": "set", "data": shown, "length": len(value)}
        if len(value) > self._limit:
            return {"__enc__": True, "type": "array", "data": shown, "length": len(value)}
        return shown

    def _circular(self, value: Any) -> str:
        path = self._path[: self._around.index(id(value))]
        return "[Circular ~" + "".join(f".{name}" for name in path) + "]"

    def _special(self, value: Any) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = list(bytes(value[: self._limit]))
            return {"type": "Buffer", "data": data, "__enc__": True, "length": len(value)}
        if isinstance(value, datetime):
            return iso(value)
        if value is UNDEFINED:
            return {"__enc__": True, "type": "undefined"}
        if isinstance(value, BaseException):
            return _error(value)
        if isinstance(value, re.Pattern):
            return {"__enc__": True, "type": "regexp", "data": f"/{value.pattern}/"}
        return {"__enc__": True, "type": "function"} if callable(value) else _INTERNAL


def _number(value: float) -> Any:
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_SAFE else {"__enc__": True, "type": "bigint", "data": str(value)}
    text = text_of(value)
    return {"__enc__": True, "type": "number", "data": text} if text[-1] in "Ny" else value


def _error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ScriptError):
        data = {"name": error.name, "message": error.message, "code": error.code, "cause": error.cause}
        data = {
            key: value if key in ("name", "message") else text_of(value)
            for key, value in data.items()
            if value is not None
        }
        return {"__enc__": True, "type": "error", "data": data | {"stack": error.stack}}
    data = {"name": type(error).__name__, "message": str(error)}
    if error.__cause__ is not None:
        data["cause"] = str(error.__cause__)
    return {"__enc__": True, "type": "error", "data": data | {"stack": "".join(traceback.format_exception(error))}}
