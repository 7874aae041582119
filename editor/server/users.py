"""Who may do what: the users and tokens of the settings, and visitors without a login."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from busway.engine.errors import suggest
from busway.engine.security_settings import AuthSettings

from .permissions import permits, permits_all

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. ``scope`` is what the login asked for; both it and ``permissions`` must allow what is done."""

    name: str
    permissions: tuple[str, ...]
    scope: tuple[str, ...] = ("*",)
    anonymous: bool = False

    def may(self, permission: str) -> bool:
        """Whether the user has a permission; "" needs none."""
        return permits(self.permissions, permission) and permits(self.scope, permission)

    def grants(self, scope: Iterable[str]) -> bool:
        """Whether the user's permissions cover a scope."""
        return permits_all(self.permissions, scope)


class Users:
    """The users of the settings by name, and those that stand for tokens."""

    def __init__(self, settings: AuthSettings) -> None:
        self._users = {one.name: User(one.name, tuple(one.permissions)) for one in settings.users}
        self._passwords = {one.name: one.password for one in settings.users}
        self._tokens = {one.hash: User(one.name, tuple(one.permissions)) for one in settings.tokens}
        default = settings.default_permissions
        self.anonymous = None if default is None else User(ANONYMOUS, tuple(default), anonymous=True)

    def __len__(self) -> int:
        return len(self._users)

    def get(self, name: str) -> User | None:
        """The user of a name."""
        return self._users.get(name)

    def by_token(self, token: str) -> User | None:
        """Who uses a token of the settings."""
        return self._tokens.get(f"sha256:{token_hash(token)}") if self._tokens else None

    def password_of(self, name: str) -> str:
        """The stored hash of a user's password; for an unknown user that of another, so that both take as long."""
        return self._passwords.get(name) or next(iter(self._passwords.values()), "")

    def fingerprint(self, name: str) -> str | None:
        """Changes when the user's password does; None when there is no such user."""
        stored = self._passwords.get(name)
        return token_hash(stored)[:16] if stored is not None else None


def pointless(settings: AuthSettings, known: Collection[str]) -> Iterator[str]:
    """A sentence for each permission in the settings that opens nothing; ``known`` are those that something needs."""
    users = [(one.name, one.permissions) for one in settings.users]
    tokens = [(one.name, one.permissions) for one in settings.tokens]
    for name, permissions in [*users, *tokens, ("default_permissions", settings.default_permissions or [])]:
        for one in permissions:
            if not any(permits([one], wanted) for wanted in known):
                yield f"[auth] {name}: permission {one!r} opens nothing{suggest(one, known)}"


def token_hash(token: str) -> str:
    """What is stored of a token. Tokens are long and random, so a fast hash is as good as a slow one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
