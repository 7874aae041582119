"""The ocpp-out node: the frames it sends, what it refuses, and what it does with messages of ocpp-in."""

import asyncio

import pytest

from busway.engine.node import Config, Node
from busway.nodes.ocpp.streams import intake
from busway.testing import flow_of, node

TARGET = {"messageId": "m1", "tenant": "t", "deviceId": "d"}


class Answer(Node[Config]):
    """Answers a Heartbeat with ``{}``, everything else with a status."""

    type = "answer"

    def on_message(self, msg):
        msg["payload"] = {} if msg["ocpp"]["action"] == "Heartbeat" else {"status": "Accepted"}
        return msg


class Slow(Node[Config]):
    """Works on each message until ``go`` is set; counts how often it began and ended."""

    type = "slow"
    go = asyncio.Event()
    began = 0

    async def on_message(self, msg):
        Slow.began += 1
        await Slow.go.wait()
        return msg


@pytest.fixture(autouse=True)
def fresh_slow():
    Slow.go, Slow.began = asyncio.Event(), 0


def config(server, **properties):
    return {"id": "cfg", "type": "ocpp-config", "url": server.url, "consumerName": "c1", **properties}


def sending(server, *nodes, compat="strict", **properties):
    """A flow of an ocpp-out with these properties, whose messages end at the probe ``after``."""
    out = node("ocpp-out", "out", to="after", server="cfg", **properties)
    return flow_of([config(server, compat=compat), out, *nodes], types=[Answer, Slow], virtual=False)


def answering(server, *, in_=None, out=None, middle=("answer",), **properties):
    """ocpp-in -> nodes of the types in ``middle`` -> ocpp-out."""
    ids = [f"n{index}" for index in range(len(middle))]
    chain = [node(type, id, to=after) for type, id, after in zip(middle, ids, [*ids[1:], "out"], strict=True)]
    ends = [
        node("ocpp-in", "in", to=ids[0], server="cfg", **(in_ or {})),
        node("ocpp-out", "out", to="after", server="cfg", **(out or {})),
    ]
    return [config(server, **properties), *ends, *chain]


# -- frames -----------------------------------------------------------------------------------------------------------
async def test_an_answer_is_converted_for_the_station_s_version_and_the_message_passed_on(server):
    async with sending(server) as flow:
        ocpp = {**TARGET, "action": "Authorize", "version": "2.0.1"}
        await flow.send("out", {"payload": {"status": "Blocked"}, "ocpp": ocpp, "other": 1})
        msg = await flow.output("out")
    assert server.frames() == [[3, "m1", {"idTokenInfo": {"status": "Blocked"}}]]
    assert msg["payload"] == {"status": "Blocked"}
    assert msg["other"] == 1
    fields = server.client.xrange("ws:out:t:d")[0][1]
    assert list(fields) == ["id", "payload", "timestamp"]
    assert fields["timestamp"].isdigit()


async def test_a_native_refusal_stays_a_refusal(server):
    async with sending(server) as flow:
        ocpp = {**TARGET, "action": "Authorize", "version": "1.6"}
        await flow.send("out", {"payload": {"idTagInfo": {"status": "Blocked"}}, "ocpp": ocpp})
        await flow.output("out")
    assert server.frames() == [[3, "m1", {"idTagInfo": {"status": "Blocked"}}]]


async def test_without_conversion_the_payload_goes_out_as_it_is(server):
    async with sending(server, denormalizePayload=False) as flow:
        await flow.send("out", {"payload": {"any": 1}, "ocpp": {**TARGET, "identity": "t:d"}})
        await flow.output("out")
    assert server.frames() == [[3, "m1", {"any": 1}]]


async def test_the_version_of_a_known_call_counts_when_the_message_names_none(server, until):
    server.call("Authorize", {"idToken": {"idToken": "A", "type": "Central"}}, version="2.0.1")

    class NoVersion(Answer):
        type = "noversion"

        def on_message(self, msg):
            del msg["ocpp"]["version"]
            return super().on_message(msg)

    nodes = answering(server, middle=("noversion",))
    async with flow_of(nodes, types=[NoVersion], virtual=False):
        await until(server.frames)
    assert server.frames() == [[3, "m1", {"idTokenInfo": {"status": "Accepted"}}]]


