"""The flows' own HTTP endpoints: one user for all of them (basic authentication), and pages of other origins (CORS)."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterable, MutableMapping
from typing import Any

from busway.engine.http import Answer, error_answer
from busway.engine.security_settings import AuthSettings, CorsSettings, EndpointAuthSettings, UserSettings
from busway.engine.settings import Settings

from .api import RETRY
from .login import Login, TooManyTries, Try
from .users import Users
from .wire import Scope, Send, header

_CHALLENGE = [(b"www-authenticate", b'Basic realm="Authorization Required"'), (b"content-length", b"0")]
Headers = list[tuple[bytes, bytes]]


class BasicAuth:
    """One user. A right password is remembered as a keyed hash, so that a request costs microseconds."""

    def __init__(self, settings: EndpointAuthSettings) -> None:
        user = UserSettings(name=settings.user, password=settings.password, permissions=["*"])
        self._key = os.urandom(32)
        self._login = Login(Users(AuthSettings(users=[user])), self._key)
        self._right = b""

    async def refusal(self, scope: Scope) -> Answer | None:
        """401 without the right name and password, 429 after too many wrong ones; None: go on."""
        given = header(scope, b"authorization")
        found = _name_and_password(given) if given is not None else None
        if given is None or found is None:
            return Answer(401, list(_CHALLENGE), b"")
        seen = hmac.digest(self._key, given.encode("latin-1"), "sha256")
        if hmac.compare_digest(seen, self._right):
            return None
        try:
            user = await self._login.check(Try(*found, (scope.get("client") or ("",))[0]))
        except TooManyTries:
            return error_answer(429, "too_many_tries", "too many wrong passwords; wait 10 minutes", RETRY)
        if user is None:
            return Answer(401, list(_CHALLENGE), b"")
        self._right = seen
        return None


class Cors:
    """Which pages of other origins may use the endpoints."""

    def __init__(self, settings: CorsSettings) -> None:
        self._settings = settings
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.origins)

    def preflight(self, scope: Scope) -> Answer | None:
        """The answer to a browser that asks whether a page may; None when this is no such question."""
        if scope["method"] != "OPTIONS" or header(scope, b"access-control-request-method") is None:
            return None
        allowed = self.headers(scope)
        if len(allowed) > 1 or "*" in self._origins:
            asked = header(scope, b"access-control-request-headers") or ""
            names = ", ".join(self._settings.headers) or asked
            allowed += [
                (b"access-control-allow-methods", ", ".join(self._settings.methods).encode()),
                *([(b"access-control-allow-headers", names.encode("latin-1"))] if names else []),
                (b"access-control-max-age", b"%d" % self._settings.max_age),
            ]
        return Answer(204, allowed, b"")

    def headers(self, scope: Scope) -> Headers:
        """What an answer says about the page that asks."""
        if "*" in self._origins:
            return [(b"access-control-allow-origin", b"*"), *self._exposed()]
        origin = header(scope, b"origin")
        vary = (b"vary", b"Origin")
        if origin is None or origin.lower() not in self._origins:
            return [vary]
        credentials = [(b"access-control-allow-credentials", b"true")] if self._settings.credentials else []
        return [vary, (b"access-control-allow-origin", origin.encode("latin-1")), *credentials, *self._exposed()]

    def dress(self, scope: Scope, send: Send) -> Send:
        """A ``send`` that adds the headers, unless the flow sets such itself."""
        added = self.headers(scope)

        async def forward(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start" and not _has_own(event["headers"]):
                event = {**event, "headers": [*event["headers"], *added]}
            await send(event)

        return forward

    def _exposed(self) -> Headers:
        names = ", ".join(self._settings.exposed_headers)
        return [(b"access-control-expose-headers", names.encode())] if names else []


def basic_auth(settings: Settings) -> BasicAuth | None:
    """What checks requests to the endpoints of flows; None leaves them open."""
    return BasicAuth(settings.http_node_auth) if settings.http_node_auth is not None else None


def cors(settings: Settings) -> Cors | None:
    """What the endpoints of flows say to pages of other origins; None says nothing."""
    return Cors(settings.http_node_cors) if settings.http_node_cors is not None else None


def _has_own(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"access-control-allow-origin" for name, _ in headers)


def _name_and_password(authorization: str) -> tuple[str, str] | None:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password) if colon else None
