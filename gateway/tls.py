"""TLS of the gateway and the names in a station's certificate."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from busway.engine.errors import BuswayError
from busway.gateway.settings import GatewaySettings


class TlsError(BuswayError):
    """Certificate, key or authorities cannot be used; names the files."""


def server_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """The context of the settings' files, or None without a certificate. TLS 1.2 or newer (OCPP security, A00.FR.303).

    Raises TlsError.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
        if settings.security_profile == 3:
            context.load_verify_locations(settings.tls_ca)
            # A station without a certificate gets as far as an HTTP answer that says so; a wrong one gets no handshake.
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (settings.tls_cert, settings.tls_key, settings.tls_ca) if file)
        raise TlsError(f"TLS cannot be set up with {files}: {error}") from None
    return context


def certificate_names(certificate: Mapping[str, Any]) -> set[str]:
    """Common name and alternative names of a certificate as ``getpeercert()`` tells it."""
    subject = {value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"}
    return subject | {value for _, value in certificate.get("subjectAltName", ())}
