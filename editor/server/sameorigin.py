"""Which pages may use the admin API: our own. A page of somebody else must not act with the rights of whoever looks at
it."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


def is_same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a request's ``Origin`` is missing (it comes from no page) or is that of the ``Host`` it asks."""
    if origin is None:
        return True
    page = _split(origin)
    if page is None or host is None:
        return False
    netloc, port = page
    return _with_port(netloc, port) == _with_port(host.lower(), port)


def _split(origin: str) -> tuple[str, str] | None:
    """Host of an origin, and the port that its scheme means; None when it names no host."""
    try:
        page = urlsplit(origin.lower())
    except ValueError:
        return None
    return (page.netloc, _DEFAULT_PORTS.get(page.scheme, "")) if page.netloc else None


def _with_port(host: str, port: str) -> str:
    return host if ":" in host.rpartition("]")[2] else host + port
