"""A Redis server for all tests of a run, emptied before each that uses it."""

import pytest

from tests.e2e.servers import RedisServer


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(redis_process):
    with redis_process.client() as client:
        client.flushall()
    return redis_process
