"""The flows' own HTTP endpoints: a table of routes that ``http in`` nodes fill and the server asks.

Path patterns are those Node-RED users write (Express 4): ``:name`` is one segment, ``:name?`` may be absent, ``:name(\\d+)``
has a pattern of its own, ``*`` is the rest (parameters ``0``, ``1``, ...), ``?``, ``+`` and parentheses are those of regular
expressions. Upper and lower case are the same, a slash at the end does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import ConfigError

if TYPE_CHECKING:
    from .request import HttpRequest
    from .response import HttpResponse

Handler = Callable[["HttpRequest", "HttpResponse"], None]
"""Takes a request into a flow; must not keep the response anywhere but in the message."""

_TOKEN = re.compile(
    r"""(?P<slash>/)?:(?P<name>\w+)(?P<pattern>\([^()]*\))?(?P<many>[*+?])?
      | (?P<rest>\*) | (?P<group>/\((?!\?)) | (?P<open>\((?!\?)) | (?P<plain>[?+)|]|\(\?)""",
    re.VERBOSE,
)
_SPECIAL = re.compile(r"[:*?+()]")


@dataclass(eq=False)
class HttpRoute:
    """One endpoint: ``method`` in lower case, the path as the user wrote it, and who handles it.

    Raises ConfigError when the path is no valid pattern.
    """

    method: str
    path: str
    handler: Handler
    pattern: re.Pattern[str] = field(init=False)
    literal: bool = field(init=False)

    def __post_init__(self) -> None:
        self.path = _bare(self.path)
        self.literal = not _SPECIAL.search(self.path)
        self.pattern = compile_path(self.path)


class HttpRoutes:
    """Routes in the order they were added; literal paths are found by one look-up."""

    def __init__(self) -> None:
        self._literal: dict[tuple[str, str], HttpRoute] = {}
        self._others: list[HttpRoute] = []

    def add(self, route: HttpRoute) -> Callable[[], None]:
        """Adds a route; returns how to remove it. The first route of a path keeps it while it exists."""
        key = (route.method, route.path.lower())
        if route.literal and key not in self._literal:
            self._literal[key] = route
        else:
            self._others.append(route)
        return lambda: self._remove(key, route)

    def match(self, method: str, path: str) -> tuple[HttpRoute, dict[str, str]] | None:
        """The route for a request and its path parameters; None when no flow serves it.

        ``method`` is in lower case; a HEAD request is served by the route of GET. ``path`` is the request's path as it came,
        still percent-encoded, so that an encoded slash stays inside its segment; parameters are decoded.
        """
        route = self._literal.get((method, path))
        if route is not None:
            return route, {}
        return self._search(method, path) or (self.match("get", path) if method == "head" else None)

    def methods(self, path: str) -> list[str]:
        """The methods that some route takes for ``path``, in upper case; with GET comes HEAD."""
        bare = _bare(path).lower()
        found = [method for (method, literal) in self._literal if literal == bare]
        found += [route.method for route in self._others if route.pattern.fullmatch(path)]
        if "get" in found:
            found.insert(found.index("get") + 1, "head")
        return list(dict.fromkeys(method.upper() for method in found))

    def _search(self, method: str, path: str) -> tuple[HttpRoute, dict[str, str]] | None:
        bare = _bare(path).lower()
        literal = self._literal.get((method, bare)) or self._literal.get((method, unquote(bare).lower()))
        if literal is not None:
            return literal, {}
        for route in self._others:
            if route.method == method and (found := route.pattern.fullmatch(path)):
                return route, parameters(found)
        return None

    def _remove(self, key: tuple[str, str], route: HttpRoute) -> None:
        if self._literal.get(key) is route:
            del self._literal[key]
            self._promote(key)
        elif route in self._others:
            self._others.remove(route)

    def _promote(self, key: tuple[str, str]) -> None:
        """Gives a path whose route has gone to the next one that was added for it."""
        for route in self._others:
            if route.literal and (route.method, route.path.lower()) == key:
                self._others.remove(route)
                self._literal[key] = route
                return


def compile_path(path: str) -> re.Pattern[str]:
    """The regular expression of a path pattern. Raises ConfigError when it is none."""
    out, at, last, unnamed = "", 0, 0, 0
    text = _bare(path)
    for token in _TOKEN.finditer(text):
        out += re.escape(text[at : token.start()])
        at = token.end()
        if token["name"]:
            between = text[last : token.start()] if last and not token["slash"] else ""
            out += _named(token, f"(?:(?!{re.escape(between)})[^/])+?" if between else "[^/]+?")
            last = at
        elif token["rest"] or token["open"]:
            out += f"(?P<_{unnamed}>" + (".*)" if token["rest"] else "")
            unnamed += 1
        else:
            out += "/(?:" if token["group"] else token["plain"]
    try:
        return re.compile(out + re.escape(text[at:]) + "/?", re.DOTALL | re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"{path!r} is no path pattern: {error}; write it like /stations/:id or /files/*") from None


def _named(token: re.Match[str], segment: str) -> str:
    """The expression of ``/:name``; the slash before it belongs to it when it may be absent or repeated.

    Of two parameters in one segment (``:from-:to``) the second does not hold what stands between them.
    """
    slash, many = token["slash"] or "", token["many"] or ""
    inner = f"(?P<{token['name']}>{token['pattern'][1:-1] if token['pattern'] else segment})"
    if many == "*":  # Express: one segment, and then anything
        return f"{slash}{inner}.*"
    return f"(?:{slash}{inner}){many}" if many else slash + inner


def parameters(found: re.Match[str]) -> dict[str, str]:
    """The parameters of a path that matched :func:`compile_path`, percent-decoded; those without a name by number."""
    return {name.lstrip("_") if name[1:].isdigit() else name: unquote(value) for name, value in _given(found)}


def _given(found: re.Match[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in found.groupdict().items() if value is not None]


def _bare(path: str) -> str:
    """With a leading slash, without a trailing one."""
    path = path if path.startswith("/") else "/" + path
    return path.rstrip("/") or "/"
