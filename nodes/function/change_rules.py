"""The rules of the change node, compiled to functions of the message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from msgspec import to_builtins

from busway.engine.coercion import loose_equal, strict_equal, to_number, to_string, type_name
from busway.engine.context import parse_key
from busway.engine.errors import PathError, ValueEvaluationError
from busway.engine.message import UNDEFINED, Getter, Message, Path, Setter, compile_get, copy_value, message_path
from busway.engine.node import Node
from busway.engine.regexp import compile_regexp, compile_replacement, escape
from busway.engine.values import LITERAL_TYPES, compile_target, compile_value, literal

Rule = Mapping[str, Any]
Step = Callable[[Message], Message]
"""Applies one rule to a message, and gives that message back.

Raises what ends the message: JSONata errors, context that cannot be reached.
"""

ACTIONS = ("set", "change", "move", "delete")
_REFERENCES = ("msg", "flow", "global")
_HARMLESS = ("str", "num", "bool", "date", "json", "env")
"""Types of values that are nobody else's."""


def normalised(given: Rule) -> dict[str, Any]:
    """A rule with its types filled in, also where older editors wrote none."""
    rule = {"p": "", **given}
    rule["pt"] = rule.get("pt") or "msg"
    if rule.get("t") == "change" and rule.pop("re", False):
        rule["fromt"] = "re"
    if rule.get("t") == "set" and not rule.get("tot") and _text(rule, "to").startswith("msg."):
        rule |= {"to": _text(rule, "to").removeprefix("msg."), "tot": "msg"}
    rule["tot"] = rule.get("tot") or ("msg" if rule.get("t") == "move" else "str")
    rule["fromt"] = rule.get("fromt") or "str"
    return rule


def compile_rule(rule: Rule, node: Node[Any]) -> Step | None:
    """The function that applies a rule; None for a rule without action. Raises BuswayError where the rule cannot
    work."""
    action = rule.get("t")
    if action is None or action is UNDEFINED:
        return None
    compilers = {"set": _set, "change": _change, "move": _move, "delete": _delete}
    if action not in compilers:
        raise ValueEvaluationError(f"the action {action!r} does not exist; there are: {', '.join(ACTIONS)}")
    return compilers[action](rule, node)


def sets_member(rule: Rule) -> bool:
    """Whether a rule, which compiled, does no more to a message than to set or delete a member of it."""
    if rule.get("t") not in ("set", "delete") or rule["pt"] != "msg" or rule["tot"] not in _HARMLESS:
        return False
    path = _text(rule, "p")
    return path != "" and len(message_path(path)) == 1


def _text(rule: Rule, name: str) -> str:
    value = rule.get(name)
    return "" if value is None else to_string(value)


# -- values --------------------------------------------------------------------------------------------------------
def _fixed_value(rule: Rule, node: Node[Any]) -> Any:
    """The value of a rule that is the same for every message, UNDEFINED when it depends on the message or the
    moment."""
    type, value = rule["tot"], rule.get("to", "")
    if type == "str":
        return value
    if type in LITERAL_TYPES:
        return literal(value, type)
    return compile_value(value, type, node)({}) if type == "env" else UNDEFINED


def _value(rule: Rule, node: Node[Any]) -> Getter:
    """The function that gives the value of a rule; PathError means that the rule does nothing."""
    fixed = _fixed_value(rule, node)
    if isinstance(fixed, (dict, list)):
        fresh = _copier(fixed)
        return lambda msg: fresh()
    if fixed is not UNDEFINED:
        return lambda msg: fixed
    get = _getter(rule.get("to", ""), rule["tot"], node)
    if rule["tot"] == "jsonata":
        return _telling(get)
    return (lambda msg: copy_value(get(msg))) if rule.get("dc") else get


def _copier(value: Any) -> Callable[[], Any]:
    """Makes a new copy of a JSON value for each message: nodes further on may change it."""
    items = value.values() if isinstance(value, dict) else value
    is_flat = not any(isinstance(item, (dict, list)) for item in items)
    return value.copy if is_flat else partial(to_builtins, value)


def _getter(value: Any, type: str, node: Node[Any]) -> Getter:
    """Like :func:`compile_value`; where something is missing on the way to a property of the message: PathError."""
    if type != "msg":
        return compile_value(value, type, node)
    path = to_string(value)
    get = compile_get(path)
    if len(message_path(path)) == 1:
        return get
    check = compile_get(path, strict=True)

    def get_or_fail(msg: Message) -> Any:
        found = get(msg)
        return check(msg) if found is UNDEFINED else found

    return get_or_fail


def _telling(evaluate: Getter) -> Getter:
    """JSONata errors say that they are such."""
    from busway.engine.jsonata import ExpressionError

    def get(msg: Message) -> Any:
        try:
            return evaluate(msg)
        except ExpressionError as error:
            raise ExpressionError(f"Invalid JSONata expression: {error}", error.code) from None

    return get


# -- set, delete, move ---------------------------------------------------------------------------------------------
def _set(rule: Rule, node: Node[Any]) -> Step:
    path, place = _text(rule, "p"), rule["pt"]
    fixed = _fixed_value(rule, node)
    if place == "msg" and fixed is not UNDEFINED and len(parts := message_path(path)) == 1:
        name = str(parts[0])
        return _set_new_member(name, _copier(fixed)) if isinstance(fixed, (dict, list)) else _set_member(name, fixed)
    return _assignment(compile_target(path, place, node), _value(rule, node), path, node)


def _set_member(name: str, value: Any) -> Step:
    """The most frequent rule, without anything that it does not need."""

    def step(msg: Message) -> Message:
        msg[name] = value
        return msg

    return step


