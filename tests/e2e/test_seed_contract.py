"""Our nodes with a server that is not ours: entries, answers and commands exactly as the seed's contract has them.

The test plays the server: it writes `ws:inbound`, reads `ws:out`, publishes on `ws:resp`.
"""

import asyncio
import json

import pytest
import redis.asyncio

from tests.e2e.fixtures import programs
from tests.e2e.flows import node, ocpp_in
from tests.e2e.office import back_office, command
from tests.e2e.program import PATIENCE, until
from tests.e2e.servers import RedisServer

BOOT_16 = {"chargePointVendor": "Acme", "chargePointModel": "X1"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "X2"}}
RESPONSES = [
    {"x": 1, "y": 1, "z": "cs_tab", **one}
    for one in (
        {**ocpp_in("log", "responses", includeResponses=True, filterAction="_CallResult"), "server": "cs_redis"},
        node("debug", "log", console=True, active=True, complete="true"),
    )
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Flows without a gateway, and the Redis that they share with the test."""
    folder = tmp_path_factory.mktemp("contract")
    server = RedisServer(folder / "redis").start()
    with programs(folder) as start:
        program = start(back_office() + RESPONSES, "--no-gateway", "--redis", server.url)
        program.redis = server
        yield program
    server.kill()


@pytest.fixture
async def store(world):
    client = redis.asyncio.from_url(world.redis.url, decode_responses=True)
    yield client
    await client.aclose()


def entry(metadata, envelope, **fields):
    """The fields of an entry; None leaves one out."""
    texts = {
        name: json.dumps(value) for name, value in (("metadata", metadata), ("payload", envelope)) if value is not None
    }
    return {"tenant": "op", "deviceId": "CP1", **texts, **fields}


CALL = {"messageType": 2, "uniqueID": "u", "action": "BootNotification", "payload": BOOT_16}
META = {"type": "call", "action": "BootNotification", "version": "1.6", "serverID": "gw1"}


def without(mapping, *names):
    return {name: value for name, value in mapping.items() if name not in names}


VARIANTS = {
    "all fields": entry(META, CALL, id="u", timestamp="1767268800123"),
    "action only in the envelope": entry(without(META, "action"), CALL),
    "action only in the metadata": entry(META, without(CALL, "action")),
    "two actions: the metadata's counts": entry(META, {**CALL, "action": "Heartbeat"}),
    "no metadata": entry(None, CALL),
    "metadata that is no JSON": {**entry(None, CALL), "metadata": "not json"},
    "id only as a field": entry(META, without(CALL, "uniqueID"), id="u"),
    "no message type": entry(META, without(CALL, "messageType")),
    "no type in the metadata": entry(without(META, "type"), CALL),
    "no version": entry(without(META, "version"), CALL),
    "an unknown field": entry(META, CALL, id="u", color="blue"),
    "version 2.0.1": entry({**META, "version": "2.0.1"}, {**CALL, "payload": BOOT_201}),
}


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=list(VARIANTS))
async def test_every_form_of_an_entry_is_answered_and_acknowledged(store, fields, request):
    device, id = f"CP {request.node.callspec.id}", request.node.callspec.id.replace(" ", "-")
    fields = {name: value.replace('"u"', json.dumps(id)) for name, value in fields.items()}
    fields = {**fields, "deviceId": device, **({"id": id} if "id" in fields else {})}
    written = await store.xadd("ws:inbound", fields)
    (_, answer), *more = await outbound(store, device)
    assert more == []
    assert answer["id"] == id
    kind, answered, payload = json.loads(answer["payload"])
    assert (kind, answered, payload["status"], payload["interval"]) == (3, id, "Accepted", 60)
    assert answer["timestamp"].isdigit()
    await acknowledged(store, written)


async def test_results_of_stations_are_passed_to_flows_that_want_them_and_never_answered(world, store):
    result = entry(
        {"type": "result", "version": "1.6", "serverID": "gw1"},
        {"messageType": 3, "uniqueID": "c9", "payload": {"status": "Accepted"}},
        deviceId="CPR",
    )
    written = await store.xadd("ws:inbound", result)
    await world.until("ocppMessageType: 3")
    await acknowledged(store, written)
    assert await store.exists("ws:out:op:CPR") == 0


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"messageId": "$", "messageType": 3, "payload": {"status": "Accepted"}}, (False, {"status": "Accepted"})),
        ({"uniqueID": "$", "payload": {"status": "Rejected"}}, (False, {"status": "Rejected"})),
        ({"messageId": "$", "messageType": 4, "errorCode": "NotSupported"}, (True, None)),
        ({"messageId": "$", "error": True, "errorCode": "NotSupported"}, (True, None)),
    ],
    ids=["result", "uniqueID", "error by type", "error by flag"],
)
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", None])
async def test_a_command_is_written_as_the_contract_says_and_its_reply_taken(
    world, store, protocol, reply, expected, request
):
    device = f"C {request.node.callspec.id}"
    if protocol:
        await store.hset(f"ws:conn:op:{device}", "protocol", protocol)
    asking = asyncio.create_task(command(world, device, "RemoteStop", {"transactionId": "7"}, tenant="op"))
    (_, sent), *_ = await outbound(store, device)
    kind, id, action, payload = json.loads(sent["payload"])
    native = "RequestStopTransaction" if protocol == "ocpp2.0.1" else "RemoteStopTransaction"
    assert (kind, id, action) == (2, sent["id"], native)
    assert payload == {"transactionId": "7"}
    pending = json.loads(await store.hget(f"ws:pending:op:{device}", id))
    assert (pending["action"], pending["timeout"], pending["serverId"]) == (native, 20000, sent["serverId"])
    assert 25 <= await store.ttl(f"ws:pending:op:{device}") <= 30
    message = json.dumps(reply).replace('"$"', json.dumps(id))
    assert await store.publish(f"ws:resp:{pending['serverId']}", message) == 1
    content, told = await asking
    assert told["error"] == expected[0]
    assert told["errorCode"] == "NotSupported" if expected[0] else content == expected[1]
    assert await store.hexists(f"ws:pending:op:{device}", id) == 0


async def outbound(store, device):
    """The entries for a station, when there are any."""
    ((_, entries),) = await store.xread({f"ws:out:op:{device}": "0"}, block=round(PATIENCE * 1000))
    return entries


async def acknowledged(store, entry_id):
    """Waits until nobody has the entry open."""

    async def done():
        return not await store.xpending_range("ws:inbound", "biz-workers", entry_id, entry_id, 1)

    await until(done)
    (group,) = [one for one in await store.xinfo_groups("ws:inbound") if one["name"] == "biz-workers"]
    assert _order(group["last-delivered-id"]) >= _order(entry_id)


def _order(entry_id):
    return tuple(map(int, entry_id.split("-")))
