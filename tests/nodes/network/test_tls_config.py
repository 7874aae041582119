"""Certificates from everywhere they may come from."""

import base64
import ssl

import pytest

from busway.engine.model import FlowModel
from tests.editor.serving import TAB, place
from tests.nodes.network.servers import Identity, inspect, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUTHORITY = Identity("authority")
SERVER = Identity("localhost", AUTHORITY)
CLIENT = Identity("client", AUTHORITY)


def tls(**properties):
    return {"id": "tls", "type": "tls-config", "name": "", **properties}


async def failure(site, credentials=None, **properties):
    """Why a tls-config does not start."""
    blank = dict.fromkeys(("certdata", "keydata", "cadata", "p12data", "passphrase"), "")
    user = place("http request", "ask", url="x", tls="tls")
    await site.runtime.deploy(
        FlowModel.parse([TAB, tls(**properties), user]), credentials={"tls": blank | (credentials or {})}
    )
    return str(site.runtime.failed.get("tls", ""))


async def connects(site, tmp_path, credentials, **properties):
    """Whether a request with this tls-config comes through to a server that wants a certificate."""
    assert await failure(site, credentials, **properties) == ""
    async with serving({("GET", "/"): inspect}, SERVER.server_context(tmp_path, clients=AUTHORITY)) as url:
        ask = place("http request", "ask", ["out"], url=url, tls="tls", method="GET")
        await site.runtime.deploy(FlowModel.parse([TAB, tls(**properties), ask, place("seen", "out")]))
        site.runtime.receive("ask", {})
        return (await site.node("out").next())["statusCode"] == 200


async def test_certificates_may_be_texts(site, tmp_path):
    texts = {"certdata": CLIENT.cert_pem, "keydata": CLIENT.key_pem("pw"), "passphrase": "pw"}
    assert await connects(site, tmp_path, texts | {"cadata": AUTHORITY.cert_pem})
    assert not await connects(site, tmp_path, texts)


async def test_certificates_may_be_files(site, tmp_path):
    cert, key = CLIENT.files(tmp_path)
    ca, _ = AUTHORITY.files(tmp_path)
    assert await connects(site, tmp_path, {}, cert=cert, key=key, ca=ca)


@pytest.mark.parametrize("passphrase", ["", "pw"])
async def test_certificate_and_key_may_be_one_bundle(site, tmp_path, passphrase):
    data = CLIENT.bundle(passphrase, AUTHORITY.cert)
    secrets = {"passphrase": passphrase, "cadata": AUTHORITY.cert_pem}
    text = base64.b64encode(data).decode()
    assert await connects(site, tmp_path, secrets | {"p12data": text}, certType="pfx")
    path = tmp_path / "client.p12"
    path.write_bytes(data)
    assert await connects(site, tmp_path, secrets, certType="pfx", p12=str(path))


async def test_certificates_may_be_variables(site, tmp_path, monkeypatch):
    for name, text in {
        "C": CLIENT.cert_pem,
        "K": CLIENT.key_pem().replace("\n", "\\n"),
        "A": AUTHORITY.cert_pem,
    }.items():
        monkeypatch.setenv(f"TEST_TLS_{name}", text)
    names = {"certEnv": "TEST_TLS_C", "keyEnv": "TEST_TLS_K", "caEnv": "TEST_TLS_A"}
    assert await connects(site, tmp_path, {}, certType="env", **names)
    assert "'TEST_TLS_NONE' (for cert) is not set" in await failure(site, certType="env", certEnv="TEST_TLS_NONE")


async def test_a_server_may_go_unchecked_or_be_checked_by_another_name(site, tmp_path):
    mine = {"certdata": CLIENT.cert_pem, "keydata": CLIENT.key_pem()}
    trusting = mine | {"cadata": AUTHORITY.cert_pem}
    assert await connects(site, tmp_path, mine, verifyservercert=False)
    assert await connects(site, tmp_path, trusting, servername="localhost")
    assert not await connects(site, tmp_path, trusting, servername="other.test")


async def test_the_application_protocol_is_offered(site):
    await failure(site, alpnprotocol="mqtt")
    assert isinstance(site.node("tls").ssl_context, ssl.SSLContext)


@pytest.mark.parametrize(
    ("credentials", "properties", "why"),
    [
        ({"certdata": CLIENT.cert_pem}, {}, "the private key is missing"),
        ({"keydata": CLIENT.key_pem()}, {}, "the certificate is missing"),
        ({"certdata": CLIENT.cert_pem, "keydata": SERVER.key_pem()}, {}, "belong together"),
        ({"certdata": CLIENT.cert_pem, "keydata": CLIENT.key_pem("pw")}, {}, "needs its passphrase"),
        ({"cadata": "nonsense"}, {}, "the CA certificate is no PEM certificate"),
        ({}, {"ca": "/no/such.pem"}, "cannot read ca '/no/such.pem': No such file"),
        ({"p12data": "AAAA"}, {"certType": "pfx"}, "the PKCS#12 file cannot be read"),
        ({"p12data": "A"}, {"certType": "pfx"}, "is not base64"),
    ],
)
async def test_what_cannot_be_used_is_said(site, credentials, properties, why):
    assert why in await failure(site, credentials, **properties)
