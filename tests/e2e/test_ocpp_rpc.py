"""Stations on ocpp-rpc (npm) in strict mode: whatever breaks an official schema, in either direction, is told and refused."""

import pytest

from tests.e2e.office import command, unified
from tests.e2e.peers import rpc_station
from tests.e2e.stations import now

TOKEN = {"idToken": "RFID1", "type": "ISO14443"}


def calls_16():
    boot = {"chargePointVendor": "Acme", "chargePointModel": "X1"}
    value = {"timestamp": now(), "sampledValue": [{"value": "1200"}]}
    yield "BootNotification", boot
    yield "Heartbeat", {}
    yield "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    yield "Authorize", {"idTag": "RFID1"}
    yield "StartTransaction", {"connectorId": 1, "idTag": "RFID1", "meterStart": 0, "timestamp": now()}
    yield "MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [value]}
    yield "StopTransaction", {"transactionId": 1, "meterStop": 10, "timestamp": now()}


def calls_201():
    yield "BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "X2"}}
    yield "Heartbeat", {}
    yield "StatusNotification", {"timestamp": now(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    yield "Authorize", {"idToken": TOKEN}
    for number, kind in enumerate(("Started", "Updated", "Ended")):
        event = {"eventType": kind, "timestamp": now(), "triggerReason": "Authorized", "seqNo": number}
        yield "TransactionEvent", {**event, "transactionInfo": {"transactionId": "tx-1"}, "idToken": TOKEN}


def accepted(*actions):
    return {action: {"status": "Accepted"} for action in actions}


COMPONENT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
COMMON = {
    **accepted("Reset", "ClearCache", "ChangeAvailability", "TriggerMessage", "ReserveNow", "CancelReservation"),
    "UnlockConnector": {"status": "UnlockFailed"},
}
ANSWERS_16 = {
    **COMMON,
    **accepted("RemoteStartTransaction", "RemoteStopTransaction", "ChangeConfiguration"),
    "GetConfiguration": {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]},
    "GetDiagnostics": {},
}
ANSWERS_201 = {
    **COMMON,
    **accepted("RequestStartTransaction", "RequestStopTransaction", "GetLog"),
    "GetVariables": {"getVariableResult": [{"attributeStatus": "Accepted", "attributeValue": "60", **COMPONENT}]},
    "SetVariables": {"setVariableResult": [{"attributeStatus": "Accepted", **COMPONENT}]},
}


@pytest.mark.parametrize(
    ("version", "calls", "answers"),
    [("1.6", calls_16, ANSWERS_16), ("2.0.1", calls_201, ANSWERS_201)],
    ids=["1.6", "2.0.1"],
)
async def test_every_call_and_every_command_is_valid_in_both_directions(office, version, calls, answers):
    async with rpc_station(office.gateway, f"RPC {version}", f"ocpp{version}", answers) as station:
        for action, params in calls():
            event = await station.call(action, params)
            assert "result" in event, (action, event, station.invalid())
        for name, payload in unified(version):
            content, told = await command(office, f"RPC {version}", name, payload)
            assert told["error"] is False, (name, told, station.invalid())
            assert (await station.next("asked", told["action"]))["params"] is not None
            assert content == answers[told["action"]], name
        assert station.invalid() == []


async def test_the_peer_does_tell_what_breaks_a_schema(office):
    async with rpc_station(office.gateway, "RPC strict", "ocpp1.6", {"Reset": {"status": "Perhaps"}}) as station:
        event = await station.call("Authorize", {"token": "RFID1"})
        assert "error" in event
        _, told = await command(office, "RPC strict", "Reset", {"type": "Soft"})
        assert told["error"] is True
        assert len(station.invalid()) == 2
