"""Redis goes away: sockets stay open, nothing is lost, nothing comes twice."""

import asyncio
import json
import signal

import pytest
import redis.asyncio

from tests.gateway.conftest import Flow


class SturdyFlow(Flow):
    """Goes on after outages. Answers again what it may not have answered, as a flow on a consumer group does."""

    def __init__(self, client):
        super().__init__(client)
        self.answered = asyncio.Event()

    async def run(self):
        position = "0-0"
        while True:
            try:
                found = await self.client.xread({"ws:inbound": position}, count=1, block=50)
                if found:
                    ((entry_id, fields),) = found[0][1]
                    await self.reply(fields, {"for": fields["id"]})
                    self.answered.set()
                    position = entry_id
            except redis.ConnectionError:
                await asyncio.sleep(0.02)

    async def seen(self):
        """Station and message id of all entries, in order."""
        return [(fields["deviceId"], fields["id"]) for _, fields in await self.client.xrange("ws:inbound")]


@pytest.fixture
async def flow_on(own_redis):
    client = redis.asyncio.from_url(own_redis.url, decode_responses=True, socket_timeout=None)
    flow = SturdyFlow(client)
    task = asyncio.create_task(flow.run())
    yield flow
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.aclose()


async def test_calls_during_an_outage_are_answered_after_it_each_once(
    gateway_on, own_redis, station_at, flow_on, until
):
    gateway = await gateway_on(own_redis.url)
    stations = [await station_at(gateway, f"acme/CP{number}") for number in range(20)]
    stop = asyncio.Event()
    asked = []

    async def work(number, station):
        count = 0
        while not stop.is_set():
            message_id = f"{number}-{count}"
            asked.append((f"CP{number}", message_id))
            assert await station.call("Heartbeat", {}, message_id) == [3, message_id, {"for": message_id}]
            count += 1

    tasks = [asyncio.create_task(work(*each)) for each in enumerate(stations)]
    for outage in range(1, 4):
        answers = gateway.counters.answers
        await until(lambda answers=answers: gateway.counters.answers > answers + 20)
        own_redis.kill()
        await until(lambda outage=outage: gateway.counters.outages == outage)
        await asyncio.to_thread(own_redis.start)
    stop.set()
    await asyncio.gather(*tasks)
    assert sorted(await flow_on.seen()) == sorted(asked)
    assert gateway.counters.connections == 20
    assert gateway.counters.buffered == 0


async def test_redis_that_hangs_counts_as_gone(gateway_on, own_redis, station_at, flow_on, until, monkeypatch):
    monkeypatch.setattr("busway.nodes.ocpp.streams.link.STALLED", 0.2)
    gateway = await gateway_on(own_redis.url)
    station = await station_at(gateway)
    own_redis.process.send_signal(signal.SIGSTOP)
    call = asyncio.create_task(station.call("Heartbeat", {}, "u1"))
    await until(lambda: gateway.counters.outages == 1)
    own_redis.process.send_signal(signal.SIGCONT)
    assert await call == [3, "u1", {"for": "u1"}]
    assert await flow_on.seen() == [("CP1", "u1")]


async def test_batch_whose_reply_was_lost_is_not_written_twice(gateway_on, own_redis, station_at, flow_on, monkeypatch):
    gateway = await gateway_on(own_redis.url)
    station = await station_at(gateway)
    side = gateway._backend.side
    write = side.write

    async def write_and_lose_the_reply(*args):
        await write(*args)
        side.link._break("cut after the command was carried out")
        # The answer of the flow comes before the batch is tried again.
        await flow_on.answered.wait()
        return await write(*args)

    monkeypatch.setattr(side, "write", write_and_lose_the_reply)
    assert await station.call("Heartbeat", {}, "u1") == [3, "u1", {"for": "u1"}]
    assert gateway.counters.outages == 1
    assert await flow_on.seen() == [("CP1", "u1")]


