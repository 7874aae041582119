"""The cookies of one request while it is redirected from host to host."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from busway.engine.http.payload import text_of

_UNESCAPED = "!'()*"


class Cookie(NamedTuple):
    """A cookie and where it is sent: to ``host``, also below it unless ``exact``, on paths below ``path``."""

    name: str
    value: str
    host: str
    exact: bool = True
    path: str = "/"
    secure: bool = False


class CookieJar:
    """Holds cookies and picks those for a URL."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def give(self, url: str, header: str, cookies: Any) -> None:
        """Fills the jar for the first request: a ``Cookie`` header as it is, then ``msg.cookies``, whose values are text or
        ``{value, encode}``; they are percent-encoded unless ``encode`` is false."""
        host = _host(url)
        for part in header.split(";"):
            name, equals, value = part.strip().partition("=")
            if equals:
                self._put(Cookie(name.strip(), value.strip(), host))
        for name, given in cookies.items() if isinstance(cookies, dict) else ():
            item = given if isinstance(given, dict) else {"value": given}
            if item.get("value") is not None:
                text = text_of(item["value"])
                self._put(Cookie(name, quote(text, safe=_UNESCAPED) if item.get("encode") is not False else text, host))

    def take(self, url: str, lines: Iterable[str]) -> None:
        """Keeps what a response's ``Set-Cookie`` lines say."""
        host = _host(url)
        for line in lines:
            name, value, attributes = split_cookie(line)
            if not name:
                continue
            lower = {key.lower(): text for key, text in attributes}
            domain = lower.get("domain", "").lstrip(".").lower()
            if domain and not _may_set(host, domain):
                continue
            path = lower.get("path") or "/"
            cookie = Cookie(name, value, domain or host, not domain, path if path[0] == "/" else "/", "secure" in lower)
            self._put(cookie, _is_over(lower))

    def header(self, url: str) -> str:
        """The ``Cookie`` header for a URL; "" when no cookie goes there."""
        parts = urlsplit(url)
        host, path, secure = _host(url), parts.path or "/", parts.scheme == "https"
        found = [c for c in self._cookies.values() if _reaches(c, host, path) and (secure or not c.secure)]
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)

    def _put(self, cookie: Cookie, over: bool = False) -> None:
        key = (cookie.name, cookie.host, cookie.path)
        self._cookies.pop(key, None)
        if not over:
            self._cookies[key] = cookie


def split_cookie(line: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Name, value and attributes of a ``Set-Cookie`` line; the name is empty when there is none."""
    first, *rest = line.split(";")
    name, equals, value = first.partition("=")
    pairs = [part.strip().partition("=") for part in rest]
    return (name.strip() if equals else ""), value.strip(), [(key.strip(), text.strip()) for key, _, text in pairs]


def described(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Cookies of a response as ``{name: {value, Path, Expires, ...}}``: attributes that have a value, spelled as they came."""
    found = {}
    for line in lines:
        name, value, attributes = split_cookie(line)
        if name:
            text = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
            found[name] = {key: item for key, item in attributes if item} | {"value": unquote(text)}
    return found


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _may_set(host: str, domain: str) -> bool:
    return host == domain or ("." in domain and host.endswith(f".{domain}"))


def _reaches(cookie: Cookie, host: str, path: str) -> bool:
    if host != cookie.host and (cookie.exact or not host.endswith(f".{cookie.host}")):
        return False
    return path == cookie.path or path.startswith(cookie.path if cookie.path.endswith("/") else f"{cookie.path}/")


def _is_over(attributes: dict[str, str]) -> bool:
    """Whether the cookie is one that removes itself."""
    age = attributes.get("max-age", "")
    if age.lstrip("-").isdigit():
        return int(age) <= 0
    try:
        until = parsedate_to_datetime(attributes["expires"])
    except (KeyError, ValueError, TypeError):
        return False
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) <= datetime.now(UTC)
