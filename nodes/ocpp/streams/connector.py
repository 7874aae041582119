"""How connections to a Redis are made: the forms of URL, TLS, sentinels, and what is told when it cannot be done."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from busway.engine.errors import BuswayError, suggest

from . import sentinels

if TYPE_CHECKING:
    from redis.asyncio import Connection, ConnectionPool, Redis

PATIENCE = 5.0
"""Seconds that connecting may take."""
FORMS = "redis://, rediss://, unix://, redis+sentinel:// and rediss+sentinel://"
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
WRONG_MODES = {
    "cluster": "it belongs to a Redis Cluster. The scripts change keys of several slots at once, which a cluster refuses: "
    "use a single server, or a master with sentinels",
    "sentinel": "it is a sentinel. Name it as redis+sentinel://host:26379/service",
}


class LinkDown(BuswayError):
    """Redis cannot be reached, or the connection broke: the command may or may not have been carried out."""


class Connector:
    """Makes connections to one Redis: named by a URL, or as a given client makes its own.

    URLs are ``redis://``, ``rediss://`` (TLS) and ``unix://`` with the options that redis-py takes, or
    ``redis+sentinel://[user:password@]host[:port][,host...]/service[/db][?option=value]``, where ``rediss+sentinel``
    means TLS to the sentinels and to the master. ``login`` (``username``, ``password``, ``db``) counts where the URL
    does not name its own. Raises LinkDown when the URL cannot be understood.
    """

    def __init__(self, redis: str | Redis, **login: str | int) -> None:
        from redis.asyncio.sentinel import SentinelConnectionPool
        from redis.exceptions import RedisError

        try:
            self._pool: Any = _pool(redis, login) if isinstance(redis, str) else redis.connection_pool
            self._new()
        except (ValueError, TypeError, RedisError) as error:
            raise LinkDown(f"{shown(str(redis))!r} is not the URL of a Redis: {error}") from None
        pool: Any = self._pool
        self._follower = sentinels.Follower(pool) if isinstance(pool, SentinelConnectionPool) else None

    async def connect(self) -> Connection:
        """A connection whose replies are texts. Raises LinkDown, with the reason, when Redis cannot be reached or is one
        that cannot be used.
        """
        from redis.exceptions import RedisError

        connection = self._new()
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.connect()  # type: ignore[no-untyped-call]
                mode = await _mode(connection)
        except (RedisError, OSError, TimeoutError) as error:
            await self._give_up(connection)
            raise LinkDown(f"Redis cannot be reached: {self._unread() or str(error) or self._silence()}") from None
        except BaseException:
            await self._give_up(connection)
            raise
        if mode in WRONG_MODES:
            await self._give_up(connection)
            raise LinkDown(f"the Redis at {_place(connection)} cannot be used: {WRONG_MODES[mode]}")
        if self._follower is not None:
            self._follower.follow(connection)
        return connection

    async def _give_up(self, connection: Connection) -> None:
        await connection.disconnect(True)
        if self._follower is not None:
            await self._follower.rest()

    def _new(self) -> Connection:
        connection: Connection = self._pool.connection_class(**(self._pool.connection_kwargs | _connection_options()))
        return connection

    def _silence(self) -> str:
        hint = "; does it speak TLS?" if "ssl" in self._pool.connection_class.__name__.lower() else ""
        return f"no answer within {PATIENCE:g} s{hint}"

    def _unread(self) -> str | None:
        """Which of the files for TLS cannot be read: the error of TLS does not name it."""
        for name in FILES:
            path = self._pool.connection_kwargs.get(name)
            try:
                if path:
                    open(path, "rb").close()
            except OSError as error:
                return f"{name}: {error}"
        return None


def shown(url: str) -> str:
    """A URL without its secrets."""
    return re.sub(r"//.*@", "//", url).partition("?")[0]


def _connection_options() -> dict[str, Any]:
    return {
        "protocol": 2,
        "decode_responses": True,
        "encoding_errors": "replace",
        "socket_timeout": None,
        "health_check_interval": 0,
        # The caller alone knows whether a command may run twice; the link watches for stalls.
        **sentinels.once(),
    }


async def _mode(connection: Connection) -> str:
    """``standalone``, ``cluster`` or ``sentinel``; empty where the user may not ask."""
    from redis.exceptions import ResponseError

    await connection.send_command("INFO", "server")
    try:
        found = re.search(r"^(?:redis|server)_mode:(\w+)", await connection.read_response(), re.MULTILINE)
    except ResponseError:
        return ""
    return found[1] if found else ""


def _place(connection: Any) -> str:
    return getattr(connection, "path", "") or f"{connection.host}:{connection.port}"


# -- URLs
def _pool(url: str, login: dict[str, str | int]) -> ConnectionPool:
    from redis.asyncio import ConnectionPool

    parts = urlsplit(url)
    pool: ConnectionPool
    if parts.scheme in sentinels.SCHEMES:
        _check_db(parts.path.strip("/").partition("/")[2])
        pool = sentinels.pool_of(parts, login)
    elif parts.scheme in ("redis", "rediss", "unix"):
        _check_db("" if parts.scheme == "unix" else parts.path.strip("/"))
        pool = ConnectionPool.from_url(url, **login)
    else:
        raise ValueError(f"it must begin with one of {FORMS}")
    _check_options(parts, pool.connection_class)
    return pool


def _check_db(text: str) -> None:
    if text and not text.isdecimal():
        raise ValueError(f"the database must be a number, not {text!r}")


def _check_options(parts: SplitResult, connection_class: type) -> None:
    """Raises ValueError for an option that no connection of this kind has."""
    known = {"max_connections", *sentinels.OPTIONS}
    for one in connection_class.__mro__:
        known |= set(inspect.signature(one).parameters)
    for name in parse_qs(parts.query, keep_blank_values=True):
        if name not in known:
            raise ValueError(f"there is no option {name!r}{suggest(name, known)}")
