"""HTTPS by certificate and key files, which are read again when they change."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from pathlib import Path

from busway.engine.errors import BuswayError
from busway.engine.settings import Settings

log = logging.getLogger("busway.http")

LOOK_EVERY = 5.0
"""Seconds between two looks at the files."""


class CertificateError(BuswayError):
    """Certificate or key cannot be used; names the files."""


class Certificate:
    """The TLS context of the HTTP face. Connections that there are keep the certificate that they began with.

    Raises CertificateError.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._seen = self._state()
        self.context = self._loaded()

    async def watch(self, every: float = LOOK_EVERY) -> None:
        """Looks at the files for ever, and takes new ones; of wrong ones it says so, and the old ones stay."""
        while True:
            await asyncio.sleep(every)
            try:
                self.refresh()
            except CertificateError as error:
                log.error("the certificate stays the old one: %s", error)

    def refresh(self) -> bool:
        """Takes the files if they have changed since the last look; tells whether it did. Raises CertificateError."""
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        self._loaded()  # a key that does not fit the certificate must not get into the context that is in use
        self.context.load_cert_chain(*self._files)
        log.info("%s: new certificate", self._files[0])
        return True

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(*self._files, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            names = " and ".join(map(str, self._files))
            raise CertificateError(f"HTTPS cannot be set up with {names} (tls_cert, tls_key): {error}") from None
        return context

    def _state(self) -> list[tuple[int, int, int]]:
        """Tells whether a file, or the target of a link, has been written or replaced."""
        try:
            return [(found.st_mtime_ns, found.st_size, found.st_ino) for found in map(os.stat, self._files)]
        except OSError:
            return []


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate of the settings; None without one. Raises CertificateError."""
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "tls_key" if key is None else "tls_cert"
        raise CertificateError(f"HTTPS needs both tls_cert and tls_key: {missing} is missing")
    return Certificate(settings.user_dir / certificate, settings.user_dir / key)


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a password, readable by the server alone")
