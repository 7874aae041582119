"""WebSockets of flows, with real clients and servers."""

import asyncio
import json
from contextlib import asynccontextmanager

import bcrypt
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from busway.engine.http import sockets
from busway.engine.model import FlowModel
from busway.nodes.network import websocket_client
from tests.editor.serving import TAB, do, place, served, until
from tests.nodes.network.servers import Identity

pytestmark = pytest.mark.asyncio(loop_scope="module")


@do
def forget_session(msg):
    del msg["_session"]
    return msg


@pytest.fixture(autouse=True)
def reconnect_at_once(monkeypatch):
    monkeypatch.setattr(websocket_client, "RECONNECT", 0.02)


def listener(path="/ws", **properties):
    return {"id": "server", "type": "websocket-listener", "path": path, **properties}


def client(url, **properties):
    return {"id": "client", "type": "websocket-client", "path": url, **properties}


def incoming(to="seen", side="server"):
    return place("websocket in", "in", [to], **{side: side})


def outgoing(side="server"):
    return place("websocket out", "out", **{side: side})


SEEN = place("seen", "seen")


def address(site, path="/ws"):
    return f"ws://127.0.0.1:{site.port}{path}"


async def everything(socket):
    """Reads until the socket closes."""
    while True:
        await receive(socket)


async def receive(socket):
    return await asyncio.wait_for(socket.recv(), 5)


# -- listener -----------------------------------------------------------------------------------------------------------
async def test_what_a_client_sends_becomes_a_message_with_its_session(site):
    await site.deploy(listener(), incoming(), SEEN)
    async with connect(address(site)) as socket:
        await socket.send("täxt")
        first = await site.node("seen").next()
        await socket.send(b"\x00\x01")
        second = await site.node("seen").next()
    assert (first["payload"], second["payload"]) == ("täxt", b"\x00\x01")
    assert first["_session"] == second["_session"]
    assert first["_session"]["type"] == "websocket"
    assert len(first["_msgid"]) == 16


async def test_an_answer_goes_to_the_client_that_asked_and_to_no_other(site):
    await site.deploy(listener(), incoming("out"), outgoing())
    async with connect(address(site)) as asking, connect(address(site)) as other:
        await asking.send("question")
        assert await receive(asking) == "question"
        await other.send("own")
        assert await receive(other) == "own"


async def test_a_message_without_session_goes_to_all(site):
    await site.deploy(listener(), incoming("strip"), place("do", "strip", ["out"], what="forget_session"), outgoing())
    async with connect(address(site)) as one, connect(address(site)) as two:
        await one.send("news")
        assert [await receive(one), await receive(two)] == ["news", "news"]


@pytest.mark.parametrize(
    ("payload", "frame"),
    [("t", "t"), (b"\x01", b"\x01"), (5.0, "5"), (True, "true"), ({"a": [1]}, '{"a":[1]}'), (None, "null")],
)
async def test_payloads_become_frames_by_their_type(site, payload, frame):
    await site.deploy(listener(), outgoing())
    async with connect(address(site)) as socket:
        await until(lambda: site.node("server").connected)
        for nothing in ({}, {"payload": ""}):
            site.runtime.receive("out", nothing)
        site.runtime.receive("out", {"payload": payload})
        assert await receive(socket) == frame


async def test_frames_may_be_whole_messages(site):
    await site.deploy(listener(wholemsg="true"), incoming("split"), place("junction", "split", ["seen", "out"]), SEEN,
                      outgoing())  # fmt: skip
    async with connect(address(site)) as socket:
        for frame, want in (('{"a":1}', {"a": 1}), ("[1]", {"payload": [1]}), ("no json", {"payload": "no json"})):
            await socket.send(frame)
            msg = await site.node("seen").next()
            assert {name: value for name, value in msg.items() if name[0] != "_"} == want
            back = json.loads(await receive(socket))
            assert back.pop("_msgid") == msg["_msgid"]
            assert back == want


async def test_paths_may_have_parameters_and_queries(site):
    await site.deploy(listener("/stations/:id/ws"), incoming(), SEEN)
    async with connect(address(site, "/stations/CP%201/ws?token=x")) as socket:
        await socket.send("hi")
        session = (await site.node("seen").next())["_session"]
    assert (session["params"], session["query"]) == ({"id": "CP 1"}, {"token": "x"})


async def test_the_first_subprotocol_that_is_offered_is_taken(site):
    await site.deploy(listener(), incoming(), SEEN)
    async with connect(address(site), subprotocols=["ocpp2.0.1", "ocpp1.6"]) as socket:
        assert socket.subprotocol == "ocpp2.0.1"


