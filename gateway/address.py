"""A station's address in the path of its WebSocket URL."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.streams.gateway_entries import Station

_LONGEST: Final = 255


class AddressError(BuswayError):
    """A URL names no station; ``status`` is the HTTP status to answer with."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def station_of(target: str, prefix: str) -> Station:
    """The station of a request target such as ``/ocpp/acme/CP%2001``; the names are percent-decoded.

    Raises AddressError: 404 for another path, 400 for names that cannot be.
    """
    path = target.partition("?")[0]
    names = path.removeprefix(prefix + "/").split("/") if path.startswith(prefix + "/") else []
    if len(names) != 2 or not all(names):
        raise AddressError(HTTPStatus.NOT_FOUND, f"no station here: the path must be {prefix}/{{tenant}}/{{station}}")
    tenant, device = _name(names[0], "tenant"), _name(names[1], "station")
    if ":" in tenant:
        raise AddressError(HTTPStatus.BAD_REQUEST, "the tenant must not hold a colon: it ends the tenant in Redis keys")
    return Station(tenant, device)


def _name(encoded: str, what: str) -> str:
    try:
        name = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise AddressError(HTTPStatus.BAD_REQUEST, f"the {what} is not percent-encoded UTF-8") from None
    if not name.isprintable():
        raise AddressError(HTTPStatus.BAD_REQUEST, f"the {what} holds characters that cannot be printed")
    if len(name) > _LONGEST:
        raise AddressError(HTTPStatus.BAD_REQUEST, f"the {what} is longer than {_LONGEST} characters")
    return name
