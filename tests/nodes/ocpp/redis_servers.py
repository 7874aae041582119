"""Redis servers that need more than a socket: TLS with certificates of the tests' own."""

import datetime
import ipaddress
import socket
import subprocess
import time

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def free_port():
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Authority:
    """Issues certificates into a folder: ``ca`` is the file of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        own = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.ca = self._save("ca.pem", own)

    def issue(self, name, *hosts):
        """Files of a certificate for hosts (addresses or names) and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts or (name,)])
        certificate = self._save(f"{name}.pem", self._builder(subject, key).add_extension(names, critical=False))
        file = self.folder / f"{name}.key"
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        return certificate, file

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1))

    def _save(self, name, builder):
        file = self.folder / name
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file


def _alternative(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Server:
    """A ``redis-server`` with any options, on a unix socket besides; ``client`` is a blocking client."""

    def __init__(self, folder, *options):
        self.folder, self.options = folder, options
        self.socket = folder / "s"
        self.client = redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)
        self.process = None

    def start(self, *more):
        own = ("--unixsocket", self.socket, "--dir", self.folder, "--save", "", "--port", 0)
        # A sentinel needs a file that it may write.
        (self.folder / "conf").touch()
        command = ["redis-server", self.folder / "conf", *own, *self.options, *more]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                self.client.ping()
                return self
            except redis.ConnectionError:
                assert self.process.poll() is None, "redis-server ended"
                time.sleep(0.01)
        raise AssertionError("redis-server does not answer")

    def stop(self):
        if self.process is not None:
            self.client.close()
            self.process.kill()
            self.process.wait()
            self.process = None


def tls(port, authority, certificate, clients="no"):
    """Options of a server that speaks TLS; ``clients`` says whether it wants certificates."""
    file, key = certificate
    files = ("--tls-cert-file", file, "--tls-key-file", key, "--tls-ca-cert-file", authority.ca)
    return ("--tls-port", port, *files, "--tls-auth-clients", clients)
