"""The master that sentinels name."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote
from weakref import WeakSet

if TYPE_CHECKING:
    from redis.asyncio import Connection
    from redis.asyncio.sentinel import SentinelConnectionPool

SCHEMES = ("redis+sentinel", "rediss+sentinel")
OPTIONS = ("sentinel_username", "sentinel_password")
"""Options of a URL that redis-py's connections do not have: the login at the sentinels."""
DEFAULT_PORT = 26379
PATIENCE = 1.0
"""Seconds after which the next sentinel is asked, and between two questions who is the master."""


class Follower:
    """Breaks connections to a master that is none any more.

    A master that was replaced does not know it for ten seconds or more. Who only listens to it would hear nothing, and
    what it still takes is lost.
    """

    def __init__(self, pool: SentinelConnectionPool) -> None:
        self._pool = pool
        self._followed: WeakSet[Connection] = WeakSet()
        self._task: asyncio.Task[None] | None = None

    def follow(self, connection: Connection) -> None:
        """Breaks the connection when its server is no master any more."""
        self._followed.add(connection)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="redis-sentinel")

    async def rest(self) -> None:
        """Ends the connections to sentinels, unless there is somebody to follow."""
        if self._task is None or self._task.done():
            await self._hang_up()

    async def _run(self) -> None:
        from redis.exceptions import RedisError

        try:
            while self._someone_left():
                await asyncio.sleep(PATIENCE)
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await self._leave_all_but(await self._pool.get_master_address())  # type: ignore[no-untyped-call]
        finally:
            await self._hang_up()

    def _someone_left(self) -> bool:
        self._followed = WeakSet(one for one in self._followed if one.is_connected)
        return bool(self._followed)

    async def _hang_up(self) -> None:
        for one in self._pool.sentinel_manager.sentinels:
            await one.connection_pool.disconnect(inuse_connections=False)

    async def _leave_all_but(self, master: tuple[str, int]) -> None:
        for one in list(self._followed):
            if (one.host, one.port) != master:
                await one.disconnect(True)


def once() -> dict[str, Any]:
    """Options of a connection on which nothing is tried again."""
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return {"retry": Retry(NoBackoff(), 0)}


def pool_of(parts: SplitResult, login: dict[str, str | int]) -> SentinelConnectionPool:
    """Connections to the master that a URL's sentinels name. Raises ValueError when the URL cannot be understood."""
    from redis.asyncio.connection import parse_url
    from redis.asyncio.sentinel import Sentinel

    account, at, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ValueError("it needs hosts and a service, as redis+sentinel://host:26379/mymaster")
    scheme = parts.scheme.removesuffix("+sentinel")
    plain = parts._replace(scheme=scheme, netloc=f"{account}{at}service", path=f"/{db}").geturl()
    options: dict[str, Any] = {**login, **parse_url(plain)}
    for name in ("host", "connection_class"):
        options.pop(name, None)
    asking = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, **once()}
    asking |= {name.removeprefix("sentinel_"): options.pop(name, None) for name in OPTIONS}
    if scheme == "rediss":
        asking |= {"ssl": True} | {name: value for name, value in options.items() if name.startswith("ssl_")}
        options["ssl"] = True
    sentinels = Sentinel([_host(one) for one in hosts.split(",")], sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    pool: SentinelConnectionPool = sentinels.master_for(unquote(service), **options).connection_pool
    return pool


def _host(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?", text)
    if not found:
        raise ValueError(f"{text!r} is no host with or without a port")
    return found[1].strip("[]"), int(found[2] or DEFAULT_PORT)
