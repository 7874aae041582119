"""Context in Redis: several processes share it, and it outlives them.

A scope is a hash, ``<prefix>:<scope>``; a field is the name of a value, its content the value as JSON. What has to be read, changed
and written at once is written by a script only if nobody else has written meanwhile, and tried again otherwise.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ..errors import ContextError, StorageError
from ..message import UNDEFINED, Keys, get_at, set_at
from .jsonable import Circular, value_text
from .redis_client import SCHEMES, client_of, sentinels_of
from .store import Change, Store, added, is_stale

if TYPE_CHECKING:
    from redis import Redis as Blocking
    from redis.asyncio import Redis

T = TypeVar("T")

PREFIX = "busway:context"
PATIENCE = 5.0
"""Seconds that Redis may take to answer."""
_OPTIONS = {"url", "prefix"}
_BATCH = 500
_NO_INTEGER = re.compile("not an integer|overflow")

SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return {0, now} end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return {1, ''}
"""
"""Writes a field if it still holds what was read; '' stands for no value. Gives 1, or 0 and what it holds."""


def redis_store(config: Mapping[str, Any], user_dir: Path | None) -> RedisStore:
    """A store from its settings: ``url`` (``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://``, ``rediss+sentinel://``;
    default: the setting ``redis_url``, or the embedded server) and ``prefix`` of the keys. Raises ContextError."""
    unknown = config.keys() - _OPTIONS
    if unknown:
        raise ContextError(f"context storage: a redis store has no {sorted(unknown)[0]!r}; it has 'url' and 'prefix'")
    url = config.get("url")
    if not url or not isinstance(url, str):
        raise ContextError("context storage: a redis store needs a 'url', or the setting 'redis_url'")
    if urlsplit(url).scheme not in SCHEMES:
        raise ContextError(
            f"context storage: {_shown(url)!r} is not the URL of a Redis; it begins redis://, rediss://, unix:// or redis+sentinel://"
        )
    return RedisStore(url, str(config.get("prefix") or PREFIX))


def _shown(url: str) -> str:
    """A URL without its password."""
    return re.sub(r"://[^@/]*@", "://", url.partition("?")[0])


