"""Security profiles: passwords, TLS, client certificates; what is refused, and how it is logged."""

import asyncio
import base64
import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidMessage, InvalidStatus

from busway.gateway.passwords import hash_password
from busway.gateway.settings import GatewaySettings
from busway.gateway.tls import TlsError, server_context


def basic(user, password):
    raw = password if isinstance(password, bytes) else password.encode()
    return {"additional_headers": {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + raw).decode()}}


async def refusal(opening):
    """Status and text of the HTTP answer that a handshake got."""
    with pytest.raises(InvalidStatus) as caught:
        await opening
    return caught.value.response.status_code, caught.value.response.body.decode().strip()


async def test_password_of_the_settings_admits(start_gateway, station_at, flow):
    gateway = await start_gateway(security_profile=1, passwords={"acme:CP1": hash_password("secret")})
    station = await station_at(gateway, **basic("CP1", "secret"))
    assert await station.call("Heartbeat") == [3, "1", {}]


async def test_password_of_redis_admits_and_may_be_changed(start_gateway, station_at, store):
    gateway = await start_gateway(security_profile=1)
    await store.hset("ws:auth", "acme:CP1", hash_password("old"))
    for _ in range(2):
        await station_at(gateway, **basic("CP1", "old"))
    await store.hset("ws:auth", "acme:CP1", hash_password("new"))
    assert await refusal(station_at(gateway, **basic("CP1", "old"))) == (401, "wrong password")
    await station_at(gateway, **basic("CP1", "new"))


async def test_password_may_be_any_bytes_and_the_station_may_have_a_colon(start_gateway, station_at, store):
    key = bytes(range(20)) + b":\xff"
    await store.hset("ws:auth", "acme:CP:1", hash_password(key))
    await station_at(await start_gateway(security_profile=1), "acme/CP%3A1", **basic("CP:1", key))


async def test_same_station_of_another_tenant_has_a_password_of_its_own(start_gateway, station_at):
    gateway = await start_gateway(security_profile=1, passwords={"acme:CP1": hash_password("secret")})
    assert (await refusal(station_at(gateway, "other/CP1", **basic("CP1", "secret"))))[0] == 401


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "a user name and password are needed"),
        ({"Authorization": "Bearer x"}, "a user name and password are needed"),
        ({"Authorization": "Basic %%%"}, "not base64"),
        (basic("CP2", "secret")["additional_headers"], "the user name must be the station's id"),
        (basic("CP1", "wrong")["additional_headers"], "wrong password"),
        (basic("CP1", "")["additional_headers"], "wrong password"),
    ],
)
async def test_wrong_credentials_get_401_and_the_reason(start_gateway, station_at, store, headers, text):
    gateway = await start_gateway(security_profile=1, passwords={"acme:CP1": hash_password("secret")})
    status, body = await refusal(station_at(gateway, additional_headers=headers))
    assert status == 401
    assert text in body
    assert gateway.counters.refused_credentials == 1
    assert not await store.exists("ws:conn:acme:CP1")


async def test_wrong_credentials_do_not_disturb_the_connected_station(start_gateway, station_at, flow):
    gateway = await start_gateway(security_profile=1, passwords={"acme:CP1": hash_password("secret")})
    station = await station_at(gateway, **basic("CP1", "secret"))
    await refusal(station_at(gateway, **basic("CP1", "wrong")))
    assert await station.call("Heartbeat") == [3, "1", {}]


async def test_refusals_of_a_station_are_logged_once_in_a_while(start_gateway, station_at, caplog):
    gateway = await start_gateway(security_profile=1)
    for _ in range(3):
        await refusal(station_at(gateway, **basic("CP1", "wrong")))
    lines = [record.message for record in caplog.records if "wrong password" in record.message]
    assert lines == ["acme:CP1: wrong password (from 127.0.0.1)"]


