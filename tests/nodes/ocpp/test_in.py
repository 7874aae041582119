"""The ocpp-in node: what it passes on, how, and what it shows."""

import json
import random

import pytest

from busway.engine.node import Config, Node
from busway.testing import flow_of, node


class Raise(Node[Config]):
    type = "raise"

    def on_message(self, msg):
        raise RuntimeError("no")


def ocpp_in(**properties):
    return node("ocpp-in", "in", to="out", server="cfg", **properties)


def config(server, **properties):
    return {"id": "cfg", "type": "ocpp-config", "url": server.url, "consumerName": "c1", **properties}


def running(server, *nodes, **properties):
    """A flow of an ocpp-in with these properties, whose messages end at the probe ``out``."""
    return flow_of([config(server, **properties.pop("config", {})), ocpp_in(**properties), *nodes], virtual=False)


BOOT = {"chargePointVendor": "Acme", "chargePointModel": "X1"}


async def test_a_call_leaves_as_a_message_with_all_attributes(server):
    entry_id = server.call("BootNotification", BOOT, id="m1", tenant="op", device="cp 1")
    async with running(server) as flow:
        msg = await flow.output("in")
    assert msg.pop("_msgid")
    assert list(msg) == ["payload", "ocpp"]
    assert msg["payload"]["vendor"] == "Acme"
    assert msg["payload"]["reason"] == "PowerUp"
    assert list(msg["ocpp"].items()) == [
        ("messageId", "m1"),
        ("action", "BootNotification"),
        ("unifiedAction", "BootNotification"),
        ("messageType", "call"),
        ("ocppMessageType", 2),
        ("version", "1.6"),
        ("protocol", "ocpp1.6"),
        ("tenant", "op"),
        ("deviceId", "cp 1"),
        ("identity", "op:cp 1"),
        ("timestamp", "1767268800000"),
        ("streamId", entry_id),
        ("_original", BOOT),
    ]


async def test_without_conversion_the_payload_is_the_station_s(server):
    server.call("BootNotification", BOOT)
    async with running(server, normalizePayload=False) as flow:
        msg = await flow.output("in")
    assert msg["payload"] == BOOT
    assert "unifiedAction" not in msg["ocpp"]
    assert "_original" not in msg["ocpp"]


async def test_a_transaction_has_its_unified_name(server):
    server.call(
        "StartTransaction", {"idTag": "A", "connectorId": 1, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    )
    async with running(server) as flow:
        msg = await flow.output("in")
    assert msg["ocpp"]["unifiedAction"] == "TransactionStarted"
    assert msg["payload"]["idToken"] == "A"


async def test_the_filter_compares_the_station_s_action(server):
    server.call("StartTransaction", {"idTag": "A"}, id="a")
    server.call("Heartbeat", id="b")
    async with running(server, filterAction="Heartbeat") as flow:
        assert (await flow.output("in"))["ocpp"]["messageId"] == "b"
    async with running(server, filterAction="TransactionStarted") as flow:
        await flow.status("in")
        assert flow.sent("in") == []


def response(server, kind, id="r1", **envelope):
    number = 3 if kind == "result" else 4
    metadata = json.dumps({"type": kind, "version": "1.6", "serverID": "gw1"})
    payload = json.dumps({"messageType": number, "uniqueID": id, **envelope})
    server.entry(tenant="t", deviceId="d", id=id, metadata=metadata, payload=payload)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["call"]),
        ({"includeResponses": True}, ["result", "error", "call"]),
        ({"includeResponses": True, "filterAction": "_CallResult"}, ["result"]),
        ({"includeResponses": True, "filterAction": "_CallError"}, ["error"]),
        ({"filterAction": "_CallResult"}, []),
        ({"filterAction": "_Response"}, ["result", "error"]),
        ({"includeResponses": True, "filterAction": "Heartbeat"}, ["call"]),
    ],
)
async def test_responses_pass_as_the_properties_say(server, until, properties, expected):
    response(server, "result", payload={"status": "Accepted"})
    response(server, "error", errorCode="NotSupported", errorDescription="no", errorDetails={})
    server.call("Heartbeat")
    async with running(server, **properties) as flow:
        await flow.status("in")
        await until(lambda: len(flow.sent("in")) == len(expected))
        await until(lambda: server.pending() == 0 and server.client.xinfo_groups("ws:inbound")[0]["lag"] == 0)
        assert [msg["ocpp"]["messageType"] for msg in flow.sent("in")] == expected


