"""Nothing is lost, nothing is done twice: when the process is killed, when Redis is away, while a deploy is under way."""

import asyncio
import json
import re

import httpx
import pytest
import redis.asyncio

from tests.e2e.fixtures import written
from tests.e2e.flows import delay, flow, function, node, ocpp_in, ocpp_out
from tests.e2e.load import SCALE, start_transaction, stations, steady
from tests.e2e.program import Program, until

BEGIN = """
const runs = flow.get('runs') || {};
runs[msg.ocpp.messageId] = (runs[msg.ocpp.messageId] || 0) + 1;
flow.set('runs', runs);
msg.payload = { status: 'Accepted', transactionId: Math.floor(Math.random() * 2 ** 31), idTokenInfo: { status: 'Accepted' } };
return msg;
"""
"""Begins a transaction with an id that no other has, and counts how often it did so for a message."""


def slow(to):
    """Holds each message between a third of a second and two seconds."""
    times = {"randomFirst": "0.3", "randomLast": "2", "randomUnits": "seconds"}
    return node("delay", "slow", to, pauseType="random", **times)


def transaction(frame):
    assert frame[0] == 3, frame
    return frame[2]["transactionId"]


def transactions_ever_written(folder):
    """What an append-only file tells: for each message id the transactions that it was ever answered with."""
    found = {}
    for file in folder.glob("appendonlydir/*.aof"):
        for frame in re.findall(rb'^\[3,"tx-.*\]\r$', file.read_bytes(), re.MULTILINE):
            _, id, payload = json.loads(frame)
            found.setdefault(id, set()).add(payload["transactionId"])
    return found


async def test_after_a_kill_every_call_is_answered_and_no_transaction_begins_twice(start, tmp_path):
    flows = written(tmp_path, flow(ocpp_in("slow"), slow("begin"), function("begin", BEGIN, "out"), ocpp_out()))
    program = start(flows)
    count = 300 * SCALE
    async with stations(count, program.gateway) as all_of_them:
        first = [asyncio.ensure_future(_begin(one, number)) for number, one in enumerate(all_of_them)]
        await some(first, count // 3)
        program.kill()
        answered = [frame and transaction(frame) for frame in await asyncio.gather(*first)]
        assert None in answered
        program = await asyncio.to_thread(start, flows)
        await asyncio.gather(*(one.connect(program.gateway) for one in all_of_them))
        again = await asyncio.gather(*(_begin(one, number) for number, one in enumerate(all_of_them)))
    transactions = [transaction(frame) for frame in again]
    assert len(set(transactions)) == count
    assert [before for before, after in zip(answered, transactions, strict=True) if before not in (None, after)] == []
    begun = transactions_ever_written(tmp_path / "user" / "redis")
    assert {id: len(found) for id, found in begun.items()} == {f"tx-{number}": 1 for number in range(count)}


async def _begin(station, number):
    await station.send("StartTransaction", start_transaction(number), f"tx-{number}")
    return await station.answer_if_it_lasts(f"tx-{number}")


async def test_stations_of_a_gateway_of_its_own_get_their_answers_when_the_killed_flows_are_back(
    start, redis_server, tmp_path
):
    flows = written(tmp_path, flow(ocpp_in("slow"), slow("begin"), function("begin", BEGIN, "out"), ocpp_out()))
    gateway = Program("gateway", "--redis", redis_server.url, "--port", "0", cwd=tmp_path)
    program = start(flows, "--redis", redis_server.url, "--no-gateway")
    count = 300 * SCALE
    async with stations(count, gateway.gateway) as all_of_them:
        calls = [asyncio.ensure_future(_begin(one, number)) for number, one in enumerate(all_of_them)]
        await some(calls, count // 3)
        program.kill()
        assert not all(call.done() for call in calls)
        await asyncio.to_thread(start, flows, "--redis", redis_server.url, "--no-gateway")
        frames = await asyncio.gather(*calls)
    assert len({transaction(frame) for frame in frames}) == count
    begun = transactions_ever_written(redis_server.folder)
    assert {id: len(found) for id, found in begun.items()} == {f"tx-{number}": 1 for number in range(count)}
    assert gateway.stop() == 0


async def test_what_a_killed_worker_had_is_taken_over_by_another_one(start, redis_server, tmp_path):
    server = {"id": "redis", "type": "ocpp-config", "name": "stations", "claimIdle": 5}
    nodes = flow(ocpp_in("slow"), slow("begin"), function("begin", BEGIN, "out"), ocpp_out(), server=server)
    flows = written(tmp_path, nodes)
    gateway = Program("gateway", "--redis", redis_server.url, "--port", "0", cwd=tmp_path)
    doomed, _ = [
        start(flows, "--redis", redis_server.url, "--no-gateway", "--user-dir", tmp_path / name)
        for name in ("one", "two")
    ]
    async with stations(100, gateway.gateway) as all_of_them:
        calls = [asyncio.ensure_future(_begin(one, number)) for number, one in enumerate(all_of_them)]
        await some(calls, 10)
        doomed.kill()
        frames = await asyncio.gather(*calls)
    assert len({transaction(frame) for frame in frames}) == 100
    begun = transactions_ever_written(redis_server.folder)
    assert {id: len(found) for id, found in begun.items()} == {f"tx-{number}": 1 for number in range(100)}
    assert gateway.stop() == 0


async def some(tasks, count):
    """Waits until so many are done."""
    while sum(task.done() for task in tasks) < count:
        await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)


def all_answers(all_of_them):
    """Every answer that any station got, by message id."""
    return {id: frames for station in all_of_them for id, frames in station.answers.items()}


async def runs_of(program):
    """How often the flow began a transaction, by message id."""
    async with httpx.AsyncClient(timeout=60) as client:
        return json.loads((await client.get(f"{program.http}/context/flow/tab/runs")).json()["msg"])


async def outage(server, kind, seconds=3 * SCALE):
    """Redis is frozen, or killed and started again after a while."""
    if kind == "frozen":
        server.freeze()
        await asyncio.sleep(seconds)
        server.thaw()
    else:
        server.kill()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)


