"""Commands of flows: one at a time, none after its time, none twice, each answer handed to its sender."""

import asyncio
import json
import time

import pytest


async def answer_command(station, payload=None, seconds=5):
    """The station's part: takes a command and answers it; returns its action."""
    kind, message_id, action, _ = await station.receive(seconds)
    assert kind == 2
    await station.send([3, message_id, payload or {"status": "Accepted"}])
    return action


async def test_command_reaches_the_station_and_its_answer_the_sender(gateway, station_at, flow, replies, until):
    station = await station_at(gateway)
    await flow.command("Reset", {"type": "Soft"})
    assert await station.receive() == [2, "c1", "Reset", {"type": "Soft"}]
    await station.send([3, "c1", {"status": "Accepted"}])
    assert await replies.next() == {"messageId": "c1", "messageType": 3, "payload": {"status": "Accepted"}}
    await until(lambda: gateway.counters.commands == gateway.counters.responses == 1)


async def test_call_error_of_the_station_is_told_as_error(gateway, station_at, flow, replies):
    station = await station_at(gateway)
    await flow.command("Reset")
    await station.receive()
    await station.send([4, "c1", "NotSupported", "no", {"why": 1}])
    assert await replies.next() == {
        "messageId": "c1",
        "messageType": 4,
        "error": True,
        "errorCode": "NotSupported",
        "errorDescription": "no",
        "errorDetails": {"why": 1},
    }


async def test_malformed_answer_of_the_station_is_told_as_error(gateway, station_at, flow, replies):
    station = await station_at(gateway)
    await flow.command("Reset")
    await station.receive()
    await station.send([3, "c1", "no object"])
    reply = await replies.next()
    assert (reply["messageId"], reply["error"], reply["errorCode"]) == ("c1", True, "FormationViolation")


async def test_second_command_waits_for_the_answer_to_the_first(gateway, station_at, flow, replies):
    station = await station_at(gateway)
    await flow.command("Reset", message_id="c1")
    await flow.command("ClearCache", message_id="c2")
    assert (await station.receive())[1] == "c1"
    assert await station.silent()
    await station.send([3, "c1", {}])
    assert (await station.receive())[1] == "c2"


async def test_station_that_never_answers_frees_the_slot_after_the_commands_timeout(gateway, station_at, flow):
    station = await station_at(gateway)
    await flow.command("Reset", message_id="c1", life=200)
    await flow.command("ClearCache", message_id="c2")
    assert (await station.receive())[1] == "c1"
    assert (await station.receive())[1] == "c2"
    assert gateway.counters.unanswered_commands == 1


async def test_command_and_call_may_cross(gateway, station_at, flow, replies):
    flow.answer = lambda entry: None
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    entry = await flow.next()
    await flow.command("Reset")
    assert await answer_command(station) == "Reset"
    assert (await replies.next())["payload"] == {"status": "Accepted"}
    await flow.reply(entry, {"n": 1})
    assert await station.receive() == [3, "1", {"n": 1}]


async def test_command_for_a_station_that_connects_in_time_is_delivered(gateway, station_at, flow, replies):
    await flow.command("Reset")
    station = await station_at(gateway)
    assert await answer_command(station) == "Reset"
    assert (await replies.next())["messageId"] == "c1"


async def test_command_whose_time_is_up_is_never_sent(gateway, station_at, flow, until):
    await flow.command("Reset", life=50)
    await asyncio.sleep(0.06)
    station = await station_at(gateway)
    await until(lambda: gateway.counters.expired_commands == 1)
    assert await station.silent()


async def test_command_that_its_sender_gave_up_is_never_sent(gateway, station_at, flow, store, until):
    await flow.command("Reset")
    await store.delete("ws:pending:acme:CP1")
    station = await station_at(gateway)
    await until(lambda: gateway.counters.withdrawn_commands == 1)
    assert await station.silent()


async def test_command_without_a_note_is_sent_while_it_is_fresh(start_gateway, station_at, flow, until):
    gateway = await start_gateway(command_timeout=0.2)
    await flow.write("acme", "CP1", [2, "x1", "ClearCache", {}])
    await asyncio.sleep(0.25)
    station = await station_at(gateway)
    await until(lambda: gateway.counters.expired_commands == 1)
    await flow.write("acme", "CP1", [2, "x2", "ClearCache", {}])
    assert (await station.receive())[1] == "x2"


async def test_commands_not_delivered_by_a_gateway_that_died_are_by_the_next_one_and_no_other(
    start_gateway, station_at, flow, replies, until
):
    first_gateway = await start_gateway(server_id="gw1")
    first = await station_at(first_gateway)
    for number in range(3):
        await flow.command("ClearCache", message_id=f"c{number}")
    assert (await first.receive())[1] == "c0"
    crash(first_gateway)
    second = await station_at(await start_gateway(server_id="gw2"))
    for expected in ("c1", "c2"):
        _, message_id, *_ = await second.receive()
        await second.send([3, message_id, {}])
        assert message_id == expected
        assert (await replies.next())["messageId"] == expected
    assert await second.silent()


def crash(gateway):
    """Ends a gateway as a killed process ends: it writes nothing more to Redis."""
    gateway._backend._keeper.cancel()
    gateway._backend._side.link._break("killed")
    gateway._backend._side = None
    gateway._backend.up.clear()


