"""Messages: what travels on the wires, how it is copied, and the property paths that reach into it.

A message is a plain dict. A property that is absent is JavaScript's *undefined*, None is *null*: :data:`UNDEFINED`
stands for the first where a value must be named. Paths (``payload.a[0]["b c"][msg.topic]``) are compiled to closures
once, at deploy; the grammar and the semantics are Node-RED's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from msgspec import to_builtins

from .errors import PathError

Message: TypeAlias = dict[str, Any]
Getter: TypeAlias = Callable[[Message], Any]
Setter: TypeAlias = Callable[[Message, Any], bool]


class Undefined:
    """The type of :data:`UNDEFINED`: false, equal only to itself, one per process (copies are the same object)."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

# -- ids --------------------------------------------------------------------------------------------------------------
_ids: list[str] = []
os.register_at_fork(after_in_child=_ids.clear)


def new_id() -> str:
    """16 hexadecimal digits, unique over processes: message ids, node ids, sequence ids."""
    try:
        return _ids.pop()
    except IndexError:
        digits = os.urandom(8 * 512).hex()
        _ids.extend([digits[at : at + 16] for at in range(16, len(digits), 16)])
        return digits[:16]


# -- copying ----------------------------------------------------------------------------------------------------------
_ATOMS = frozenset((str, int, float, bool, type(None), bytes, datetime))
_all_atoms = _ATOMS.issuperset
_KEPT = (bytes, datetime)
_HANDLES = ("req", "res")


def clone(msg: Message) -> Message:
    """A deep copy of a message. ``req`` and ``res`` and every object that is not data are carried by reference.

    Two properties that hold the same list or dict get a copy each, unless the message also holds sets, byte arrays,
    cycles or opaque objects: then sharing is kept.
    """
    return msg.copy() if _all_atoms(map(type, msg.values())) else clones(msg, 1)[0]


def clones(msg: Message, count: int) -> list[Message]:
    """So many deep copies of a message (one at least), each as :func:`clone` makes it."""
    if _all_atoms(map(type, msg.values())):
        return [msg.copy() for _ in range(count)]
    if "req" in msg or "res" in msg:
        return [_clone_with_handles(msg) for _ in range(count)]
    try:
        copies: list[Message] = to_builtins([msg] * count, builtin_types=_KEPT)
    except (TypeError, ValueError, RecursionError):
        return [_Copier().copy(msg) for _ in range(count)]
    # The comparison finds what was silently turned into something else: sets, dataclasses, byte arrays, decimals.
    # One is enough: all were made from the same message in the same way.
    return copies if copies[0] == msg else [_Copier().copy(msg) for _ in range(count)]


def _clone_with_handles(msg: Message) -> Message:
    handles = {name: msg[name] for name in _HANDLES if name in msg}
    copy: Message = copy_value({**msg, **dict.fromkeys(handles)})
    copy.update(handles)
    return copy


def copy_value(value: Any) -> Any:
    """A deep copy of any value, by the rules of :func:`clone` (without its exception for ``req`` and ``res``)."""
    if type(value) in _ATOMS:
        return value
    try:
        copy = to_builtins(value, builtin_types=_KEPT)
    except (TypeError, ValueError, RecursionError):
        return _Copier().copy(value)
    return copy if copy == value and type(copy) is type(value) else _Copier().copy(value)


