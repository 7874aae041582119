"""What all groups have acknowledged is history: it is cut off, so that the inbound stream does not grow without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from . import keys

Ask = Callable[..., Awaitable[Any]]


async def groups(ask: Ask) -> list[dict[str, Any]]:
    """The groups of the inbound stream: ``name``, ``pending``, ``last-delivered-id``, ...; none without a stream."""
    from redis.exceptions import ResponseError

    try:
        rows = await ask("XINFO", "GROUPS", keys.INBOUND)
    except ResponseError:
        return []
    return [dict(zip(row[::2], row[1::2], strict=True)) for row in rows]


async def trim(ask: Ask, known: list[dict[str, Any]]) -> None:
    """Deletes entries that every group has acknowledged, roughly: Redis drops whole nodes of its stream only."""
    oldest = [await _oldest(ask, group) for group in known]
    if oldest:
        await ask("XTRIM", keys.INBOUND, "MINID", "~", min(oldest, key=order))


async def _oldest(ask: Ask, group: dict[str, Any]) -> str:
    """The first entry that a group may still need."""
    if int(group["pending"]):
        summary = await ask("XPENDING", keys.INBOUND, group["name"])
        if summary[1] is not None:
            return str(summary[1])
    return str(group["last-delivered-id"])


def milliseconds(entry_id: str) -> int:
    """When an entry was added, by the clock of Redis: milliseconds since the epoch."""
    return int(entry_id.partition("-")[0])


def order(entry_id: str) -> tuple[int, int]:
    """Sorts stream ids."""
    time, _, number = entry_id.partition("-")
    return int(time), int(number or 0)
