"""Connections: address, subprotocol, the round trip of a CALL, presence, replacement, limits, stop."""

import asyncio
import json
import random
import time

import pytest
import redis.asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from busway.gateway.server import Gateway, GatewayError
from busway.gateway.settings import GatewaySettings
from busway.nodes.ocpp.streams.link import LinkDown

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


async def test_call_reaches_the_flow_as_the_contract_says_and_its_answer_comes_back(gateway, station_at, flow):
    flow.answer = lambda entry: {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}
    station = await station_at(gateway)
    before = int(time.time() * 1000)
    answer = await station.call("BootNotification", BOOT, "u1")
    assert answer == [3, "u1", {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}]
    entry = await flow.next()
    assert before <= int(entry.pop("timestamp")) <= int(time.time() * 1000)
    assert entry == {
        "tenant": "acme",
        "deviceId": "CP1",
        "metadata": {"type": "call", "action": "BootNotification", "version": "1.6", "serverID": "gw1"},
        "payload": {"messageType": 2, "uniqueID": "u1", "action": "BootNotification", "payload": BOOT},
        "id": "u1",
    }


@pytest.mark.parametrize(("protocol", "version"), [("ocpp1.6", "1.6"), ("ocpp2.0.1", "2.0.1"), ("ocpp2.1", "2.1")])
async def test_version_is_that_of_the_subprotocol(gateway, station_at, flow, store, protocol, version):
    station = await station_at(gateway, protocol=protocol)
    assert station.socket.subprotocol == protocol
    await station.call("Heartbeat")
    assert (await flow.next())["metadata"]["version"] == version
    assert await store.hget("ws:conn:acme:CP1", "protocol") == protocol


async def test_first_subprotocol_of_the_station_that_is_spoken_here_is_taken(gateway, station_at):
    station = await station_at(gateway, protocol=["ocpp1.5", "ocpp2.0.1", "ocpp1.6"])
    assert station.socket.subprotocol == "ocpp2.0.1"


async def test_subprotocol_may_be_spelled_in_other_letter_case(gateway, station_at, flow, store):
    station = await station_at(gateway, protocol="OCPP1.6")
    assert station.socket.subprotocol == "OCPP1.6"
    assert await station.call("Heartbeat") == [3, "1", {}]
    assert await store.hget("ws:conn:acme:CP1", "protocol") == "ocpp1.6"


@pytest.mark.parametrize("protocol", [[], ["ocpp1.5", "mqtt"]])
async def test_without_a_common_subprotocol_the_handshake_is_completed_and_the_socket_closed(
    gateway, station_at, store, protocol
):
    station = await station_at(gateway, protocol=protocol)
    assert station.socket.subprotocol is None
    assert await station.closed() == 1002
    assert "ocpp2.0.1" in station.socket.close_reason
    assert not await store.exists("ws:conn:acme:CP1")


async def test_names_are_percent_decoded(gateway, station_at, flow, store):
    station = await station_at(gateway, "acme/RPC16%20%C3%A4%231%2Fb:c")
    await station.call("Heartbeat")
    assert (await flow.next())["deviceId"] == "RPC16 ä#1/b:c"
    assert await store.exists("ws:conn:acme:RPC16 ä#1/b:c")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("acme", 404, "/ocpp/{tenant}/{station}"),
        ("acme/CP1/more", 404, "/ocpp/{tenant}/{station}"),
        ("a%3Ab/CP1", 400, "colon"),
        ("acme/%FF", 400, "UTF-8"),
    ],
)
async def test_path_that_names_no_station_is_refused_with_a_clear_text(gateway, station_at, path, status, text):
    with pytest.raises(InvalidStatus) as caught:
        await station_at(gateway, path)
    assert caught.value.response.status_code == status
    assert text in caught.value.response.body.decode()


async def test_presence_tells_of_the_connection_and_goes_with_it(gateway, station_at, store, until):
    station = await station_at(gateway)
    await until(lambda: store.exists("ws:conn:acme:CP1"))
    fields = await store.hgetall("ws:conn:acme:CP1")
    assert fields["protocol"] == "ocpp1.6"
    assert fields["version"] == "1.6"
    assert fields["serverId"] == "gw1"
    assert fields["remoteAddr"].startswith("127.0.0.1:")
    assert abs(int(fields["connectedAt"]) / 1000 - time.time()) < 5
    assert 0 < await store.ttl("ws:conn:acme:CP1") <= 90
    await station.socket.close()
    await until(lambda: gateway.counters.connected == 0)
    await until(lambda: _gone(store, "ws:conn:acme:CP1"))


async def _gone(store, key):
    return not await store.exists(key)


