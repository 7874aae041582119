"""``/comms`` with a real client."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from busway.editor.server.comms import Comms, topic_pattern
from busway.engine.errors import ScriptError
from tests.editor.serving import do, place, served, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@do
def warn(msg):
    raise ValueError(msg["payload"])


async def test_debug_messages_are_sent_as_arrays_of_topic_and_data(site):
    await site.deploy(place("debug", "d", name="Debug"))
    async with site.comms() as client:
        site.runtime.receive("d", {"payload": "x" * 1001, "topic": "t"})
        message = await client.next("debug")
    assert message == {
        "topic": "debug",
        "data": {
            "id": "d",
            "z": "t",
            "path": "t",
            "name": "Debug",
            "topic": "t",
            "property": "payload",
            "msg": "x" * 1000 + "...",
            "format": "string[1001]",
        },
    }
    assert isinstance(client.frames[0], list)


async def test_messages_are_gathered_at_most_fifty_in_a_frame(site):
    await site.deploy(place("debug", "d"))
    async with site.comms() as client:
        for number in range(120):
            site.runtime.receive("d", {"payload": number})
        shown = [(await client.next("debug"))["data"]["msg"] for _ in range(120)]
    assert shown == [str(number) for number in range(120)]
    assert max(map(len, client.frames)) == 50
    assert len(client.frames) <= 4


async def test_what_all_nodes_log_as_a_warning_or_an_error_is_sent(site):
    await site.deploy(place("do", "f", what="warn"), place("http response", "out"))
    async with site.comms() as client:
        site.runtime.receive("f", {"payload": "boom"})
        site.runtime.receive("out", {})
        error, warning = await client.next("debug"), await client.next("debug")
    assert (error["data"]["level"], error["data"]["id"], error["data"]["format"]) == (20, "f", "error")
    assert '"message":"boom"' in error["data"]["msg"]
    assert (warning["data"]["level"], warning["data"]["msg"]) == (30, "No response object")
    assert warning["data"]["format"] == "string[18]"


async def test_an_error_told_as_a_sentence_is_shown_as_one(site):
    await site.deploy(place("seen", "s"))
    async with site.comms() as client:
        site.node("s").error("a sentence")
        site.node("s").error(ScriptError("x is not defined", name="ReferenceError"))
        assert (await client.next("debug"))["data"]["msg"] == "a sentence"
        assert (await client.next("debug"))["data"]["format"] == "error"


async def test_statuses_are_sent_and_kept_for_those_who_come_later(site):
    await site.deploy(place("seen", "s"), place("seen", "r"))
    async with site.comms() as client:
        site.node("s").status("up", "green", "dot", event="kept inside")
        assert await client.next("status/") == {
            "topic": "status/s",
            "data": {"text": "up", "fill": "green", "shape": "dot"},
        }
    site.node("s").status("later", "blue", "ring")
    site.node("r").status("only text")
    async with site.comms() as client:
        await client.subscribe("status/#")
        assert (await client.next("status/s"))["data"]["text"] == "later"
        assert (await client.next("status/r"))["data"] == {"text": "only text"}
        site.node("s").status()
        assert await client.next("status/s") == {"topic": "status/s", "data": {}}
    async with site.comms() as client:
        await client.subscribe("status/+")
        assert (await client.next("status/"))["topic"] == "status/r"


async def test_statuses_of_nodes_that_are_gone_are_forgotten(site):
    await site.deploy(place("seen", "s"))
    site.node("s").status("up")
    assert "status/s" in site.face.comms.retained
    await site.deploy(place("seen", "r"))
    assert "status/s" not in site.face.comms.retained


async def test_a_deploy_is_told(site):
    async with site.comms() as client:
        await client.subscribe("x")
        await site.client.post("/flows", json=[])
        told = [await client.next("notification/") for _ in range(3)]
    assert [(message["topic"], message["data"]) for message in told[:2]] == [
        ("notification/runtime-state", {"state": "stop", "deploy": True}),
        ("notification/runtime-state", {"state": "start", "deploy": True}),
    ]
    assert told[2] == {"topic": "notification/runtime-deploy", "data": {"revision": site.runtime.model.revision}}
    async with site.comms() as client:
        await client.subscribe("notification/#")
        topics = {(await client.next())["topic"] for _ in range(2)}
    assert topics == {"notification/runtime-state", "notification/runtime-deploy"}


async def test_an_editor_that_comes_after_the_start_hears_that_the_flows_run(tmp_path):
    async with served(tmp_path, place("seen", "s")) as fresh, fresh.comms() as client:
        await client.subscribe("notification/#")
        assert await client.next() == {"topic": "notification/runtime-state", "data": {"state": "start"}}


async def test_other_notifications_are_sent_once(site):
    async with site.comms() as client:
        await client.subscribe("x")
        await client.socket.ping()
        site.runtime.events.emit("notification", ("node/added", [{"id": "user/x"}]))
        assert (await client.next())["data"] == [{"id": "user/x"}]
    assert "notification/node/added" not in site.face.comms.retained


async def test_nonsense_from_a_client_does_no_harm(site):
    await site.deploy(place("seen", "s"))
    site.node("s").status("up")
    async with site.comms() as client:
        for text in (
            "",
            "{",
            "5",
            "[]",
            '{"subscribe": 5}',
            '{"subscribe": "["}',
            "[" * 10_000,
            b"\xff\x00",
            '{"auth": "x"}',
        ):
            await client.socket.send(text)
        await client.subscribe("status/s")
        assert (await client.next())["topic"] == "status/s"


async def test_the_heart_beats(site):
    comms = Comms(site.runtime, heartbeat=0.01)
    held = site.face.face.comms
    site.face.face.comms = comms
    try:
        async with site.comms() as client:
            message = await client.next("hb")
            assert isinstance(message["data"], int)
    finally:
        site.face.face.comms = held
        comms.close()


async def test_nobody_listens_while_nobody_is_connected(site):
    events = site.runtime.events
    assert not events.heard("debug")
    async with site.comms() as client:
        await client.subscribe("x")
        async with site.comms() as second:
            await second.subscribe("x")
            assert events.heard("debug")
        await until(lambda: len(site.face.comms.clients) == 1)
        assert events.heard("debug")
    await until(lambda: not site.face.comms.clients)
    assert not events.heard("debug")


async def test_a_slow_client_costs_bounded_memory_and_is_told(site):
    await site.deploy(place("debug", "d"), place("seen", "s"))
    async with site.comms(max_queue=1) as client:
        await client.subscribe("x")
        await until(lambda: site.face.comms.clients)
        (outbox,) = site.face.comms.clients
        outbox._most_debug = 200
        for number in range(3000):
            site.runtime.receive("d", {"payload": number})
        await site.settled()
        site.node("s").status("still told")
        assert len(outbox) <= 201
        dropped = 0
        shown, told = [], False
        while sum(shown) + dropped < 3000:
            message = await client.next()
            if message["topic"] == "status/s":
                assert message["data"] == {"text": "still told"}
                told = True
            elif message["topic"] == "debug":
                dropped += message["data"].get("dropped", 0)
                shown.append("dropped" not in message["data"])
        assert dropped
        assert told


async def test_nothing_is_encoded_for_clients_that_have_no_room(site):
    await site.deploy(place("debug", "d"))
    async with site.comms() as client:
        await client.subscribe("x")
        await until(lambda: site.face.comms.clients)
        (outbox,) = site.face.comms.clients
        outbox.takes_debug = False

        class Watched(dict):
            def get(self, key):
                raise AssertionError("it was looked at")

        site.face.comms._debug(Watched(msg="x"))
        assert outbox._missed == 1


async def test_a_client_that_leaves_everything_unread_is_disconnected_in_the_end(site):
    async with site.comms() as client:
        await client.subscribe("x")
        await until(lambda: site.face.comms.clients)
        (outbox,) = site.face.comms.clients
        outbox._most_others = 10
        for number in range(12):
            site.runtime.events.emit("notification", ("node/added", [number]))
        assert not site.face.comms.clients
        await asyncio.wait_for(client.socket.wait_closed(), 5)


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_pages_of_other_origins_may_not_listen(site, origin):
    with pytest.raises(InvalidStatus, match="403"):
        async with site.comms(origin=origin):
            raise AssertionError("it was let in")
    async with site.comms(origin=f"http://127.0.0.1:{site.port}") as client:
        await client.subscribe("x")


async def test_there_is_no_other_socket(site):
    from websockets.asyncio.client import connect

    with pytest.raises(InvalidStatus, match="403"):
        async with connect(f"ws://127.0.0.1:{site.port}/elsewhere"):
            raise AssertionError("it was let in")


@pytest.mark.parametrize(
    ("subscription", "topic", "fits"),
    [
        ("debug", "debug", True),
        ("debug", "debugx", False),
        ("status/#", "status/a/b", True),
        ("status/#", "status", True),
        ("status/+", "status/a", True),
        ("status/+", "status/a/b", False),
        ("+/runtime-state", "notification/runtime-state", True),
        ("a.c", "abc", False),
    ],
)
async def test_a_subscription_means_topics(subscription, topic, fits):
    assert bool(topic_pattern(subscription).fullmatch(topic)) == fits