@pytest.mark.parametrize(
    ("msg", "frame"),
    [
        ({"ocpp": {"error": True}}, ["InternalError", "Unknown error", {}]),
        ({"ocpp": {"error": True, "errorCode": "NotImplemented"}}, ["NotImplemented", "Unknown error", {}]),
        ({"error": {"message": "boom"}}, ["InternalError", "boom", {}]),
        ({"error": {}}, ["InternalError", "Unknown error", {}]),
        (
            {
                "ocpp": {"error": True, "errorDescription": "why", "errorDetails": {"a": 1}},
                "error": {"message": "boom"},
            },
            ["InternalError", "why", {"a": 1}],
        ),
        ({"ocpp": {"error": True, "errorCode": "FormatViolation", "version": "2.0.1"}}, ["FormatViolation"]),
        ({"ocpp": {"error": True, "errorCode": "RpcFrameworkError", "version": "2.0.1"}}, ["RpcFrameworkError"]),
        ({"ocpp": {"error": True, "errorCode": "FormatViolation", "version": "1.6"}}, ["FormationViolation"]),
        ({"ocpp": {"error": True, "errorCode": "OccurenceConstraintViolation"}}, ["OccurenceConstraintViolation"]),
        ({"ocpp": {"error": True, "errorCode": "OccurrenceConstraintViolation"}}, ["OccurrenceConstraintViolation"]),
        ({"ocpp": {"error": True, "errorCode": "MadeUp"}}, ["GenericError"]),
    ],
)
async def test_an_error_answer_carries_code_text_and_details(server, msg, frame):
    async with sending(server) as flow:
        await flow.send("out", {**msg, "ocpp": {**TARGET, **msg.get("ocpp", {})}})
        await flow.output("out")
        warnings = [line.text for line in flow.logs if line.level == "warn"]
    assert server.frames()[0][:2] == [4, "m1"]
    assert server.frames()[0][2:][: len(frame)] == frame
    assert bool(warnings) == (frame[0] == "GenericError")


async def test_the_seed_s_rules_count_when_asked_for(server):
    async with sending(server, compat="seed") as flow:
        ocpp = {**TARGET, "action": "Authorize", "version": "1.6"}
        await flow.send("out", {"payload": {"idTagInfo": {"status": "Blocked"}}, "ocpp": ocpp})
        await flow.output("out")
        await flow.send("out", {"ocpp": {**TARGET, "messageId": "m2", "error": True, "errorCode": "FormatViolation"}})
        await flow.output("out")
    assert server.frames() == [
        [3, "m1", {"idTagInfo": {"status": "Accepted"}}],
        [4, "m2", "GenericError", "Unknown error", {}],
    ]


async def test_a_station_s_stream_is_kept_short(server, until):
    async with sending(server, streamMaxLen=10) as flow:
        for number in range(500):
            await flow.send("out", {"payload": {}, "ocpp": {**TARGET, "messageId": f"m{number}"}})
        await until(lambda: len(flow.sent("out")) == 500)
    assert server.client.xlen("ws:out:t:d") < 250


# -- refusals ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("msg", "error"),
    [
        ({}, "Missing ocpp.messageId"),
        ({"ocpp": "text"}, "Missing ocpp.messageId"),
        ({"ocpp": {"messageId": "m"}}, "Missing ocpp.tenant or ocpp.deviceId"),
        ({"ocpp": {"messageId": "m", "tenant": "t"}}, "Missing ocpp.tenant or ocpp.deviceId"),
        ({"ocpp": {**TARGET, "messageType": "result"}}, "takes no answer"),
        ({"ocpp": {**TARGET, "response": True}}, "takes no answer"),
        ({"ocpp": TARGET, "payload": "text"}, "must be an object"),
        ({"ocpp": {**TARGET, "version": "3.0", "action": "Heartbeat"}}, "not an OCPP version"),
        ({"ocpp": {**TARGET, "deviceId": "\ud800"}, "payload": {}}, "surrogates not allowed"),
    ],
)
async def test_what_is_no_answer_is_one_error_of_the_node(server, msg, error):
    catch = node("catch", "catch", to="caught")
    async with sending(server, catch) as flow:
        await flow.send("out", msg)
        caught = await flow.output("catch")
        assert len(flow.sent("catch")) == 1
        assert error in caught["error"]["message"]
        assert flow.statuses[-1].status["fill"] == "red"
        assert flow.sent("out") == []
    assert server.client.keys("ws:out:*") == []


