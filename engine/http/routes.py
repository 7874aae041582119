"""The flows' own HTTP endpoints: a table of routes that ``http in`` nodes fill and the server asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .paths import bare, compile_path, parameters
from .sockets import SocketRoutes

if TYPE_CHECKING:
    from .request import HttpRequest
    from .response import HttpResponse

Handler = Callable[["HttpRequest", "HttpResponse"], None]
"""Takes a request into a flow; must not keep the response anywhere but in the message."""

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
        self.path = bare(self.path)
        self.literal = not _SPECIAL.search(self.path)
        self.pattern = compile_path(self.path)


class HttpRoutes:
    """Routes in the order they were added; literal paths are found by one look-up."""

    def __init__(self) -> None:
        self._literal: dict[tuple[str, str], HttpRoute] = {}
        self._others: list[HttpRoute] = []
        self.sockets = SocketRoutes()
        """The paths at which flows serve WebSockets."""

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
        plain = bare(path).lower()
        found = [method for (method, literal) in self._literal if literal == plain]
        found += [route.method for route in self._others if route.pattern.fullmatch(path)]
        if "get" in found:
            found.insert(found.index("get") + 1, "head")
        return list(dict.fromkeys(method.upper() for method in found))

    def _search(self, method: str, path: str) -> tuple[HttpRoute, dict[str, str]] | None:
        plain = bare(path).lower()
        literal = self._literal.get((method, plain)) or self._literal.get((method, unquote(plain).lower()))
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