@pytest.mark.parametrize("kind", ["frozen", "killed"])
async def test_while_redis_is_away_nothing_is_lost_and_nothing_done_twice(start, redis_server, kind):
    nodes = flow(ocpp_in("wait"), delay("wait", 0.05, "begin"), function("begin", BEGIN, "out"), ocpp_out())
    program = start(nodes, "--redis", redis_server.url)
    stop = asyncio.Event()
    async with stations(40, program.gateway) as all_of_them:
        calling = [asyncio.ensure_future(steady(station, 5, stop)) for station in all_of_them]
        await asyncio.sleep(1)
        await outage(redis_server, kind)
        await asyncio.sleep(1)
        stop.set()
        sent = sum(await asyncio.gather(*calling))
        answers = all_answers(all_of_them)
        runs = await runs_of(program)
    assert len(answers) == sent
    assert {id: frames for id, frames in answers.items() if len({transaction(frame) for frame in frames}) != 1} == {}
    assert runs == dict.fromkeys(answers, 1)


async def test_full_deploys_under_load_lose_nothing_and_no_answer_is_late(start):
    nodes = flow(ocpp_in("wait"), delay("wait", 0.02, "begin"), function("begin", BEGIN, "out"), ocpp_out())
    program = start(nodes)
    stop = asyncio.Event()
    async with stations(40, program.gateway) as all_of_them:
        calling = [asyncio.ensure_future(steady(station, 5, stop)) for station in all_of_them]
        async with httpx.AsyncClient(timeout=60) as client:
            for number in range(4):
                await asyncio.sleep(0.7)
                nodes[0]["label"] = f"deploy {number}"
                assert (await client.post(f"{program.http}/flows", json=nodes)).status_code == 204
        await asyncio.sleep(0.7)
        stop.set()
        sent = sum(await asyncio.gather(*calling))
    answers = all_answers(all_of_them)
    assert len(answers) == sent
    assert all(transaction(frame) for frames in answers.values() for frame in frames)
    assert max(max(station.latencies) for station in all_of_them) < 1
    assert program.errors() == []


async def test_what_a_full_deploy_finds_in_slow_handlers_is_handled_after_it(start):
    nodes = flow(ocpp_in("wait"), delay("wait", 1.5, "begin"), function("begin", BEGIN, "out"), ocpp_out())
    program = start(nodes)
    async with stations(100, program.gateway) as all_of_them:
        calls = [asyncio.ensure_future(_begin(one, number)) for number, one in enumerate(all_of_them)]
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient(timeout=60) as client:
            assert (await client.post(f"{program.http}/flows", json=nodes)).status_code == 204
        frames = await asyncio.gather(*calls)
    assert len({transaction(frame) for frame in frames}) == 100
    assert all(len(answers) == 1 for answers in all_answers(all_of_them).values())


async def test_ctrl_c_answers_what_is_under_way_and_closes_the_stations_connections(start):
    program = start(flow(ocpp_in("wait"), delay("wait", 1, "begin"), function("begin", BEGIN, "out"), ocpp_out()))
    async with stations(50, program.gateway) as all_of_them:
        calls = [asyncio.ensure_future(_begin(one, number)) for number, one in enumerate(all_of_them)]
        await until(lambda: under_way(program, 50))
        program.interrupt()
        frames = await asyncio.gather(*calls)
        assert len({transaction(frame) for frame in frames}) == 50
        assert {await one.closed() for one in all_of_them} == {1001}
    assert await asyncio.to_thread(program.ended) == 0
    assert program.errors() == []


async def under_way(program, count):
    """Whether the flows have so many entries that they have not acknowledged."""
    async with redis.asyncio.from_url(program.redis_url) as store:
        return (await store.xpending("ws:inbound", "biz-workers"))["pending"] == count


async def test_two_inputs_with_different_filters_lose_nothing(start):
    program = start(
        flow(
            ocpp_in("beat", "beats", filterAction="Heartbeat"),
            function("beat", "msg.payload = { currentTime: new Date().toISOString() }; return msg;", "out"),
            ocpp_in("begin", "starts", filterAction="StartTransaction"),
            function("begin", BEGIN, "out"),
            ocpp_out(),
        )
    )
    async with stations(10, program.gateway) as all_of_them:
        for round in range(10):
            for action, payload in (("Heartbeat", {}), ("StartTransaction", start_transaction(round))):
                calls = [station.call(action, payload, f"{action} {station.name} {round}") for station in all_of_them]
                assert {frame[0] for frame in await asyncio.gather(*calls)} == {3}
        (frame,) = {tuple(map(str, await all_of_them[0].call("Authorize", {"idTag": "RFID1"}, "a")))}
    assert frame[0] == "4"
    assert frame[2] == "NotImplemented"