async def test_a_path_that_nobody_serves_is_refused(site):
    await site.deploy(listener(), incoming(), SEEN)
    with pytest.raises(InvalidStatus):
        await connect(address(site, "/other"))


async def test_one_path_has_one_listener(site):
    second = listener("/ws/") | {"id": "second"}
    await site.runtime.deploy(FlowModel.parse([TAB, listener(), second, incoming(), SEEN]))
    assert str(site.runtime.failed["second"]) == "Cannot have two WebSocket listeners on the same path: /ws/"


async def test_sockets_end_with_their_listener_and_its_path_is_free_again(site):
    await site.deploy(listener(), incoming(), SEEN)
    async with connect(address(site)) as socket:
        await site.deploy(SEEN)
        with pytest.raises(ConnectionClosed) as ended:
            await receive(socket)
    assert ended.value.rcvd.code == 1001
    await site.deploy(listener(), incoming(), SEEN)
    async with connect(address(site)) as socket:
        await socket.send("again")
        assert (await site.node("seen").next())["payload"] == "again"


async def test_other_pages_may_open_flows_sockets_but_not_comms(site):
    await site.deploy(listener(), incoming(), SEEN)
    async with connect(address(site), origin="http://elsewhere.test"):
        pass
    with pytest.raises(InvalidStatus):
        await connect(address(site, "/comms"), origin="http://elsewhere.test")


async def test_connections_are_shown(site):
    told = []
    await site.deploy(listener(), incoming(), SEEN)
    off = site.runtime.events.on("status", lambda item: told.append((item[0].id, item[1])))
    async with connect(address(site)):
        await until(lambda: told)
    await until(lambda: len(told) == 2)
    off()
    assert [(id, s["text"], s["fill"], s["shape"], s["event"]) for id, s in told] == [
        ("in", "connected 1", "green", "dot", "connect"),
        ("in", "disconnected", "red", "ring", "disconnect"),
    ]
    assert told[0][1]["_session"] == told[1][1]["_session"]


async def test_nodes_without_listener_or_client_say_so(site):
    model = FlowModel.parse([TAB, place("websocket in", "in"), place("websocket out", "out")])
    await site.runtime.deploy(model)
    assert {id: str(error)[:28] for id, error in site.runtime.failed.items()} == dict.fromkeys(
        ("in", "out"), "Missing server configuration"
    )


async def test_a_client_that_reads_nothing_is_let_go(site, monkeypatch):
    monkeypatch.setattr(sockets, "LONGEST_BACKLOG", 50_000)
    await site.deploy(listener(), outgoing())
    async with (
        connect(address(site), max_queue=1, max_size=None) as slow,
        connect(address(site), max_size=None) as quick,
    ):
        await until(lambda: site.node("server").connected == 2)
        slow.transport.pause_reading()
        for _ in range(200):
            site.runtime.receive("out", {"payload": "x" * 40_000})
            assert len(await receive(quick)) == 40_000
        slow.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as ended:
            await everything(slow)
    assert ended.value.rcvd.code == 1013


async def test_a_listener_stops_reading_while_too_much_is_unsettled(tmp_path):
    keep = place("delay", "keep", ["seen"], pauseType="delay", timeout="0.2", timeoutUnits="seconds")
    async with (
        served(tmp_path, listener(), incoming("keep"), keep, SEEN, source_limit=2) as site,
        connect(address(site)) as socket,
    ):
        for number in range(5):
            await socket.send(str(number))
        await until(lambda: site.node("server")._unsettled == 2)
        assert not site.node("server")._room.is_set()
        payloads = []
        await until(lambda: len(site.node("seen").messages) == 5)
        payloads = [msg["payload"] for msg in site.node("seen").messages]
    assert payloads == ["0", "1", "2", "3", "4"]


async def test_endpoints_may_ask_for_a_user(tmp_path):
    auth = {"user": "u", "password": bcrypt.hashpw(b"p", bcrypt.gensalt(4)).decode()}
    async with served(tmp_path, listener(), incoming(), SEEN, http_node_auth=auth) as site:
        with pytest.raises(InvalidStatus):
            await connect(address(site))
        async with connect(f"ws://u:p@127.0.0.1:{site.port}/ws") as socket:
            await socket.send("hi")
            assert (await site.node("seen").next())["payload"] == "hi"


# -- client -------------------------------------------------------------------------------------------------------------
class Peer:
    """A server that keeps its sockets and what they sent."""

    def __init__(self):
        self.sockets, self.got = [], asyncio.Queue()

    async def __call__(self, socket):
        self.sockets.append(socket)
        async for data in socket:
            await self.got.put(data)

    async def next(self):
        return await asyncio.wait_for(self.got.get(), 5)


