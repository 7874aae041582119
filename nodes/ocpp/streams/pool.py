"""One flow side a Redis in a process, shared by all config nodes that name it; it outlives a deploy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from busway.engine.gauges import Gauge

from .address import Address
from .flow_side import FlowSide

SERVICE = "ocpp"
LINGER = 15.0
"""Seconds that connections are kept when no config node uses them any more."""


class Pool:
    """The flow sides of one runtime, by address."""

    def __init__(self) -> None:
        self._sides: dict[Address, FlowSide] = {}
        self._users: dict[Address, int] = {}
        self._ends: dict[Address, asyncio.Task[None]] = {}

    @classmethod
    def of(cls, services: MutableMapping[str, Any]) -> Pool:
        """The pool among a runtime's services, made now if there is none."""
        pool: Pool = services.setdefault(SERVICE, None) or cls()
        services[SERVICE] = pool
        return pool

    def offer(self, gauges: MutableMapping[str, Gauge]) -> None:
        """Offers how far behind the groups of the inbound streams are, as Redis said a few seconds ago at most."""
        lag = "Entries of the inbound stream that a group has not been given yet."
        pending = "Entries of the inbound stream that a group was given and has not acknowledged."
        gauges["ocpp_stream_lag"] = Gauge(lag, lambda: self._groups("lag"), ("redis", "group"))
        gauges["ocpp_stream_pending"] = Gauge(pending, lambda: self._groups("pending"), ("redis", "group"))

    def _groups(self, figure: str) -> dict[tuple[str, ...], float]:
        return {
            (address.shown, str(group["name"])): float(group[figure])
            for address, side in self._sides.items()
            for group in side.groups
            if group.get(figure) is not None
        }

    def acquire(self, address: Address, limit: int, overloaded: Callable[[], bool]) -> FlowSide:
        """The flow side of an address. Raises LinkDown when the address cannot be understood."""
        side = self._sides.get(address)
        if side is None:
            side = self._sides[address] = FlowSide(address.connector(), limit, overloaded)
        ending = self._ends.pop(address, None)
        if ending is not None:
            ending.cancel()
        self._users[address] = self._users.get(address, 0) + 1
        return side

    def release(self, address: Address) -> None:
        """A config node needs it no more; it ends when nobody comes back for it."""
        self._users[address] -= 1
        if not self._users[address]:
            ending = self._end(address, self._sides[address])
            self._ends[address] = asyncio.create_task(ending, name="ocpp-linger")

    async def aclose(self) -> None:
        """The runtime stops: ends the connections that linger."""
        ending = list(self._ends.values())
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _end(self, address: Address, side: FlowSide) -> None:
        # When the loop ends before the time is over, the task is cancelled: the connections are closed then too.
        try:
            await asyncio.sleep(LINGER)
        finally:
            if not self._users.get(address):
                self._sides.pop(address, None)
                self._ends.pop(address, None)
                await side.close()
