"""The ocpp-command node: what it writes, which answers it takes, and what happens when none comes."""

import asyncio
import json
import time

import pytest

from busway.nodes.ocpp.streams.commands import read_reply
from busway.testing import flow_of, node

STATION = {"tenant": "t", "deviceId": "d"}
RESET = {"payload": {"type": "Soft"}, "ocpp": {**STATION, "command": "Reset"}}


def config(server, **properties):
    return {"id": "cfg", "type": "ocpp-config", "url": server.url, "consumerName": "c1", **properties}


def nodes_of(server, *nodes, config_properties=None, **properties):
    command = node("ocpp-command", "cmd", to="after", server="cfg", **properties)
    return [config(server, **(config_properties or {})), command, *nodes]


def commanding(server, *nodes, **properties):
    return flow_of(nodes_of(server, *nodes, **properties), virtual=False)


def connect(server, protocol="ocpp1.6"):
    server.client.hset("ws:conn:t:d", "protocol", protocol)


async def written(server, until):
    """The fields of the next command's entry."""
    entries = await until(lambda: server.client.xrange("ws:out:t:d"))
    return entries[-1][1]


def publish(server, entry, **said):
    said = {"messageId": entry["id"], "messageType": 3, "payload": {"status": "Accepted"}, **said}
    return server.client.publish(f"ws:resp:{entry['serverId']}", json.dumps(said))


# -- what is written --------------------------------------------------------------------------------------------------
async def test_a_command_is_written_as_the_contract_says_and_its_answer_passed_on(server, until):
    connect(server)
    async with commanding(server) as flow:
        await flow.send("cmd", {**RESET, "topic": "kept"})
        entry = await written(server, until)
        assert list(entry) == ["id", "payload", "timestamp", "serverId", "expires"]
        assert json.loads(entry["payload"]) == [2, entry["id"], "Reset", {"type": "Soft"}]
        assert int(entry["expires"]) == int(entry["timestamp"]) + 30_000
        note = json.loads(server.client.hget("ws:pending:t:d", entry["id"]))
        assert note == {
            "action": "Reset",
            "sentAt": int(entry["timestamp"]),
            "timeout": 30_000,
            "serverId": entry["serverId"],
        }
        assert 35 <= server.client.ttl("ws:pending:t:d") <= 40
        publish(server, entry)
        msg = await flow.output("cmd")
        await until(lambda: server.client.hlen("ws:pending:t:d") == 0)
    assert msg["payload"] == {"status": "Accepted"}
    assert msg["topic"] == "kept"
    ocpp = msg["ocpp"]
    assert ocpp["latency"] == ocpp["receivedAt"] - ocpp["sentAt"] >= 0
    assert {key: ocpp[key] for key in list(ocpp)[:9]} == {
        "messageId": entry["id"],
        "action": "Reset",
        "command": "Reset",
        "version": "1.6",
        "tenant": "t",
        "deviceId": "d",
        "identity": "t:d",
        "response": True,
        "error": False,
    }
    assert list(ocpp)[9:] == ["sentAt", "receivedAt", "latency"]


@pytest.mark.parametrize(
    ("protocol", "asked", "compat", "action"),
    [
        ("ocpp1.6", "2.0.1", "strict", "RemoteStartTransaction"),
        ("ocpp2.0.1", None, "strict", "RequestStartTransaction"),
        ("ocpp2.1", None, "strict", "RequestStartTransaction"),
        ("ocpp2.1", None, "seed", "RemoteStartTransaction"),
        (None, "ocpp2.0.1", "strict", "RequestStartTransaction"),
        (None, None, "strict", "RemoteStartTransaction"),
    ],
)
async def test_the_version_is_that_of_the_connection(server, until, protocol, asked, compat, action):
    if protocol:
        connect(server, protocol)
    ocpp = {**STATION, "command": "RemoteStart", **({"version": asked} if asked else {})}
    async with commanding(server, config_properties={"compat": compat}) as flow:
        await flow.send("cmd", {"payload": {"idToken": "A", "evseId": 1}, "ocpp": ocpp})
        assert json.loads((await written(server, until))["payload"])[2] == action


async def test_the_command_and_the_station_may_stand_in_the_message_or_the_node(server, until):
    async with commanding(server, command="ClearCache") as flow:
        await flow.send("cmd", {"tenant": "t", "deviceId": "d"})
        assert json.loads((await written(server, until))["payload"])[2:] == ["ClearCache", {}]


