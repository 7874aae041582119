"""The example back office with an HTTP endpoint for commands, as users build one."""

import json

import httpx
import pytest

from tests.e2e.fixtures import programs
from tests.e2e.flows import function, node
from tests.e2e.program import FLOWS, PATIENCE

TAKE = "msg.ocpp = msg.payload.ocpp; msg.payload = msg.payload.payload; return msg;"
GIVE = "msg.payload = { payload: msg.payload, ocpp: msg.ocpp }; return msg;"


def command_api(url, name, timeout):
    """POST {ocpp, payload} gives what the station answered, and what the flow knows about it."""
    nodes = [
        node("http in", f"{name}-api", f"{name}-take", method="post", url=url),
        function(f"{name}-take", TAKE, f"{name}-send"),
        node("ocpp-command", f"{name}-send", f"{name}-give", server="cs_redis", timeout=timeout),
        function(f"{name}-give", GIVE, f"{name}-answer"),
        node("http response", f"{name}-answer"),
    ]
    return [{"x": 1, "y": 1, "z": "commands", **one} for one in nodes]


def back_office():
    """The example flow, and on a second tab the endpoints ``/command`` and, with half a second's patience, ``/hasty``."""
    nodes = json.loads((FLOWS / "charging-backoffice.json").read_text())
    tab = {"id": "commands", "type": "tab", "label": "Commands"}
    return [*nodes, tab, *command_api("/command", "command", "20000"), *command_api("/hasty", "hasty", "500")]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """The back office, running."""
    with programs(tmp_path_factory.mktemp("office")) as start:
        yield start(back_office())


async def command(office, name, command, payload=None, tenant="demo", node="command"):
    """Sends a command through the flow; gives the content of the reply and what the flow tells about it."""
    body = {"ocpp": {"tenant": tenant, "deviceId": name, "command": command}, "payload": payload or {}}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.post(f"{office.http}/{node}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"], answer.json()["ocpp"]


def unified(version):
    """Every command in its unified form."""
    reservation = {"reservationId": 1, "connectorId": 1, "idTag": "RFID1", "expiryDate": "2030-01-01T00:00:00Z"}
    return [
        ("RemoteStart", {"connectorId": 1, "idToken": "RFID1"}),
        ("RemoteStop", {"transactionId": 7 if version == "1.6" else "tx-7"}),
        ("Reset", {"type": "Soft"}),
        ("Unlock", {"connectorId": 1}),
        ("Availability", {"connectorId": 1, "available": False}),
        ("ClearCache", {}),
        ("Trigger", {"requestedMessage": "Heartbeat"}),
        ("GetConfig", {"keys": ["HeartbeatInterval"]}),
        ("SetConfig", {"key": "HeartbeatInterval", "value": "300"}),
        ("GetLog", {"location": "ftp://example.org/logs"}),
        ("Reserve", reservation),
        ("CancelReserve", {"reservationId": 1}),
    ]
