"""Who may connect: address, credentials and subprotocol of a WebSocket handshake."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from busway.gateway.address import AddressError, station_of
from busway.gateway.counters import Counters
from busway.gateway.passwords import PasswordStore
from busway.gateway.settings import GatewaySettings
from busway.gateway.throttle import ThrottledLog
from busway.gateway.tls import certificate_names
from busway.nodes.ocpp.streams.gateway_entries import Station
from busway.nodes.ocpp.streams.link import LinkDown

log = logging.getLogger("busway.gateway")


class StationConnection(ServerConnection):
    """A WebSocket that knows whose it is, once it is admitted."""

    station: Station


class Admission:
    """Decides about handshakes. Every refusal is an HTTP answer that says why, and is logged, but not without end."""

    def __init__(self, settings: GatewaySettings, passwords: PasswordStore, counters: Counters) -> None:
        self._settings, self._passwords, self._counters = settings, passwords, counters
        self._log = ThrottledLog(log)
        self._protocols = {name.lower(): name for name in settings.protocols}

    async def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Address and credentials; the refusal, or None to go on."""
        assert isinstance(connection, StationConnection)
        try:
            station = station_of(request.path, self._settings.path)
        except AddressError as error:
            self._counters.refused_addresses += 1
            self._log.warning(_peer(connection), str(error))
            return connection.respond(error.status, f"{error}\n")
        connection.station = station
        try:
            reason = await self._fault(connection, request)
        except LinkDown:
            self._counters.unavailable += 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "passwords cannot be checked now; try again\n")
        return None if reason is None else self._unauthorized(connection, reason)

    def select(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The first of the station's preferences that is spoken here, as the station spells it.

        None goes on without a subprotocol, to be closed at once (OCPP-J 1.6 section 3.2, 2.0.1 part 4 section 3.1.2).
        """
        return next((name for name in offered if name.lower() in self._protocols), None)

    def refuse_protocol(self, connection: StationConnection) -> str:
        """Counts and logs that no subprotocol was agreed on; the reason to close with."""
        self._counters.refused_protocols += 1
        reason = f"no subprotocol in common; spoken here: {', '.join(self._settings.protocols)}"
        offered = connection.request.headers.get_all("Sec-WebSocket-Protocol") if connection.request else []
        self._log.warning(str(connection.station), f"{reason}; offered: {', '.join(offered) or 'none'}")
        return reason

    async def _fault(self, connection: StationConnection, request: Request) -> str | None:
        """What is wrong with the credentials, if anything."""
        if self._settings.security_profile == 0:
            return None
        if self._settings.security_profile == 3:
            return self._certificate_fault(connection)
        password = _password(request, connection.station.device)
        if isinstance(password, str):
            return password
        if not await self._passwords.check(connection.station, password):
            return "wrong password"
        return None

    def _certificate_fault(self, connection: StationConnection) -> str | None:
        tls: Any = connection.transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert() if tls else None
        if not certificate:
            return "a client certificate is needed"
        names = certificate_names(certificate)
        if connection.station.device not in names:
            return f"the client certificate is of {', '.join(sorted(names)) or 'nobody'}"
        return None

    def _unauthorized(self, connection: StationConnection, reason: str) -> Response:
        self._counters.refused_credentials += 1
        self._log.warning(str(connection.station), f"{reason} (from {_peer(connection)})")
        response = connection.respond(HTTPStatus.UNAUTHORIZED, f"{reason}\n")
        if self._settings.security_profile != 3:
            response.headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
        return response


def _password(request: Request, device: str) -> bytes | str:
    """The password of a Basic authorization, or what is wrong with it as a text.

    User name is the station's id (OCPP 1.6 security, A00.FR.204). It may hold a colon, and the password any byte.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "a user name and password are needed (HTTP Basic)"
    try:
        user_and_password = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return "the Authorization header is not base64"
    user = device.encode() + b":"
    if not user_and_password.startswith(user):
        return "the user name must be the station's id"
    return user_and_password[len(user) :]


def _peer(connection: ServerConnection) -> str:
    address = connection.remote_address
    return str(address[0]) if address else "unknown peer"
