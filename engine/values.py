"""Typed values: what a property of a node says together with its type (``msg``, ``flow``, ``num``, ``jsonata``, ...).

They are compiled once, at deploy, to functions of the message. Node-RED calls them typed inputs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import orjson

from .coercion import to_number, to_string
from .context import Context, ContextKey, parse_key
from .errors import ValueEvaluationError
from .message import (
    UNDEFINED,
    Getter,
    Keys,
    Message,
    Setter,
    compile_get,
    compile_set,
    copy_value,
    has_references,
    resolve_path,
)
from .regexp import compile_regexp

if TYPE_CHECKING:
    from .jsonata import Expression


class Variables(Protocol):
    """Where environment variables are looked up."""

    def get(self, name: str) -> Any:
        """The value of a variable, UNDEFINED when there is none."""


class ValueScope(Protocol):
    """Where the values of a node come from beside the message. A running node is one."""

    @property
    def context(self) -> Context:
        """The node's own context."""

    @property
    def flow_context(self) -> Context:
        """The context of its flow."""

    @property
    def global_context(self) -> Context:
        """The context of all flows."""

    @property
    def env(self) -> Variables:
        """Environment variables as the node sees them."""

    def now(self) -> float:
        """Seconds since the epoch."""


# -- literals ------------------------------------------------------------------------------------------------------
def parse_json(text: str | bytes) -> Any:
    """A JSON text as JavaScript's ``JSON.parse`` takes it. Raises ValueEvaluationError."""
    try:
        return orjson.loads(text)
    except ValueError:
        return _parse_unusual_json(text)


def _parse_unusual_json(text: str | bytes) -> Any:
    """JSON that orjson refuses: lone surrogates are allowed, and errors are told in the usual words."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
        raise ValueEvaluationError(f"invalid JSON {shown[:60]!r}: {error}") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def to_buffer(value: Any) -> bytes:
    """The bytes that the JSON value of type ``bin`` means: a list of numbers (taken modulo 256) or a text in UTF-8.

    Raises ValueEvaluationError for other values.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if not isinstance(value, list):
        raise ValueEvaluationError("a buffer must be given as a JSON list of bytes or a JSON text: Not string or array")
    return bytes([_byte(item) for item in value])


def _byte(item: Any) -> int:
    number = to_number(item)
    return int(number) & 255 if math.isfinite(number) else 0


LITERAL_TYPES = frozenset(("str", "num", "bool", "json", "bin", "re", "null"))
"""Types whose value depends on nothing but the property's text."""


def literal(value: Any, type: str) -> Any:
    """The value of a literal type. Raises ValueEvaluationError where the text is not what the type wants."""
    return _LITERALS[type](value)


_LITERALS: dict[str, Callable[[Any], Any]] = {
    "str": to_string,
    "num": to_number,
    "bool": lambda value: to_string(value).lower() == "true",
    "json": lambda value: parse_json(value) if isinstance(value, str) else copy_value(value),
    "bin": lambda value: value if isinstance(value, bytes) else to_buffer(literal(value, "json")),
    "re": lambda value: value if isinstance(value, re.Pattern) else compile_regexp(to_string(value)),
    "null": lambda value: None,
}


# -- reading -------------------------------------------------------------------------------------------------------
def compile_value(value: Any, type: str, scope: ValueScope | None = None, strict: bool = False) -> Getter:
    """A function of the message that gives the value of a property with a type.

    Types: ``msg flow global str num bool json bin re date jsonata env null``; others give ``value`` as it is. Nothing
    found is UNDEFINED; with ``strict`` a missing parent on a message path is a PathError. Without ``scope`` contexts
    and environment are empty. Raises PathError or ValueEvaluationError when the value cannot be compiled.
    """
    compile_it = _COMPILERS.get(type)
    if compile_it is not None:
        return compile_it(value, scope)
    if type == "msg":
        return compile_get(to_string(value), strict)
    if type in LITERAL_TYPES:
        return _compile_literal(value, type)
    return _constant(value)


def _compile_literal(value: Any, type: str) -> Getter:
    found = literal(value, type)
    if type != "json" or not isinstance(found, (dict, list)) or not isinstance(value, str) or not _is_usual(value):
        return _constant(found)
    text = value.encode()
    return lambda msg: orjson.loads(text)


def _is_usual(text: str) -> bool:
    """Whether orjson reads the text; reading it again is faster than copying what it says."""
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _constant(value: Any) -> Getter:
    """Lists and objects are made anew for each message: nodes further on may change them."""
    if isinstance(value, (dict, list)):
        return lambda msg: copy_value(value)
    return lambda msg: value