async def test_call_refused_during_an_outage_does_not_reach_the_flow_later(gateway_on, own_redis, station_at, flow_on):
    gateway = await gateway_on(own_redis.url, call_timeout=0.3)
    station = await station_at(gateway)
    own_redis.kill()
    assert (await station.call("StartTransaction", {}, "u1"))[:3] == [4, "u1", "InternalError"]
    own_redis.start()
    assert await station.call("Heartbeat", {}, "u2") == [3, "u2", {"for": "u2"}]
    assert ("CP1", "u1") not in await flow_on.seen()


async def test_buffer_has_a_bound_above_which_calls_are_refused(gateway_on, own_redis, station_at, until):
    gateway = await gateway_on(own_redis.url, max_buffered=2)
    stations = [await station_at(gateway, f"acme/CP{number}") for number in range(4)]
    own_redis.kill()
    await until(lambda: gateway.counters.outages == 1)
    for station in stations[:3]:
        await station.send([2, "u1", "Heartbeat", {}])
    await until(lambda: gateway.counters.frames == 3)
    answer = await stations[3].call("Heartbeat", {}, "u1")
    assert answer == [4, "u1", "InternalError", "the gateway's buffer is full", {}]


async def test_station_that_connects_during_an_outage_is_served_after_it(
    gateway_on, own_redis, station_at, flow_on, until
):
    gateway = await gateway_on(own_redis.url)
    own_redis.kill()
    await until(lambda: gateway.counters.outages == 1)
    station = await station_at(gateway)
    call = asyncio.create_task(station.call("BootNotification", {}, "u1"))
    await until(lambda: gateway.counters.frames == 1)
    own_redis.start()
    assert await call == [3, "u1", {"for": "u1"}]
    await until(lambda: flow_on.client.exists("ws:conn:acme:CP1"))


async def test_command_sent_before_an_outage_is_not_sent_again_after_a_reconnect_during_it(
    gateway_on, own_redis, station_at, flow_on, until
):
    gateway = await gateway_on(own_redis.url)
    first = await station_at(gateway)
    await flow_on.command("Reset")
    assert (await first.receive())[1] == "c1"
    own_redis.kill()
    await until(lambda: gateway.counters.outages == 1)
    second = await station_at(gateway)
    own_redis.start()
    await until(lambda: flow_on.client.exists("ws:conn:acme:CP1"))
    await flow_on.command("ClearCache", message_id="c2")
    assert (await second.receive())[1] == "c2"


async def test_answer_of_a_station_during_an_outage_reaches_the_sender_after_it(
    gateway_on, own_redis, station_at, flow_on, until
):
    gateway = await gateway_on(own_redis.url)
    station = await station_at(gateway)
    await flow_on.command("Reset")
    await station.receive()
    own_redis.kill()
    await until(lambda: gateway.counters.outages == 1)
    await station.send([3, "c1", {"status": "Accepted"}])
    own_redis.start()
    async with redis.asyncio.from_url(own_redis.url).pubsub() as pubsub:
        await pubsub.subscribe("ws:resp:nodered-1")
        async with asyncio.timeout(5):
            async for message in pubsub.listen():
                if message["type"] == "message":
                    break
    assert json.loads(message["data"])["messageId"] == "c1"


async def test_redis_that_refuses_writes_is_told_and_tried_again(gateway_on, own_redis, station_at, until, caplog):
    client = redis.asyncio.from_url(own_redis.url, decode_responses=True)
    station = await station_at(await gateway_on(own_redis.url))
    await client.set("ws:inbound", "no stream")
    await station.send([2, "u1", "Heartbeat", {}])
    await until(lambda: "refuses the stations' messages" in caplog.text)
    await client.delete("ws:inbound")
    await until(lambda: client.xlen("ws:inbound"))
    await client.aclose()


async def test_streams_are_polled_where_tracking_is_refused(gateway_on, own_redis, station_at, flow_on, caplog):
    await flow_on.client.execute_command("ACL", "SETUSER", "default", "-client|tracking")
    gateway = await gateway_on(own_redis.url)
    assert "CLIENT TRACKING" in caplog.text
    station = await station_at(gateway)
    assert await station.call("Heartbeat", {}, "u1") == [3, "u1", {"for": "u1"}]
    await flow_on.command("Reset")
    assert (await station.receive())[1] == "c1"