async def test_an_error_of_a_station_carries_its_code(server):
    response(server, "error", errorCode="NotSupported", errorDescription="no", errorDetails={})
    async with running(server, includeResponses=True) as flow:
        msg = await flow.output("in")
    assert msg["payload"]["errorCode"] == "NotSupported"
    assert msg["ocpp"]["action"] == "_CallError"


# -- statuses ---------------------------------------------------------------------------------------------------------
async def test_it_shows_that_it_listens_and_what_it_passed_on(server):
    async with running(server) as flow:
        assert await flow.status("in") == {"fill": "green", "shape": "ring", "text": "listening"}
        server.call("Heartbeat")
        assert await flow.status("in") == {"fill": "green", "shape": "dot", "text": "Heartbeat from t:d"}
    assert flow.statuses[-1].status == {"fill": "grey", "shape": "ring", "text": "stopped"}


async def test_statuses_of_many_messages_are_shown_a_few_times_a_second(server, until):
    for number in range(100):
        server.call("Heartbeat", id=f"m{number}", device=f"d{number}")
    async with running(server) as flow:
        await until(lambda: len(flow.sent("in")) == 100)
        shown = [told.status["text"] for told in flow.statuses if told.node == "in"]
        assert len(shown) < 5
        await until(lambda: flow.statuses[-1].status["text"] == "Heartbeat from t:d99")


@pytest.mark.parametrize(
    ("kind", "text"), [("result", "Response abcdefgh from t:d"), ("error", "Error abcdefgh from t:d")]
)
async def test_a_response_is_shown_by_its_id(server, kind, text):
    async with running(server, includeResponses=True) as flow:
        await flow.status("in")
        response(server, kind, id="abcdefghij")
        assert (await flow.status("in"))["text"] == text


async def test_without_a_config_node_it_says_so_and_others_run():
    async with flow_of([node("ocpp-in", "in", to="out")], virtual=False) as flow:
        assert await flow.status("in") == {"fill": "red", "shape": "ring", "text": "no config"}
        assert flow.errors[0].text == "No OCPP config node configured"


async def test_it_shows_when_redis_cannot_be_reached_and_when_it_is_back(server):
    async with running(server) as flow:
        assert (await flow.status("in"))["text"] == "listening"
        server.stop()
        assert await flow.status("in") == {"fill": "red", "shape": "dot", "text": "read error"}
        server.start()
        assert (await flow.status("in"))["text"] == "listening"
    assert sum(line.text.startswith("Read error: ") for line in flow.errors) == 1


async def test_a_start_without_redis_fails_visibly_and_goes_on_when_it_comes(server):
    server.stop()
    async with running(server) as flow:
        assert await flow.status("in") == {"fill": "red", "shape": "ring", "text": "start failed"}
        assert flow.errors[0].text.startswith("Start error: ")
        server.start()
        assert (await flow.status("in"))["text"] == "listening"


# -- what cannot be handled -------------------------------------------------------------------------------------------
async def test_a_catch_node_gets_the_fields_of_an_entry_that_is_no_message(server, until):
    server.entry(tenant="t", payload="{}", metadata="{}")
    catch = node("catch", "catch", to="caught")
    async with running(server, catch) as flow:
        msg = await flow.output("catch")
        await until(lambda: server.pending() == 0)
    assert msg["streamId"]
    assert msg["fields"]["tenant"] == "t"
    assert "deviceId" in msg["error"]["message"]