async def test_the_flow_s_id_is_used_but_never_that_of_another_message(server, until):
    async with commanding(server) as flow:
        given = {"messageId": "mine"}
        await flow.send("cmd", {**RESET, "ocpp": {**RESET["ocpp"], **given}})
        assert (await written(server, until))["id"] == "mine"
        for foreign in ({"streamId": "1-0", "messageType": "call"}, {"response": True}):
            await flow.send("cmd", {**RESET, "ocpp": {**RESET["ocpp"], **given, **foreign}})
        ids = await until(lambda: [e[1]["id"] for e in server.client.xrange("ws:out:t:d")][1:][:2] or None)
        await until(lambda: server.client.xlen("ws:out:t:d") == 3)
        assert "mine" not in ids


async def test_an_id_that_is_under_way_is_refused(server, until):
    async with commanding(server) as flow:
        for _ in range(2):
            await flow.send("cmd", {**RESET, "ocpp": {**RESET["ocpp"], "messageId": "same"}})
        assert "'same' is under way" in (await flow.error()).text


async def test_a_short_command_does_not_shorten_the_notes_of_a_long_one(server, until):
    async with commanding(server, node("ocpp-command", "short", server="cfg", timeout=1000), timeout=60_000) as flow:
        await flow.send("cmd", RESET)
        await written(server, until)
        await flow.send("short", RESET)
        await until(lambda: server.client.hlen("ws:pending:t:d") == 2)
        assert server.client.ttl("ws:pending:t:d") > 60


# -- refusals ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("msg", "error"),
    [
        ({}, "Missing tenant or deviceId. Set msg.ocpp.tenant and msg.ocpp.deviceId"),
        ({"ocpp": {"tenant": "t"}}, "Missing tenant or deviceId. Set msg.ocpp.tenant and msg.ocpp.deviceId"),
        ({"ocpp": STATION}, "Missing command action. Set msg.ocpp.command or configure in node"),
        ({"ocpp": {**STATION, "command": "Reset", "version": "9"}}, "not an OCPP version"),
        ({"ocpp": {**STATION, "command": "SetConfig"}}, "needs key and value"),
        ({"ocpp": {**STATION, "command": "Reset"}, "payload": "text"}, "object"),
        ({"ocpp": {**STATION, "command": "Reset", "messageId": "\ud800"}, "payload": {"type": "Hard"}}, "surrogates"),
    ],
)
async def test_what_cannot_be_sent_is_one_error(server, msg, error):
    async with commanding(server, node("catch", "catch", to="caught")) as flow:
        await flow.send("cmd", msg)
        caught = await flow.output("catch")
        assert error in caught["error"]["message"]
        assert len(flow.sent("catch")) == 1
    assert server.client.keys("ws:out:*") == []


@pytest.mark.parametrize("validation", ["warn", "enforce"])
async def test_a_command_that_breaks_the_schema_is_warned_of_or_held_back(server, until, validation):
    async with commanding(server, validation=validation) as flow:
        await flow.send("cmd", {"payload": {"type": "Sometime"}, "ocpp": {**STATION, "command": "Reset"}})
        if validation == "enforce":
            assert "type" in (await flow.error()).text
            assert server.client.keys("ws:out:*") == []
        else:
            await written(server, until)
            assert any("Reset (1.6)" in line.text for line in flow.logs if line.level == "warn")


async def test_a_station_that_is_not_connected_is_an_error_at_once_if_so_chosen(server):
    async with commanding(server, offline="error") as flow:
        await flow.send("cmd", RESET)
        assert (await flow.error()).text == "station t:d is not connected"
    assert server.client.keys("ws:out:*") == []


async def test_or_leaves_by_a_second_output(server):
    command = node("ocpp-command", "cmd", to=["after", ["off"]], server="cfg", offline="output")
    async with flow_of([config(server), command], virtual=False) as flow:
        await flow.send("cmd", {**RESET, "topic": "kept"})
        msg = await flow.output("cmd", 1)
    assert msg["payload"] is None
    assert msg["topic"] == "kept"
    assert msg["ocpp"]["errorCode"] == "Offline"
    assert msg["ocpp"]["response"] is True
    assert server.client.keys("ws:out:*") == []