async def test_presence_is_renewed_and_written_again_when_it_was_lost(start_gateway, station_at, store, until):
    gateway = await start_gateway(presence_life=3)
    station = await station_at(gateway)
    await until(lambda: store.exists("ws:conn:acme:CP1"))
    first = await store.hgetall("ws:conn:acme:CP1")
    await store.delete("ws:conn:acme:CP1")
    await station.send([3, "unasked", {}])
    await until(lambda: store.exists("ws:conn:acme:CP1"))
    again = await store.hgetall("ws:conn:acme:CP1")
    assert again["connection"] == first["connection"]
    assert int(again["lastSeen"]) >= int(first["lastSeen"])
    assert await store.ttl("ws:conn:acme:CP1") > 0


async def test_newest_connection_of_a_station_wins(gateway, station_at, flow, store):
    first = await station_at(gateway)
    await first.call("Heartbeat")
    second = await station_at(gateway)
    assert await first.closed() == 1008
    assert "newer" in first.socket.close_reason
    assert await second.call("Heartbeat") == [3, "1", {}]
    assert gateway.counters.connected == 1
    assert gateway.counters.replaced == 1
    assert await store.exists("ws:conn:acme:CP1")


async def test_newest_connection_wins_at_another_gateway_too(start_gateway, station_at, flow, store, until):
    one, two = await start_gateway(server_id="gw1"), await start_gateway(server_id="gw2")
    first = await station_at(one)
    await first.call("Heartbeat")
    second = await station_at(two)
    assert await first.closed() == 1008
    assert await second.call("Heartbeat") == [3, "1", {}]
    await until(lambda: one.counters.connected == 0)
    assert await store.hget("ws:conn:acme:CP1", "serverId") == "gw2"


async def test_gateway_that_missed_the_takeover_gives_way_when_it_renews(start_gateway, station_at, store, until):
    gateway = await start_gateway(presence_life=3)
    station = await station_at(gateway)
    await until(lambda: store.exists("ws:conn:acme:CP1"))
    newer = {"connection": "other", "connectedAt": str(int(time.time() * 1000) + 1000), "serverId": "gw2"}
    await store.hset("ws:conn:acme:CP1", mapping=newer)
    assert await station.closed() == 1008
    await until(lambda: gateway.counters.connected == 0)
    assert await store.hget("ws:conn:acme:CP1", "connection") == "other"


async def test_control_channel_closes_a_connection_with_the_given_reason(gateway, station_at, store, until):
    station = await station_at(gateway)
    await until(lambda: gateway.counters.connected == 1)
    await store.publish("ws:ctrl:disconnect", "nonsense")
    await store.publish("ws:ctrl:disconnect", json.dumps({"tenant": "acme", "deviceId": "other"}))
    await store.publish("ws:ctrl:disconnect", json.dumps({"tenant": "acme", "deviceId": "CP1", "reason": "moved"}))
    assert await station.closed() == 1008
    assert station.socket.close_reason == "moved"
    assert gateway.counters.dismissed == 1


async def test_frame_over_the_limit_closes_with_1009(start_gateway, station_at):
    gateway = await start_gateway(max_frame=2000)
    station = await station_at(gateway)
    await station.send(json.dumps([2, "1", "DataTransfer", {"data": "x" * 3000}]))
    assert await station.closed() == 1009


async def test_binary_message_closes_with_1003(gateway, station_at):
    station = await station_at(gateway)
    await station.send(b'[2,"1","Heartbeat",{}]')
    assert await station.closed() == 1003


async def test_station_that_answers_no_ping_is_disconnected(start_gateway, station_at, until):
    gateway = await start_gateway(ping_interval=0.1, ping_timeout=0.1)
    station = await station_at(gateway)
    station.socket.transport.pause_reading()
    await until(lambda: gateway.counters.connections == 1 and gateway.counters.connected == 0)


@pytest.mark.parametrize(
    ("protocol", "frame", "answer"),
    [
        ("ocpp1.6", '[2,"7","Heartbeat",[]]', [4, "7", "FormationViolation"]),
        ("ocpp2.0.1", '[2,"7","Heartbeat",[]]', [4, "7", "FormatViolation"]),
        ("ocpp2.0.1", "no json", [4, "-1", "RpcFrameworkError"]),
        ("ocpp2.0.1", '[9,"7",{}]', [4, "7", "MessageTypeNotSupported"]),
    ],
)
async def test_malformed_frame_gets_the_call_error_of_its_version_and_the_connection_goes_on(
    gateway, station_at, flow, protocol, frame, answer
):
    station = await station_at(gateway, protocol=protocol)
    await station.send(frame)
    assert (await station.receive())[:3] == answer
    assert await station.call("Heartbeat") == [3, "1", {}]
    assert gateway.counters.malformed == 1


async def test_malformed_frame_without_a_readable_id_stays_unanswered_in_1_6(gateway, station_at, flow):
    station = await station_at(gateway)
    await station.send("no json")
    assert await station.call("Heartbeat") == [3, "1", {}]


