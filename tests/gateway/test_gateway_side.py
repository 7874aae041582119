"""The gateway's commands and texts, against a real Redis."""

import json

import pytest

from busway.nodes.ocpp.entries import parse_entry
from busway.nodes.ocpp.frames import Call, CallError, CallResult, CallResultError, Send
from busway.nodes.ocpp.streams.gateway_entries import (
    Dismissal,
    InboundEntry,
    OutboundEntry,
    Pending,
    Station,
    dismissal_text,
    inbound_entry,
    read_dismissal,
    read_pending,
    response_text,
)
from busway.nodes.ocpp.streams.gateway_side import GatewaySide
from busway.nodes.ocpp.streams.link import Connector

CP1 = Station("acme", "CP1")


@pytest.fixture
async def side(store, shared_redis):
    side = await GatewaySide.connect(Connector(shared_redis.url))
    yield side
    await side.link.close()


def entry(number):
    return InboundEntry("acme", "CP1", "{}", "{}", str(number), "0")


async def ids(store):
    return [fields["id"] for _, fields in await store.xrange("ws:inbound")]


async def test_batch_is_added_once_for_its_number(side, store):
    first = await side.write("w", 1, [entry(1), entry(2)])
    assert await side.write("w", 1, [entry(1), entry(2)]) == first
    assert await side.write("w", 1, [entry(2)]) == first
    await side.write("w", 2, [entry(3)])
    await side.write("other", 1, [entry(4)])
    assert await ids(store) == ["1", "2", "3", "4"]
    assert (await store.xrange("ws:inbound"))[0][0] == first


async def test_marker_of_a_writer_ends_by_itself(side, store):
    await side.write("w", 1, [entry(1)])
    assert 0 < await store.ttl("{ws:inbound}:written:w") <= 86_400


async def test_registration_tells_who_was_there_and_how_far_the_stream_was_read(side, store):
    assert await side.register(CP1, fields("a", 1), 60) == (None, "0-0")
    await store.set("ws:cursor:acme:CP1", "5-1")
    await store.hset("ws:conn:acme:CP1", "leftover", "x")
    assert await side.register(CP1, fields("b", 2), 60) == ("a", "5-1")
    assert await store.hgetall("ws:conn:acme:CP1") == fields("b", 2)


def fields(connection, connected_at):
    return {"connection": connection, "connectedAt": str(connected_at), "protocol": "ocpp1.6"}


async def test_claim_is_kept_by_its_owner_and_by_the_newest_only(side, store):
    await side.register(CP1, fields("b", 20), 60)
    assert await side.keep(CP1, fields("b", 20), 90, "7-0", trim=False)
    assert await store.get("ws:cursor:acme:CP1") == "7-0"
    assert await store.ttl("ws:conn:acme:CP1") > 60
    assert not await side.keep(CP1, fields("a", 10), 90, "1-0", trim=False)
    assert await store.get("ws:cursor:acme:CP1") == "7-0"
    assert await side.keep(CP1, fields("c", 30), 90, None, trim=False)
    assert await store.hget("ws:conn:acme:CP1", "connection") == "c"


async def test_claim_is_released_by_its_owner_only(side, store):
    await side.register(CP1, fields("b", 2), 60)
    await side.release(CP1, "a", "9-0", trim=False)
    assert await store.exists("ws:conn:acme:CP1")
    assert not await store.exists("ws:cursor:acme:CP1")
    await side.release(CP1, "b", "9-0", trim=False)
    assert not await store.exists("ws:conn:acme:CP1")
    assert await store.get("ws:cursor:acme:CP1") == "9-0"


async def test_hash_of_another_program_is_taken_over(side, store):
    await store.hset("ws:conn:acme:CP1", "protocol", "ocpp1.6")
    assert await side.keep(CP1, fields("a", 1), 60, None, trim=False)
    assert (await side.register(CP1, fields("b", 2), 60))[0] == "a"