# -- answers ----------------------------------------------------------------------------------------------------------
async def test_an_error_of_the_station_is_passed_on(server, until):
    async with commanding(server) as flow:
        await flow.send("cmd", RESET)
        publish(
            server,
            await written(server, until),
            messageType=4,
            payload=None,
            errorCode="NotSupported",
            errorDescription="no",
        )
        msg = await flow.output("cmd")
    assert msg["ocpp"]["error"] is True
    assert (msg["ocpp"]["errorCode"], msg["ocpp"]["errorDescription"]) == ("NotSupported", "no")
    assert msg["payload"]["messageType"] == 4, "without a payload all that was said is the payload"


@pytest.mark.parametrize(
    ("said", "error", "payload"),
    [
        ({"messageType": 3, "payload": {"a": 1}}, False, {"a": 1}),
        ({"messageType": 4, "payload": {"a": 1}}, True, {"a": 1}),
        ({"messageType": "error", "payload": {"a": 1}}, False, {"a": 1}),
        ({"messageType": "4", "payload": {"a": 1}}, False, {"a": 1}),
        ({"error": True, "payload": {}}, True, {}),
        ({"error": "true", "payload": []}, False, []),
        ({"x": 1}, False, {"x": 1}),
        ({"payload": 0, "x": 1}, False, {"payload": 0, "x": 1}),
    ],
)
def test_what_counts_as_an_error_and_as_the_payload(said, error, payload):
    reply = read_reply(said)
    assert (reply.error, reply.payload) == (error, payload)


async def test_an_answer_that_nobody_waits_for_and_what_is_no_json_are_ignored(server, until):
    async with commanding(server) as flow:
        await flow.send("cmd", RESET)
        entry = await written(server, until)
        channel = f"ws:resp:{entry['serverId']}"
        for text in ("no json", "[]", "null", '{"messageId":"other"}', '{"messageId":null}', "\xff"):
            server.client.publish(channel, text)
        publish(server, entry)
        await flow.output("cmd")
        publish(server, entry)
        await asyncio.sleep(0.05)
        assert len(flow.sent("cmd")) == 1


async def test_an_answer_may_come_by_the_inbound_stream_too(server, until):
    reading = node("ocpp-in", "in", to="out", server="cfg")
    async with commanding(server, reading) as flow:
        await flow.send("cmd", RESET)
        entry = await written(server, until)
        metadata = json.dumps({"type": "result", "version": "1.6"})
        payload = json.dumps({"messageType": 3, "uniqueID": entry["id"], "payload": {"status": "Rejected"}})
        server.entry(tenant="t", deviceId="d", id=entry["id"], metadata=metadata, payload=payload)
        msg = await flow.output("cmd")
    assert msg["payload"] == {"status": "Rejected"}


async def test_without_an_answer_in_time_the_output_says_so_and_the_command_is_withdrawn(server, until):
    async with commanding(server, timeout=100) as flow:
        await flow.send("cmd", {**RESET, "topic": "kept"})
        entry = await written(server, until)
        msg = await flow.output("cmd")
        await until(lambda: server.client.xlen("ws:out:t:d") == 0)
        await until(lambda: server.client.hlen("ws:pending:t:d") == 0)
        assert publish(server, entry) == 1
        await asyncio.sleep(0.05)
        assert len(flow.sent("cmd")) == 1
    assert msg["payload"] is None
    assert msg["topic"] == "kept"
    assert list(msg["ocpp"]) == [
        "messageId",
        "action",
        "tenant",
        "deviceId",
        "identity",
        "response",
        "error",
        "errorCode",
        "errorDescription",
        "sentAt",
        "receivedAt",
    ]
    assert msg["ocpp"]["errorCode"] == "Timeout"
    assert msg["ocpp"]["errorDescription"] == "Command Reset timed out after 100ms"


async def test_complete_nodes_are_told_when_the_answer_is_there(server, until):
    complete = node("complete", "complete", to="done", scope=["cmd"])
    async with commanding(server, complete) as flow:
        origin = await flow.send("cmd", RESET)
        entry = await written(server, until)
        assert not origin.settled
        assert flow.sent("complete") == []
        publish(server, entry)
        await flow.output("complete")
        assert origin.settled


