"""Live data over ``/comms``, as docs/live-data.md describes it."""

import json

import pytest

from busway.editor.server import live as desk
from busway.engine.masking import MASK
from tests.editor.serving import do, place, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@do
def live_forward(msg):
    if msg.get("payload") == "fail":
        raise ValueError("bad")
    return msg


def flow():
    return place("do", "a", to=["s"], what="live_forward"), place("seen", "s")


async def watch(client, **wanted):
    await client.socket.send(json.dumps({"watch": wanted}))


async def unwatch(client, **unwanted):
    await client.socket.send(json.dumps({"unwatch": unwanted}))


async def send(site, *payloads):
    for payload in payloads:
        site.runtime.receive("a", {"payload": payload})
    await site.settled()


async def test_counts_of_a_tab_come_as_they_change(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, counts=["t"])
        assert await client.next("live/") == {"topic": "live/counts", "data": {"nodes": {}}}
        await send(site, 1, 2, 3)
        first = (await client.next("live/counts"))["data"]["nodes"]
        assert first["a"]["sent"] == [3]
        assert first["a"]["rate"][0] > 0
        assert "s" not in first
        while (await client.next("live/counts"))["data"]["nodes"]["a"]["rate"] != [0.0]:
            pass


async def test_counting_goes_on_after_a_deploy(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, counts=["t"])
        await client.next("live/counts")
        await site.deploy(place("do", "b", to=["s"], what="live_forward"), place("seen", "s"))
        watcher = next(iter(site.face.comms.live._clients.values()))
        await until(lambda: watcher._deploys == watcher._live.deploys)
        site.runtime.receive("b", {})
        while (await client.next("live/counts"))["data"]["nodes"].get("b", {}).get("sent") != [1]:
            pass


async def test_errors_come_with_count_and_the_last_one(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, errors=True)
        assert (await client.next("live/errors"))["data"] == {"nodes": {}, "gone": []}
        await send(site, "fail", "fail")
        told = (await client.next("live/errors"))["data"]["nodes"]["a"]
        assert (told["count"], told["message"], told["caught"]) == (2, "ValueError: bad", False)
        await site.deploy(*flow())
        assert (await client.next("live/errors"))["data"] == {"nodes": {}, "gone": ["a"]}


async def test_who_comes_later_gets_the_errors_since_the_deploy(site):
    await site.deploy(*flow())
    await send(site, "fail")
    async with site.comms() as client:
        await watch(client, errors=True)
        assert (await client.next("live/errors"))["data"]["nodes"]["a"]["count"] == 1


async def test_the_load_of_the_engine_is_told(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, load=True)
        first = (await client.next("live/load"))["data"]
        assert first.keys() == {"delivered", "queued", "working", "unsettled", "rate"}
        await send(site, 1)
        second = (await client.next("live/load"))["data"]
        assert second["delivered"] - first["delivered"] == 2
        assert second["rate"] > 0


async def test_the_last_messages_of_a_wire_come_masked(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, wire={"node": "a", "output": 0, "last": 5})
        assert (await client.next("live/wire/a/0"))["data"] == {"node": "a", "output": 0, "seen": 0, "messages": []}
        await send(site, {"password": "planted-secret"}, "x")
        told = (await client.next("live/wire/a/0"))["data"]
        assert told["seen"] == 2
        assert json.loads(told["messages"][0]["msg"])["payload"] == {"password": MASK}
        assert "planted-secret" not in json.dumps(client.frames)


async def test_a_trace_is_told_when_it_is_complete(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, trace={"node": "a"})
        assert (await client.next("live/trace/a"))["data"] == {"node": "a", "waiting": True}
        await send(site, 1)
        told = (await client.next("live/trace/a"))["data"]
        assert told["complete"]
        assert [step["node"] for step in told["steps"]] == ["a", "s"]
        assert told["steps"][1]["from"] == [0, 0]


async def test_only_who_asks_gets_it_and_no_longer_than_wanted(site):
    await site.deploy(*flow())
    route = site.runtime.ports["a"].route
    async with site.comms() as client, site.comms() as other:
        await watch(client, counts=["a"], load=True)
        await client.next("live/counts")
        await unwatch(client, counts=True)
        await unwatch(client)
        await until(lambda: site.runtime.ports["a"].route is route)
        await watch(client, counts=["a"])
        await until(lambda: site.runtime.ports["a"].route is not route)
        await send(site, 1)
        site.node("s").status("after")
        assert (await other.next())["topic"] == "status/s"
    await until(lambda: site.runtime.ports["a"].route is route)
    assert not site.face.comms.live._clients


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (5, "an object is wanted"),
        ({"count": ["a"]}, "did you mean 'counts'"),
        ({"counts": "a"}, "list of ids"),
        ({"wire": {}}, "'node', the id of a node"),
        ({"wire": {"node": "a", "output": -1}}, "'output' is a whole number"),
        ({"wire": {"node": "a", "last": True}}, "'last' is a whole number"),
        ({"trace": "a"}, "'node', the id of a node"),
    ],
)
async def test_what_cannot_be_watched_is_refused_with_the_reason(site, wanted, said):
    async with site.comms() as client:
        await client.socket.send(json.dumps({"watch": wanted}))
        assert said in (await client.next("live/refused"))["data"]["message"]


async def test_nobody_can_watch_without_end(site, monkeypatch):
    monkeypatch.setattr(desk, "MOST_FEEDS", 2)
    async with site.comms() as client:
        for output in range(3):
            await watch(client, wire={"node": "a", "output": output})
        assert "unwatch some first" in (await client.next("live/refused"))["data"]["message"]


async def test_a_client_that_lags_gets_no_updates_until_it_has_read(site):
    await site.deploy(*flow())
    async with site.comms() as client:
        await watch(client, load=True)
        await client.next("live/load")
        (client_side,) = site.face.comms.live._clients.values()
        (outbox,) = site.face.comms.clients
        shown = []
        client_side._put = lambda *message: shown.append(message)
        for number in range(desk.LAGGING):
            outbox.put("notification/x", b"%d" % number)
        await send(site, 1)
        assert len(outbox) >= desk.LAGGING
        assert not shown
        await until(lambda: shown)
