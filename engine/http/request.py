"""A request as flows see it: ``msg.req``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cookies import parse_cookies
from .query import parse_query

SINGLE_HEADERS = frozenset(
    (
        *(
            "age",
            "authorization",
            "content-length",
            "content-type",
            "etag",
            "expires",
            "from",
            "host",
            "if-modified-since",
        ),
        *("if-unmodified-since", "last-modified", "location", "max-forwards", "proxy-authorization", "referer"),
        *("retry-after", "server", "user-agent"),
    )
)
"""Headers of which a second one is dropped; others are joined by a comma."""


class HttpRequest:
    """What came over HTTP, with the names that Express gives it; nothing is parsed before somebody asks.

    ``scope`` is an ASGI HTTP scope, ``raw_body`` the bytes of the body. ``body`` and ``files`` are set by the node that took the
    request in. It is carried by reference: never copied with a message. :meth:`script_view` is what JavaScript sees.
    """

    __slots__ = ("_cookies", "_headers", "_query", "_scope", "body", "files", "params", "raw_body", "route_path")

    def __init__(
        self,
        scope: Mapping[str, Any],
        raw_body: bytes = b"",
        params: dict[str, str] | None = None,
        route_path: str = "",
    ) -> None:
        self._scope = scope
        self.raw_body = raw_body
        self.params = params if params is not None else {}
        self.route_path = route_path
        self.body: Any = {}
        self.files: list[dict[str, Any]] | None = None
        self._headers: dict[str, str] | None = None
        self._query: dict[str, Any] | None = None
        self._cookies: dict[str, Any] | None = None

    # -- what was asked for -----------------------------------------------------------------------------------------
    @property
    def method(self) -> str:
        """In upper case."""
        return self._scope["method"]  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """The path of the URL as it came, percent-encoded."""
        raw = self._scope.get("raw_path")
        return raw.decode("latin-1") if raw is not None else self._scope["path"]  # type: ignore[no-any-return]

    @property
    def url(self) -> str:
        """Path and query as they came."""
        query = self._scope.get("query_string") or b""
        return f"{self.path}?{query.decode('latin-1')}" if query else self.path

    originalUrl = url

    @property
    def query(self) -> dict[str, Any]:
        """The query by name: texts, and what brackets nest."""
        if self._query is None:
            text = self._scope.get("query_string")
            self._query = parse_query(text.decode("latin-1")) if text else {}
        return self._query

    @property
    def headers(self) -> dict[str, str]:
        """By name in lower case."""
        if self._headers is None:
            self._headers = _headers(self._scope["headers"])
        return self._headers

    @property
    def cookies(self) -> dict[str, Any]:
        """By name, decoded."""
        if self._cookies is None:
            header = self.headers.get("cookie")
            self._cookies = parse_cookies(header) if header else {}
        return self._cookies

    def header(self, name: bytes) -> str | None:
        """The first header of a name in lower case, without reading all others."""
        for key, value in self._scope["headers"]:
            if key == name:
                return value.decode("latin-1")  # type: ignore[no-any-return]
        return None

    def get(self, name: str) -> str | None:
        """A header, in any spelling of its name."""
        name = name.lower()
        if name in ("referer", "referrer"):
            return self.headers.get("referrer") or self.headers.get("referer")
        return self.headers.get(name)

    # -- who asked --------------------------------------------------------------------------------------------------
    @property
    def ip(self) -> str:
        """The address of the peer."""
        return (self._scope.get("client") or ("", 0))[0]

    @property
    def protocol(self) -> str:
        """``http`` or ``https``."""
        return self._scope.get("scheme", "http")  # type: ignore[no-any-return]

    @property
    def secure(self) -> bool:
        """Whether the request came over TLS."""
        return self.protocol == "https"

    @property
    def hostname(self) -> str:
        """The host that was asked, without its port."""
        host = self.headers.get("host", "")
        return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]

    @property
    def subdomains(self) -> list[str]:
        """The labels of the host before its last two, the last first."""
        labels = self.hostname.split(".")
        return [] if labels[-1].isdigit() else labels[-3::-1]

    @property
    def xhr(self) -> bool:
        """Whether a browser's script says that it asks."""
        return self.headers.get("x-requested-with", "").lower() == "xmlhttprequest"

    @property
    def httpVersion(self) -> str:
        """``1.0`` or ``1.1``."""
        return self._scope.get("http_version", "1.1")  # type: ignore[no-any-return]

    @property
    def socket(self) -> dict[str, Any]:
        """``remoteAddress`` and ``remotePort``."""
        address, port = self._scope.get("client") or ("", 0)
        return {"remoteAddress": address, "remotePort": port}

    connection = socket

    @property
    def route(self) -> dict[str, str]:
        """``path``: the pattern of the route that took the request."""
        return {"path": self.route_path}

    baseUrl = ""

    @property
    def ips(self) -> list[str]:
        """Addresses of trusted proxies; there are none."""
        return []

    def script_view(self) -> dict[str, Any]:
        """All of it as data, for scripts and for the debug panel."""
        view = {name: getattr(self, name) for name in _VIEW}
        return view if self.files is None else view | {"files": self.files}


_VIEW = (
    *("params", "query", "headers", "cookies", "body", "method", "url", "originalUrl", "path", "baseUrl", "ip", "ips"),
    *("hostname", "subdomains", "protocol", "secure", "xhr", "httpVersion", "socket", "connection", "route"),
)


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """As Node.js gives them: one text a name."""
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name not in found:
            found[name] = value
        elif name not in SINGLE_HEADERS:
            found[name] += ("; " if name == "cookie" else ", ") + value
    return found
