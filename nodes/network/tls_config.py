"""The tls-config node: certificates and rules for connections over TLS."""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from busway.engine.errors import ConfigError
from busway.engine.fields import Choices, Credential, Hidden, ShownIf
from busway.engine.message import UNDEFINED
from busway.engine.node import Config, ConfigNode, Field

SOURCES = Choices(files="PEM files or texts", pfx="One PKCS#12 file", env="Environment variables")


class TlsSettings(Config):
    certType: Annotated[Literal["files", "pfx", "env"], SOURCES] = Field(
        "files", title="Certificates from", description="PEM files, one PKCS#12 file, or environment variables."
    )
    cert: Annotated[str, ShownIf("certType", "files")] = Field(
        "", title="Certificate", description="Path of our certificate, PEM."
    )
    key: Annotated[str, ShownIf("certType", "files")] = Field(
        "", title="Private key", description="Path of our private key, PEM."
    )
    p12: Annotated[str, ShownIf("certType", "pfx")] = Field(
        "", title="PKCS#12 file", description="Path of a .pfx or .p12 file with certificate and key."
    )
    ca: Annotated[str, ShownIf("certType", "files")] = Field(
        "", title="CA certificate", description="Path of the certificates to trust, PEM; empty trusts the system's."
    )
    certname: Annotated[str, Hidden()] = Field(
        "", title="Certificate's name", description="Name of the uploaded certificate."
    )
    keyname: Annotated[str, Hidden()] = Field("", title="Key's name", description="Name of the uploaded key.")
    p12name: Annotated[str, Hidden()] = Field(
        "", title="PKCS#12 name", description="Name of the uploaded PKCS#12 file."
    )
    caname: Annotated[str, Hidden()] = Field("", title="CA's name", description="Name of the uploaded CA certificate.")
    servername: str = Field(
        "", title="Server name", description="Name to ask for and to check, where it is not the host's."
    )
    verifyservercert: bool = Field(
        True, title="Verify the server", description="Refuse servers whose certificate is not valid for their name."
    )
    alpnprotocol: str = Field("", title="ALPN protocol", description="Application protocol to ask for.")
    certEnv: Annotated[str, ShownIf("certType", "env")] = Field(
        "", title="Certificate variable", description="Variable that holds our certificate, PEM."
    )
    keyEnv: Annotated[str, ShownIf("certType", "env")] = Field(
        "", title="Key variable", description="Variable that holds our private key, PEM."
    )
    caEnv: Annotated[str, ShownIf("certType", "env")] = Field(
        "", title="CA variable", description="Variable that holds the certificates to trust, PEM."
    )
    certdata: Annotated[str, Credential("text"), ShownIf("certType", "files")] = Field(
        "", title="Certificate's text", description="Our certificate, PEM, in place of a file."
    )
    keydata: Annotated[str, Credential("password"), ShownIf("certType", "files")] = Field(
        "", title="Key's text", description="Our private key, PEM, in place of a file."
    )
    cadata: Annotated[str, Credential("text"), ShownIf("certType", "files")] = Field(
        "", title="CA's text", description="The certificates to trust, PEM, in place of a file."
    )
    p12data: Annotated[str, Credential("password"), ShownIf("certType", "pfx")] = Field(
        "", title="PKCS#12 data", description="A PKCS#12 file in base64, in place of a file."
    )
    passphrase: Annotated[str, Credential("password"), ShownIf("certType", "files", "pfx")] = Field(
        "", title="Passphrase", description="Passphrase of the private key or of the PKCS#12 file."
    )


