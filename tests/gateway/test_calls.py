"""CALLs of stations: one at a time, in order, each answered in time, none answered with another's answer."""

import asyncio

import pytest


@pytest.fixture
def silent_flow(flow):
    flow.answer = lambda entry: None
    return flow


async def test_second_call_is_held_back_until_the_first_is_answered(gateway, station_at, silent_flow, store):
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    await station.send([2, "2", "Authorize", {"idTag": "T"}])
    first = await silent_flow.next()
    assert await station.silent()
    assert await store.xlen("ws:inbound") == 1
    await silent_flow.reply(first, {"n": 1})
    assert await station.receive() == [3, "1", {"n": 1}]
    second = await silent_flow.next()
    assert second["metadata"]["action"] == "Authorize"
    await silent_flow.reply(second, {"n": 2})
    assert await station.receive() == [3, "2", {"n": 2}]


async def test_repeated_id_of_a_call_under_way_reaches_the_flow_once(gateway, station_at, silent_flow, store):
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    await station.send([2, "1", "Heartbeat", {}])
    await silent_flow.reply(await silent_flow.next(), {"n": 1})
    assert await station.receive() == [3, "1", {"n": 1}]
    assert await station.silent()
    assert await store.xlen("ws:inbound") == 1
    assert gateway.counters.repeated_calls == 1


async def test_id_may_be_used_again_after_its_answer(gateway, station_at, flow, store):
    station = await station_at(gateway)
    assert await station.call("Heartbeat") == [3, "1", {}]
    assert await station.call("Heartbeat") == [3, "1", {}]
    assert await store.xlen("ws:inbound") == 2


async def test_calls_above_the_bound_are_refused(start_gateway, station_at, silent_flow):
    gateway = await start_gateway(max_waiting_calls=2)
    station = await station_at(gateway)
    for number in range(3):
        await station.send([2, str(number), "Heartbeat", {}])
    assert (await station.receive())[:3] == [4, "2", "InternalError"]
    assert gateway.counters.surplus_calls == 1


async def test_call_without_an_answer_gets_internal_error_at_the_deadline(start_gateway, station_at, silent_flow):
    gateway = await start_gateway(call_timeout=0.2)
    station = await station_at(gateway)
    began = asyncio.get_running_loop().time()
    answer = await station.call("Heartbeat")
    assert answer == [4, "1", "InternalError", "no answer within 0.2 s", {}]
    assert asyncio.get_running_loop().time() - began >= 0.2
    assert gateway.counters.unanswered_calls == 1


async def test_call_behind_an_unanswered_one_goes_on_at_its_deadline(start_gateway, station_at, silent_flow):
    gateway = await start_gateway(call_timeout=0.3)
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    await silent_flow.next()
    await asyncio.sleep(0.15)
    await station.send([2, "2", "Authorize", {}])
    assert (await station.receive())[:3] == [4, "1", "InternalError"]
    entry = await silent_flow.next()
    await silent_flow.reply(entry, {"n": 2})
    assert await station.receive() == [3, "2", {"n": 2}]


async def test_deadline_counts_anew_for_each_call(start_gateway, station_at, silent_flow):
    gateway = await start_gateway(call_timeout=0.3)
    station = await station_at(gateway)
    for number in range(4):
        await station.send([2, str(number), "Heartbeat", {}])
        entry = await silent_flow.next()
        await asyncio.sleep(0.12)
        await silent_flow.reply(entry, {})
        assert await station.receive() == [3, str(number), {}]


async def test_late_answer_is_dropped(start_gateway, station_at, silent_flow, until):
    gateway = await start_gateway(call_timeout=0.1)
    station = await station_at(gateway)
    await station.call("Heartbeat")
    await silent_flow.reply(await silent_flow.next(), {"late": True})
    await until(lambda: gateway.counters.late_answers == 1)
    assert await station.silent()


async def test_answer_to_an_id_that_was_never_asked_is_dropped(gateway, station_at, flow, until):
    station = await station_at(gateway)
    await flow.write("acme", "CP1", [3, "other", {}])
    await until(lambda: gateway.counters.late_answers == 1)
    assert await station.silent()


