"""Logging in: how often somebody may try, and checking passwords beside the event loop.

A try is counted before its password is looked at, and forgotten when the password was right. There are three counts: of a user
from one address (Node-RED's limit), of one address over all users, of one user over all addresses. So an attacker who
tries a user's passwords from elsewhere shuts himself out, not the user; one with many addresses can stop first logins, but a
browser that has logged in before shows so with a cookie and has a count of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from busway.engine.passwords import verify_password

from .users import User, Users

WINDOW: Final = 600.0
"""Seconds that a failed try counts."""
PER_USER: Final = 5
"""Tries for one user from one address, or with one cookie."""
PER_ADDRESS: Final = 50
EVERYWHERE: Final = 100
"""Tries for one user from all addresses together."""
_WAITING: Final = 20
_REMEMBERED: Final = 20_000
Key = tuple[str, ...]


class Attempts:
    """Failed tries by key, each for :data:`WINDOW` seconds."""

    def __init__(self) -> None:
        self._times: OrderedDict[Key, deque[float]] = OrderedDict()

    def count(self, key: Key) -> int:
        """How many there were lately."""
        times = self._times.get(key)
        if times is None:
            return 0
        since = time.monotonic() - WINDOW
        while times and times[0] < since:
            times.popleft()
        return len(times)

    def add(self, key: Key) -> None:
        """One more."""
        self._times.setdefault(key, deque()).append(time.monotonic())
        self._times.move_to_end(key)
        if len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)

    def take_back(self, key: Key) -> None:
        """One less: it has not failed."""
        if times := self._times.get(key):
            times.pop()

    def forget(self, key: Key) -> None:
        """None any more."""
        self._times.pop(key, None)


@dataclass
class Try:
    """One try to log in: who as whom from where; ``device`` is the cookie of an earlier login."""

    name: str
    password: str = field(repr=False)
    address: str
    device: str = field(default="", repr=False)


class TooManyTries(Exception):
    """There were too many tries; this one was not looked at. ``is_first`` of those that were not."""

    def __init__(self, is_first: bool) -> None:
        super().__init__("Too many login attempts. Wait 10 minutes and try again")
        self.is_first = is_first


class Login:
    """Checks tries. ``key`` signs the cookies."""

    def __init__(self, users: Users, key: bytes) -> None:
        self._users, self._key = users, key
        self._attempts = Attempts()
        self._refused: OrderedDict[Key, float] = OrderedDict()
        self._slot = asyncio.Semaphore(1)
        self._waiting = 0

    async def check(self, attempt: Try) -> User | None:
        """The user, if name and password are right. Raises TooManyTries."""
        limits = self._limits(attempt)
        over = next((key for key, limit in limits.items() if self._attempts.count(key) >= limit), None)
        if over is not None or (self._waiting >= _WAITING and len(limits) > 1):
            raise TooManyTries(self._is_first(over or ("busy",)))
        for key in limits:
            self._attempts.add(key)
        user = await self._verified(attempt)
        if user is not None:
            self._forgive(limits)
        return user

    def device(self, name: str) -> str:
        """A cookie for a browser that has logged in."""
        nonce = secrets.token_urlsafe(12)
        return f"{nonce}.{self._signature(name, nonce)}"

    # -- counts -----------------------------------------------------------------------------------------------------
    def _limits(self, attempt: Try) -> dict[Key, int]:
        """The counts that a try belongs to, the strictest first."""
        if self._is_known(attempt):
            return {("device", attempt.name, attempt.device): PER_USER}
        network = network_of(attempt.address)
        return {
            ("user", attempt.name, network): PER_USER,
            ("address", network): PER_ADDRESS,
            ("everywhere", attempt.name): EVERYWHERE,
        }

    def _forgive(self, limits: dict[Key, int]) -> None:
        """After a right password: the user's own count starts again, the others lose this try."""
        own, *shared = limits
        self._attempts.forget(own)
        for key in shared:
            self._attempts.take_back(key)

    def _is_first(self, key: Key) -> bool:
        """Whether a count is over its limit for the first time in a while, so that a flood of tries is no flood of records."""
        now = time.monotonic()
        if now - self._refused.get(key, -WINDOW) < WINDOW:
            return False
        self._refused[key] = now
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
        return True

    def _is_known(self, attempt: Try) -> bool:
        nonce, _, signature = attempt.device.partition(".")
        expected = self._signature(attempt.name, nonce)
        return bool(nonce) and hmac.compare_digest(signature.encode(), expected.encode())

    def _signature(self, name: str, nonce: str) -> str:
        digest = hmac.digest(self._key, f"{nonce}\n{name}".encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    # -- passwords --------------------------------------------------------------------------------------------------
    async def _verified(self, attempt: Try) -> User | None:
        user = self._users.get(attempt.name)
        stored = self._users.password_of(attempt.name)
        self._waiting += 1
        try:
            async with self._slot:  # one at a time: the other cores are for those who are in
                right = await asyncio.to_thread(verify_password, attempt.password, stored)
        finally:
            self._waiting -= 1
        return user if right else None


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, since one host has all of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return (
            found.ipv4_mapped.compressed if found.ipv4_mapped else str(ipaddress.ip_network((found, 64), strict=False))
        )
    return found.compressed
