"""The rules of the switch node, compiled to functions of the value and the message."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeGuard

from busway.engine.coercion import (
    greater,
    greater_equal,
    less,
    less_equal,
    loose_equal,
    to_number,
    to_string,
    type_name,
)
from busway.engine.errors import BuswayError, ConfigError, suggest
from busway.engine.message import UNDEFINED, Getter, Message, read
from busway.engine.node import Node, NodeError
from busway.engine.regexp import compile_regexp
from busway.engine.values import LITERAL_TYPES, compile_value, literal, parse_json

Rule = Mapping[str, Any]
Test = Callable[[Any, Message], Any]
"""Whether a rule matches a value (of a message)."""
Row = list[Message | None]
Previous = Callable[[], Any]

OTHERWISE = "else"


def normalised(given: Rule) -> dict[str, Any]:
    """A rule with its types filled in: a value without type is a number if it reads as one, else a text."""
    rule = dict(given)
    rule["vt"] = rule.get("vt") or _guess(rule.get("v", UNDEFINED))
    if "v2" in rule:
        rule["v2t"] = rule.get("v2t") or _guess(rule["v2"])
    return rule


def _guess(value: Any) -> str:
    return "str" if math.isnan(to_number(value)) else "num"


def uses_previous(rules: Iterable[Rule]) -> bool:
    """Whether a rule compares with the value of the message before."""
    return any("prev" in (rule["vt"], rule.get("v2t")) for rule in rules)


# -- all rules -----------------------------------------------------------------------------------------------------
def compile_rules(
    rules: list[dict[str, Any]], node: Node[Any], first_only: bool, previous: Previous
) -> Callable[..., Row]:
    """A function ``(value, message) -> row``: for each rule tested, in order, the message or None.

    ``previous()`` gives the value of the message before. Raises ConfigError for a rule that cannot work.
    """
    tests = [_compile(number, rule, node, previous) for number, rule in enumerate(rules, 1)]
    if OTHERWISE in (rule.get("t") for rule in rules):
        return _with_otherwise(tests, first_only)
    plain = [test for test in tests if test is not None]
    return _until_first(plain) if first_only else _every(plain)


def _compile(number: int, rule: Rule, node: Node[Any], previous: Previous) -> Test | None:
    name = to_string(rule.get("t", ""))
    if name == OTHERWISE:
        return None
    try:
        if name not in _COMPILERS:
            raise ConfigError(f"the test {name!r} does not exist{suggest(name, _COMPILERS)}")
        return _COMPILERS[name](_Operands(rule, node, previous))
    except BuswayError as error:
        raise ConfigError(f"rule {number} ({name}): {error}") from error


def _every(tests: list[Test]) -> Callable[..., Row]:
    return lambda value, msg: [msg if test(value, msg) else None for test in tests]


def _until_first(tests: list[Test]) -> Callable[..., Row]:
    def rows(value: Any, msg: Message) -> Row:
        for index, test in enumerate(tests):
            if test(value, msg):
                return [*[None] * index, msg]
        return []

    return rows


def _with_otherwise(tests: list[Test | None], first_only: bool) -> Callable[..., Row]:
    """``otherwise`` (None) matches when no rule since the beginning, or since the ``otherwise`` before, has matched."""

    def rows(value: Any, msg: Message) -> Row:
        row: Row = []
        unmatched = True
        for test in tests:
            matches = test(value, msg) if test is not None else unmatched
            if test is None:
                unmatched = True
            row.append(msg if matches else None)
            if matches:
                unmatched = False
                if first_only:
                    break
        return row

    return rows


class Table(NamedTuple):
    """Which output a text leads to; ``otherwise`` for all other texts (None: nowhere)."""

    outputs: dict[str, int]
    otherwise: int | None


def table_of(rules: list[dict[str, Any]]) -> Table | None:
    """The table of rules that all compare with different fixed texts, but for an ``otherwise`` at the end; else
    None."""
    last_is_otherwise = bool(rules) and rules[-1].get("t") == OTHERWISE
    compared = rules[:-1] if last_is_otherwise else rules
    if not all(rule.get("t") == "eq" and rule["vt"] == "str" for rule in compared):
        return None
    texts = [to_string(rule.get("v", UNDEFINED)) for rule in compared]
    if len(set(texts)) < len(texts):
        return None
    return Table({text: at for at, text in enumerate(texts)}, len(texts) if last_is_otherwise else None)


# -- operands ------------------------------------------------------------------------------------------------------
class _Operands:
    """What a rule compares with. An operand that is the same for every message is *fixed*."""

    def __init__(self, rule: Rule, node: Node[Any], previous: Previous) -> None:
        self.rule, self._node, self._previous = rule, node, previous

    def fixed(self, name: str = "v") -> Any:
        """The value of a fixed operand, else UNDEFINED."""
        type = self.rule.get(f"{name}t", "str")
        return literal(self.rule.get(name, UNDEFINED), type) if type in LITERAL_TYPES else UNDEFINED

    def get(self, name: str = "v") -> Getter:
        """A function that gives the operand for a message."""
        type, value = self.rule.get(f"{name}t", "str"), self.rule.get(name, UNDEFINED)
        if type == "prev":
            return lambda msg: self._previous()
        if type == "jsonata":
            return _expression(value, self._node)
        return quiet(compile_value(value, type, self._node))


def quiet(get: Getter) -> Getter:
    """What cannot be read counts as undefined."""

    def read_or_nothing(msg: Message) -> Any:
        try:
            return get(msg)
        except BuswayError:
            return UNDEFINED

    return read_or_nothing


def _expression(text: Any, node: Node[Any]) -> Getter:
    from busway.engine.jsonata import compile_expression

    expression = compile_expression(to_string(text), node)

    def get(msg: Message) -> Any:
        parts = msg.get("parts")
        bindings = {"I": parts["index"], "N": parts.get("count")} if is_part(parts) else None
        try:
            return expression.evaluate(msg, bindings)
        except BuswayError as error:
            raise NodeError(f"Invalid JSONata expression: {error}") from error

    return get


def is_part(parts: Any) -> TypeGuard[dict[str, Any]]:
    """Whether ``msg.parts`` tells the place in a sequence."""
    return isinstance(parts, dict) and "id" in parts and "index" in parts


# -- tests ---------------------------------------------------------------------------------------------------------
def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[_Operands], Test]:
    def compile(operands: _Operands) -> Test:
        fixed, get = operands.fixed(), operands.get()
        if fixed is not UNDEFINED:
            return lambda value, msg: compare(value, fixed)
        return lambda value, msg: compare(value, get(msg))

    return compile


def _property(test: Callable[[Any], bool]) -> Callable[[_Operands], Test]:
    return lambda operands: lambda value, msg: test(value)


def _equal(operands: _Operands) -> Test:
    fixed = operands.fixed()
    if type(fixed) is not str:
        return _comparison(loose_equal)(operands)
    return lambda value, msg: value == fixed if type(value) is str else loose_equal(value, fixed)


def _between(operands: _Operands) -> Test:
    low, high = operands.get("v"), operands.get("v2")

    def test(value: Any, msg: Message) -> bool:
        one, other = low(msg), high(msg)
        upwards = greater_equal(value, one) and less_equal(value, other)
        return upwards or (less_equal(value, one) and greater_equal(value, other))

    return test


def _matches(operands: _Operands) -> Test:
    flags = "i" if operands.rule.get("case") else ""
    if operands.rule["vt"] in ("str", "num", "re"):
        search = compile_regexp(to_string(operands.rule.get("v", "")), flags).search
        return lambda value, msg: search(to_string(value))
    get = operands.get()
    return lambda value, msg: _pattern(get(msg), flags).search(to_string(value))


def _pattern(source: Any, flags: str) -> re.Pattern[str]:
    if isinstance(source, re.Pattern):
        return source
    return compile_regexp("" if source is UNDEFINED else to_string(source), flags)


def _sized(value: Any) -> int | None:
    """How many elements a value has; None for what is neither empty nor not."""
    return len(value) if isinstance(value, (str, list, tuple, bytes, bytearray, dict)) else None


def _of_type(operands: _Operands) -> Test:
    wanted = to_string(operands.rule.get("v", ""))
    test = _TYPES.get(wanted)
    if test is None:
        raise ConfigError(f"there is no type {wanted!r}; there are: {', '.join(_TYPES)}")
    return lambda value, msg: test(value)


def _is_json(value: Any) -> bool:
    try:
        parse_json(to_string(value))
    except BuswayError:
        return False
    return True


def _is_object(value: Any) -> bool:
    is_other = value is None or isinstance(value, (list, tuple, bytes, bytearray, memoryview))
    return not is_other and type_name(value) == "object"


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, (list, tuple)),
    "buffer": lambda value: isinstance(value, (bytes, bytearray, memoryview)),
    "object": _is_object,
    "json": _is_json,
    "undefined": lambda value: value is UNDEFINED,
    "null": lambda value: value is None,
}


def _has_key(value: Any, key: Any) -> bool:
    if key is None or isinstance(key, (dict, list)):
        return False
    return value is not None and read(value, to_string(key)) is not UNDEFINED


def _contains(value: Any, part: Any) -> bool:
    return to_string(part) in to_string(value)


def _place(name: str, decide: Callable[[Mapping[str, Any], Any, Any], bool]) -> Callable[[_Operands], Test]:
    """A test of the place in a sequence; ``decide`` gets the parts and the operands as numbers."""

    def compile(operands: _Operands) -> Test:
        first, second = operands.get("v"), operands.get("v2")

        def test(value: Any, msg: Message) -> bool:
            parts = msg.get("parts")
            if not isinstance(parts, dict):
                raise NodeError(f"the rule {name!r} needs the place in a sequence, but the message has no msg.parts")
            return decide(parts, to_number(first(msg)), to_number(second(msg)))

        return test

    return compile


def _in_head(parts: Mapping[str, Any], count: Any, _: Any) -> bool:
    return less(parts.get("index", UNDEFINED), count)


def _in_tail(parts: Mapping[str, Any], count: Any, _: Any) -> bool:
    return less_equal(to_number(parts.get("count", UNDEFINED)) - count, parts.get("index", UNDEFINED))


def _in_slice(parts: Mapping[str, Any], low: Any, high: Any) -> bool:
    index = parts.get("index", UNDEFINED)
    return less_equal(low, index) and less_equal(index, high)


_COMPILERS: dict[str, Callable[[_Operands], Test]] = {
    "eq": _equal,
    "neq": _comparison(lambda value, operand: not loose_equal(value, operand)),
    "lt": _comparison(less),
    "lte": _comparison(less_equal),
    "gt": _comparison(greater),
    "gte": _comparison(greater_equal),
    "btwn": _between,
    "cont": _comparison(_contains),
    "regex": _matches,
    "true": _property(lambda value: value is True),
    "false": _property(lambda value: value is False),
    "null": _property(lambda value: value is None or value is UNDEFINED),
    "nnull": _property(lambda value: value is not None and value is not UNDEFINED),
    "empty": _property(lambda value: _sized(value) == 0),
    "nempty": _property(lambda value: bool(_sized(value))),
    "istype": _of_type,
    "hask": _comparison(_has_key),
    "jsonata_exp": _comparison(lambda value, result: result is True),
    "head": _place("head", _in_head),
    "tail": _place("tail", _in_tail),
    "index": _place("index", _in_slice),
}