def _set_new_member(name: str, fresh: Callable[[], Any]) -> Step:
    def step(msg: Message) -> Message:
        msg[name] = fresh()
        return msg

    return step


def _assignment(put: Setter, get: Getter, path: str, node: Node[Any]) -> Step:
    def step(msg: Message) -> Message:
        try:
            if not put(msg, get(msg)):
                _cannot_set(path, node)
        except PathError:  # what a path runs through is not there: the target stays as it is
            return msg
        return msg

    return step


def _cannot_set(path: str, node: Node[Any]) -> None:
    node.warn(f"Cannot set property of non-object type: {path}")


def _delete(rule: Rule, node: Node[Any]) -> Step:
    put = compile_target(_text(rule, "p"), rule["pt"], node)

    def step(msg: Message) -> Message:
        try:
            put(msg, UNDEFINED)
        except PathError:
            return msg
        return msg

    return step


def _move(rule: Rule, node: Node[Any]) -> Step:
    """Sets the target, then deletes the source; the source goes first where it is around the target, and goes by
    itself where the target is around it."""
    source, place, target, other = _text(rule, "p"), rule["pt"], _text(rule, "to"), rule["tot"]
    take, put = compile_target(source, place, node), compile_target(target, other, node)
    inwards = _is_around(_address(source, place), _address(target, other))
    outwards = _is_around(_address(target, other), _address(source, place))
    get = (_getter if outwards or place != other else compile_value)(source, place, node)

    def step(msg: Message) -> Message:
        try:
            value = get(msg)
            if inwards and not outwards:
                take(msg, UNDEFINED)
            if not put(msg, value):
                _cannot_set(target, node)
            elif not inwards and not outwards:
                take(msg, UNDEFINED)
        except PathError:
            return msg
        return msg

    return step


def _address(path: str, place: str) -> tuple[Any, Path]:
    """What a path begins at, and the path."""
    if place == "msg":
        return place, message_path(path)
    key = parse_key(path)
    return (place, key.store, key.levels), key.path


def _is_around(outer: tuple[Any, Path], inner: tuple[Any, Path]) -> bool:
    """Whether the place ``inner`` is the same as ``outer``, or lies below it."""
    return outer[0] == inner[0] and inner[1][: len(outer[1])] == outer[1]


# -- change --------------------------------------------------------------------------------------------------------
class _Search(NamedTuple):
    """What a change rule looks for: its kind (``str num bool re``), its value, and the text or pattern that is replaced
    within texts (None: nothing is)."""

    kind: str
    value: Any
    within: str | re.Pattern[str] | None
    limit: int = 0
    """How many matches of a pattern are replaced; 0: all."""


def _change(rule: Rule, node: Node[Any]) -> Step:
    path, place = _text(rule, "p"), rule["pt"]
    get, put = _getter(path, place, node), compile_target(path, place, node)
    search, value = _search(rule, node), _value(rule, node)
    to_truth = rule["tot"] == "bool"

    def step(msg: Message) -> Message:
        try:
            new, sought = value(msg), search(msg)
            if sought is not None:
                current = get(msg)
                changed = _replaced(current, sought, new, to_truth)
                if changed is not current:
                    put(msg, changed)
        except PathError:
            return msg
        return msg

    return step


def _replaced(current: Any, search: _Search, new: Any, to_truth: bool) -> Any:
    """The value after the change; the same object when nothing changes."""
    if isinstance(current, str):
        if search.kind != "re" and strict_equal(current, search.value):
            return new
        return _within(current, search, new, to_truth)
    if isinstance(current, bool):
        is_same = search.kind == "bool" and to_string(current) == to_string(search.value)
        return new if is_same else current
    if isinstance(current, (int, float)) and search.kind == "num":
        return new if loose_equal(current, to_number(search.value)) else current
    return current


def _within(current: str, search: _Search, new: Any, to_truth: bool) -> Any:
    sought, replacement = search.within, to_string(new)
    if sought is None:
        return current
    if isinstance(sought, str) and "$" not in replacement:
        text = current.replace(sought, replacement)
    else:
        pattern = compile_regexp(escape(sought)) if isinstance(sought, str) else sought
        text = pattern.sub(compile_replacement(replacement), current, count=search.limit)
    return new if to_truth and text == replacement else text


def _search(rule: Rule, node: Node[Any]) -> Callable[[Message], _Search | None]:
    """The function that gives what is looked for; None when that is nothing to look for, which it reports."""
    kind = rule["fromt"]
    if kind in _REFERENCES:
        return _referred_search(_getter(rule.get("from", ""), kind, node), node)
    text = _text(rule, "from")
    if kind == "env":
        text = to_string(compile_value(text, kind, node)({}))
    found = _Search(kind, text, _pattern(text) if kind == "re" else text)
    return lambda msg: found


def _referred_search(get: Getter, node: Node[Any]) -> Callable[[Message], _Search | None]:
    def search(msg: Message) -> _Search | None:
        value = get(msg)
        found = _search_for(value)
        if found is None:
            node.error(f"Invalid 'from' property: unsupported type: {type_name(value)}", msg)
        return found

    return search


def _search_for(value: Any) -> _Search | None:
    if isinstance(value, bool):
        return _Search("bool", value, None)
    if isinstance(value, (int, float)):
        return _Search("num", value, None)
    if isinstance(value, str):
        return _Search("str", value, value)
    if isinstance(value, re.Pattern):
        return _Search("re", value, value, limit=1)
    return None


def _pattern(source: str) -> re.Pattern[str]:
    try:
        return compile_regexp(source)
    except ValueEvaluationError as error:
        raise ValueEvaluationError(f"Invalid 'from' property: {error}") from None
