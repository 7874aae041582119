"""The table of sockets, and one socket over ASGI."""

import asyncio

import pytest

from busway.engine.errors import ConfigError
from busway.engine.http import sockets
from busway.engine.http.sockets import SocketRoute, SocketRoutes


class Client:
    """The other end of an ASGI socket; ``writes`` may be held up."""

    def __init__(self, *frames):
        self.events = [{"type": "websocket.connect"}, *frames, {"type": "websocket.disconnect", "code": 1000}]
        self.written = []
        self.writable = asyncio.Event()
        self.writable.set()

    async def receive(self):
        await asyncio.sleep(0)
        return self.events.pop(0)

    async def send(self, event):
        await self.writable.wait()
        self.written.append(event)


async def connect(routes, path, client):
    scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
    return await routes.serve(path, scope, client.receive, client.send)


async def echo(socket):
    if await socket.accept():
        while (data := await socket.receive()) is not None:
            socket.send(data)
        await asyncio.sleep(0)


async def test_a_route_serves_sockets_of_its_path_until_it_is_removed():
    routes = SocketRoutes()
    remove = routes.add(SocketRoute("/Ws/", echo))
    client = Client({"type": "websocket.receive", "text": "a"}, {"type": "websocket.receive", "bytes": b"b"})
    assert await connect(routes, "/ws", client)
    assert client.written[1:] == [{"type": "websocket.send", "text": "a"}, {"type": "websocket.send", "bytes": b"b"}]
    remove()
    remove()
    assert not await connect(routes, "/ws", Client())


async def test_a_path_is_taken_once_and_free_after():
    routes = SocketRoutes()
    remove = routes.add(SocketRoute("/a", echo))
    with pytest.raises(ConfigError, match="two WebSocket listeners on the same path"):
        routes.add(SocketRoute("a/", echo))
    remove()
    routes.add(SocketRoute("/a", echo))


async def test_parameters_of_the_path_are_on_the_request():
    seen = []

    async def note(socket):
        seen.append(socket.request.params)

    routes = SocketRoutes()
    routes.add(SocketRoute("/s/:id", note))
    assert await connect(routes, "/s/7", Client())
    assert seen == [{"id": "7"}]


async def test_a_client_that_goes_before_it_is_let_in_is_not_served():
    routes, client = SocketRoutes(), Client()
    client.events.pop(0)
    accepted = []

    async def note(socket):
        accepted.append(await socket.accept())

    routes.add(SocketRoute("/", note))
    await connect(routes, "/", client)
    assert (accepted, client.written) == ([False], [])


async def test_what_waits_is_sent_before_a_close_and_nothing_after():
    done = asyncio.Event()

    async def say_goodbye(socket):
        await socket.accept()
        socket.send("last")
        socket.close(1001, "bye")
        socket.send("never")
        await socket._writer
        done.set()

    routes, client = SocketRoutes(), Client()
    routes.add(SocketRoute("/", say_goodbye))
    await connect(routes, "/", client)
    assert done.is_set()
    assert [event["type"] for event in client.written] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert client.written[-1] == {"type": "websocket.close", "code": 1001, "reason": "bye"}


async def test_too_much_waiting_closes_the_socket(monkeypatch):
    monkeypatch.setattr(sockets, "LONGEST_BACKLOG", 10)

    async def flood(socket):
        await socket.accept()
        client.writable.clear()
        for _ in range(100):
            socket.send("123456")
        client.writable.set()
        await socket._writer

    routes, client = SocketRoutes(), Client()
    routes.add(SocketRoute("/", flood))
    await connect(routes, "/", client)
    assert [event.get("code") for event in client.written] == [None, 1013]
