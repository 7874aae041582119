"""Who can reach the server at all: its address, and the names under which pages may ask it."""

from __future__ import annotations

import ipaddress
import logging
import socket

from busway.engine.errors import BuswayError
from busway.engine.settings import Settings

log = logging.getLogger("busway.http")


class Unprotected(BuswayError):
    """The server would be open to others without a login; names the remedies."""


def check_exposure(settings: Settings) -> None:
    """Raises Unprotected when others can reach the server and nobody has to log in."""
    try:
        if settings.insecure or is_loopback(settings.host):
            return
    except OSError:
        return  # there is nothing to listen on, which listening tells better
    if not settings.auth.is_used:
        raise Unprotected(
            f"others can reach {settings.host}, and there are no users. Add users to [auth] in "
            f"{settings.user_dir / 'busway.toml'} (`busway password` makes the hash of a password), or say --insecure "
            "(setting insecure = true) if everybody who reaches it may do everything"
        )
    if settings.tls_cert is None and not settings.auth.trusted_proxies:
        log.warning(
            "passwords and tokens cross the network in clear: set tls_cert and tls_key, or put a proxy with TLS before it"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address or name; "" is all addresses. Raises OSError for a name that has none."""
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


class KnownHosts:
    """The names under which a server without users may be asked.

    A page of a stranger can let its own name point to 127.0.0.1 and so is of one origin with us (DNS rebinding); it can not
    ask us by address or as localhost.
    """

    def __init__(self, allowed: list[str]) -> None:
        self._known: dict[str | None, bool] = {}
        self._allowed = {name.lower() for name in allowed}

    def knows(self, host: str | None) -> bool:
        """Whether a ``Host`` header names this server; browsers always send one."""
        found = self._known.get(host)
        if found is None:
            found = host is None or self._is_known(_name_of(host.lower()))
            if len(self._known) < 100:
                self._known[host] = found
        return found

    def _is_known(self, name: str) -> bool:
        if name in self._allowed or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def known_hosts(settings: Settings) -> KnownHosts | None:
    """The names to check; None when logins protect better, or nothing shall."""
    is_open = settings.auth.is_used or settings.insecure
    return None if is_open else KnownHosts(settings.allowed_hosts)


def _name_of(host: str) -> str:
    """A host without its port."""
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
