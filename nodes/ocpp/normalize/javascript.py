"""How JavaScript reads values, where flows rely on it: what is true, and what becomes of a value as text."""

from __future__ import annotations

import math
from typing import Any, Final

ABSENT: Final[Any] = object()
"""Stands for JavaScript's ``undefined``: a member that is not there, other than one that is null."""


def truthy(value: object) -> bool:
    """False for undefined, null, false, 0, not-a-number and the empty text; empty lists and objects are true."""
    if value is ABSENT:
        return False
    return bool(value) and value == value if not isinstance(value, (dict, list)) else True


def first_true(*values: Any) -> Any:
    """``a || b || c``: the first that is true, else the last."""
    return next((value for value in values if truthy(value)), values[-1])


def text(value: Any) -> str:
    """``String(value)``."""
    if value is ABSENT:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join("" if item is None else text(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    return _number_text(value) if isinstance(value, float) else str(value)


def _number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)


def present(members: dict[str, Any]) -> dict[str, Any]:
    """``members`` as JSON writes them: without those that are undefined."""
    return {name: value for name, value in members.items() if value is not ABSENT}


def members(payload: Any) -> dict[str, Any]:
    """What property access finds on ``payload``: nothing on texts, numbers and lists."""
    return payload if isinstance(payload, dict) else {}