def _compile_flow(value: Any, scope: ValueScope | None) -> Getter:
    return _compile_context(value, scope.flow_context if scope is not None else None)


def _compile_global(value: Any, scope: ValueScope | None) -> Getter:
    return _compile_context(value, scope.global_context if scope is not None else None)


def _compile_context(value: Any, context: Context | None) -> Getter:
    key = parse_key(to_string(value))
    if context is None:
        return _constant(UNDEFINED)
    store, levels, path = key
    read = context.read
    if has_references(path):
        return lambda msg: read(resolve_path(path, msg), store, levels)
    keys = _keys(key)
    return lambda msg: read(keys, store, levels)


def _keys(key: ContextKey) -> Keys:
    return key.path  # type: ignore[return-value]


def _compile_date(value: Any, scope: ValueScope | None) -> Getter:
    now = scope.now if scope is not None else _wall_clock
    if not value:
        return lambda msg: int(now() * 1000)
    if value == "object":
        return lambda msg: _millisecond_date(now())
    return _compile_date_text(to_string(value), now)


def _compile_date_text(pattern: str, now: Callable[[], float]) -> Getter:
    from .moment import format_date, iso_text

    if pattern == "iso":
        return lambda msg: iso_text(_millisecond_date(now()))
    return lambda msg: format_date(_millisecond_date(now()).astimezone(), pattern)


def _wall_clock() -> float:
    return datetime.now(UTC).timestamp()


def _millisecond_date(seconds: float) -> datetime:
    """A date with the resolution of JavaScript's."""
    date = datetime.fromtimestamp(seconds, UTC)
    return date.replace(microsecond=date.microsecond // 1000 * 1000)


def _compile_jsonata(value: Any, scope: ValueScope | None) -> Getter:
    from .jsonata import compile_expression

    expression: Expression = compile_expression(to_string(value), scope)
    return expression.evaluate


def _compile_env(value: Any, scope: ValueScope | None) -> Getter:
    text = to_string(value)
    if scope is None:
        return lambda msg: expand_variables(text, _no_variables)
    variables = scope.env
    return lambda msg: expand_variables(text, variables.get)


def _no_variables(name: str) -> Any:
    return UNDEFINED


_COMPILERS: dict[str, Callable[[Any, ValueScope | None], Getter]] = {
    "flow": _compile_flow,
    "global": _compile_global,
    "date": _compile_date,
    "jsonata": _compile_jsonata,
    "env": _compile_env,
}

_WHOLE_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_ANY_VARIABLE = re.compile(r"\$\{\S+\}")


def expand_variables(text: str, lookup: Callable[[str], Any]) -> Any:
    """The value of type ``env``: a name or ``${name}`` (the value keeps its type), or a text with several ``${name}``
    in it.

    What ``lookup`` answers with UNDEFINED is the empty text.
    """
    whole = _WHOLE_VARIABLE.fullmatch(text)
    if whole is None and _ANY_VARIABLE.search(text):
        return _WHOLE_VARIABLE.sub(lambda found: _variable_text(lookup(found[1])), text)
    value = lookup(whole[1] if whole is not None else text)
    return "" if value is UNDEFINED else value


def _variable_text(value: Any) -> str:
    return "" if value is UNDEFINED else to_string(value)


# -- writing -------------------------------------------------------------------------------------------------------
def compile_target(path: str, type: str, scope: ValueScope | None = None) -> Setter:
    """A function ``(msg, value) -> bool`` that sets a property of the message, the flow's or the global context.

    UNDEFINED deletes; false when a parent on the path is no object. Raises PathError for a bad path,
    ValueEvaluationError for a type that names no place.
    """
    if type == "msg":
        return compile_set(path)
    if type not in ("flow", "global") or scope is None:
        raise ValueEvaluationError(f"{type!r} names no place for a value: choose msg, flow or global")
    context = scope.flow_context if type == "flow" else scope.global_context
    key = parse_key(path)
    store, levels, parts = key
    if has_references(parts):
        return lambda msg, value: context.write(resolve_path(parts, msg), value, store, levels)
    return _context_target(context, _keys(key), store, levels)


def _context_target(context: Context, keys: Keys, store: str | None, levels: int) -> Setter:
    write = context.write

    def put(msg: Message, value: Any) -> bool:
        return write(keys, value, store, levels)

    return put
