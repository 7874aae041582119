"""Cookies: read as Express' cookie-parser reads them, written as its ``res.cookie`` writes them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate
from typing import Any
from urllib.parse import quote, unquote

import orjson

from ..errors import BuswayError
from ..jsontext import js_number

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_UNESCAPED = "!'()*"
_SAME_SITE = {True: "Strict", "strict": "Strict", "lax": "Lax", "none": "None"}
_PRIORITIES = {"low": "Low", "medium": "Medium", "high": "High"}
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


class CookieError(BuswayError):
    """A cookie that a flow wants to set has a name or an option it cannot have."""


def parse_cookies(header: str) -> dict[str, Any]:
    """A ``Cookie`` header by name; values percent-decoded, those that begin with ``j:`` parsed as JSON. The first of a name
    counts."""
    found: dict[str, Any] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if equals and name not in found:
            found[name] = _parse_value(value.strip())
    return found


def _parse_value(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if "%" in text:
        text = unquote(text, errors="replace")
    if not text.startswith("j:"):
        return text
    try:
        return orjson.loads(text[2:])
    except ValueError:
        return text


def set_cookie(name: str, value: Any, options: Mapping[str, Any]) -> str:
    """A ``Set-Cookie`` header.

    ``options`` are Express': ``domain``, ``path``, ``expires`` (a date), ``maxAge`` (milliseconds), ``httpOnly``, ``secure``,
    ``sameSite`` (true, "strict", "lax", "none"), ``priority``, ``partitioned``. Raises CookieError.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CookieError(f"{name!r} is no cookie name: letters, digits and !#$%&'*+-.^_`|~ are allowed")
    if options.get("signed"):
        raise CookieError(f"cookie {name!r}: signed cookies need a secret, which there is none of; leave 'signed' out")
    parts = [f"{name}={quote(_value_text(value), safe=_UNESCAPED)}"]
    age = _max_age(name, options.get("maxAge"))
    if age is not None:
        parts.append(f"Max-Age={age // 1000}")
    if options.get("domain"):
        parts.append(f"Domain={_attribute(name, 'domain', options['domain'])}")
    parts.append(f"Path={_attribute(name, 'path', options.get('path') or '/')}")
    expires = formatdate(time.time() + age / 1000, usegmt=True) if age is not None else _expires(name, options)
    if expires:
        parts.append(f"Expires={expires}")
    return "; ".join(parts + _flags(name, options))


def clear_cookie(name: str, options: Mapping[str, Any]) -> str:
    """A ``Set-Cookie`` header that removes a cookie; ``path`` and ``domain`` have to be those it was set with."""
    kept = {key: value for key, value in options.items() if key != "maxAge"}
    return set_cookie(name, "", {**kept, "expires": EPOCH})


def _flags(name: str, options: Mapping[str, Any]) -> list[str]:
    names = {"httpOnly": "HttpOnly", "secure": "Secure", "partitioned": "Partitioned"}
    flags = [text for key, text in names.items() if options.get(key)]
    if options.get("priority"):
        flags.append(f"Priority={_choice(name, 'priority', options['priority'], _PRIORITIES)}")
    if options.get("sameSite"):
        flags.append(f"SameSite={_choice(name, 'sameSite', options['sameSite'], _SAME_SITE)}")
    return flags


def _choice(name: str, option: str, value: Any, choices: Mapping[Any, str]) -> str:
    found = choices.get(value.lower() if isinstance(value, str) else value)
    if found is None:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise CookieError(f"cookie {name!r}: {option} is {value!r}; it can be {allowed}")
    return found


def _attribute(name: str, option: str, value: Any) -> str:
    if not isinstance(value, str) or not _ATTRIBUTE.fullmatch(value):
        raise CookieError(f"cookie {name!r}: {option} is {value!r}; it has to be ASCII text without ';'")
    return value


def _max_age(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        raise CookieError(f"cookie {name!r}: maxAge is {value!r}; it is a number of milliseconds") from None


def _expires(name: str, options: Mapping[str, Any]) -> str:
    value = options.get("expires")
    if not value:
        return ""
    if isinstance(value, datetime):
        return format_datetime(value.astimezone(UTC), usegmt=True)
    if isinstance(value, (int, float)):
        return formatdate(value / 1000, usegmt=True)
    return _attribute(name, "expires", value)


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return js_number(value)
    return "j:" + orjson.dumps(value).decode()
