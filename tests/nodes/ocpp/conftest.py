"""A real Redis, empty for each test, on a unix socket of its own."""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis


class RedisServer:
    """A ``redis-server`` process; ``stop`` and ``start`` keep its data, ``client`` is a blocking client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.client = redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)
        self.process = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        command = ["redis-server", *options, "--appendonly", "yes", "--appendfsync", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.client.close()
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    # -- the gateway's part -------------------------------------------------------------------------------------
    def call(self, action, payload=None, *, id="m1", tenant="t", device="d", version="1.6", **metadata):
        """Adds a station's CALL as a gateway does; returns the entry's id."""
        meta = {"type": "call", "action": action, "version": version, "serverID": "gw1", **metadata}
        envelope = {"messageType": 2, "uniqueID": id, "action": action, "payload": payload or {}}
        return self.entry(
            tenant=tenant, deviceId=device, id=id, metadata=json.dumps(meta), payload=json.dumps(envelope)
        )

    def entry(self, **fields):
        return self.client.xadd("ws:inbound", {"timestamp": "1767268800000", **fields})

    def frames(self, tenant="t", device="d"):
        """All frames written for a station."""
        return [json.loads(fields["payload"]) for _, fields in self.client.xrange(f"ws:out:{tenant}:{device}")]

    def pending(self, group="biz-workers"):
        return self.client.xpending("ws:inbound", group)["pending"]


@pytest.fixture(scope="session")
def redis_folder():
    # a socket's path may have 107 bytes: pytest's own folders can be longer
    folder = Path(tempfile.mkdtemp(prefix="bw-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_server(redis_folder):
    instance = RedisServer(redis_folder)
    yield instance
    instance.stop()


@pytest.fixture
def server(shared_server):
    """An empty Redis; a test may stop it, start it and configure it."""
    if shared_server.process is None:
        shared_server.start()
    shared_server.client.flushall()
    shared_server.client.script_flush()
    yield shared_server
    if shared_server.process is not None:
        for option, value in (("requirepass", ""), ("maxmemory", "0")):
            shared_server.client.config_set(option, value)


@pytest.fixture
def until():
    """Waits until ``check()`` is true, and fails with its last value when it never is."""

    async def wait(check, within=5.0):
        deadline = asyncio.get_running_loop().time() + within
        while not (value := check()):
            assert asyncio.get_running_loop().time() < deadline, f"never true; last: {value!r}"
            await asyncio.sleep(0.005)
        return value

    return wait
