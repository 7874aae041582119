"""Clients of the Redis that a URL names: a server, or the master that sentinels know."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379


def client_of(url: str, kind: Any, sentinel: Any, **options: Any) -> Any:
    """A client of class ``kind`` (``Redis``, blocking or not), found by ``sentinel`` (``Sentinel`` of the same sort) where the URL is
    ``redis+sentinel://[user:password@]host[:port][,host...]/service[/db]``.

    Options of such a URL are ``sentinel_username`` and ``sentinel_password``. Raises ValueError for a URL that is none.
    """
    parts = urlsplit(url)
    if not parts.scheme.endswith("+sentinel"):
        return kind.from_url(url, **options)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("it names no service: redis+sentinel://host:26379/service")
    login = {"username": parts.username, "password": parts.password}
    own = {name: unquote(value) for name, value in login.items() if value}
    tls = {"ssl": True} if parts.scheme.startswith("rediss") else {}
    manager = sentinel(_places(parts), sentinel_kwargs={**_login(parts), **tls, **options}, **options, **own, **tls)
    return manager.master_for(service, redis_class=kind, db=int(db or 0))


def sentinels_of(client: Any) -> list[Any]:
    """The clients of the sentinels that a client asks: who closes it closes them."""
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    return list(manager.sentinels) if manager is not None else []


def _places(parts: SplitResult) -> list[tuple[str, int]]:
    places = [urlsplit(f"//{place}") for place in parts.netloc.rpartition("@")[2].split(",")]
    return [(place.hostname or "127.0.0.1", place.port or SENTINEL_PORT) for place in places]


def _login(parts: SplitResult) -> dict[str, str]:
    """The login at the sentinels themselves."""
    given = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    found = {name.removeprefix("sentinel_"): value for name, value in given.items()}
    unknown = given.keys() - {"sentinel_username", "sentinel_password"}
    if unknown:
        raise ValueError(
            f"there is no option {min(unknown)!r} of sentinels; there are sentinel_username, sentinel_password"
        )
    return found
