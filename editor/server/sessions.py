"""Logins that last: kept in ``sessions.json`` of the user directory, of their tokens only hashes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from busway.engine.errors import StorageError
from busway.engine.files import write_atomic

from .users import token_hash

log = logging.getLogger("busway.auth")

FILE = "sessions.json"
MOST_PER_USER = 100
"""Sessions of one user; another login ends the oldest."""
_TOKEN_BYTES = 128
_PRIVATE = 0o600
_LONGEST_TIMER = 86_400.0


class Session(msgspec.Struct, frozen=True):
    """One login. ``expires`` is a Unix time; ``fingerprint`` tells whether the password is still the one that was given."""

    user: str
    client: str
    scope: list[str]
    expires: float
    fingerprint: str


class _Stored(msgspec.Struct):
    key: bytes = b""
    sessions: dict[str, Session] = {}


class Sessions:
    """All logins. ``key`` is a secret of this server that outlives restarts, for whoever has to sign something.

    ``fingerprint`` gives that of a user; sessions with another one are not taken from the file: their user has gone or has
    a new password.
    """

    def __init__(self, folder: Path, lifetime: float, fingerprint: Callable[[str], str | None]) -> None:
        self.lifetime = lifetime
        self._path = folder / FILE
        self._fingerprint = fingerprint
        self._watchers: dict[str, set[Callable[[], None]]] = {}
        self._writing = asyncio.Lock()
        stored = self._load()
        self.key = stored.key or secrets.token_bytes(32)
        self._sessions = {hash: one for hash, one in stored.sessions.items() if self._is_valid(one)}

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, token: str) -> Session | None:
        """The session of a token, unless it has expired."""
        session = self._sessions.get(token_hash(token))
        return session if session is not None and session.expires > time.time() else None

    async def create(self, user: str, client: str, scope: list[str]) -> str:
        """A new session; returns its token."""
        token = base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
        expires = time.time() + self.lifetime
        self._make_room(user)
        self._sessions[token_hash(token)] = Session(user, client, scope, expires, self._fingerprint(user) or "")
        await self._save()
        return token

    async def revoke(self, token: str) -> Session | None:
        """Ends the session of a token; returns it."""
        session = self._end(token_hash(token))
        if session is not None:
            await self._save()
        return session

    @contextlib.contextmanager
    def watched(self, token: str, ended: Callable[[], None]) -> Iterator[None]:
        """Calls ``ended`` once if the session of a token ends, by time or otherwise, within the block."""
        hash = token_hash(token)
        watchers = self._watchers.setdefault(hash, set())
        watchers.add(ended)
        timer = asyncio.create_task(self._await_expiry(hash), name="expiry of a session")
        try:
            yield
        finally:
            timer.cancel()
            watchers.discard(ended)
            if not watchers:
                self._watchers.pop(hash, None)

    async def _await_expiry(self, hash: str) -> None:
        while (session := self._sessions.get(hash)) is not None:
            left = session.expires - time.time()
            if left <= 0:
                self._end(hash)
                return
            await asyncio.sleep(min(left, _LONGEST_TIMER))

    def _end(self, hash: str) -> Session | None:
        session = self._sessions.pop(hash, None)
        if session is not None:
            for ended in self._watchers.pop(hash, ()):
                ended()
        return session

    def _make_room(self, user: str) -> None:
        now = time.time()
        for hash in [hash for hash, one in self._sessions.items() if one.expires <= now]:
            self._end(hash)
        own = [hash for hash, one in self._sessions.items() if one.user == user]
        for hash in own[: max(0, len(own) - MOST_PER_USER + 1)]:
            self._end(hash)

    # -- the file ---------------------------------------------------------------------------------------------------
    def _is_valid(self, session: Session) -> bool:
        return session.expires > time.time() and session.fingerprint == self._fingerprint(session.user)

    def _load(self) -> _Stored:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            return _Stored()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s cannot be used, so everybody has to log in again: %s", self._path, error)
            return _Stored()

    async def _save(self) -> None:
        async with self._writing:
            content = msgspec.json.encode(_Stored(self.key, self._sessions))
            try:
                await asyncio.to_thread(write_atomic, self._path, content, _PRIVATE)
            except StorageError as error:
                log.error("logins end with this process: %s", error)