async def test_second_answer_to_a_call_is_dropped(gateway, station_at, silent_flow, until):
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    entry = await silent_flow.next()
    await silent_flow.reply(entry, {"n": 1})
    await silent_flow.reply(entry, {"n": 2})
    assert await station.receive() == [3, "1", {"n": 1}]
    await until(lambda: gateway.counters.late_answers == 1)
    assert await station.silent()


async def test_call_error_of_a_flow_is_delivered(gateway, station_at, silent_flow):
    station = await station_at(gateway)
    await station.send([2, "1", "Heartbeat", {}])
    await silent_flow.next()
    await silent_flow.write("acme", "CP1", [4, "1", "NotSupported", "no", {"a": 1}])
    assert await station.receive() == [4, "1", "NotSupported", "no", {"a": 1}]


async def test_answer_for_an_earlier_connection_is_not_taken_for_the_same_id(gateway, station_at, silent_flow, until):
    first = await station_at(gateway)
    await first.send([2, "1", "BootNotification", {}])
    old = await silent_flow.next()
    await first.socket.close()
    await until(lambda: gateway.counters.connected == 0)
    await silent_flow.reply(old, {"of": "old"})
    # Streams and clock count in milliseconds: the restarted station asks in a later one.
    await asyncio.sleep(0.005)
    second = await station_at(gateway)
    await second.send([2, "1", "Heartbeat", {}])
    new = await silent_flow.next()
    await silent_flow.reply(new, {"of": "new"})
    assert await second.receive() == [3, "1", {"of": "new"}]
    assert gateway.counters.late_answers == 1


async def test_retry_over_a_new_connection_gets_the_answer_of_the_flow(gateway, station_at, silent_flow, until):
    first = await station_at(gateway)
    await first.send([2, "1", "StartTransaction", {}])
    entry = await silent_flow.next()
    second = await station_at(gateway)
    await second.send([2, "1", "StartTransaction", {}])
    await silent_flow.next()
    await silent_flow.reply(entry, {"transactionId": 7})
    assert await second.receive() == [3, "1", {"transactionId": 7}]


async def test_large_numbers_and_unicode_pass(gateway, station_at, flow):
    flow.answer = lambda entry: entry["payload"]["payload"]
    station = await station_at(gateway)
    payload = {"text": 'ä"\\\n€😀', "float": 1.5, "int": 2**53, "empty": {}, "null": None, "list": [1, [2]]}
    assert await station.call("DataTransfer", payload) == [3, "1", payload]


async def test_send_of_2_1_reaches_the_flow_and_gets_no_answer(gateway, station_at, flow):
    station = await station_at(gateway, protocol="ocpp2.1")
    await station.send([6, "s1", "NotifyPeriodicEventStream", {"id": 1}])
    entry = await flow.next()
    assert entry["metadata"] == {
        "type": "send",
        "action": "NotifyPeriodicEventStream",
        "version": "2.1",
        "serverID": "gw1",
    }
    assert entry["payload"]["messageType"] == 6
    assert await station.silent()


async def test_inbound_stream_may_be_kept_short(start_gateway, station_at, flow, store):
    gateway = await start_gateway(inbound_maxlen=10)
    station = await station_at(gateway)
    for _ in range(250):
        await station.call("Heartbeat")
    assert await store.xlen("ws:inbound") <= 110


async def test_entry_that_is_no_frame_is_not_sent(gateway, station_at, flow, until):
    station = await station_at(gateway)
    for text in ("no json", "{}", '"text"', "[]", "[3]", "[3,4,{}]", '[7,"x",{}]'):
        await flow.write("acme", "CP1", text, id="x")
    await until(lambda: gateway.counters.broken_frames == 7)
    assert await station.call("Heartbeat") == [3, "1", {}]


async def test_key_that_is_no_stream_does_not_stop_the_others(gateway, station_at, flow, store, until):
    await store.set("ws:out:acme:bad", "text")
    await station_at(gateway, "acme/bad")
    good = await station_at(gateway, "acme/good")
    for number in range(5):
        await store.append("ws:out:acme:bad", "more")
        assert await good.call("Heartbeat", message_id=str(number)) == [3, str(number), {}]
