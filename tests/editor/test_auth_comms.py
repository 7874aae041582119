"""Who may listen on ``/comms``."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.editor.people import API_TOKEN, audit_of, bearer, guarded, log_in, token_entry, token_of
from tests.editor.serving import until


@pytest.fixture
async def site(tmp_path):
    async with guarded(tmp_path) as running:
        running.folder = tmp_path
        yield running


@asynccontextmanager
async def socket_of(site, *packets, **options):
    """A socket that has sent some packets."""
    async with connect(f"ws://127.0.0.1:{site.port}/comms", **options) as socket:
        for packet in packets:
            await socket.send(json.dumps(packet) if not isinstance(packet, (str, bytes)) else packet)
        yield socket


async def heard(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


async def is_dismissed(socket):
    assert await heard(socket) == {"auth": "fail"}
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), 5)
    return True


async def test_who_is_known_is_let_in_and_told_everything(site):
    async with socket_of(site, {"auth": await token_of(site, "rudi")}) as socket:
        assert await heard(socket) == {"auth": "ok"}
        site.face.comms.publish("status/n", {"text": "kept"}, retain=True)
        await socket.send('{"subscribe": "status/#"}')
        assert (await heard(socket))[0] == {"topic": "status/n", "data": {"text": "kept"}}
    assert ("comms.open", "rudi", "ok") in [(e["event"], e["who"], e["result"]) for e in audit_of(site.folder)]


@pytest.mark.parametrize(
    "packet",
    [
        {"auth": "nonsense"},
        {"auth": ""},
        {"auth": None},
        {"auth": {"token": 5}},
        {"subscribe": "debug"},
        "no json",
        "[" * 100_000,
        b"\x00",
        {"topic": "hello"},
        5,
    ],
)
async def test_who_is_not_known_is_dismissed(site, packet):
    async with socket_of(site, packet) as socket:
        assert await is_dismissed(socket)
    assert not site.face.comms.clients


async def test_a_user_who_may_not_see_status_is_dismissed(site):
    for token in (await token_of(site, "flo"), API_TOKEN):
        async with socket_of(site, {"auth": token}) as socket:
            assert await is_dismissed(socket)


async def test_a_token_of_the_settings_lets_in(tmp_path):
    async with (
        guarded(tmp_path, auth={"tokens": [token_entry("status.read")]}) as site,
        socket_of(site, {"auth": API_TOKEN}) as socket,
    ):
        assert await heard(socket) == {"auth": "ok"}


async def test_nothing_is_told_before_it_is_known_who_listens(site):
    async with socket_of(site) as socket:
        site.face.comms.publish("debug", {"msg": "secret"})
        assert not site.face.comms.clients
        await socket.send(json.dumps({"auth": await token_of(site, "anna")}))
        assert await heard(socket) == {"auth": "ok"}
        await until(lambda: site.face.comms.clients)
        site.face.comms.publish("debug", {"msg": "open"})
        assert (await heard(socket))[0]["data"] == {"msg": "open"}


async def test_visitors_look_on_where_the_default_says_so(tmp_path):
    async with guarded(tmp_path, auth={"default_permissions": "status.read"}) as site:
        site.face.comms.publish("status/n", {"text": "kept"}, retain=True)
        async with socket_of(site, {"subscribe": "status/#"}) as socket:
            assert (await heard(socket))[0]["topic"] == "status/n"
        async with socket_of(site, {"auth": "nonsense"}) as socket:
            assert await is_dismissed(socket)


async def test_a_logout_closes_the_sockets_of_that_login_only(site):
    token, other = await token_of(site, "anna"), await token_of(site, "anna")
    async with socket_of(site, {"auth": token}) as first, socket_of(site, {"auth": other}) as second:
        assert [await heard(first), await heard(second)] == [{"auth": "ok"}, {"auth": "ok"}]
        await until(lambda: len(site.face.comms.clients) == 2)
        await site.client.post("/auth/revoke", json={"token": token}, headers=bearer(token))
        assert await is_dismissed(first)
        site.face.comms.publish("debug", {})
        assert (await heard(second))[0]["topic"] == "debug"
    await until(lambda: not site.face.comms.clients)
    await until(lambda: not site.face.guard.sessions._watchers)


async def test_the_end_of_a_session_closes_its_socket(tmp_path):
    async with guarded(tmp_path, auth={"session_lifetime": 0.3}) as site:
        token = (await log_in(site, "anna")).json()["access_token"]
        async with socket_of(site, {"auth": token}) as socket:
            assert await heard(socket) == {"auth": "ok"}
            assert await is_dismissed(socket)


async def test_who_says_nothing_is_dismissed_after_a_while(site, monkeypatch):
    monkeypatch.setattr("busway.editor.server.security.AUTH_PATIENCE", 0.05)
    async with socket_of(site) as socket:
        assert await is_dismissed(socket)
    assert site.face.guard._strangers == 0


async def test_silent_sockets_are_bounded(site, monkeypatch):
    monkeypatch.setattr("busway.editor.server.security.MOST_STRANGERS", 1)
    async with socket_of(site), socket_of(site) as second:
        assert await is_dismissed(second)
    await until(lambda: site.face.guard._strangers == 0)
    async with socket_of(site, {"auth": await token_of(site, "anna")}) as socket:
        assert await heard(socket) == {"auth": "ok"}


async def test_a_page_of_another_origin_gets_no_socket(site):
    token = await token_of(site, "anna")
    with pytest.raises(InvalidStatus):
        async with socket_of(site, {"auth": token}, origin="http://evil.example"):
            pass


async def test_a_socket_that_goes_before_it_says_who_it_is_leaves_nothing(site):
    async with socket_of(site):
        await until(lambda: site.face.guard._strangers == 1)
    await until(lambda: site.face.guard._strangers == 0)
    assert not site.face.comms.clients
