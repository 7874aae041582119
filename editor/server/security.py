"""Checks who asks, before an endpoint or the ``/comms`` socket does anything. Exists only when there are users or tokens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from busway.engine.http import Answer, HttpRequest
from busway.engine.settings import Settings

from .audit import Audit
from .login import Login
from .sessions import Session, Sessions
from .users import User, Users
from .wire import Receive, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from .api import Call, Endpoint

log = logging.getLogger("busway.auth")

AUTH_PATIENCE = 10.0
"""Seconds that a new socket may take to say who it is."""
MOST_STRANGERS = 200
"""Sockets that have not yet said who they are."""
COMMS_PERMISSION = "status.read"
_REALM = b'Bearer realm="Users"'


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is on a socket. ``first`` is a message that it began with instead of saying who it is."""

    user: User
    token: str = ""
    first: str = ""


class Guard:
    """Users, sessions, login and audit log of one server."""

    def __init__(self, settings: Settings) -> None:
        self.users = Users(settings.auth)
        self.sessions = Sessions(settings.user_dir, settings.auth.session_lifetime, self.users.fingerprint)
        self.login = Login(self.users, self.sessions.key)
        self.audit = Audit(settings.user_dir)
        self._proxies = frozenset(settings.auth.trusted_proxies)
        self._strangers = 0

    def close(self) -> None:
        """Closes the audit log."""
        self.audit.close()

    # -- requests ---------------------------------------------------------------------------------------------------
    def admit(self, endpoint: Endpoint, call: Call) -> Answer | None:
        """Sets ``call.user``; returns a refusal unless the user has the permission that the endpoint wants.

        As in Node-RED: 401 with a challenge for who is not known, a bare 401 for a user without the permission; a token that
        is not valid makes its bearer a visitor without a login.
        """
        call.guard = self
        token = bearer_token(call.request)
        call.user = (self.find(token) if token else None) or self.users.anonymous
        if call.user is None:
            if not endpoint.permission:
                return None
            self._refused(endpoint, call, "unknown")
            return self.challenge(b', error="invalid_token"' if token else b"")
        if call.user.may(endpoint.permission):
            return None
        self._refused(endpoint, call, "forbidden")
        return unauthorized()

    @staticmethod
    def challenge(reason: bytes = b"") -> Answer:
        """401 for who is not known."""
        return unauthorized(_REALM + reason)

    def done(self, endpoint: Endpoint, call: Call, status: int) -> None:
        """Records what an endpoint did that changes something."""
        who = call.user.name if call.user is not None else ""
        result = "ok" if status < 400 else "failed"
        path, where = call.request.path, self.address(call.request)
        self.audit.record(endpoint.permission, who, where, result, method=call.request.method, path=path, status=status)

    def _refused(self, endpoint: Endpoint, call: Call, result: str) -> None:
        who = call.user.name if call.user is not None else ""
        path, where = call.request.path, self.address(call.request)
        self.audit.refusal(
            *("permission.fail", who, where, result),
            permission=endpoint.permission,
            method=call.request.method,
            path=path,
        )

    def find(self, token: str) -> User | None:
        """Whose token this is: that of a login, or one of the settings."""
        session = self.sessions.get(token)
        return self._user_of(session) if session is not None else self.users.by_token(token)

    def _user_of(self, session: Session) -> User | None:
        user = self.users.get(session.user)
        return User(user.name, user.permissions, tuple(session.scope)) if user is not None else None

    def address(self, request: HttpRequest) -> str:
        """Where a request comes from: the peer, or whom a trusted proxy names."""
        address = request.ip
        if address not in self._proxies:
            return address
        hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
        return next((hop for hop in reversed(hops) if hop and hop not in self._proxies), address)

    # -- sockets ----------------------------------------------------------------------------------------------------
    async def welcome(self, receive: Receive, send: Send, request: HttpRequest) -> Visitor | None:
        """The handshake of ``/comms``: the first packet says who it is, unless visitors may look on. None: it was closed."""
        if self._strangers >= MOST_STRANGERS:
            await self.dismiss(send)
            return None
        self._strangers += 1
        try:
            event = await asyncio.wait_for(receive(), AUTH_PATIENCE)
        except TimeoutError:
            await self.dismiss(send)
            return None
        finally:
            self._strangers -= 1
        if event["type"] != "websocket.receive":
            return None
        return await self._judge(event.get("text") or "", send, request)

    async def _judge(self, text: str, send: Send, request: HttpRequest) -> Visitor | None:
        token = _auth_of(text)
        user = self.users.anonymous if token is None else self.find(token)
        if user is None or not user.may(COMMS_PERMISSION):
            who = user.name if user is not None else ""
            self.audit.refusal("comms.open", who, self.address(request), "forbidden" if user else "unknown")
            await self.dismiss(send)
            return None
        self.audit.record("comms.open", user.name, self.address(request), "ok")
        if token is None:
            return Visitor(user, first=text)
        await send({"type": "websocket.send", "text": '{"auth":"ok"}'})
        return Visitor(user, token)

    @staticmethod
    async def dismiss(send: Send) -> None:
        """Tells a socket that it may not listen, and closes it."""
        with suppress(OSError):
            await send({"type": "websocket.send", "text": '{"auth":"fail"}'})
            await send({"type": "websocket.close", "code": 1000})

    def while_valid(self, visitor: Visitor | None, ended: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``ended`` if the visitor's session ends within the block."""
        return self.sessions.watched(visitor.token, ended) if visitor and visitor.token else nullcontext()


def bearer_token(request: HttpRequest) -> str | None:
    """The token that a request carries in its ``Authorization``."""
    kind, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def unauthorized(challenge: bytes = b"") -> Answer:
    """401: with a challenge the word ``Unauthorized``, else nothing."""
    body = b"Unauthorized" if challenge else b""
    headers = [(b"content-length", b"%d" % len(body))]
    return Answer(401, [(b"www-authenticate", challenge), *headers] if challenge else headers, body)


def _auth_of(text: str) -> str | None:
    """The token of an ``auth`` packet; None when it is another packet."""
    try:
        packet = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(packet, Mapping) or "auth" not in packet:
        return None
    token: Any = packet["auth"]
    return token if isinstance(token, str) else ""