# -- deploys and trouble ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["full", "nodes"])
async def test_an_answer_that_comes_after_a_deploy_reaches_the_new_node(server, until, mode):
    async with commanding(server) as flow:
        origin = await flow.send("cmd", {**RESET, "topic": "kept"})
        entry = await written(server, until)
        await flow.deploy(nodes_of(server, name="renamed"), mode)
        assert origin.settled
        assert origin.errors == []
        assert publish(server, entry) == 1
        msg = await flow.output("cmd")
    assert msg["payload"] == {"status": "Accepted"}
    assert msg["topic"] == "kept"


async def test_an_answer_that_comes_while_the_node_is_away_waits_for_it(server, until):
    async with commanding(server) as flow:
        await flow.send("cmd", RESET)
        entry = await written(server, until)
        await flow.runtime.stop_flows()
        assert publish(server, entry) == 1
        await asyncio.sleep(0.05)
        await flow.runtime.start_flows()
        assert (await flow.output("cmd"))["payload"] == {"status": "Accepted"}


async def test_the_command_of_a_deleted_node_is_forgotten(server, until):
    async with commanding(server) as flow:
        await flow.send("cmd", RESET)
        await written(server, until)
        await flow.deploy([config(server)], "nodes")
        await until(lambda: server.client.hlen("ws:pending:t:d") == 0)


async def test_answers_are_heard_again_after_redis_was_away(server, until):
    async with commanding(server) as flow:
        await flow.send("cmd", RESET)
        entry = await written(server, until)
        server.stop()
        await until(lambda: flow.statuses[-1].status.get("text") == "sub error")
        server.start()
        await until(lambda: publish(server, entry) == 1)
        await flow.output("cmd")


async def test_a_command_while_redis_is_away_waits_for_it(server, until):
    async with commanding(server) as flow:
        await until(lambda: flow.statuses[-1].status.get("text") == "ready")
        server.stop()
        await until(lambda: flow.node("cfg").side.trouble)
        await flow.send("cmd", RESET)
        server.start()
        publish(server, await written(server, until))
        await flow.output("cmd")


async def test_a_command_for_which_redis_is_away_too_long_is_an_error(server, until):
    async with commanding(server, timeout=100) as flow:
        await until(lambda: flow.statuses[-1].status.get("text") == "ready")
        server.stop()
        await until(lambda: flow.node("cfg").side.trouble)
        await flow.send("cmd", RESET)
        assert "Redis" in (await flow.error()).text


async def test_a_command_that_timed_out_before_it_was_written_is_not_written_later(server, until):
    async with commanding(server, timeout=100) as flow:
        await flow.send("cmd", RESET)
        await flow.output("cmd")
        side = flow.node("cfg").side
        await until(lambda: server.client.xlen("ws:out:t:d") == 0)
        link, side.writer._link = side.writer._link, None
        side.writer._up.set()
        side.commands.presence = lambda tenant, device, within: answer({"protocol": "ocpp1.6"})
        await flow.send("cmd", RESET)
        await flow.output("cmd")
        await link.close()
        await until(lambda: side.trouble is None and side.writer.waiting == 0)
        assert server.client.xlen("ws:out:t:d") == 0


async def answer(value):
    return value


async def test_the_node_shows_what_it_does(server, until):
    async with commanding(server, timeout=2000) as flow:
        assert (await flow.status("cmd"))["text"] == "initializing"
        assert await flow.status("cmd") == {"fill": "green", "shape": "ring", "text": "ready"}
        await flow.send("cmd", RESET)
        assert await flow.status("cmd") == {"fill": "blue", "shape": "dot", "text": "Reset → t:d"}
        publish(server, await written(server, until))
        assert await flow.status("cmd") == {"fill": "green", "shape": "dot", "text": "Reset: ok"}


async def test_a_round_trip_is_quick(server, until):
    connect(server)
    times = []
    async with commanding(server) as flow:
        await until(lambda: flow.statuses[-1].status.get("text") == "ready")
        for number in range(30):
            began = time.perf_counter()
            await flow.send("cmd", {**RESET, "ocpp": {**RESET["ocpp"], "messageId": f"m{number}"}})
            await until(lambda n=number: server.client.hexists("ws:pending:t:d", f"m{n}"))
            publish(server, server.client.xrange("ws:out:t:d")[-1][1])
            await flow.output("cmd")
            times.append(time.perf_counter() - began)
    assert sorted(times)[len(times) // 2] < 0.05
