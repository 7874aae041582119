"""A Redis server for all tests of a run, emptied before each that uses it."""

import tempfile
from pathlib import Path

import pytest

from tests.e2e.servers import RedisServer


@pytest.fixture(scope="session")
def redis_process():
    # A socket's path may have 107 bytes: pytest's own folders can be longer.
    with tempfile.TemporaryDirectory(prefix="bw-") as folder:
        server = RedisServer(Path(folder)).start()
        yield server
        server.kill()


@pytest.fixture
def redis_server(redis_process):
    with redis_process.client() as client:
        client.flushall()
    return redis_process
