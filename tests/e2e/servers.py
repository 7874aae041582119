"""Servers that are not part of the program."""

import contextlib
import signal
import socket
import subprocess

import redis

from busway.embedded_redis import find_binary
from tests.e2e.program import eventually


class RedisServer:
    """A Redis server that tests may freeze, kill and start again on the same data.

    It listens on a unix socket in ``folder``, and on a TCP port if asked.
    """

    def __init__(self, folder, tcp=False):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.socket = folder, folder / "s"
        self.port = free_port() if tcp else 0
        self.url = f"unix://{self.socket}"
        self.process = None

    def start(self):
        files = ["--unixsocket", self.socket, "--dir", self.folder, "--save", ""]
        # What it has confirmed must be there after a kill: tests of others are about that.
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        command = [find_binary(), "--port", self.port, *files, *durable]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        eventually(self._answers)
        return self

    def _answers(self):
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return client.ping()

    def client(self):
        return redis.from_url(self.url, decode_responses=True)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


def free_port():
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
