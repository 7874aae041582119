"""The rules of the change node, compiled to functions of the message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from busway.engine.coercion import loose_equal, strict_equal, to_number, to_string, type_name
from busway.engine.errors import PathError, ValueEvaluationError
from busway.engine.message import UNDEFINED, Getter, Message, Setter, copy_value, message_path
from busway.engine.node import Node
from busway.engine.regexp import compile_regexp, compile_replacement, escape
from busway.engine.values import LITERAL_TYPES, compile_target, compile_value, literal

Rule = Mapping[str, Any]
Step = Callable[[Message], Any]
"""Applies one rule to a message. Raises what ends the message: JSONata errors, context that cannot be written."""

ACTIONS = ("set", "change", "move", "delete")
_REFERENCES = ("msg", "flow", "global")


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


def _text(rule: Rule, name: str) -> str:
    value = rule.get(name)
    return "" if value is None else to_string(value)


# -- values --------------------------------------------------------------------------------------------------------
def _fixed_value(rule: Rule, node: Node[Any]) -> Any:
    """The value of a rule that is the same for every message, UNDEFINED when it depends on the message or the
    moment."""
    type, value = rule["tot"], rule.get("to", "")
    if type in LITERAL_TYPES:
        return literal(value, type)
    if type == "env":
        return compile_value(value, type, node)({})
    return UNDEFINED


def _value(rule: Rule, node: Node[Any]) -> Getter:
    """The function that gives the value of a rule; PathError means that the rule does nothing."""
    get = compile_value(rule.get("to", ""), rule["tot"], node, strict=True)
    if rule["tot"] == "env":
        value = get({})
        return lambda msg: copy_value(value)
    if rule["tot"] == "jsonata":
        return _telling(get)
    return (lambda msg: copy_value(get(msg))) if rule.get("dc") else get


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
    put = compile_target(path, place, node)
    if place == "msg" and len(parts := message_path(path)) == 1:
        fixed = _fixed_value(rule, node)
        if fixed is not UNDEFINED and not isinstance(fixed, (dict, list)):
            return _set_member(str(parts[0]), fixed)
    return _assignment(put, _value(rule, node), path, node)


def _set_member(name: str, value: Any) -> Step:
    def step(msg: Message) -> None:
        msg[name] = value

    return step


def _assignment(put: Setter, get: Getter, path: str, node: Node[Any]) -> Step:
    def step(msg: Message) -> None:
        try:
            done = put(msg, get(msg))
        except PathError:  # what a path runs through is not there: the target stays as it is
            return
        if not done:
            _cannot_set(path, node)

    return step


def _cannot_set(path: str, node: Node[Any]) -> None:
    node.warn(f"Cannot set property of non-object type: {path}")


def _delete(rule: Rule, node: Node[Any]) -> Step:
    put = compile_target(_text(rule, "p"), rule["pt"], node)

    def step(msg: Message) -> None:
        try:
            put(msg, UNDEFINED)
        except PathError:
            return

    return step


def _move(rule: Rule, node: Node[Any]) -> Step:
    """The source goes first, so that a property can be moved into itself or onto what it is in."""
    source, place, target, other = _text(rule, "p"), rule["pt"], _text(rule, "to"), rule["tot"]
    outwards = place != other or (target in source and target != source)
    get = compile_value(source, place, node, strict=outwards)
    take, put = compile_target(source, place, node), compile_target(target, other, node)

    def step(msg: Message) -> None:
        try:
            value = get(msg)
            take(msg, UNDEFINED)
            if not put(msg, value) and value is not UNDEFINED:
                take(msg, value)
                _cannot_set(target, node)
        except PathError:
            return

    return step


# -- change --------------------------------------------------------------------------------------------------------
class _Search(NamedTuple):
    """What a change rule looks for: its kind (``str num bool re``), its value, the pattern for parts of a text."""

    kind: str
    value: Any
    pattern: re.Pattern[str] | None
    limit: int = 0
    """How many occurrences are replaced; 0: all."""


def _change(rule: Rule, node: Node[Any]) -> Step:
    path, place = _text(rule, "p"), rule["pt"]
    get, put = compile_value(path, place, node, strict=True), compile_target(path, place, node)
    search, value = _search(rule, node), _value(rule, node)
    to_truth = rule["tot"] == "bool"

    def step(msg: Message) -> None:
        try:
            new = value(msg)
            sought = search(msg)
            current = get(msg)
            changed = _replaced(current, sought, new, to_truth)
            if changed is not current:
                put(msg, changed)
        except PathError:
            return

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
    if search.pattern is None:
        return current
    text = search.pattern.sub(compile_replacement(to_string(new)), current, count=search.limit)
    return new if to_truth and text == to_string(new) else text


def _search(rule: Rule, node: Node[Any]) -> Callable[[Message], _Search]:
    kind = rule["fromt"]
    if kind in _REFERENCES:
        get = compile_value(rule.get("from", ""), kind, node, strict=True)
        return lambda msg: _search_for(get(msg))
    text = _text(rule, "from")
    if kind == "env":
        text = to_string(compile_value(text, kind, node)({}))
    found = _Search(kind, text, _pattern(text if kind == "re" else escape(text)))
    return lambda msg: found


def _search_for(value: Any) -> _Search:
    if isinstance(value, bool):
        return _Search("bool", value, None)
    if isinstance(value, (int, float)):
        return _Search("num", value, None)
    if isinstance(value, str):
        return _Search("str", value, _pattern(escape(value)))
    if isinstance(value, re.Pattern):
        return _Search("re", value, value, limit=1)
    raise ValueEvaluationError(f"Invalid 'from' property: unsupported type: {type_name(value)}")


def _pattern(source: str) -> re.Pattern[str]:
    try:
        return compile_regexp(source)
    except ValueEvaluationError as error:
        raise ValueEvaluationError(f"Invalid 'from' property: {error}") from None
