"""The flows' own HTTP endpoints: a table of routes that ``http in`` nodes fill and the server asks.

Path patterns are those Node-RED users write (Express): ``:name`` is one segment, ``:name?`` may be absent, ``*`` is the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Handler = Callable[[Any, dict[str, str]], None]
"""Called with the server's request object and the path parameters."""

_PART = re.compile(r":(?P<name>\w+)(?P<optional>\?)?|(?P<rest>\*)(?P<rest_name>\w+)?")


@dataclass(eq=False)
class HttpRoute:
    """One endpoint: ``method`` in lower case (``all`` takes any), the pattern as written, and who handles it."""

    method: str
    path: str
    handler: Handler
    options: dict[str, Any] = field(default_factory=dict)
    pattern: re.Pattern[str] = field(init=False)
    literal: bool = field(init=False)

    def __post_init__(self) -> None:
        self.literal = not _PART.search(self.path)
        self.pattern = compile_path(self.path)


class HttpRoutes:
    """Routes in the order they were added; literal paths are found by one look-up."""

    def __init__(self) -> None:
        self._literal: dict[tuple[str, str], HttpRoute] = {}
        self._patterns: list[HttpRoute] = []

    def add(self, route: HttpRoute) -> Callable[[], None]:
        """Adds a route; returns how to remove it. The first route of a path keeps it while it exists."""
        key = (route.method, _bare(route.path))
        if route.literal and key not in self._literal:
            self._literal[key] = route
        else:
            self._patterns.append(route)
        return lambda: self._remove(key, route)

    def match(self, method: str, path: str) -> tuple[HttpRoute, dict[str, str]] | None:
        """The route for a request and its path parameters, percent-decoded; None when no flow serves it."""
        route = self._literal.get((method, path)) or self._literal.get((method, _bare(path)))
        if route is not None:
            return route, {}
        for candidate in self._patterns:
            if candidate.method in (method, "all") and (found := candidate.pattern.fullmatch(path)):
                return candidate, {k: unquote(v) for k, v in found.groupdict().items() if v is not None}
        return None

    def methods(self, path: str) -> list[str]:
        """The methods that some route takes for ``path``."""
        literal = [m for (m, p) in self._literal if p == _bare(path)]
        return literal + [r.method for r in self._patterns if r.pattern.fullmatch(path)]

    def _remove(self, key: tuple[str, str], route: HttpRoute) -> None:
        if self._literal.get(key) is route:
            del self._literal[key]
            self._promote(key)
        elif route in self._patterns:
            self._patterns.remove(route)

    def _promote(self, key: tuple[str, str]) -> None:
        for candidate in self._patterns:
            if candidate.literal and (candidate.method, _bare(candidate.path)) == key:
                self._patterns.remove(candidate)
                self._literal[key] = candidate
                return


def compile_path(path: str) -> re.Pattern[str]:
    """The regular expression of an Express path pattern."""
    out, at, unnamed = [], 0, 0
    text = _bare(path)
    for found in _PART.finditer(text):
        out.append(re.escape(text[at : found.start()]))
        at = found.end()
        if found["rest"]:
            name = found["rest_name"] or f"_{unnamed}"
            unnamed += not found["rest_name"]
            out.append(f"(?P<{name}>.*)")
        elif found["optional"]:
            if out[-1].endswith("/"):
                out[-1] = out[-1][:-1] + "(?:/"
                out.append(f"(?P<{found['name']}>[^/]+))?")
            else:
                out.append(f"(?P<{found['name']}>[^/]*)")
        else:
            out.append(f"(?P<{found['name']}>[^/]+)")
    out.append(re.escape(text[at:]))
    return re.compile("".join(out) + "/?", re.DOTALL)


def _bare(path: str) -> str:
    """With a leading slash, without a trailing one."""
    path = path if path.startswith("/") else "/" + path
    return path.rstrip("/") or "/"