async def test_an_answer_that_breaks_the_schema_is_held_back_when_enforced(server, until):
    server.call("Authorize", {"idTag": "A"})

    class Wrong(Node[Config]):
        type = "wrong"

        def on_message(self, msg):
            msg["payload"] = {"idTagInfo": {"status": "Perhaps"}}
            return msg

    nodes = answering(server, middle=("wrong",), out={"validation": "enforce"})
    async with flow_of(nodes, types=[Wrong], virtual=False) as flow:
        await until(server.frames)
        assert "idTagInfo.status" in (await flow.error()).text
    assert server.frames()[0][:3] == [4, "m1", "InternalError"]


async def test_a_refusal_by_redis_is_this_message_s_error(server):
    server.client.set("ws:out:t:d", "no stream")
    async with sending(server) as flow:
        await flow.send("out", {"payload": {}, "ocpp": TARGET})
        assert "WRONGTYPE" in (await flow.error()).text
        await flow.send("out", {"payload": {}, "ocpp": {**TARGET, "deviceId": "e"}})
        await flow.output("out")
    assert server.frames(device="e") == [[3, "m1", {}]]


async def test_without_a_config_node_messages_are_errors():
    async with flow_of([node("ocpp-out", "out")], virtual=False) as flow:
        assert (await flow.status("out"))["text"] == "no config"
        await flow.send("out", {"payload": {}, "ocpp": TARGET})
        assert [line.text for line in flow.errors] == ["No OCPP config node configured"] * 2


# -- statuses ---------------------------------------------------------------------------------------------------------
async def test_it_shows_its_connection_and_what_it_sent(server):
    async with sending(server) as flow:
        assert await flow.status("out") == {"fill": "grey", "shape": "ring", "text": "ready"}
        assert await flow.status("out") == {"fill": "green", "shape": "ring", "text": "connected"}
        await flow.send("out", {"payload": {}, "ocpp": {**TARGET, "action": "Heartbeat"}})
        assert await flow.status("out") == {"fill": "green", "shape": "dot", "text": "Heartbeat → t:d"}


# -- with ocpp-in -----------------------------------------------------------------------------------------------------
async def test_an_answered_message_is_acknowledged_when_all_is_handled(server, until):
    server.call("Heartbeat")
    async with flow_of(answering(server), types=[Answer], virtual=False) as flow:
        await flow.output("out")
        await until(lambda: server.pending() == 0)
    assert [frame[0] for frame in server.frames()] == [3]


async def test_a_second_answer_to_a_call_is_an_error(server, until):
    server.call("Heartbeat")
    nodes = [*answering(server), node("ocpp-out", "again", server="cfg")]
    nodes[1]["wires"] = [["n0", "again"]]
    async with flow_of(nodes, types=[Answer], virtual=False) as flow:
        assert "answered before" in (await flow.error()).text
        await until(lambda: server.pending() == 0)
    assert len(server.frames()) == 1


async def test_an_answer_after_the_time_is_over_is_an_error_and_not_sent(server, until):
    server.call("Heartbeat")
    nodes = answering(server, middle=("slow", "answer"), in_={"answerTimeout": 100})
    async with flow_of(nodes, types=[Answer, Slow], virtual=False) as flow:
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "m1", "InternalError"]
        Slow.go.set()
        assert "answered before" in (await flow.error()).text
        await until(lambda: server.pending() == 0)
    assert len(server.frames()) == 1


async def test_with_acknowledging_left_to_it_the_node_acknowledges(server, until):
    server.call("Heartbeat")
    async with flow_of(answering(server, in_={"autoAck": False}), types=[Answer], virtual=False) as flow:
        await flow.output("out")
        await until(lambda: server.pending() == 0)