class RedisStore(Store):
    """Values in one Redis; ``prefix`` sets the contexts of one set of flows apart from those of another."""

    asynchronous = True
    shared = True
    refusal = "Redis store: only asynchronous access supported"

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        self.url, self.prefix = url, prefix
        self._client: Redis | None = None
        self._exact: Redis | None = None
        self._blocking: Blocking | None = None
        self._circular = Circular()

    async def open(self) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.asyncio.sentinel import Sentinel
        from redis.backoff import ExponentialBackoff, NoBackoff

        options: dict[str, Any] = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        try:
            steady = Retry(ExponentialBackoff(cap=0.5), 3)
            self._client = client_of(self.url, Redis, Sentinel, retry=steady, **options)
            # A command that is not sent again: when its answer is lost nobody knows whether it was carried out.
            self._exact = client_of(self.url, Redis, Sentinel, retry=Retry(NoBackoff(), 0), **options)
        except ValueError as error:
            raise StorageError(f"context store: {_shown(self.url)!r} is not the URL of a Redis: {error}") from None
        await self._told(self._client.ping())

    async def close(self) -> None:
        for client in (self._client, self._exact):
            if client is not None:
                for one in (client, *sentinels_of(client)):
                    await one.aclose()
        if self._blocking is not None:
            for blocking in (self._blocking, *sentinels_of(self._blocking)):
                blocking.close()
        self._client = self._exact = self._blocking = None

    # -- awaited -----------------------------------------------------------------------------------------------------
    async def get_async(self, scope: str, keys: Keys) -> Any:
        return _inside(await self._told(self._redis.hget(self._key(scope), _field(keys))), keys)

    async def set_async(self, scope: str, keys: Keys, value: Any) -> bool:
        if len(keys) > 1:
            return await self._change(scope, keys, lambda _: value) is not None
        text = self._text(scope, value)
        name, field = self._key(scope), _field(keys)
        await self._told(self._redis.hset(name, field, text) if text else self._redis.hdel(name, field))
        return True

    async def keys_async(self, scope: str) -> list[str]:
        return [_name(name) for name in await self._told(self._redis.hkeys(self._key(scope)))]

    async def update_async(self, scope: str, keys: Keys, change: Change) -> Any:
        found = await self._change(scope, keys, change)
        if found is None:
            raise ContextError(f"cannot set {keys!r}: what it leads through is no object")
        return found[0]

    async def increment_async(self, scope: str, keys: Keys, by: float) -> float:
        """By Redis itself where it is an integer at the top of a scope, as most counters are."""
        from redis.exceptions import ResponseError

        if len(keys) == 1 and type(by) is int and abs(by) < 2**53:
            try:
                return int(await self._told(self._redis_exact.hincrby(self._key(scope), _field(keys), by)))
            except ResponseError as error:
                if not _NO_INTEGER.search(str(error)):
                    raise StorageError(f"context store: {error}") from None
        found: float = await self.update_async(scope, keys, lambda value: added(value, by))
        return found

    async def _change(self, scope: str, keys: Keys, change: Change) -> tuple[Any] | None:
        """The new value, written if nobody wrote in between; None when the path leads below what is no object."""
        name, field, path = self._key(scope), _field(keys), (str(keys[0]), *keys[1:])
        before: bytes = await self._told(self._redis.hget(name, field)) or b""
        for tries in range(1_000_000):
            values = {path[0]: json.loads(before)} if before else {}
            value = change(get_at(values, path))
            if not set_at(values, path, value):
                return None
            text = self._text(scope, values.get(path[0], UNDEFINED))
            done, before = await self._told(self._redis_exact.eval(SWAP, 1, name, field, before, text))
            if done:
                break
            if tries > 3:
                await asyncio.sleep(random.random() * min(tries, 50) / 1000)
        return (value,)

    async def delete(self, scope: str) -> None:
        await self._told(self._redis.delete(self._key(scope)))

    async def clean(self, active: Collection[str]) -> None:
        start = len(_bytes(self.prefix)) + 1
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", self.prefix) + ":*"
        found = await self._told(_listed(self._redis.scan_iter(pattern, count=_BATCH)))
        stale = [name for name in found if is_stale(_name(name[start:]), active)]
        for at in range(0, len(stale), _BATCH):
            await self._told(self._redis.unlink(*stale[at : at + _BATCH]))

    # -- at once: for nodes that cannot wait ---------------------------------------------------------------------------
    def get(self, scope: str, keys: Keys) -> Any:
        text: Any = self._tell(lambda redis: redis.hget(self._key(scope), _field(keys)))
        return _inside(text, keys)

    def set(self, scope: str, keys: Keys, value: Any) -> bool:
        name, field = self._key(scope), _field(keys)
        if len(keys) > 1:
            return self._set_inside(scope, keys, value)
        text = self._text(scope, value)
        self._tell(lambda redis: redis.hset(name, field, text) if text else redis.hdel(name, field))
        return True

    def _set_inside(self, scope: str, keys: Keys, value: Any) -> bool:
        name, field, path = self._key(scope), _field(keys), (str(keys[0]), *keys[1:])
        before: Any = self._tell(lambda redis: redis.hget(name, field)) or b""
        done = 0
        while not done:
            values = {path[0]: json.loads(before)} if before else {}
            if not set_at(values, path, value):
                return False
            swap = (SWAP, 1, name, field, before, self._text(scope, values.get(path[0], UNDEFINED)))
            done, before = self._tell(lambda redis, swap=swap: redis.eval(*swap))  # type: ignore[misc]
        return True

    def keys(self, scope: str) -> list[str]:
        found: Any = self._tell(lambda redis: redis.hkeys(self._key(scope)))
        return [_name(name) for name in found]

    # -- Redis ---------------------------------------------------------------------------------------------------------
    @property
    def _redis(self) -> Redis:
        if self._client is None:
            raise StorageError("context store: Redis is not connected: the store was not opened")
        return self._client

    @property
    def _redis_exact(self) -> Redis:
        if self._exact is None:
            raise StorageError("context store: Redis is not connected: the store was not opened")
        return self._exact

    def _key(self, scope: str) -> bytes:
        return _bytes(f"{self.prefix}:{scope}")

    def _text(self, scope: str, value: Any) -> bytes:
        text, circular = value_text(value)
        self._circular.tell(scope, circular)
        return text

    async def _told(self, command: Awaitable[Any]) -> Any:
        """What Redis answers. Raises StorageError when it does not; ResponseError is let through."""
        from redis.exceptions import RedisError, ResponseError

        try:
            return await command
        except ResponseError:
            raise
        except (RedisError, OSError, TimeoutError) as error:
            raise self._silent(error) from None

    def _tell(self, command: Callable[[Blocking], T]) -> T:
        """As :meth:`_told`, waiting with the whole process."""
        from redis import Redis
        from redis.exceptions import RedisError
        from redis.sentinel import Sentinel

        if self._blocking is None:
            options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
            self._blocking = client_of(self.url, Redis, Sentinel, **options)
        try:
            return command(self._blocking)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._silent(error) from None

    def _silent(self, error: Exception) -> StorageError:
        return StorageError(
            f"context store: no answer from Redis at {_shown(self.url)}: {error or type(error).__name__}"
        )


async def _listed(found: Any) -> list[bytes]:
    return [name async for name in found]


def _field(keys: Keys) -> bytes:
    return _bytes(str(keys[0]))


def _bytes(name: str) -> bytes:
    """A name for Redis; names in flow files may hold halves of surrogate pairs."""
    return name.encode("utf-8", "surrogatepass")


def _name(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


def _inside(text: bytes | None, keys: Keys) -> Any:
    return UNDEFINED if text is None else get_at(json.loads(text), keys[1:])
