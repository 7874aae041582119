"""Where a Redis is: the forms of URL that are understood, and how to connect to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .link import Connector, LinkDown

if TYPE_CHECKING:
    from redis.asyncio import Redis

DEFAULT_PORT = 6379
SENTINEL = ("redis+sentinel", "rediss+sentinel")


@dataclass(frozen=True)
class Address:
    """A Redis by URL: ``redis://``, ``rediss://`` (TLS) and ``unix://`` as redis-py takes them, or
    ``redis+sentinel://[user:password@]host[:port][,host...]/service[/db]``.

    ``username``, ``password`` and ``db`` count where the URL does not name its own.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0

    @classmethod
    def of(cls, url: str, username: str = "", password: str = "", db: int = 0) -> Address:
        """An address in its one form, so that the same Redis named in two ways is the same one here."""
        url = url.strip()
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss") or not parts.netloc:
            return cls(url, username, password, db)
        login, at, place = parts.netloc.rpartition("@")
        has_port = ":" in place.rpartition("]")[2]
        host, _, port = place.rpartition(":") if has_port else (place, "", "")
        host = "127.0.0.1" if host.lower() == "localhost" else host.lower()
        path = parts.path if parts.path.strip("/") else f"/{db}"
        netloc = f"{login}{at}{host}:{port or DEFAULT_PORT}"
        return cls(parts._replace(netloc=netloc, path=path).geturl(), username, password)

    def connector(self) -> Connector:
        """Makes connections to it. Raises LinkDown when the URL cannot be understood."""
        try:
            return Connector(self._client())
        except ValueError as error:
            raise LinkDown(f"{self.shown!r} is not the URL of a Redis: {error}") from None

    @property
    def shown(self) -> str:
        """The URL without its secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _client(self) -> Redis:
        from redis.asyncio import Redis

        if urlsplit(self.url).scheme in SENTINEL:
            return self._behind_sentinel()
        given = {"username": self.username, "password": self.password, "db": self.db}
        options: dict[str, Any] = {key: value for key, value in given.items() if value}
        client: Redis = Redis.from_url(self.url, **options)
        return client

    def _behind_sentinel(self) -> Redis:
        from redis.asyncio.sentinel import Sentinel

        parts = urlsplit(self.url)
        login, _, hosts = parts.netloc.rpartition("@")
        service, _, db = parts.path.strip("/").partition("/")
        if not service or not hosts:
            raise ValueError("it needs hosts and a service, as redis+sentinel://host:26379/mymaster")
        user, _, password = login.partition(":")
        options: dict[str, Any] = {
            "username": unquote(user) or self.username or None,
            "password": unquote(password) or self.password or None,
            "db": int(db or self.db),
        }
        if parts.scheme.startswith("rediss"):
            options["ssl"] = True
        sentinel = Sentinel([_host(one) for one in hosts.split(",")])  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(service, **options)
        return client


def _host(text: str) -> tuple[str, int]:
    name, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    return name, int(port or 26379)
