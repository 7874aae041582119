"""Servers for the network nodes' tests to talk to, and certificates for them."""

import datetime
import ipaddress
import ssl
from contextlib import asynccontextmanager

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import pkcs12 as bundles

NOW = datetime.datetime.now(datetime.UTC)


class Identity:
    """A key with a certificate for ``name``, signed by ``issuer`` or by itself."""

    def __init__(self, name, issuer=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer.subject if issuer else self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=1))
            .not_valid_after(NOW + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        self.cert = builder.sign((issuer or self).key, hashes.SHA256())

    @property
    def cert_pem(self):
        return self.cert.public_bytes(Encoding.PEM).decode()

    def key_pem(self, passphrase=None):
        how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()

    def bundle(self, passphrase, *others):
        how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return bundles.serialize_key_and_certificates(b"x", self.key, self.cert, others or None, how)

    def files(self, folder, passphrase=None):
        """Paths of certificate and key."""
        cert, key = folder / f"{id(self)}.crt", folder / f"{id(self)}.key"
        cert.write_text(self.cert_pem)
        key.write_text(self.key_pem(passphrase))
        return str(cert), str(key)

    def server_context(self, folder, clients=None):
        """For a server with this identity; with ``clients``, only those signed by it come in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files(folder))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.cert_pem)
        return context


@asynccontextmanager
async def serving(routes, tls=None):
    """Serves aiohttp handlers by (method, path); gives the base URL."""
    app = web.Application()
    for (method, path), handler in routes.items():
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def inspect(request):
    """Answers with what was asked."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "url": request.raw_path,
            "headers": {name: ", ".join(request.headers.getall(name)) for name in request.headers},
            "body": body.decode("utf-8", "replace"),
        }
    )