async def test_many_stations_are_answered_each_its_own(gateway, station_at, flow):
    flow.answer = lambda entry: {"currentTime": entry["deviceId"]}
    stations = [await station_at(gateway, f"acme/CP{number}") for number in range(50)]
    for round_ in range(5):
        answers = await asyncio.gather(*(station.call("Heartbeat", message_id=str(round_)) for station in stations))
        assert answers == [[3, str(round_), {"currentTime": f"CP{number}"}] for number in range(50)]
    assert gateway.counters.answers == 250


async def test_stop_delivers_the_answer_under_way_then_closes_with_1001(start_gateway, station_at, flow, store):
    flow.answer = lambda entry: None
    gateway = await start_gateway(stop_timeout=5)
    busy, idle = await station_at(gateway, "acme/busy"), await station_at(gateway, "acme/idle")
    await busy.send([2, "1", "Heartbeat", {}])
    entry = await flow.next()
    stopping = asyncio.create_task(gateway.stop())
    assert await idle.closed() == 1001
    with pytest.raises((OSError, ConnectionClosed, InvalidStatus)):
        await station_at(gateway, "acme/late")
    await flow.reply(entry, {"currentTime": "now"})
    assert await busy.receive() == [3, "1", {"currentTime": "now"}]
    assert await busy.closed() == 1001
    await stopping
    assert not await store.keys("ws:conn:*")


async def test_stop_does_not_wait_longer_than_its_deadline(start_gateway, station_at, flow):
    flow.answer = lambda entry: None
    gateway = await start_gateway(stop_timeout=0.2)
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    await flow.next()
    async with asyncio.timeout(2):
        await gateway.stop()
    assert await station.closed() == 1001


async def test_start_without_redis_is_an_error_that_says_so(tmp_path):
    with pytest.raises(LinkDown, match="cannot be reached"):
        await Gateway(GatewaySettings(port=0), f"unix://{tmp_path}/none").start()
    with pytest.raises(LinkDown, match="not the URL of a Redis"):
        Gateway(GatewaySettings(port=0), "http://x")


async def test_address_in_use_is_an_error_that_names_it(gateway, start_gateway):
    port = int(gateway.url.split(":")[2].split("/")[0])
    with pytest.raises(GatewayError, match=f"127.0.0.1:{port}"):
        await start_gateway(port=port)


async def test_redis_may_be_given_as_a_client(gateway_on, shared_redis, station_at, flow):
    client = redis.asyncio.Redis(unix_socket_path=str(shared_redis.socket))
    gateway = await gateway_on(client)
    station = await station_at(gateway)
    assert await station.call("Heartbeat") == [3, "1", {}]
    await client.aclose()


async def test_deflate_is_not_negotiated(gateway):
    async with connect(f"{gateway.url}/acme/CP1", subprotocols=["ocpp1.6"]) as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_no_frame_that_a_station_may_send_ends_the_gateway(gateway, station_at, flow):
    rng = random.Random(5)
    frames = ['[2,"7","Heartbeat",{}]', '[3,"7",{"a":[1]}]', '[4,"7","GenericError","",{}]', '[6,"7","X",{}]']
    for protocol in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1"):
        station = await station_at(gateway, protocol=protocol)
        for _ in range(300):
            text = list(rng.choice(frames))
            for _ in range(rng.randint(1, 4)):
                text[rng.randrange(len(text))] = rng.choice('[]{}",:0é\ud83d\u0000 anull')
            await station.send("".join(text).encode(errors="replace").decode())
        await station.send([2, "last", "Heartbeat", {}])
        while (await station.receive())[1] != "last":
            pass
    assert gateway.counters.malformed > 500
    assert gateway.counters.connections == 3


async def test_station_that_does_not_read_is_disconnected(start_gateway, station_at, flow, until):
    flow.answer = lambda entry: entry["payload"]["payload"]
    gateway = await start_gateway(max_frame=200_000, ping_interval=60)
    station = await station_at(gateway)
    station.socket.transport.pause_reading()
    for number in range(100):
        await station.send([2, str(number), "DataTransfer", {"data": "x" * 190_000}])
        await until(lambda number=number: gateway.counters.answers > number)
        if gateway.counters.stalled:
            break
    await until(lambda: gateway.counters.connected == 0)
    assert gateway.counters.stalled == 1


async def test_error_inside_the_reader_does_not_end_it(gateway, station_at, flow, monkeypatch, caplog):
    first = await station_at(gateway, "acme/CP1")
    session = gateway._sessions[("acme", "CP1")]
    monkeypatch.setattr(type(session), "deliver", lambda *_: 1 / 0)
    await first.send([2, "1", "Heartbeat", {}])
    async with asyncio.timeout(5):
        await flow.next()
        while "a part of the gateway failed" not in caplog.text:
            await first.silent(0.05)
    monkeypatch.undo()
    second = await station_at(gateway, "acme/CP2")
    assert await second.call("Heartbeat") == [3, "1", {}]
