"""Real servers for the gateway's tests: Redis, gateways, stations as bare WebSockets, and a small flow that answers."""

import asyncio
import contextlib
import json
import subprocess
import time
from pathlib import Path

import pytest
import redis.asyncio
from websockets.asyncio.client import connect

from busway.embedded_redis import find_binary
from busway.gateway.server import Gateway
from busway.gateway.settings import GatewaySettings


class RedisServer:
    """A server process on a unix socket, which tests may kill, freeze and start again."""

    def __init__(self, folder):
        self.folder, self.socket = folder, folder / "s"
        self.url = f"unix://{self.socket}"
        self.process = None

    def start(self):
        options = [
            "--port",
            "0",
            "--unixsocket",
            self.socket,
            "--dir",
            self.folder,
            "--save",
            "",
            "--appendonly",
            "yes",
        ]
        self.process = subprocess.Popen([find_binary(), *map(str, options)], stdout=subprocess.DEVNULL)
        for _ in range(500):
            with contextlib.suppress(redis.ConnectionError), redis.from_url(self.url) as client:
                client.ping()
                return
            time.sleep(0.01)
        raise AssertionError("the Redis server does not answer")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory):
    server = RedisServer(Path(tmp_path_factory.mktemp("redis")))
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def store(shared_redis):
    """A client of an empty Redis."""
    client = redis.asyncio.from_url(shared_redis.url, decode_responses=True)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def own_redis(tmp_path):
    """A Redis of the test's own."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def gateway_on(store):
    """Starts gateways: ``await gateway_on(redis_url, **settings)``; each gets ``url`` and is stopped at the end."""
    started = []

    async def start(url, **settings):
        settings = {"port": 0, "stop_timeout": 0.1, "close_timeout": 0.3, "server_id": "gw1", **settings}
        gateway = Gateway(GatewaySettings(**settings), url)
        port = await gateway.start()
        gateway.url = f"{gateway.settings.scheme}://127.0.0.1:{port}/ocpp"
        started.append(gateway)
        return gateway

    yield start
    await asyncio.gather(*(gateway.stop() for gateway in started))


@pytest.fixture
async def start_gateway(gateway_on, shared_redis):
    """Starts gateways on the shared Redis."""

    async def start(**settings):
        return await gateway_on(shared_redis.url, **settings)

    return start


@pytest.fixture
async def gateway(start_gateway):
    return await start_gateway()


class Station:
    """A station as a bare WebSocket, which sends what it is told to."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, frame):
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self, seconds=5):
        async with asyncio.timeout(seconds):
            return json.loads(await self.socket.recv())

    async def call(self, action, payload=None, message_id="1"):
        await self.send([2, message_id, action, payload or {}])
        return await self.receive()

    async def closed(self):
        """Waits for the end, and returns its code."""
        async with asyncio.timeout(5):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def silent(self, seconds=0.15):
        """Whether nothing comes for a while."""
        with pytest.raises(TimeoutError):
            await self.receive(seconds)
        return True


@pytest.fixture
async def station_at():
    """Connects stations: ``await station_at(gateway, "acme/CP1", protocol="ocpp1.6", **connect_options)``."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect_station(gateway, path="acme/CP1", protocol="ocpp1.6", **options):
            protocols = protocol if isinstance(protocol, list) else [protocol]
            opening = connect(f"{gateway.url}/{path}", subprotocols=protocols or None, close_timeout=0.3, **options)
            return Station(await stack.enter_async_context(opening))

        yield connect_station


class Flow:
    """What a flow does with Redis, as the contract says: reads ``ws:inbound``, writes answers and commands."""

    def __init__(self, client):
        self.client = client
        self.entries = asyncio.Queue()
        self.answer = lambda entry: {}

    async def run(self):
        position = "0-0"
        while True:
            for _, entries in await self.client.xread({"ws:inbound": position}, count=100, block=1000):
                position = entries[-1][0]
                for _, fields in entries:
                    entry = {
                        **fields,
                        "metadata": json.loads(fields["metadata"]),
                        "payload": json.loads(fields["payload"]),
                    }
                    self.entries.put_nowait(entry)
                    if entry["metadata"]["type"] == "call" and (payload := self.answer(entry)) is not None:
                        await self.reply(entry, payload)

    async def reply(self, entry, payload):
        await self.write(entry["tenant"], entry["deviceId"], [3, entry["id"], payload])

    async def write(self, tenant, device, frame, **more):
        text = frame if isinstance(frame, str) else json.dumps(frame)
        message_id = more.pop("id", None) or frame[1]
        fields = {"id": message_id, "payload": text, "timestamp": str(int(time.time() * 1000)), **more}
        return await self.client.xadd(f"ws:out:{tenant}:{device}", fields)

    async def command(self, action, payload=None, *, message_id="c1", life=30000, server="nodered-1", device="CP1"):
        """Writes a command as ``ocpp-command`` does."""
        note = {"action": action, "sentAt": int(time.time() * 1000), "timeout": life, "serverId": server}
        key = f"ws:pending:acme:{device}"
        await self.client.hset(key, message_id, json.dumps(note))
        await self.client.expire(key, 60)
        await self.write("acme", device, [2, message_id, action, payload or {}], serverId=server)

    async def next(self):
        async with asyncio.timeout(5):
            return await self.entries.get()


@pytest.fixture
async def flow(store, shared_redis):
    """A running flow on the shared Redis; set ``flow.answer`` to decide, None leaves a CALL unanswered."""
    # With a timeout redis-py waits by wait_for, which may swallow the cancelling below (Python 3.11).
    client = redis.asyncio.from_url(shared_redis.url, decode_responses=True, socket_timeout=None)
    flow = Flow(client)
    task = asyncio.create_task(flow.run())
    yield flow
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.aclose()


class Replies:
    """What is published to the sender of commands."""

    def __init__(self, pubsub):
        self.pubsub = pubsub

    async def next(self, seconds=5):
        async with asyncio.timeout(seconds):
            async for message in self.pubsub.listen():
                if message["type"] == "message":
                    return json.loads(message["data"])


@pytest.fixture
async def replies(store):
    """Listens on ``ws:resp:nodered-1``."""
    async with store.pubsub() as pubsub:
        await pubsub.subscribe("ws:resp:nodered-1")
        await pubsub.get_message(timeout=5)
        yield Replies(pubsub)


@pytest.fixture
def until():
    """``await until(condition)``: waits for a state that tells nobody when it comes; the condition may be async."""

    async def wait(condition, seconds=5):
        for _ in range(round(seconds / 0.01)):
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not come to that")

    return wait
