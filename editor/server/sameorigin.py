"""Which pages may use the admin API: our own. A page of somebody else must not act with the rights of whoever looks at it."""

from __future__ import annotations

from urllib.parse import urlsplit

from .wire import Scope, header

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


def is_same_origin(scope: Scope) -> bool:
    """Whether a request has no ``Origin`` (it comes from no page) or that of the host it asks."""
    origin = header(scope, b"origin")
    if origin is None:
        return True
    asked = header(scope, b"host")
    page = urlsplit(origin.decode("latin-1").lower())
    if asked is None or not page.netloc:
        return False
    port = _DEFAULT_PORTS.get(page.scheme, "")
    return _with_port(page.netloc, port) == _with_port(asked.decode("latin-1").lower(), port)


def _with_port(host: str, port: str) -> str:
    return host if host.rpartition("]")[2].rpartition(":")[1] else host + port
