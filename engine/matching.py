"""Comparing what came out with what a test expects: equal, in part, or by a matcher.

An expected object names the members that matter; others may be there. A list is compared as a whole. A matcher is an
object with one member whose name begins with ``$``: see :data:`MATCHERS`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from .errors import BuswayError, suggest
from .message import UNDEFINED

Found = Iterator[str]
SHOWN = 120
"""Characters of a value that a difference shows."""


class MatcherError(BuswayError):
    """A matcher does not exist, or is not written as it has to be."""


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Sentences that say where ``actual`` is not as expected; none when it is. Raises MatcherError."""
    return list(_compare(expected, actual, path))


def _compare(expected: Any, actual: Any, path: str) -> Found:
    if isinstance(expected, dict):
        matcher = _matcher_in(expected)
        if matcher is not None:
            yield from MATCHERS[matcher](expected[matcher], actual, path)
        else:
            yield from _compare_members(expected, actual, path)
    elif isinstance(expected, list) and isinstance(actual, (list, tuple)):
        yield from _compare_items(expected, actual, path)
    elif not _equal(expected, actual):
        yield _difference(path, shown(expected), actual)


def _matcher_in(expected: dict[str, Any]) -> str | None:
    names = [name for name in expected if isinstance(name, str) and name.startswith("$")]
    if not names:
        return None
    if len(expected) > 1:
        raise MatcherError(f"{names[0]} stands alone in its object; here are {', '.join(map(str, expected))}")
    if names[0] not in MATCHERS:
        raise MatcherError(
            f"there is no matcher {names[0]}{suggest(names[0], MATCHERS)}; there are {', '.join(MATCHERS)}"
        )
    return names[0]


def _compare_members(expected: dict[str, Any], actual: Any, path: str) -> Found:
    if not isinstance(actual, dict):
        yield _difference(path, "an object", actual)
        return
    for name, value in expected.items():
        yield from _compare(value, actual.get(name, UNDEFINED), f"{path}.{name}" if path else str(name))


def _compare_items(expected: list[Any], actual: Any, path: str) -> Found:
    for index, value in enumerate(expected):
        yield from _compare(value, actual[index] if index < len(actual) else UNDEFINED, f"{path}[{index}]")
    if len(actual) > len(expected):
        yield f"{path or 'it'} has {len(actual)} items instead of {len(expected)}: {shown(actual)}"


def _equal(expected: Any, actual: Any) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(actual, datetime) and isinstance(expected, str):
        return iso(actual) == expected
    if isinstance(actual, (bytes, bytearray)):
        return bytes(actual) == _bytes_of(expected)
    return bool(expected == actual) and (expected is None) == (actual is None)


def _bytes_of(expected: Any) -> bytes | None:
    if isinstance(expected, str):
        return expected.encode()
    numbers = isinstance(expected, list) and all(isinstance(n, int) and 0 <= n < 256 for n in expected)
    return bytes(expected) if numbers else None


