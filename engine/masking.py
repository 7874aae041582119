"""Secrets hidden in what is shown: by the names of properties, and by the values of the credentials that are in use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

MASK = "\u2022\u2022\u2022\u2022"
SHORTEST_WITHIN = 4
"""Characters of a credential from which on it is also hidden within longer texts."""
DEEPEST = 50

_SECRET_NAMES = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "clientsecret",
        "token",
        "accesstoken",
        "refreshtoken",
        "bearertoken",
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "apikey",
        "xapikey",
        "privatekey",
        "authorizationkey",
        "basicauthpassword",
        "credentials",
    }
)
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_NAMED = "|".join(
    sorted(("pass(?:word|wd|phrase)", "secret", "token", "(?:proxy-)?authorization", "(?:set-)?cookie", "api[-_]?key"))
)
_IN_TEXT = re.compile(
    rf"""((?:^|[\s{{,;&?"'_-])(?:\w*[-_])?(?:{_NAMED})["']?\s*[=:]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|(?:(?:bearer|basic)\s+)?[^\s&,;}}"']+)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
_LOGIN_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")


def is_secret_name(name: str) -> bool:
    """Whether a property of this name is hidden: ``password``, ``access_token``, ``X-Api-Key``, ``dbPassword`` ..."""
    bare = _NOT_LETTERS.sub("", name.lower())
    return bare in _SECRET_NAMES or bare.endswith(("password", "passphrase", "secret", "apikey", "accesstoken"))


class Masker:
    """Copies values with the secrets in them hidden.

    ``secrets`` are texts that are hidden wherever they stand. ``limit`` is how many characters of a text and elements of
    a list are kept, ``budget`` about how many characters in all: what comes after them is left out.
    """

    def __init__(self, secrets: Iterable[str] = (), limit: int = 1000, budget: int = 50_000) -> None:
        known = {secret for secret in secrets if secret}
        self._whole = frozenset(known)
        within = sorted((secret for secret in known if len(secret) >= SHORTEST_WITHIN), key=len, reverse=True)
        self._within = re.compile("|".join(map(re.escape, within))) if within else None
        self._limit, self._budget = limit, budget
        self._margin = max(map(len, known), default=0) + 200

    def masked(self, value: Any) -> Any:
        """A copy of ``value``, cut to size, without secrets."""
        return _Pass(self, self._budget).copy(value, 0)

    def text(self, text: str) -> str:
        """A text, cut to size, without secrets. It is searched beyond the cut, so that none is shown in part."""
        if text in self._whole:
            return MASK
        head = text[: self._limit + self._margin]
        if self._within is not None:
            head = self._within.sub(MASK, head)
        head = _LOGIN_IN_URL.sub(rf"\1{MASK}@", _SCHEME.sub(rf"\1 {MASK}", _IN_TEXT.sub(rf"\1{MASK}", head)))
        return head if len(text) <= self._limit else head[: self._limit] + "..."

    @property
    def limit(self) -> int:
        """Elements of a list that are kept."""
        return self._limit


class _Pass:
    """One walk through a value."""

    def __init__(self, masker: Masker, budget: int) -> None:
        self._masker, self._left = masker, budget

    def copy(self, value: Any, depth: int) -> Any:
        self._left -= 8
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._members(value, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, depth)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._bytes(bytes(value))
        if value is None or isinstance(value, (bool, int, float, datetime)):
            return value
        return self._text(str(value)) if isinstance(value, BaseException) else f"[{type(value).__name__}]"

    def _text(self, value: str) -> str:
        text = self._masker.text(value)
        self._left -= len(text)
        return text

    def _members(self, value: Mapping[Any, Any], depth: int) -> Any:
        if depth >= DEEPEST:
            return "[too deep]"
        copy: dict[str, Any] = {}
        for key, item in value.items():
            if self._left <= 0:
                copy["..."] = f"{len(value) - len(copy)} more"
                break
            name = str(key)
            shown = self._text(name)
            copy[shown] = MASK if is_secret_name(name) and item not in (None, "") else self.copy(item, depth + 1)
        return copy

    def _items(self, value: Any, depth: int) -> Any:
        if depth >= DEEPEST:
            return "[too deep]"
        copy: list[Any] = []
        for item in value:
            if self._left <= 0 or len(copy) >= self._masker.limit:
                copy.append(f"... {len(value) - len(copy)} more")
                break
            copy.append(self.copy(item, depth + 1))
        return copy

    def _bytes(self, value: bytes) -> Any:
        """Text in bytes may hold secrets as any text; what is no text is shown as it is."""
        try:
            return self._text(value.decode()).encode()
        except UnicodeDecodeError:
            return value[: self._masker.limit]
