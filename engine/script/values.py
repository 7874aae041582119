"""Values on the border between Python and JavaScript.

What JSON has a form for crosses as JSON. Everything else crosses as a *mark*, ``{TAG: [kind, ...]}``:

| kind | Python | JavaScript |
|---|---|---|
| ``undefined`` | ``UNDEFINED`` | undefined |
| ``number`` | nan, inf | NaN, Infinity |
| ``integer`` | int | BigInt, only on the way out |
| ``bytes`` | bytes | Buffer (Uint8Array) |
| ``date`` | aware datetime | Date |
| ``set`` / ``map`` | set / :class:`ScriptMap` | Set / Map |
| ``held`` | :class:`ScriptValue` | what has no form outside: functions, promises, regular expressions |
| ``ref`` | any other object | an object with the fields of its ``script_view()`` |
| ``cycle`` | the container so many levels up | the same |

Whole numbers beyond 2**53 lose digits on their way into JavaScript, as they do in Node-RED.
"""

from __future__ import annotations

import json
import math
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson

from ..message import UNDEFINED

TAG = "$" + secrets.token_hex(8)
"""The key of marks: not to be guessed, so that no data from outside can look like one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_loads = msgspec.json.Decoder().decode


class ScriptMap(dict[Any, Any]):
    """A JavaScript Map: a dict that becomes a Map again when it goes back."""


class ScriptValue:
    """A value that lives in JavaScript only and is carried by reference; it is let go there when nothing refers to it here."""

    __slots__ = ("_release", "id", "kind")

    def __init__(self, id: int, kind: str, release: Callable[[int], None]) -> None:
        self.id, self.kind, self._release = id, kind, release

    def __del__(self) -> None:
        self._release(self.id)

    def __repr__(self) -> str:
        return f"[{self.kind}]"


def is_plain(value: Any) -> bool:
    """Whether JSON says all of a value: JSON has ``null`` for what is no finite number."""
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is dict:
        return all(is_plain(item) for item in value.values())
    return all(is_plain(item) for item in value) if isinstance(value, (list, tuple)) else True


def plain_text(value: Any) -> str | None:
    """A value as JSON, None where JSON does not say all of it."""
    try:
        raw = orjson.dumps(value, option=STRICT)
    except TypeError:
        return None
    return None if b"null" in raw and not is_plain(value) else raw.decode()


def decode(text: str) -> Any:
    """A JSON text as JavaScript writes it: lone surrogates are allowed."""
    try:
        return _loads(text)
    except msgspec.DecodeError:
        return json.loads(text)


class Values:
    """The marks of one JavaScript context: keeps the Python objects that it refers to, notes what it may let go."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}
        self.released: list[int] = []
        self.uses_bytes = False
        """Whether bytes have crossed, for which JavaScript needs Buffer."""
        self._ids = 0

    # -- to JavaScript ----------------------------------------------------------------------------------------------
    def text(self, value: Any) -> str:
        """A value as JSON with marks."""
        marked = self._marked(value, [])
        try:
            return orjson.dumps(marked).decode()
        except (TypeError, ValueError):
            return json.dumps(marked, separators=(",", ":"))

    def _marked(self, value: Any, parents: list[int]) -> Any:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else self._marked(_float_of(value), parents)
        if kind is float:
            return value if math.isfinite(value) else _mark("number", _number_name(value))
        if value is UNDEFINED:
            return _mark("undefined")
        if isinstance(value, (bytes, bytearray, memoryview)):
            self.uses_bytes = True
            return _mark("bytes", b64encode(value).decode())
        if isinstance(value, datetime):
            return _mark("date", _milliseconds(value))
        if isinstance(value, (str, int, float)):
            return self._marked(_bare(value), parents)
        return self._marked_container(value, parents)

    def _marked_container(self, value: Any, parents: list[int]) -> Any:
        if not isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._marked_object(value, parents)
        if id(value) in parents:
            return _mark("cycle", len(parents) - parents.index(id(value)))
        parents.append(id(value))
        try:
            if isinstance(value, ScriptMap):
                pairs = [[self._marked(key, parents), self._marked(item, parents)] for key, item in value.items()]
                return _mark("map", pairs)
            if isinstance(value, dict):
                return {str(key): self._marked(item, parents) for key, item in value.items()}
            items = [self._marked(item, parents) for item in value]
            return _mark("set", items) if isinstance(value, (set, frozenset)) else items
        finally:
            parents.pop()

    def _marked_object(self, value: Any, parents: list[int]) -> Any:
        if isinstance(value, ScriptValue) and value._release == self.released.append:
            return _mark("held", value.id)
        self._ids += 1
        self.objects[self._ids] = value
        view = getattr(value, "script_view", None)
        return _mark("ref", self._ids, self._marked(view() if view is not None else _view(value), parents))

    # -- from JavaScript --------------------------------------------------------------------------------------------
    def value(self, found: Any) -> Any:
        """A decoded value with its marks resolved."""
        return self._unmarked(found, [])

    def _unmarked(self, found: Any, parents: list[Any]) -> Any:
        if type(found) is list:
            parents.append(found)
            found[:] = [self._unmarked(item, parents) for item in found]
        elif type(found) is dict:
            if TAG in found:
                return self._resolved(found[TAG], parents)
            parents.append(found)
            for key, item in found.items():
                found[key] = self._unmarked(item, parents)
        else:
            return found
        return parents.pop()

    def _resolved(self, mark: list[Any], parents: list[Any]) -> Any:
        kind: str = mark[0]
        data: Any = mark[1] if len(mark) > 1 else None
        match kind:
            case "number":
                return float(data)
            case "integer":
                return int(data)
            case "bytes":
                return b64decode(data)
            case "date":
                return None if data is None else _EPOCH + timedelta(milliseconds=data)
            case "ref":
                return self.objects.get(data)
            case "held":
                return ScriptValue(data, mark[2], self.released.append)
            case "cycle":
                return parents[-data]
        return UNDEFINED if kind == "undefined" else self._resolved_collection(kind, data, parents)

    def _resolved_collection(self, kind: str, data: list[Any], parents: list[Any]) -> Any:
        made = ScriptMap()
        parents.append(made)
        if kind == "map":
            made.update((_hashable(self._unmarked(k, parents)), self._unmarked(v, parents)) for k, v in data)
            return parents.pop()
        items = [self._unmarked(item, parents) for item in data]
        parents.pop()
        try:
            return set(items)
        except TypeError:
            return items


def _mark(*parts: Any) -> dict[str, Any]:
    return {TAG: list(parts)}


def _number_name(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _float_of(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _bare(value: Any) -> Any:
    """Of a subclass of a plain type the plain value."""
    return next(plain(value) for plain in (bool, str, int, float) if isinstance(value, plain))


def _milliseconds(value: datetime) -> float:
    aware = value if value.tzinfo is not None else value.astimezone()
    return (aware - _EPOCH) / timedelta(milliseconds=1)


def _view(value: Any) -> dict[str, Any]:
    return {"name": type(value).__name__, "message": str(value)} if isinstance(value, BaseException) else {}


def _hashable(key: Any) -> Any:
    return key if key.__hash__ is not None else repr(key)