class TlsConfig(ConfigNode[TlsSettings]):
    """Certificates for connections over TLS: which servers are trusted, and who we are.

    Certificates and keys come from files on the server, from texts that are kept with the credentials, from one PKCS#12
    file, or from environment variables. A certificate needs its key, and a key its certificate. Without a CA certificate
    those of the system are trusted; with one, only it.
    """

    type = "tls-config"
    category = "config"
    label = "TLS"

    ssl_context: ssl.SSLContext
    """For connections to servers."""

    def start(self) -> None:
        self.ssl_context = self._client_context()

    @property
    def server_name(self) -> str | None:
        """The name to check a server's certificate against; None: the host's."""
        return self.config.servername or None

    def _client_context(self) -> ssl.SSLContext:
        config = self.config
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority = self._text("ca", config.cadata, config.ca, config.caEnv)
        if authority:
            self._trust(context, authority)
        else:
            context.load_default_certs()
        chain = self._bundle() if self._is_bundle else self._chain()
        if chain:
            self._identify(context, chain)
        if not config.verifyservercert:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if config.alpnprotocol.strip():
            context.set_alpn_protocols([config.alpnprotocol.strip()])
        return context

    @property
    def _is_bundle(self) -> bool:
        config = self.config
        return config.certType == "pfx" or bool((config.p12 or config.p12data) and not (config.cert or config.certdata))

    def _trust(self, context: ssl.SSLContext, authority: bytes) -> None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=authority.decode("ascii", "replace"))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"tls-config: the CA certificate is no PEM certificate: {error}") from None

    def _chain(self) -> bytes:
        """Certificate and key, PEM; nothing when there is neither."""
        config = self.config
        cert = self._text("cert", config.certdata, config.cert, config.certEnv)
        key = self._text("key", config.keydata, config.key, config.keyEnv)
        if bool(cert) != bool(key):
            missing = "private key" if cert else "certificate"
            raise ConfigError(f"tls-config: the {missing} is missing; certificate and key are given together")
        return cert + b"\n" + key if cert else b""

    def _text(self, what: str, data: str, path: str, variable: str) -> bytes:
        if self.config.certType == "env":
            return self._variable(what, variable)
        return data.encode() if data else self._file(what, path)

    def _file(self, what: str, path: str) -> bytes:
        if path and self.flow.runtime.settings.tls_config_disable_local_files:
            raise ConfigError(
                f"tls-config: {what!r} names a file, which the setting 'tls_config_disable_local_files' turns off; "
                "give its content, or use environment variables"
            )
        return _read(what, path)

    def _variable(self, what: str, name: str) -> bytes:
        if not name:
            return b""
        value = self.env.get(name)
        if value is UNDEFINED or value is None or value == "":
            raise ConfigError(f"tls-config: environment variable {name!r} (for {what}) is not set")
        return str(value).replace("\\n", "\n").encode()

    def _bundle(self) -> bytes:
        config = self.config
        try:
            data = base64.b64decode(config.p12data) if config.p12data else self._file("p12", config.p12)
        except binascii.Error:
            raise ConfigError("tls-config: the PKCS#12 data is not base64") from None
        return _unpacked(data, config.passphrase) if data else b""

    def _identify(self, context: ssl.SSLContext, chain: bytes) -> None:
        passphrase = "" if self._is_bundle else self.config.passphrase
        with tempfile.TemporaryDirectory() as folder:  # OpenSSL takes chains from files only
            path = Path(folder, "chain.pem")
            path.touch(0o600)
            path.write_bytes(chain)
            try:
                context.load_cert_chain(path, password=lambda: passphrase)
            except (ssl.SSLError, OSError) as error:
                raise ConfigError(
                    f"tls-config: certificate and key cannot be used: {error}; both have to be PEM and belong together, "
                    "and an encrypted key needs its passphrase"
                ) from None


def _read(what: str, path: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"tls-config: cannot read {what} {path!r}: {error.strerror}") from None


def _unpacked(data: bytes, passphrase: str) -> bytes:
    """The certificates and the key of a PKCS#12 file, PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    try:
        key, cert, others = pkcs12.load_key_and_certificates(data, passphrase.encode() or None)
    except ValueError as error:
        raise ConfigError(f"tls-config: the PKCS#12 file cannot be read: {error}; check its passphrase") from None
    if key is None or cert is None:
        raise ConfigError("tls-config: the PKCS#12 file holds no certificate with its private key")
    pem = [one.public_bytes(Encoding.PEM) for one in (cert, *others)]
    return b"\n".join([*pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])