async def test_passwords_in_redis_cannot_be_checked_while_it_is_away(gateway_on, own_redis, station_at, until):
    gateway = await gateway_on(own_redis.url, security_profile=1, passwords={"acme:CP1": hash_password("secret")})
    own_redis.kill()
    await until(lambda: gateway.counters.outages == 1)
    assert (await refusal(station_at(gateway, "acme/CP2", **basic("CP2", "x"))))[0] == 503
    await station_at(gateway, **basic("CP1", "secret"))


async def test_open_gateway_without_credentials_warns(start_gateway, caplog):
    await start_gateway(host="0.0.0.0")
    assert "without asking stations for credentials" in caplog.text


class Authority:
    """Makes certificates, as files."""

    def __init__(self, folder, name="Test CA"):
        self.folder = folder
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name(name)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(self._sign(self.name, self.key, ca=True)))

    def issue(self, common_name, *, dns=()):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(common_name), key, dns=dns)
        cert_file, key_file = self.folder / f"{common_name}.crt", self.folder / f"{common_name}.key"
        cert_file.write_bytes(_pem(certificate))
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
        return cert_file, key_file

    def _sign(self, subject, key, *, ca=False, dns=()):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if dns:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def trusting(authority, pair=None):
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    if pair:
        context.load_cert_chain(*pair)
    return {"ssl": context}


async def test_profile_2_asks_for_tls_and_password(start_gateway, station_at, authority, flow):
    cert, key = authority.issue("gateway")
    passwords = {"acme:CP1": hash_password("secret")}
    gateway = await start_gateway(security_profile=2, tls_cert=cert, tls_key=key, passwords=passwords)
    assert gateway.url.startswith("wss:")
    assert (await refusal(station_at(gateway, **trusting(authority))))[0] == 401
    station = await station_at(gateway, **trusting(authority), **basic("CP1", "secret"))
    assert await station.call("Heartbeat") == [3, "1", {}]


@pytest.mark.parametrize("names", [("CP1", ()), ("serial-4711", ("CP1", "other"))])
async def test_profile_3_admits_by_common_or_alternative_name(start_gateway, station_at, authority, flow, names):
    gateway = await start_gateway(**profile_3(authority))
    pair = authority.issue(names[0], dns=names[1])
    station = await station_at(gateway, **trusting(authority, pair))
    assert await station.call("Heartbeat") == [3, "1", {}]


async def test_profile_3_refuses_other_names_and_no_certificate(start_gateway, station_at, authority):
    gateway = await start_gateway(**profile_3(authority))
    other = authority.issue("CP2")
    assert await refusal(station_at(gateway, **trusting(authority, other))) == (
        401,
        "the client certificate is of CP2",
    )
    assert await refusal(station_at(gateway, **trusting(authority))) == (401, "a client certificate is needed")


async def test_profile_3_refuses_certificates_of_other_authorities(start_gateway, station_at, authority, tmp_path):
    gateway = await start_gateway(**profile_3(authority))
    (tmp_path / "other").mkdir()
    pair = Authority(tmp_path / "other", "Other CA").issue("CP1")
    with pytest.raises((ssl.SSLError, InvalidMessage, ConnectionError)):
        await station_at(gateway, **trusting(authority, pair))


def profile_3(authority):
    cert, key = authority.issue("gateway")
    return {"security_profile": 3, "tls_cert": cert, "tls_key": key, "tls_ca": authority.file}


async def test_stop_ends_tls_connections(start_gateway, station_at, authority, flow):
    gateway = await start_gateway(**profile_3(authority))
    station = await station_at(gateway, **trusting(authority, authority.issue("CP1")))
    async with asyncio.timeout(3):
        await gateway.stop()
    assert await station.closed() == 1001


def test_files_that_are_no_certificates_are_named(tmp_path):
    (tmp_path / "x.pem").write_text("nothing")
    settings = GatewaySettings(tls_cert=tmp_path / "x.pem", tls_key=tmp_path / "y.pem")
    with pytest.raises(TlsError, match=r"x\.pem.*y\.pem"):
        server_context(settings)
