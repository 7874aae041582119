"""Stations' passwords: hashing, checking, and a memory of what was checked, since whole fleets reconnect at once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from busway.nodes.ocpp.streams.gateway_entries import Station

_COST: Final = 2**14
_BLOCK: Final = 8
_LANES: Final = 1
_REMEMBERED: Final = 50_000


def hash_password(password: str | bytes) -> str:
    """The text to store for a password: scrypt with a salt of its own, ``scrypt$cost$block$lanes$salt$hash``."""
    salt = os.urandom(16)
    digest = _scrypt(_bytes(password), salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${_text(salt)}${_text(digest)}"


def verify_password(password: str | bytes, stored: str) -> bool:
    """Whether ``stored`` was made of ``password``. Raises ValueError when it is no text of ``hash_password``."""
    cost, block, lanes, salt, digest = _parts(stored)
    return hmac.compare_digest(_scrypt(_bytes(password), salt, cost, block, lanes), digest)


def check_format(stored: object) -> str:
    """``stored`` itself. Raises ValueError when it is no text of ``hash_password``, as a password in clear is not."""
    if not isinstance(stored, str):
        raise ValueError("a password hash must be a text")
    _parts(stored)
    return stored


def _parts(stored: str) -> tuple[int, int, int, bytes, bytes]:
    try:
        name, cost, block, lanes, salt, digest = stored.split("$")
        numbers = int(cost), int(block), int(lanes)
        if name != "scrypt" or min(numbers) < 1 or numbers[0] > 2**20:
            raise ValueError
        return *numbers, base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except ValueError:
        raise ValueError("not a password hash: store what busway.gateway.passwords.hash_password() makes") from None


def _scrypt(password: bytes, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=lanes, maxmem=256 * cost * block, dklen=32)


def _bytes(password: str | bytes) -> bytes:
    return password.encode() if isinstance(password, str) else password


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class PasswordStore:
    """Checks passwords against the settings' hashes first, then against those that ``lookup`` finds."""

    def __init__(self, known: Mapping[str, str], lookup: Callable[[Station], Awaitable[str | None]]) -> None:
        self._known, self._lookup = known, lookup
        # A right password is remembered, keyed and hashed, so that it costs no scrypt when the station comes again.
        self._key = os.urandom(32)
        self._right: OrderedDict[Station, tuple[str, bytes]] = OrderedDict()
        self._slots = asyncio.Semaphore(2)

    async def check(self, station: Station, password: bytes) -> bool:
        """Whether this is the station's password; False for a station without one. Raises what ``lookup`` raises."""
        stored = self._known.get(str(station)) or await self._lookup(station)
        seen = hmac.digest(self._key, password, "sha256")
        if stored is not None and self._right.get(station) == (stored, seen):
            return True
        async with self._slots:
            # An unknown station takes as long as a wrong password, so that time tells nobody which stations there are.
            right = await asyncio.to_thread(_matches, password, stored or _NOBODY)
        if right and stored is not None:
            self._remember(station, stored, seen)
        return right

    def _remember(self, station: Station, stored: str, seen: bytes) -> None:
        self._right[station] = (stored, seen)
        self._right.move_to_end(station)
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)


def _matches(password: bytes, stored: str) -> bool:
    try:
        return verify_password(password, stored)
    except ValueError:
        return False


_NOBODY: Final = f"scrypt${_COST}${_BLOCK}${_LANES}${_text(bytes(16))}${_text(bytes(32))}"
