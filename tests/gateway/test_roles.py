"""A Redis that is up and takes no writes: no master, or a master without its replicas."""

import logging

import pytest
import redis.asyncio

from busway.gateway.backend import Backend
from busway.gateway.counters import Counters
from busway.nodes.ocpp.streams.link import LinkDown


@pytest.fixture
async def admin(own_redis):
    client = redis.asyncio.from_url(own_redis.url, decode_responses=True)
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    ("refusing", "taking"),
    [
        (["CONFIG", "SET", "min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"]),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
    ],
)
async def test_messages_wait_until_it_takes_writes(
    own_redis, admin, gateway_on, station_at, until, caplog, refusing, taking
):
    gateway = await gateway_on(own_redis.url)
    station = await station_at(gateway)
    await until(lambda: admin.exists("ws:conn:acme:CP1"))
    await admin.execute_command(*refusing)
    with caplog.at_level(logging.INFO, "busway.gateway"):
        await station.send([2, "1", "Heartbeat", {}])
        await until(lambda: gateway.counters.outages >= 2)
        await admin.execute_command(*taking)
        await until(lambda: admin.xlen("ws:inbound"))
        assert await admin.xlen("ws:inbound") == 1
    told = [record.message for record in caplog.records if "takes no writes" in record.message]
    assert len(told) == 1
    assert "stations stay connected" in told[0]
    assert not [record for record in caplog.records if record.exc_info]


async def test_why_it_is_not_back_is_told_once_for_each_reason(own_redis, admin, until, caplog):
    backend = Backend(own_redis.url, Counters())
    with caplog.at_level(logging.INFO, "busway.gateway"):
        await backend.start()
        await admin.config_set("requirepass", "secret")
        await admin.execute_command("AUTH", "secret")
        await admin.client_kill_filter(_type="normal", skipme=True)
        await admin.client_kill_filter(_type="pubsub", skipme=True)
        await until(lambda: len(refusals(caplog)) == 1)
        with pytest.raises(LinkDown):
            _ = backend.side
        await admin.config_set("requirepass", "")
        await until(lambda: backend.up.is_set())
        await backend.stop()
    assert len(refusals(caplog)) == 1
    assert "Redis is back" in caplog.text


def refusals(caplog):
    return [record for record in caplog.records if "Authentication required" in record.message]
