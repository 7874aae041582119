"""The gateway's connections to Redis: made again, for ever, when they break."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from busway.gateway.counters import Counters
from busway.nodes.ocpp.streams.backoff import Backoff
from busway.nodes.ocpp.streams.gateway_entries import Dismissal
from busway.nodes.ocpp.streams.gateway_side import GatewaySide
from busway.nodes.ocpp.streams.link import Connector, LinkDown
from busway.nodes.ocpp.streams.subscriber import Subscriber

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("busway.gateway")

_STEADY: Final = 5.0
"""Seconds after which a connection counts as a good one."""


class Backend:
    """Redis as the rest of the gateway sees it. While it is away :attr:`up` is clear and :attr:`side` raises LinkDown.

    ``written`` and ``dismissed`` are what :meth:`Subscriber.listen` calls; ``returned`` is called after each outage.
    """

    def __init__(self, redis: str | Redis, counters: Counters) -> None:
        self.up = asyncio.Event()
        self.tracking = True
        self.written: Callable[[Iterable[str] | None], None] = lambda _: None
        self.dismissed: Callable[[Dismissal], None] = lambda _: None
        self.returned: Callable[[], None] = lambda: None
        self._connector = Connector(redis)
        self._counters = counters
        self._side: GatewaySide | None = None
        self._subscriber: Subscriber | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def side(self) -> GatewaySide:
        """The commands. Raises LinkDown while Redis is away."""
        if self._side is None:
            raise LinkDown("Redis is away")
        return self._side

    async def start(self) -> None:
        """Connects. Raises LinkDown, with the reason, when that fails."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="gateway-redis")

    async def stop(self) -> None:
        """Closes the connections."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._disconnect()

    async def _connect(self) -> None:
        subscriber = await Subscriber.connect(self._connector)
        try:
            self._side = await GatewaySide.connect(self._connector)
        except BaseException:
            await subscriber.close()
            raise
        self._subscriber = subscriber
        if self.tracking and not subscriber.tracking:
            log.warning("Redis refuses CLIENT TRACKING: the stations' streams are polled, which costs more")
        self.tracking = subscriber.tracking
        self.up.set()

    async def _disconnect(self) -> None:
        self.up.clear()
        side, subscriber = self._side, self._subscriber
        self._side = self._subscriber = None
        if side is not None:
            await side.link.close()
        if subscriber is not None:
            await subscriber.close()

    async def _keep(self) -> None:
        backoff = Backoff()
        told: set[str] = set()
        while True:
            since = time.monotonic()
            reason = await self._until_it_breaks()
            if time.monotonic() - since > _STEADY:
                backoff.reset()
                told.clear()
            self._counters.outages += 1
            if new := reason not in told:
                log.error("%s; stations stay connected, their messages are kept until Redis is back", reason)
            told.add(reason)
            await self._disconnect()
            await self._reconnect(backoff, told)
            if new:
                log.info("Redis is back")
            self.returned()

    async def _until_it_breaks(self) -> str:
        assert self._subscriber is not None
        listening = asyncio.create_task(self._subscriber.listen(self.written, self.dismissed))
        broken = asyncio.create_task(self.side.link.down.wait())
        try:
            await asyncio.wait((listening, broken), return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and (error := listening.exception()):
                return str(error)
            return self.side.refusal or "the connection to Redis broke"
        finally:
            listening.cancel()
            broken.cancel()
            await asyncio.gather(listening, broken, return_exceptions=True)

    async def _reconnect(self, backoff: Backoff, told: set[str]) -> None:
        while True:
            await backoff.sleep()
            try:
                return await self._connect()
            except LinkDown as error:
                if str(error) not in told:
                    log.error("%s", error)
                told.add(str(error))