PARTS = ["", "{", "[]", "null", "7", '"x"', "\x00", "ä", '{"type":"call","action":"BootNotification"}', '{"type":7}']
PARTS += [
    '{"uniqueID":"u","payload":[1]}',
    '{"messageType":9}',
    '{"uniqueID":{"a":1}}',
    '[2,"id","Heartbeat",{}]',
    b"\xff\xfe",
]


async def test_whatever_an_entry_holds_the_next_message_is_served(server, until):
    dice = random.Random(1)
    for _ in range(400):
        names = dice.sample(
            ["tenant", "deviceId", "metadata", "payload", "id", "timestamp", "other"], dice.randint(1, 7)
        )
        server.client.xadd("ws:inbound", {name: dice.choice(PARTS) for name in names})
    server.call("Heartbeat", id="last")
    async with running(server, includeResponses=True) as flow:
        await until(lambda: any(msg["ocpp"]["messageId"] == "last" for msg in flow.sent("in")))
        await until(lambda: server.pending() == 0)
    assert server.client.xlen("ws:dead") > 100


async def test_a_payload_that_cannot_be_converted_is_told_to_the_station_and_the_flow(server, until):
    server.entry(
        tenant="t",
        deviceId="d",
        metadata=json.dumps({"action": "BootNotification", "version": "2.0.1"}),
        payload=json.dumps({"messageType": 2, "uniqueID": "m1", "payload": ["no", "object"]}),
    )
    async with running(server) as flow:
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "m1", "FormatViolation"]
        assert "BootNotification" in (await flow.error()).text
        await until(lambda: server.pending() == 0)


async def test_enforced_validation_answers_the_station_with_the_proper_error(server, until):
    server.call("BootNotification", {"chargePointVendor": 5, "chargePointModel": "X"}, id="a")
    server.call("NoSuchThing", id="b")
    server.call("Heartbeat", id="c")
    async with running(server, validation="enforce") as flow:
        assert (await flow.output("in"))["ocpp"]["messageId"] == "c"
        await until(lambda: len(server.frames()) == 3)
        assert len(flow.sent("in")) == 1
    codes = {frame[1]: frame[2] for frame in server.frames()}
    assert codes["a"] == "TypeConstraintViolation"
    assert codes["b"] == "NotImplemented"


async def test_validation_that_warns_passes_messages_on_and_warns_once(server, until):
    for number in range(3):
        server.call("BootNotification", {"chargePointVendor": "V"}, id=f"m{number}", device=f"d{number}")
    async with running(server, validation="warn") as flow:
        await until(lambda: len(flow.sent("in")) == 3)
        warnings = [line.text for line in flow.logs if line.level == "warn"]
    assert len(warnings) == 1
    assert "chargePointModel" in warnings[0]


# -- answers it gives -------------------------------------------------------------------------------------------------
async def test_a_call_that_the_flow_drops_is_answered_not_implemented(server, until):
    server.call("Heartbeat")
    async with running(server):
        await until(server.frames)
    assert server.frames()[0][:3] == [4, "m1", "NotImplemented"]


async def test_a_call_whose_branch_fails_is_answered_internal_error(server, until):
    server.call("Heartbeat")
    nodes = [config(server), node("ocpp-in", "in", to="bad", server="cfg"), node("raise", "bad")]
    async with flow_of(nodes, types=[Raise], virtual=False):
        await until(server.frames)
    assert server.frames()[0][:3] == [4, "m1", "InternalError"]


async def test_late_answers_are_waited_for_when_the_flow_says_so(server, until):
    server.call("Heartbeat")
    async with running(server, lateAnswers=True, answerTimeout=600) as flow:
        await flow.output("in")
        assert server.frames() == []
        await until(server.frames)
    assert server.frames()[0][2] == "InternalError"