async def test_streams_are_read_behind_their_positions(side, store):
    await store.xadd("ws:out:acme:CP1", {"id": "1", "payload": "[]", "serverId": "s"}, id="1-0")
    await store.xadd("ws:out:acme:CP1", {"id": "2", "payload": "[]"}, id="2-0")
    await store.xadd("ws:out:acme:CP2", {"x": "y"}, id="1-0")
    found = dict(await side.read({"ws:out:acme:CP1": "0-0", "ws:out:acme:CP2": "0-0", "ws:out:acme:CP3": "0-0"}))
    assert found == {
        "ws:out:acme:CP1": [OutboundEntry("1-0", "1", "[]", "s"), OutboundEntry("2-0", "2", "[]", None)],
        "ws:out:acme:CP2": [OutboundEntry("1-0", "", "", None)],
    }
    assert dict(await side.read({"ws:out:acme:CP1": "1-0"})) == {
        "ws:out:acme:CP1": [OutboundEntry("2-0", "2", "[]", None)]
    }
    assert await side.read({"ws:out:acme:CP1": "2-0"}) == []


async def test_claimed_command_is_marked_as_delivered(side, store):
    note = {"action": "Reset", "sentAt": 1, "timeout": 1500, "serverId": "s"}
    await store.hset("ws:pending:acme:CP1", "c1", json.dumps(note))
    assert await side.claim(CP1, OutboundEntry("3-0", "c1", "[]", "s")) == Pending("s", "Reset", 1.5)
    assert await store.get("ws:cursor:acme:CP1") == "3-0"
    assert await side.claim(CP1, OutboundEntry("4-0", "c2", "[]", "s")) is None
    assert await side.claim(CP1, OutboundEntry("5-0", "c2", "[]", None)) == Pending(None, None, None)
    assert await side.pending(CP1, "c1") == Pending("s", "Reset", 1.5)
    assert await side.pending(CP1, "c2") is None


async def test_age_is_told_by_the_clock_of_redis(side, store):
    entry_id = await store.xadd("ws:out:acme:CP1", {"a": "b"})
    assert -0.01 < side.age(entry_id) < 2


FRAMES = [
    (Call("u", "Heartbeat", {}), ("call", 2, "Heartbeat")),
    (Send("u", "NotifyPeriodicEventStream", {"a": 1}), ("send", 6, "NotifyPeriodicEventStream")),
    (CallResult("u", {"a": [1, "ä"]}), ("result", 3, "_CallResult")),
    (CallError("u", "GenericError", "text", {"a": 1}), ("error", 4, "_CallError")),
    (CallResultError("u", "GenericError", "text", {"a": 1}), ("error", 5, "_CallResultError")),
]


@pytest.mark.parametrize(("frame", "expected"), FRAMES)
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_entry_is_read_by_the_flows_as_it_was_meant(frame, expected, version):
    written = inbound_entry(CP1, version, "gw", frame)
    names = ("tenant", "deviceId", "metadata", "payload", "id", "timestamp")
    read = parse_entry(dict(zip(names, written, strict=True)))
    assert (read.message_type, read.ocpp_message_type, read.action) == expected
    assert (read.message_id, read.tenant, read.device_id, read.version) == ("u", "acme", "CP1", version)
    if hasattr(frame, "payload"):
        assert read.payload == (frame.payload or read.payload)
    else:
        assert (read.error_code, read.error_description, read.error_details) == ("GenericError", "text", {"a": 1})


def test_published_texts_are_those_of_the_contract():
    assert json.loads(response_text(CallResult("u", {"a": 1}))) == {
        "messageId": "u",
        "messageType": 3,
        "payload": {"a": 1},
    }
    error = json.loads(response_text(CallError("u", "GenericError", "text", {})))
    assert (error["messageType"], error["error"], error["errorCode"]) == (4, True, "GenericError")


@pytest.mark.parametrize(
    ("text", "pending"),
    [
        ('{"serverId":"s","action":"A","timeout":500}', Pending("s", "A", 0.5)),
        ('{"serverId":"","action":1,"timeout":"x"}', Pending("stand-in", None, None)),
        ("[]", Pending("stand-in", None, None)),
        ("no json", Pending("stand-in", None, None)),
    ],
)
def test_notes_are_read_as_far_as_they_can_be(text, pending):
    assert read_pending(text, "stand-in") == pending


def test_dismissal_comes_back_from_its_text():
    wish = Dismissal(CP1, "connection", "reason")
    assert read_dismissal(dismissal_text(wish)) == wish
    assert read_dismissal('{"tenant":"acme","deviceId":"CP1"}') == Dismissal(CP1, None, "disconnected by the operator")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tenant":1,"deviceId":"x"}', '{"tenant":"x"}'])
def test_other_texts_are_no_dismissals(text):
    assert read_dismissal(text) is None