async def test_answers_are_not_delivered_twice_after_a_gateways_death(start_gateway, station_at, flow):
    first = await station_at(await start_gateway(server_id="gw1"))
    for number in range(5):
        await first.call("Heartbeat", message_id=str(number))
    second = await station_at(await start_gateway(server_id="gw2"))
    assert await second.silent()
    assert await second.call("Heartbeat", message_id="0") == [3, "0", {}]


async def test_sender_is_told_at_once_when_the_station_disconnects_before_its_answer(
    gateway, station_at, flow, replies
):
    station = await station_at(gateway)
    await flow.command("Reset")
    await station.receive()
    await station.socket.close()
    reply = await replies.next()
    assert (reply["messageId"], reply["error"], reply["errorCode"]) == ("c1", True, "Disconnected")


async def test_answer_waits_for_a_sender_that_listens_again(gateway, station_at, flow, store, until):
    station = await station_at(gateway)
    await flow.command("Reset")
    await answer_command(station)
    await until(lambda: gateway.counters.frames == 1)
    async with store.pubsub() as pubsub:
        await pubsub.subscribe("ws:resp:nodered-1")
        async with asyncio.timeout(5):
            async for message in pubsub.listen():
                if message["type"] == "message":
                    break
    assert json.loads(message["data"])["messageId"] == "c1"


async def test_answer_is_given_up_when_nobody_listens_within_the_commands_time(gateway, station_at, flow, until):
    station = await station_at(gateway)
    await flow.command("Reset", life=300)
    await answer_command(station)
    await until(lambda: gateway.counters.unheard_responses == 1)


async def test_answer_after_the_timeout_is_told_if_the_sender_still_waits(gateway, station_at, flow, store, replies):
    station = await station_at(gateway)
    await flow.command("Reset", life=100)
    await station.receive()
    await asyncio.sleep(0.15)
    await station.send([3, "c1", {"late": 1}])
    assert (await replies.next())["payload"] == {"late": 1}


async def test_answer_that_nobody_asked_for_is_counted(gateway, station_at, flow, until):
    station = await station_at(gateway)
    await station.send([3, "nobody", {}])
    await station.send([4, "nobody", "GenericError", "", {}])
    await until(lambda: gateway.counters.unasked_responses == 2)


@pytest.mark.parametrize("note", ["no json", "[]", '{"timeout":"x","serverId":5}', '{"timeout":null}'])
async def test_broken_note_of_a_command_falls_back_to_the_stream_entry(gateway, station_at, flow, store, replies, note):
    await store.hset("ws:pending:acme:CP1", "c1", note)
    await flow.write("acme", "CP1", [2, "c1", "ClearCache", {}], serverId="nodered-1")
    station = await station_at(gateway)
    assert await answer_command(station) == "ClearCache"
    assert (await replies.next())["messageId"] == "c1"


async def test_answers_of_stations_are_written_for_flows_when_wanted(start_gateway, station_at, flow):
    gateway = await start_gateway(write_responses=True)
    station = await station_at(gateway)
    await flow.command("Reset")
    await answer_command(station)
    entry = await flow.next()
    assert entry["metadata"] == {"type": "result", "version": "1.6", "serverID": "gw1"}
    assert entry["payload"] == {"messageType": 3, "uniqueID": "c1", "payload": {"status": "Accepted"}}
    await station.send([4, "c9", "GenericError", "text", {"a": 1}])
    entry = await flow.next()
    assert entry["metadata"]["type"] == "error"
    assert entry["payload"] == {
        "messageType": 4,
        "uniqueID": "c9",
        "errorCode": "GenericError",
        "errorDescription": "text",
        "errorDetails": {"a": 1},
    }


async def test_delivered_entries_are_forgotten_roughly(start_gateway, station_at, flow, store, until):
    gateway = await start_gateway()
    station = await station_at(gateway)
    for number in range(300):
        await station.call("Heartbeat", message_id=str(number))
    assert await store.xlen("ws:out:acme:CP1") == 300
    await station.socket.close()
    await until(lambda: gateway.counters.connected == 0)
    await until(lambda: _at_most(store, 110))


async def _at_most(store, count):
    return await store.xlen("ws:out:acme:CP1") <= count


async def test_stop_leaves_commands_in_line_to_the_next_gateway(start_gateway, station_at, flow, replies):
    first_gateway = await start_gateway(stop_timeout=5)
    first = await station_at(first_gateway)
    await flow.command("ClearCache", message_id="c0")
    await flow.command("ClearCache", message_id="c1")
    assert (await first.receive())[1] == "c0"
    stopping = asyncio.create_task(first_gateway.stop())
    await asyncio.sleep(0.05)
    await first.send([3, "c0", {}])
    assert await first.closed() == 1001
    await stopping
    second = await station_at(await start_gateway())
    assert (await second.receive())[1] == "c1"


async def test_age_of_a_command_is_told_by_the_clock_of_redis(start_gateway, station_at, flow, monkeypatch):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    station = await station_at(await start_gateway())
    await flow.command("Reset")
    assert (await station.receive())[1] == "c1"