def iso(moment: datetime) -> str:
    """A date as it is written in JSON: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _difference(path: str, expected: str, actual: Any) -> str:
    where = f"{path}: " if path else ""
    if actual is UNDEFINED:
        return f"{where}expected {expected}, but it is not there"
    return f"{where}expected {expected}, got {shown(actual)}"


def shown(value: Any) -> str:
    """A value in one line, cut where it is long."""
    if value is UNDEFINED:
        return "undefined"
    text = json.dumps(value, ensure_ascii=False, default=_described)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _described(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, (bytes, bytearray)):
        return f"buffer of {len(value)} bytes"
    return f"({type(value).__name__})"


# -- matchers -------------------------------------------------------------------------------------------------------
def _any(wanted: Any, actual: Any, path: str) -> Found:
    if actual is UNDEFINED:
        yield _difference(path, "any value", actual)


def _absent(wanted: Any, actual: Any, path: str) -> Found:
    if actual is not UNDEFINED:
        yield _difference(path, "nothing", actual)


def _exact(wanted: Any, actual: Any, path: str) -> Found:
    yield from _compare(wanted, actual, path)
    yield from _surplus(wanted, actual, path)


def _surplus(wanted: Any, actual: Any, path: str) -> Found:
    """Members that are there and were not named, at any depth."""
    if isinstance(wanted, dict) and isinstance(actual, dict) and _matcher_in(wanted) is None:
        for name, value in actual.items():
            where = f"{path}.{name}" if path else str(name)
            if name in wanted:
                yield from _surplus(wanted[name], value, where)
            else:
                yield f"{where}: expected nothing, got {shown(value)}"
    elif isinstance(wanted, list) and isinstance(actual, (list, tuple)):
        for index, (one, other) in enumerate(zip(wanted, actual, strict=False)):
            yield from _surplus(one, other, f"{path}[{index}]")


def _regex(wanted: Any, actual: Any, path: str) -> Found:
    try:
        pattern = re.compile(wanted)
    except (re.error, TypeError) as error:
        raise MatcherError(f"$regex: {wanted!r} is no regular expression: {error}") from None
    if not isinstance(actual, str) or not pattern.search(actual):
        yield _difference(path, f"a text that matches /{wanted}/", actual)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: not isinstance(v, bool) and (isinstance(v, int) or (isinstance(v, float) and v.is_integer())),
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, (list, tuple)),
    "null": lambda v: v is None,
    "buffer": lambda v: isinstance(v, (bytes, bytearray)),
    "date": lambda v: isinstance(v, datetime),
    "timestamp": lambda v: isinstance(v, str) and _is_timestamp(v),
}


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _type(wanted: Any, actual: Any, path: str) -> Found:
    check = _TYPES.get(wanted) if isinstance(wanted, str) else None
    if check is None:
        raise MatcherError(f"$type: {wanted!r} is no type{suggest(str(wanted), _TYPES)}; there are {', '.join(_TYPES)}")
    if not check(actual):
        yield _difference(path, f"a value of type {wanted}", actual)


def _one_of(wanted: Any, actual: Any, path: str) -> Found:
    if not isinstance(wanted, list):
        raise MatcherError(f"$oneOf: {shown(wanted)} is no list of the allowed values")
    if all(differences(one, actual, path) for one in wanted):
        yield _difference(path, f"one of {shown(wanted)}", actual)


def _between(wanted: Any, actual: Any, path: str) -> Found:
    limits = isinstance(wanted, list) and len(wanted) == 2 and all(_TYPES["number"](one) for one in wanted)
    if not limits:
        raise MatcherError(f"$between: {shown(wanted)} is not [lowest, highest]")
    if not _TYPES["number"](actual) or math.isnan(actual) or not wanted[0] <= actual <= wanted[1]:
        yield _difference(path, f"a number from {shown(wanted[0])} to {shown(wanted[1])}", actual)


def _contains(wanted: Any, actual: Any, path: str) -> Found:
    if isinstance(actual, str) and isinstance(wanted, str):
        found = wanted in actual
    else:
        found = isinstance(actual, (list, tuple)) and any(not differences(wanted, item) for item in actual)
    if not found:
        yield _difference(path, f"something that contains {shown(wanted)}", actual)


def _length(wanted: Any, actual: Any, path: str) -> Found:
    length = len(actual) if isinstance(actual, (str, list, tuple, dict, bytes)) else UNDEFINED
    if length is UNDEFINED:
        yield _difference(path, "something with a length", actual)
    else:
        yield from _compare(wanted, length, f"{path}.length" if path else "length")


def _not(wanted: Any, actual: Any, path: str) -> Found:
    if not differences(wanted, actual, path):
        yield _difference(path, f"anything but {shown(wanted)}", actual)


MATCHERS: dict[str, Callable[[Any, Any, str], Found]] = {
    "$any": _any,
    "$absent": _absent,
    "$exact": _exact,
    "$regex": _regex,
    "$type": _type,
    "$oneOf": _one_of,
    "$between": _between,
    "$contains": _contains,
    "$length": _length,
    "$not": _not,
}
"""``$any`` present, ``$absent`` not there, ``$exact`` no further members at any depth, ``$regex`` a text that matches,
``$type`` of that type, ``$oneOf`` one of a list, ``$between`` a number in ``[lowest, highest]``, ``$contains`` a text
or list with it inside, ``$length``, ``$not``.
"""