class _Copier:
    """Copies dicts, lists, tuples, sets and byte arrays; keeps cycles and shared references; does not recurse."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}
        self._unfilled: list[tuple[Any, Any]] = []

    def copy(self, value: Any) -> Any:
        copy = self._shell(value)
        while self._unfilled:
            source, target = self._unfilled.pop()
            if isinstance(target, dict):
                for key, item in source.items():
                    target[key] = self._shell(item)
            else:
                target.extend([self._shell(item) for item in source])
        return copy

    def _shell(self, value: Any) -> Any:
        """The copy of ``value``; of dicts and lists the empty one that will be filled."""
        if type(value) in _ATOMS:
            return value
        known = self._known.get(id(value), UNDEFINED)
        if known is UNDEFINED:
            known = self._known[id(value)] = self._begin(value)
        return known

    def _begin(self, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            shell: Any = {} if isinstance(value, dict) else []
            self._unfilled.append((value, shell))
            return shell
        if isinstance(value, tuple):
            return tuple([self._shell(item) for item in value])
        return type(value)(value) if type(value) in (set, bytearray) else value


class Fresh(list[Any]):
    """A list per output whose messages nobody else refers to: each needs a copy only where a second wire takes it."""

    __slots__ = ()


# -- paths: grammar ---------------------------------------------------------------------------------------------------
Key: TypeAlias = str | int
Keys: TypeAlias = tuple[Key, ...]


class Reference(NamedTuple):
    """A part of a path that is taken from the message first: ``[msg.topic]``."""

    path: Path


Part: TypeAlias = str | int | Reference
Path: TypeAlias = tuple[Part, ...]

_NAME = re.compile(r"""[^'".\[\] ]+""")
_IDENTIFIER = re.compile(r"[A-Za-z$_][A-Za-z0-9$_]*")
_AFTER_DOT = re.compile(r"[A-Za-z0-9$_]")
_DIGITS = re.compile(r"[0-9]+")
_NESTED = re.compile(r"\[msg[.\[]")


@lru_cache(maxsize=8192)
def parse_path(text: str) -> Path:
    """The parts of a property path: names, array indexes, nested references.

    Raises PathError where the text breaks the grammar. A leading ``msg.`` is an ordinary part here, see
    :func:`message_path`.
    """
    return _Parser(text).parse()


def message_path(text: str) -> Path:
    """Like :func:`parse_path`, for paths into a message: a leading ``msg.`` is dropped."""
    return parse_path(text.removeprefix("msg."))


class _Parser:
    """One pass over the text of a path; ``at`` is the position reached."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.parts: list[Part] = []

    def parse(self) -> Path:
        if not self.text:
            raise PathError("invalid property path: it is empty")
        self._member()
        while self.at < len(self.text):
            if self.text[self.at] == ".":
                self._dot()
            elif self.text[self.at] == "[":
                self._box()
            elif self.text[self.at - 1] == "]":
                self._member()
            else:
                self._unexpected()
        return tuple(self.parts)

    def _unexpected(self) -> NoReturn:
        if self.at >= len(self.text):
            self._fail("it ends too early")
        self._fail(f"unexpected {self.text[self.at]!r} at position {self.at}")

    def _fail(self, reason: str) -> NoReturn:
        raise PathError(f"invalid property path {self.text!r}: {reason}")

    def _member(self) -> None:
        if self.text[self.at] in "'\"":
            self.parts.append(self._quoted())
            return
        found = _NAME.match(self.text, self.at)
        if found is None:
            self._unexpected()
        self.at = found.end()
        is_index = self.parts and self.text.startswith(".", self.at) and _DIGITS.fullmatch(found[0])
        self.parts.append(int(found[0]) if is_index else found[0])

    def _dot(self) -> None:
        self.at += 1
        if _AFTER_DOT.match(self.text, self.at) is None:
            self._unexpected()
        self._member()

    def _quoted(self) -> str:
        end = self.text.find(self.text[self.at], self.at + 1)
        if end < 0:
            self._fail(f"the quote at position {self.at} is not closed")
        if end == self.at + 1:
            self._fail(f"an empty name at position {self.at}")
        name = self.text[self.at + 1 : end]
        self.at = end + 1
        return name

    def _box(self) -> None:
        if _NESTED.match(self.text, self.at):
            self.parts.append(self._reference())
            return
        self.at += 1
        found = _DIGITS.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            self.parts.append(int(found[0]))
        elif self.text[self.at : self.at + 1] in ("'", '"'):
            self.parts.append(self._quoted())
        else:
            self._unexpected()
        if not self.text.startswith("]", self.at):
            self._unexpected()
        self.at += 1

    def _reference(self) -> Reference:
        start, end = self.at + 1, self._closing_bracket()
        self.at = end + 1
        try:
            return Reference(parse_path(self.text[start:end])[1:])
        except PathError as error:
            self._fail(f"in the reference at position {start}: {error}")

    def _closing_bracket(self) -> int:
        depth, quote = 0, ""
        for at in range(self.at, len(self.text)):
            char = self.text[at]
            if quote or char in "'\"":
                quote = ("" if char == quote else quote) if quote else char
            else:
                depth += (char == "[") - (char == "]")
                if depth == 0:
                    return at
        self._fail(f"the bracket at position {self.at} is not closed")


def resolve_path(path: Path, msg: Message) -> Keys:
    """The path with its nested references replaced by what ``msg`` holds there; PathError when that is undefined."""
    return tuple([_resolve(part, msg) if type(part) is Reference else part for part in path])  # type: ignore[misc]


def _resolve(part: Reference, msg: Message) -> Key:
    value = get_at(msg, resolve_path(part.path, msg))
    if type(value) in (str, int):
        return value  # type: ignore[no-any-return]
    if value is UNDEFINED:
        raise PathError(f"the nested reference [msg.{path_text(part.path)}] is undefined")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def path_text(path: Path) -> str:
    """A path as text, in one canonical spelling."""
    text = ""
    for part in path:
        if isinstance(part, Reference):
            text += f"[msg.{path_text(part.path)}]"
        elif isinstance(part, str) and _IDENTIFIER.fullmatch(part):
            text += f".{part}" if text else part
        else:
            inner = str(part) if isinstance(part, int) else f'"{part}"' if '"' not in part else f"'{part}'"
            text += f"[{inner}]" if text else inner
    return text


def has_references(path: Path) -> bool:
    """Whether the path must be resolved against a message before use."""
    return any(type(part) is Reference for part in path)


# -- paths: reading ---------------------------------------------------------------------------------------------------
_NO_MEMBERS = (int, float, type(None), Undefined, datetime)


def text_length(text: str) -> int:
    """The length of a text as JavaScript counts it: in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def read(value: Any, key: Key) -> Any:
    """The member ``key`` of a value, or UNDEFINED: of dicts, lists, texts (``length``, characters), bytes; of opaque
    objects their public attributes that are data."""
    if type(value) is dict:
        return value.get(key if type(key) is str else str(key), UNDEFINED)
    if isinstance(value, (list, tuple, bytes, bytearray)):
        return _read_item(value, key)
    if isinstance(value, Mapping):
        return value.get(str(key), UNDEFINED)
    if isinstance(value, str):
        return _read_character(value, key)
    return UNDEFINED if isinstance(value, _NO_MEMBERS) else _read_attribute(value, str(key))


def _as_index(key: Key) -> int | None:
    """The array index that a key means, None when it means none."""
    if type(key) is str:
        return int(key) if _DIGITS.fullmatch(key) and str(int(key)) == key else None
    return key  # type: ignore[return-value]


def _read_item(items: Any, key: Key) -> Any:
    if key == "length":
        return len(items)
    index = _as_index(key)
    return items[index] if index is not None and index < len(items) else UNDEFINED


def _read_character(text: str, key: Key) -> Any:
    if key == "length":
        return text_length(text)
    index = _as_index(key)
    if index is None or index >= text_length(text):
        return UNDEFINED
    unit = text.encode("utf-16-le", "surrogatepass")[2 * index : 2 * index + 2]
    return unit.decode("utf-16-le", "surrogatepass")


def _read_attribute(value: Any, name: str) -> Any:
    found = UNDEFINED if name.startswith("_") else getattr(value, name, UNDEFINED)
    return UNDEFINED if callable(found) else found


def get_at(value: Any, keys: Keys) -> Any:
    """What a path leads to from ``value``; UNDEFINED when there is nothing."""
    for key in keys:
        value = value.get(key, UNDEFINED) if type(value) is dict and type(key) is str else read(value, key)
    return value


def _get_below(value: Any, keys: Keys) -> Any:
    """Like :func:`get_at`, but a parent that does not exist is an error."""
    for at, key in enumerate(keys):
        if value is None or value is UNDEFINED:
            what = "null" if value is None else "undefined"
            raise PathError(f"cannot read {path_text(keys)!r}: {path_text(keys[:at])!r} is {what}")
        value = read(value, key)
    return value


def compile_get(path: str | Path, strict: bool = False) -> Getter:
    """A function that reads ``path`` from a message; UNDEFINED when there is nothing.

    With ``strict`` a missing parent raises PathError, as Node-RED's ``getMessageProperty`` throws. An undefined nested
    reference raises PathError in both forms. Raises PathError when the path does not parse.
    """
    parts = message_path(path) if isinstance(path, str) else path
    if has_references(parts):
        walk = _get_below if strict else get_at
        return lambda msg: walk(msg, resolve_path(parts, msg))
    keys: Keys = parts  # type: ignore[assignment]
    if strict and len(keys) > 1:
        return lambda msg: _get_below(msg, keys)
    if len(keys) == 1:
        return _getter_of_one(str(keys[0]))
    return _getter_of_two(*keys) if len(keys) == 2 else lambda msg: get_at(msg, keys)


def _getter_of_one(name: str) -> Getter:
    return lambda msg: msg.get(name, UNDEFINED)


def _getter_of_two(first: Key, second: Key) -> Getter:
    outer, inner = str(first), str(second)

    def get(msg: Message) -> Any:
        parent = msg.get(outer)
        if type(parent) is dict:
            return parent.get(inner, UNDEFINED)
        return read(parent, second)

    return get


# -- paths: writing ---------------------------------------------------------------------------------------------------
_LARGEST_GAP = 1_000_000


def set_at(target: Any, keys: Keys, value: Any) -> bool:
    """Sets what a path leads to; missing parents are made (a list where the next key is a number).

    UNDEFINED deletes: a key is removed, an element of a list too, so that later ones move up; no parents are made then.
    False when a parent is not an object. Raises PathError for an index far beyond the end of a list.
    """
    for at in range(len(keys) - 1):
        key = keys[at]
        following = target.get(key, UNDEFINED) if type(target) is dict and type(key) is str else _child(target, key)
        if following is UNDEFINED and value is not UNDEFINED:
            following = {} if type(keys[at + 1]) is str else []
            if not _assign(target, key, following):
                return False
        target = following
    return _remove(target, keys[-1]) if value is UNDEFINED else _assign(target, keys[-1], value)


def _child(target: Any, key: Key) -> Any:
    if isinstance(target, list):
        found = _read_item(target, key)
        return UNDEFINED if found is None else found  # None also fills the gaps that JavaScript leaves undefined
    return read(target, key) if not isinstance(target, (str, bytes, *_NO_MEMBERS)) else None


def _assign(target: Any, key: Key, value: Any) -> bool:
    if isinstance(target, (dict, MutableMapping)):
        target[key if type(key) is str else str(key)] = value
        return True
    index = _as_index(key)
    if not isinstance(target, list) or index is None:
        return False
    if index >= len(target):
        if index - len(target) > _LARGEST_GAP:
            raise PathError(f"cannot set index {index} of an array that has {len(target)} elements")
        target.extend([None] * (index - len(target) + 1))
    target[index] = value
    return True


def _remove(target: Any, key: Key) -> bool:
    if isinstance(target, (dict, MutableMapping)):
        target.pop(str(key), None)
        return True
    if not isinstance(target, list):
        return False
    index = _as_index(key)
    if index is not None and index < len(target):
        if type(key) is int:
            del target[index]
        else:  # JavaScript's delete leaves a hole
            target[index] = None
    return True


def compile_set(path: str | Path) -> Setter:
    """A function ``(msg, value) -> bool`` that sets ``path`` in a message by the rules of :func:`set_at`.

    Raises PathError when the path does not parse; the function raises it when a nested reference is undefined.
    """
    parts = message_path(path) if isinstance(path, str) else path
    if has_references(parts):
        return lambda msg, value: set_at(msg, resolve_path(parts, msg), value)
    keys: Keys = parts  # type: ignore[assignment]
    if len(keys) == 1:
        return _setter_of_one(str(keys[0]))
    return _setter_of_two(keys) if len(keys) == 2 else lambda msg, value: set_at(msg, keys, value)


def _setter_of_one(name: str) -> Setter:
    def set_(msg: Message, value: Any) -> bool:
        if value is UNDEFINED:
            msg.pop(name, None)
        else:
            msg[name] = value
        return True

    return set_


def _setter_of_two(keys: Keys) -> Setter:
    outer, inner = str(keys[0]), str(keys[1])

    def set_(msg: Message, value: Any) -> bool:
        parent = msg.get(outer)
        if type(parent) is dict and value is not UNDEFINED:
            parent[inner] = value
            return True
        return set_at(msg, keys, value)

    return set_


def compile_delete(path: str | Path) -> Callable[[Message], bool]:
    """A function that deletes ``path`` from a message."""
    put = compile_set(path)
    return lambda msg: put(msg, UNDEFINED)


# -- paths: once ------------------------------------------------------------------------------------------------------
def get_property(msg: Message, path: str) -> Any:
    """Reads a path once; UNDEFINED when there is nothing. Compile it where it is used more often."""
    return get_at(msg, resolve_path(message_path(path), msg))


def set_property(msg: Message, path: str, value: Any) -> bool:
    """Sets a path once, see :func:`set_at`."""
    return set_at(msg, resolve_path(message_path(path), msg), value)


def delete_property(msg: Message, path: str) -> bool:
    """Deletes a path once, see :func:`set_at`."""
    return set_property(msg, path, UNDEFINED)
