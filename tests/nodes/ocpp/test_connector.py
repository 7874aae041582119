"""Connections to Redis: the forms of URL, TLS, login, sentinels, and what is told when it cannot be done."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from busway.nodes.ocpp.streams import connector
from busway.nodes.ocpp.streams.address import Address
from busway.nodes.ocpp.streams.link import Connector, Link, LinkDown
from busway.testing import flow_of, node
from tests.nodes.ocpp.redis_servers import Authority, Server, free_port, tls


@pytest.fixture(scope="module")
def folder():
    # a socket's path may have 107 bytes: pytest's own folders can be longer
    with tempfile.TemporaryDirectory(prefix="bw-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder / "authority")


@pytest.fixture(scope="module")
def stranger(folder):
    return Authority(folder / "stranger")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("server", "127.0.0.1")


@pytest.fixture
def serve(folder):
    """Starts servers: ``serve(*options)``; all are stopped at the end."""
    started = []

    def start(*options):
        started.append(Server(Path(tempfile.mkdtemp(dir=folder)), *options))
        return started[-1].start()

    yield start
    for server in started:
        server.stop()


@contextlib.asynccontextmanager
async def link_to(url, **login):
    link = Link(await Connector(url, **login).connect())
    try:
        yield link
    finally:
        await link.close()


async def trouble(url):
    """Why no connection can be made."""
    with pytest.raises(LinkDown) as told:
        await Connector(url).connect()
    return str(told.value)


# -- URLs
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:6379", "must begin with one of redis://"),
        ("http://user:secret@host", "must begin with one of redis://"),
        ("redis://[::1", "Invalid IPv6 URL"),
        ("redis://host:port", "Port could not be cast"),
        ("redis://user:secret@host/one", "the database must be a number, not 'one'"),
        ("redis://:secret@host?db=one", "Invalid value for 'db'"),
        ("rediss://:secret@host?ssl_ca_cert=/ca.pem", "no option 'ssl_ca_cert'; did you mean 'ssl_ca_certs'?"),
        ("rediss://host?ssl_cert_reqs=maybe", "Invalid SSL Certificate Requirements Flag: maybe"),
        ("redis://host?ssl_ca_certs=/ca.pem", "no option 'ssl_ca_certs'"),
        ("redis+sentinel://host:26379", "needs hosts and a service"),
        ("redis+sentinel:///service", "needs hosts and a service"),
        ("redis+sentinel://:secret@host:x/service", "'host:x' is no host"),
        ("redis+sentinel://host/service/one", "the database must be a number, not 'one'"),
        ("redis+sentinel://host/service?sentinel_user=me", "did you mean 'sentinel_username'?"),
    ],
)
def test_a_url_that_is_none_is_told_with_the_reason_and_without_secrets(url, reason):
    with pytest.raises(LinkDown, match="not the URL of a Redis") as told:
        Address.of(url, username="me", password="secret").connector()
    assert reason in str(told.value)
    assert "secret" not in str(told.value)


async def test_user_password_and_database_of_a_url_count(serve):
    server = serve("--port", port := free_port())
    server.client.execute_command("ACL", "SETUSER", "me", "on", ">s/c:r@t", "~*", "&*", "+@all")
    for url in (f"redis://me:s%2Fc%3Ar%40t@127.0.0.1:{port}/3", f"unix://me:s%2Fc%3Ar%40t@{server.socket}?db=3"):
        async with link_to(url, username="other", password="other", db=5) as link:
            assert await link.send("ACL", "WHOAMI") == "me"
            assert " db=3 " in await link.send("CLIENT", "INFO")
    async with link_to(f"redis://127.0.0.1:{port}", username="me", password="s/c:r@t", db=5) as link:
        assert await link.send("ACL", "WHOAMI") == "me"
        assert " db=5 " in await link.send("CLIENT", "INFO")


async def test_a_user_who_may_not_ask_for_the_kind_of_server_is_served(serve):
    server = serve()
    server.client.execute_command("ACL", "SETUSER", "me", "on", ">secret", "~*", "+@all", "-info")
    async with link_to(f"unix://me:secret@{server.socket}") as link:
        assert await link.send("PING") == "PONG"


async def test_a_host_that_is_unknown_and_one_that_cannot_be_a_name_are_told():
    assert "connecting to nobody.invalid:6379" in await trouble("redis://nobody.invalid")
    assert "cannot be reached" in await trouble("redis://a..b")


# -- TLS
async def test_tls_with_the_authority_of_the_servers_certificate(serve, authority, certificate):
    serve(*tls(port := free_port(), authority, certificate))
    async with link_to(f"rediss://127.0.0.1:{port}/2?ssl_ca_certs={authority.ca}") as link:
        assert " db=2 " in await link.send("CLIENT", "INFO")


async def test_a_certificate_that_does_not_convince_is_told_and_may_be_taken_all_the_same(
    serve, authority, certificate, stranger
):
    serve(*tls(port := free_port(), authority, certificate))
    url = f"rediss://127.0.0.1:{port}"
    assert "certificate verify failed" in await trouble(url)
    assert "certificate verify failed" in await trouble(f"{url}?ssl_ca_certs={stranger.ca}")
    assert "not valid for 'localhost'" in await trouble(f"rediss://localhost:{port}?ssl_ca_certs={authority.ca}")
    async with link_to(f"rediss://localhost:{port}?ssl_ca_certs={authority.ca}&ssl_check_hostname=no") as link:
        assert await link.send("PING") == "PONG"
    async with link_to(f"{url}?ssl_cert_reqs=none") as link:
        assert await link.send("PING") == "PONG"


async def test_a_server_that_asks_for_a_certificate_gets_it(serve, authority, certificate, stranger):
    serve(*tls(port := free_port(), authority, certificate, clients="yes"))
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority.ca}"
    file, key = authority.issue("client")
    async with link_to(f"{url}&ssl_certfile={file}&ssl_keyfile={key}") as link:
        assert await link.send("PING") == "PONG"
    assert "cannot be reached" in await trouble(url)
    file, key = stranger.issue("client")
    assert "cannot be reached" in await trouble(f"{url}&ssl_certfile={file}&ssl_keyfile={key}")


async def test_a_file_that_is_missing_is_named(authority):
    assert "ssl_ca_certs: " in await trouble("rediss://127.0.0.1:1?ssl_ca_certs=/no/ca.pem")
    url = f"rediss://127.0.0.1:1?ssl_ca_certs={authority.ca}&ssl_certfile=/no/client.pem"
    assert "/no/client.pem" in await trouble(url)


async def test_tls_where_there_is_none_and_none_where_there_is(serve, authority, certificate, monkeypatch):
    monkeypatch.setattr(connector, "PATIENCE", 0.2)
    serve("--port", plain := free_port(), *tls(port := free_port(), authority, certificate))
    assert "does it speak TLS?" in await trouble(f"rediss://127.0.0.1:{plain}?ssl_cert_reqs=none")
    assert "cannot be reached" in await trouble(f"redis://127.0.0.1:{port}")


# -- servers that are none
async def test_a_server_of_a_cluster_is_refused_with_the_reason(serve):
    server = serve("--cluster-enabled", "yes")
    assert "belongs to a Redis Cluster" in await trouble(f"unix://{server.socket}")


async def test_a_sentinel_is_no_server_and_the_right_url_is_told(serve):
    server = serve("--sentinel")
    assert "redis+sentinel://host:26379/service" in await trouble(f"unix://{server.socket}")


async def test_sentinels_and_the_master_speak_tls_and_have_logins_of_their_own(serve, authority, certificate):
    secure = ("--tls-replication", "yes")
    master = serve(*tls(port := free_port(), authority, certificate), *secure)
    master.client.config_set("requirepass", "secret")
    sentinel = serve("--sentinel", *tls(asked := free_port(), authority, certificate), *secure)
    sentinel.client.execute_command("SENTINEL", "MONITOR", "stations", "127.0.0.1", port, 1)
    sentinel.client.execute_command("SENTINEL", "SET", "stations", "auth-pass", "secret")
    sentinel.client.execute_command("ACL", "SETUSER", "me", "on", ">open", "+@all")
    sentinel.client.execute_command("ACL", "SETUSER", "default", "off")
    url = f"rediss+sentinel://:secret@127.0.0.1:1,127.0.0.1:{asked}/stations/3?ssl_ca_certs={authority.ca}"
    async with link_to(f"{url}&sentinel_username=me&sentinel_password=open") as link:
        assert " db=3 " in await link.send("CLIENT", "INFO")
    assert "No master found for 'stations'" in await trouble(url)
    assert "No master found for 'nobody'" in await trouble(
        f"{url.replace('/stations', '/nobody')}&sentinel_username=me&sentinel_password=open"
    )


# -- the nodes
def reading(url):
    return [node("ocpp-config", "cfg", url=url), node("ocpp-in", "in", to="out", server="cfg")]


def call(server):
    server.client.xadd(
        "ws:inbound",
        {
            "tenant": "t",
            "deviceId": "d",
            "payload": '{"messageType": 2, "uniqueID": "m1", "action": "Heartbeat", "payload": {}}',
        },
    )


async def test_a_flow_waits_for_a_server_with_the_right_certificate(serve, authority, certificate, stranger):
    server = serve(*tls(port := free_port(), authority, stranger.issue("wrong", "127.0.0.1")))
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority.ca}"
    async with flow_of(reading(url), virtual=False) as flow:
        assert "certificate verify failed" in (await flow.error()).text
        assert (await flow.status("in"))["text"] == "start failed"
        server.stop()
        file, key = certificate
        server.start("--tls-cert-file", file, "--tls-key-file", key)
        call(server)
        assert (await flow.output("in"))["payload"] == {}
        assert (await flow.status("in"))["text"] != "start failed"


async def test_a_flow_waits_until_its_password_is_the_right_one(serve):
    server = serve("--port", port := free_port())
    server.client.config_set("requirepass", "another")
    server.client.execute_command("AUTH", "another")
    async with flow_of(reading(f"redis://:secret@127.0.0.1:{port}"), virtual=False) as flow:
        text = (await flow.error()).text
        assert "password" in text
        assert "secret" not in text
        server.client.config_set("requirepass", "secret")
        call(server)
        assert (await flow.output("in"))["payload"] == {}


async def test_a_flow_of_a_cluster_says_that_it_cannot_be(serve):
    server = serve("--cluster-enabled", "yes")
    async with flow_of(reading(f"unix://{server.socket}"), virtual=False) as flow:
        assert "belongs to a Redis Cluster" in (await flow.error()).text
        assert (await flow.status("in"))["text"] == "start failed"
