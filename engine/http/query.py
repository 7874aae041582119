"""Query strings and form bodies: nested by brackets, as Express users write them (``a[b]=1``, ``a[]=1&a[]=2``, ``a[0][b]=1``)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

_BRACKET = re.compile(r"%5[bB]|%5[dD]")
_SEGMENT = re.compile(r"\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_REFUSED = "__proto__"

Values = dict[str, Any]


class TooManyParameters(ValueError):
    """A form has more parameters than the limit."""


class TooDeep(ValueError):
    """A parameter's name nests deeper than the limit."""


class _Array(dict[int, Any]):
    """An array under construction: its elements by index, which may have gaps that close at the end."""

    def push(self, value: Any) -> None:
        self[max(self, default=-1) + 1] = value


def parse_query(text: str) -> Values:
    """The query of a URL: at most 1,000 parameters, five levels; what lies deeper stays in the last name as written."""
    return _parse(text.split("&", 1000)[:1000], 5, 1000) if text else {}


def parse_form(text: str) -> Values:
    """An ``application/x-www-form-urlencoded`` body.

    Raises TooManyParameters above 1,000 of them, TooDeep above 32 levels.
    """
    parts = text.split("&")
    if len(parts) > 1000:
        raise TooManyParameters(f"the form has {len(parts)} parameters, 1000 are allowed")
    return _parse(parts, 32, max(100, len(parts)), strict=True)


def nest(pairs: list[tuple[str, str]]) -> Values:
    """Names and values that are decoded already, such as the fields of a multipart form."""
    return _nest(_gather(pairs), 32, 1000, strict=False)


def _parse(parts: list[str], depth: int, array_limit: int, strict: bool = False) -> Values:
    pairs = [_pair(_BRACKET.sub(_bracket, part)) for part in parts if part]
    flat = _gather(pairs)
    if not any("[" in name or not name for name in flat):
        return flat
    return _nest(flat, depth, array_limit, strict)


def _bracket(found: re.Match[str]) -> str:
    return "[" if found[0][2] in "bB" else "]"


def _pair(part: str) -> tuple[str, str]:
    closing = part.find("]=")
    at = closing + 1 if closing >= 0 else part.find("=")
    return (_decode(part), "") if at < 0 else (_decode(part[:at]), _decode(part[at + 1 :]))


def _decode(text: str) -> str:
    """Percent-decoded; left as it is where that gives no UTF-8."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        return text if re.search(r"%(?![0-9a-fA-F]{2})", text) else unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _gather(pairs: list[tuple[str, str]]) -> Values:
    """One entry a name; the values of a name that comes more than once are a list."""
    flat: Values = {}
    for name, value in pairs:
        if name not in flat:
            flat[name] = value
        elif isinstance(flat[name], list):
            flat[name].append(value)
        else:
            flat[name] = [flat[name], value]
    flat.pop(_REFUSED, None)
    return flat


def _nest(flat: Values, depth: int, array_limit: int, strict: bool) -> Values:
    result: Values = {}
    for name, value in flat.items():
        segments = _segments(name, depth, strict)
        if segments and _REFUSED not in segments and f"[{_REFUSED}]" not in segments:
            leaf = _Array(enumerate(value)) if isinstance(value, list) else value
            result = _merge(result, _chain(segments, leaf, array_limit))
    return {name: _finished(value) for name, value in result.items()}


def _segments(name: str, depth: int, strict: bool) -> list[str]:
    """``a[b][]`` as ``["a", "[b]", "[]"]``; beyond ``depth`` the rest is one segment."""
    first = name.find("[")
    if first < 0:
        return [name] if name else []
    segments = [name[:first]] if first else []
    at = first
    for _ in range(depth):
        found = _SEGMENT.match(name, at)
        if found is None:
            break
        segments.append(found[0])
        at = name.find("[", found.end())
        if at < 0:
            return segments
    if strict and _SEGMENT.match(name, at):
        raise TooDeep(f"the parameter {name[:60]!r} nests deeper than {depth} levels")
    return [*segments, f"[{name[at:]}]"]


def _chain(segments: list[str], leaf: Any, array_limit: int) -> Any:
    """The leaf inside the containers that the segments name, the outermost a dict."""
    for segment in reversed(segments):
        key = segment[1:-1] if segment[0] == "[" and segment[-1] == "]" else segment
        if segment == "[]":
            leaf = leaf if isinstance(leaf, _Array) else _Array({0: leaf})
        elif segment != key and _INDEX.fullmatch(key) and int(key) < array_limit:
            leaf = _Array({int(key): leaf})
        else:
            leaf = {key: leaf}
    return {str(key): value for key, value in leaf.items()} if isinstance(leaf, _Array) else leaf


def _merge(target: Any, source: Any) -> Any:
    if source == "":  # an empty value adds nothing to what is there
        return target
    if not isinstance(source, dict):
        return _merge_value(target, source)
    if not isinstance(target, dict):
        return _Array(enumerate([target, *source.values()] if isinstance(source, _Array) else [target, source]))
    if isinstance(target, _Array) and isinstance(source, _Array):
        return _merge_arrays(target, source)
    merged: Values = {str(key): value for key, value in target.items()} if isinstance(target, _Array) else target
    for key, value in source.items():
        name = str(key)
        merged[name] = _merge(merged[name], value) if name in merged else value
    return merged


def _merge_value(target: Any, value: Any) -> Any:
    if isinstance(target, _Array):
        target.push(value)
        return target
    return _Array({0: target, 1: value})


def _merge_arrays(target: _Array, source: _Array) -> _Array:
    for index, value in source.items():
        if index not in target:
            target[index] = value
        elif isinstance(target[index], dict) and isinstance(value, dict):
            target[index] = _merge(target[index], value)
        else:
            target.push(value)
    return target


def _finished(value: Any) -> Any:
    if isinstance(value, _Array):
        return [_finished(value[index]) for index in sorted(value)]
    if isinstance(value, dict):
        return {key: _finished(item) for key, item in value.items()}
    return value
