"""The gateway's listening connection to Redis."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

from busway.nodes.ocpp.streams import keys
from busway.nodes.ocpp.streams.gateway_entries import Dismissal, read_dismissal
from busway.nodes.ocpp.streams.link import STALLED, Connector, LinkDown

_PREFIX: Final = "ws:out:"
_INVALIDATIONS: Final = "__redis__:invalidate"


class Subscriber:
    """Hears which stations' streams were written to, and which connections are to be closed.

    The first is Redis's invalidation of tracked keys (CLIENT TRACKING, broadcast mode, Redis 6 and newer). It needs no
    setting of the server and no command per station, and one message tells of all streams written to in one turn of the
    server. ``tracking`` is False where the server refuses it; streams must then be looked at regularly.
    """

    def __init__(self, connection: Any, tracking: bool) -> None:
        self.tracking = tracking
        self._connection = connection
        self._heard = False

    @classmethod
    async def connect(cls, connector: Connector) -> Subscriber:
        """Connects and subscribes. Raises LinkDown with the reason."""
        connection: Any = await connector.connect()
        try:
            async with asyncio.timeout(5):
                tracking = await _track(connection)
                await _ask(connection, "SUBSCRIBE", _INVALIDATIONS)
                await _ask(connection, "SUBSCRIBE", keys.DISCONNECT)
        except _errors() as error:
            await connection.disconnect(True)
            raise LinkDown(f"Redis does not take subscriptions: {error or type(error).__name__}") from None
        return cls(connection, tracking)

    async def listen(
        self, written: Callable[[Iterable[str] | None], None], dismissed: Callable[[Dismissal], None]
    ) -> NoReturn:
        """Calls ``written`` with stream keys (None: with any of them) and ``dismissed`` with wishes.

        Raises LinkDown when the connection breaks; nothing else ends it.
        """
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                kind, channel, *data = await self._connection.read_response(timeout=math.inf)
                self._heard = True
                if channel == _INVALIDATIONS:
                    written(data[0])
                elif kind == "message" and (wish := read_dismissal(data[0])):
                    dismissed(wish)
        except _errors() as error:
            raise LinkDown(f"the subscription broke: {error}") from None
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        """A peer that vanished without a word is noticed by the PINGs that it does not answer."""
        while True:
            self._heard = False
            with contextlib.suppress(*_errors()):
                await self._connection.send_command("PING")
            await asyncio.sleep(STALLED)
            if not self._heard:
                await self.close()

    async def close(self) -> None:
        """Breaks the connection."""
        await self._connection.disconnect(True)


async def _track(connection: Any) -> bool:
    """Redirected to itself, the connection gets the notices as messages of a channel, which RESP2 can carry."""
    from redis.exceptions import ResponseError

    try:
        own = await _ask(connection, "CLIENT", "ID")
        await _ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", _PREFIX)
    except ResponseError:
        return False
    return True


async def _ask(connection: Any, *command: str | int) -> Any:
    await connection.send_command(*command)
    return await connection.read_response(timeout=math.inf)


def _errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return RedisError, OSError, TimeoutError