async def test_nobody_acknowledges_when_both_leave_it_to_the_other(server):
    server.call("Heartbeat")
    nodes = answering(server, in_={"autoAck": False}, out={"autoAck": False})
    async with flow_of(nodes, types=[Answer], virtual=False) as flow:
        await flow.output("out")
        await flow.runtime.nodes["cfg"].side.flush()
        assert server.pending() == 1
    assert [frame[0] for frame in server.frames()] == [3]


async def test_a_node_in_another_branch_holds_the_acknowledgement_back(server, until):
    server.call("Heartbeat")
    nodes = [*answering(server), node("slow", "slow")]
    nodes[1]["wires"] = [["n0", "slow"]]
    async with flow_of(nodes, types=[Answer, Slow], virtual=False) as flow:
        await flow.output("out")
        await flow.runtime.nodes["cfg"].side.flush()
        assert server.pending() == 1
        Slow.go.set()
        await until(lambda: server.pending() == 0)


# -- deploys ----------------------------------------------------------------------------------------------------------
async def test_a_full_deploy_hands_unfinished_messages_to_the_new_flow(server, until):
    for number in range(5):
        server.call("Authorize", {"idTag": "A"}, id=f"m{number}", device=f"d{number}")
    nodes = answering(server, middle=("slow", "answer"))
    async with flow_of(nodes, types=[Answer, Slow], virtual=False) as flow:
        await until(lambda: Slow.began == 5)
        await flow.deploy(nodes)
        await until(lambda: Slow.began == 10)
        Slow.go.set()
        await until(lambda: server.pending() == 0)
    for number in range(5):
        assert [frame[:2] for frame in server.frames(device=f"d{number}")] == [[3, f"m{number}"]]


async def test_an_ocpp_in_that_a_deploy_removed_is_not_waited_for(server, until, monkeypatch):
    monkeypatch.setattr(intake, "RETURN", 0.1)
    beats = node("ocpp-in", "beats", to="n0", server="cfg", filterAction="Heartbeat")
    nodes = answering(server, in_={"filterAction": "Authorize"})
    async with flow_of([*nodes, beats], types=[Answer], virtual=False) as flow:
        server.call("Heartbeat", id="a")
        await until(server.frames)
        await flow.deploy(nodes)
        server.call("Heartbeat", id="b")
        await until(lambda: len(server.frames()) == 2)
    assert [frame[:3] for frame in server.frames()][1] == [4, "b", "NotImplemented"]


@pytest.mark.parametrize("mode", ["full", "nodes", "flows"])
async def test_deploys_under_load_lose_nothing_and_answer_within_a_second(server, until, mode):
    sent = {}
    nodes = answering(server)
    async with flow_of(nodes, types=[Answer], virtual=False) as flow:

        async def load():
            for number in range(200):
                sent[f"m{number}"] = asyncio.get_running_loop().time()
                server.call("Heartbeat", id=f"m{number}", device=f"d{number % 10}")
                await asyncio.sleep(0.005)

        stations = asyncio.create_task(watch(server))
        loading = asyncio.create_task(load())
        for round_ in range(3):
            await asyncio.sleep(0.25)
            nodes[3]["name"] = nodes[1]["name"] = f"round {round_}"
            await flow.deploy(nodes, mode)
        await loading
        seen = await asyncio.wait_for(stations, 10)
        await until(lambda: server.pending() == 0)
    frames = [frame for device in range(10) for frame in server.frames(device=f"d{device}")]
    assert sorted(frame[1] for frame in frames) == sorted(sent)
    assert {frame[0] for frame in frames} == {3}
    assert max(seen[id] - at for id, at in sent.items()) < 1.0


async def watch(server):
    """When each of the 200 answers was there."""
    import redis.asyncio

    client = redis.asyncio.Redis(unix_socket_path=str(server.socket), decode_responses=True)
    positions, seen = {f"ws:out:t:d{device}": "0" for device in range(10)}, {}
    while len(seen) < 200:
        for key, entries in await client.xread(positions, block=100, count=1000) or []:
            positions[key] = entries[-1][0]
            for _, fields in entries:
                seen.setdefault(fields["id"], asyncio.get_running_loop().time())
    await client.aclose()
    return seen