@asynccontextmanager
async def peer(**options):
    """A server of the test's own; gives it and its URL."""
    found = Peer()
    async with serve(found, "127.0.0.1", 0, **options) as server:
        port = server.sockets[0].getsockname()[1]
        yield found, f"{'wss' if 'ssl' in options else 'ws'}://127.0.0.1:{port}/"


async def test_a_client_sends_and_receives(site):
    async with peer() as (found, url):
        await site.deploy(client(url), incoming(side="client"), SEEN, outgoing("client"))
        await until(lambda: found.sockets)
        site.runtime.receive("out", {"payload": b"\x01\x02"})
        site.runtime.receive("out", {"payload": {"a": 1}, "_session": {"type": "websocket", "id": "of a listener"}})
        assert [await found.next(), await found.next()] == [b"\x01\x02", '{"a":1}']
        await found.sockets[0].send("hello")
        assert (await site.node("seen").next())["payload"] == "hello"
        await site.deploy(SEEN)
        await asyncio.wait_for(found.sockets[0].wait_closed(), 5)


async def test_a_lost_connection_is_opened_again(site):
    async with peer() as (found, url):
        await site.deploy(client(url), incoming(side="client"), SEEN)
        await until(lambda: len(found.sockets) == 1)
        await found.sockets[0].close()
        await until(lambda: len(found.sockets) == 2)
        await found.sockets[1].send("back")
        assert (await site.node("seen").next())["payload"] == "back"


async def test_a_server_that_is_not_there_yet_is_tried_again_and_the_failure_shown(site):
    async with peer() as (_, url):
        pass
    told = []
    off = site.runtime.events.on("status", lambda item: told.append(item[1].get("text")))
    await site.deploy(client(url), incoming(side="client"), SEEN)
    await until(lambda: told.count("error") > 1)
    off()


async def test_sending_without_connection_is_an_error(site):
    async with peer() as (_, url):
        pass
    catch = place("catch", "catch", ["seen"], scope=["out"])
    await site.deploy(client(url), outgoing("client"), catch, SEEN)
    site.runtime.receive("out", {"payload": "x"})
    assert "not connected" in (await site.node("seen").next())["error"]["message"]


async def test_a_client_offers_subprotocols_and_sends_headers(site):
    headers = [{"keyType": "other", "keyValue": "X-Key", "valueType": "other", "valueValue": "v"}]
    async with peer(subprotocols=["two"]) as (found, url):
        await site.deploy(client(url, subprotocol="one, two", headers=headers), incoming(side="client"), SEEN)
        await until(lambda: found.sockets)
        assert found.sockets[0].subprotocol == "two"
        assert found.sockets[0].request.headers["X-Key"] == "v"


async def test_a_server_that_gives_no_sign_of_life_counts_as_lost(site):
    async with peer(ping_interval=None) as (found, url):
        await site.deploy(client(url, hb="0.05"), incoming(side="client"), SEEN)
        await until(lambda: len(found.sockets) == 1)
        found.sockets[0].transport.pause_reading()
        await until(lambda: len(found.sockets) == 2)


async def test_a_client_uses_its_tls_config(site, tmp_path):
    server = Identity("localhost")
    ca, _ = server.files(tmp_path)
    tls = {"id": "tls", "type": "tls-config", "name": "", "ca": ca}
    async with peer(ssl=server.server_context(tmp_path)) as (found, url):
        await site.deploy(tls, client(url, tls="tls"), incoming(side="client"), SEEN)
        await until(lambda: found.sockets)


async def test_a_server_with_an_unknown_certificate_is_not_talked_to(site, tmp_path):
    told = []
    async with peer(ssl=Identity("localhost").server_context(tmp_path)) as (found, url):
        off = site.runtime.events.on("status", lambda item: told.append(item[1].get("text")))
        await site.deploy(client(url), incoming(side="client"), SEEN)
        await until(lambda: "error" in told)
        off()
        assert found.sockets == []


@pytest.mark.parametrize("url", ["", "http://x/", "ws:///x", "nonsense"])
async def test_what_is_no_address_of_a_socket_fails_the_client(site, url):
    await site.runtime.deploy(FlowModel.parse([TAB, client(url), incoming(side="client"), SEEN]))
    assert "is no address of a WebSocket" in str(site.runtime.failed["client"])


async def test_flows_talk_to_their_own_listener(site):
    await site.deploy(
        listener(), client(address(site)), place("websocket in", "echo", ["reply"], server="server"),
        place("websocket out", "reply", server="server"), outgoing("client"), incoming(side="client"), SEEN,
    )  # fmt: skip
    await until(lambda: site.node("client").connected)
    site.runtime.receive("out", {"payload": "round"})
    assert (await site.node("seen").next())["payload"] == "round"
