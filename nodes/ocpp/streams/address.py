"""Where a Redis is: one form for each, however it was named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .connector import Connector, shown

DEFAULT_PORT = 6379


@dataclass(frozen=True)
class Address:
    """A Redis by URL, as :class:`Connector` takes it.

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
        try:
            parts = urlsplit(url)
        except ValueError:
            return cls(url, username, password, db)
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
        given: dict[str, Any] = {"username": self.username, "password": self.password, "db": self.db}
        return Connector(self.url, **{key: value for key, value in given.items() if value})

    @property
    def shown(self) -> str:
        """The URL without its secrets."""
        return shown(self.url)
