"""Simulated chargers against a real gateway and a small back office: everything that is said is valid."""

import asyncio
import json
import random
import time

import pytest

from busway.gateway.passwords import hash_password
from busway.gateway.simulator import Simulator
from busway.gateway.simulator.charging import Car, ChargingSession
from busway.gateway.simulator.pace import Pace
from busway.nodes.ocpp.schemas import validate

NOW = "2026-01-01T12:00:00.000Z"
TOKEN = {"idToken": "RFID12345", "type": "ISO14443"}
HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c"}
LOG = {"remoteLocation": "ftp://x/y"}
PERIODS = [{"startPeriod": 0, "limit": 16.0}]
PROFILE_16 = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS},
}
PROFILE_201 = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS}],
}
MONITOR = {"component": {"name": "EVSE"}, "variable": {"name": "Power"}, "value": 1, "type": "Delta", "severity": 1}
MESSAGE = {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "x"}}
NETWORK = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "ws://x",
    "messageTimeout": 30,
    "securityProfile": 1,
    "ocppInterface": "Wired0",
}

COMMANDS = {
    "1.6": [
        ("CancelReservation", {"reservationId": 9}, {"status": "Rejected"}),
        ("CertificateSigned", {"certificateChain": "x"}, {"status": "Accepted"}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, {"status": "Accepted"}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "120"}, {"status": "Accepted"}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "x"}, {"status": "Rejected"}),
        ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "3"}, {"status": "Rejected"}),
        ("ChangeConfiguration", {"key": "Other", "value": "3"}, {"status": "NotSupported"}),
        ("ClearCache", {}, {"status": "Accepted"}),
        ("ClearChargingProfile", {}, {"status": "Accepted"}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("DeleteCertificate", {"certificateHashData": HASH}, {"status": "NotFound"}),
        ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
        ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}, {"status": "Accepted"}),
        ("GetConfiguration", {"key": ["Nothing"]}, {"configurationKey": [], "unknownKey": ["Nothing"]}),
        ("GetDiagnostics", {"location": "ftp://x"}, {"fileName": "SIM-001.log"}),
        ("GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"}, {"status": "NotFound"}),
        ("GetLocalListVersion", {}, {"listVersion": 0}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": LOG}, {"status": "Accepted"}),
        (
            "InstallCertificate",
            {"certificateType": "ManufacturerRootCertificate", "certificate": "x"},
            {"status": "Accepted"},
        ),
        ("RemoteStopTransaction", {"transactionId": 99}, {"status": "Rejected"}),
        (
            "ReserveNow",
            {"connectorId": 1, "expiryDate": NOW, "idTag": "T", "reservationId": 1},
            {"status": "Accepted"},
        ),
        ("CancelReservation", {"reservationId": 1}, {"status": "Accepted"}),
        ("SendLocalList", {"listVersion": 3, "updateType": "Full"}, {"status": "Accepted"}),
        ("GetLocalListVersion", {}, {"listVersion": 3}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE_16}, {"status": "Accepted"}),
        (
            "SignedUpdateFirmware",
            {
                "requestId": 1,
                "firmware": {
                    "location": "x",
                    "retrieveDateTime": NOW,
                    "signingCertificate": "c",
                    "signature": "s",
                },
            },
            {"status": "Accepted"},
        ),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 2}, {"status": "Accepted"}),
        ("TriggerMessage", {"requestedMessage": "MeterValues"}, {"status": "NotImplemented"}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 7}, {"status": "Rejected"}),
        ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
        ("UpdateFirmware", {"location": "ftp://x/y", "retrieveDate": NOW}, {}),
    ],
    "2.0.1": [
        ("CancelReservation", {"reservationId": 9}, {"status": "Rejected"}),
        ("CertificateSigned", {"certificateChain": "x"}, {"status": "Accepted"}),
        ("ChangeAvailability", {"operationalStatus": "Operative"}, {"status": "Accepted"}),
        ("ClearCache", {}, {"status": "Accepted"}),
        ("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 1}}, {"status": "Accepted"}),
        ("ClearDisplayMessage", {"id": 1}, {"status": "Unknown"}),
        ("ClearVariableMonitoring", {"id": [4]}, {"clearMonitoringResult": [{"status": "NotFound", "id": 4}]}),
        ("CostUpdated", {"totalCost": 1.5, "transactionId": "t"}, {}),
        ("CustomerInformation", {"requestId": 1, "report": True, "clear": False}, {"status": "Accepted"}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("DeleteCertificate", {"certificateHashData": HASH}, {"status": "NotFound"}),
        ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, {"status": "Accepted"}),
        ("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}}, {"status": "NoProfiles"}),
        ("GetCompositeSchedule", {"duration": 60, "evseId": 1}, {"status": "Accepted"}),
        ("GetDisplayMessages", {"requestId": 1}, {"status": "Unknown"}),
        ("GetInstalledCertificateIds", {}, {"status": "NotFound"}),
        ("GetLocalListVersion", {}, {"versionNumber": 0}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": LOG}, {"status": "Accepted"}),
        ("GetMonitoringReport", {"requestId": 1}, {"status": "EmptyResultSet"}),
        ("GetReport", {"requestId": 2}, {"status": "Accepted"}),
        ("GetTransactionStatus", {}, {"messagesInQueue": False}),
        ("GetTransactionStatus", {"transactionId": "t"}, {"messagesInQueue": False, "ongoingIndicator": False}),
        (
            "GetVariables",
            {
                "getVariableData": [
                    {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}},
                    {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "Nothing"}},
                    {"component": {"name": "Nothing"}, "variable": {"name": "Nothing"}},
                    {"component": {"name": "ChargingStation"}, "variable": {"name": "Model"}},
                ]
            },
            {},
        ),
        (
            "InstallCertificate",
            {"certificateType": "ManufacturerRootCertificate", "certificate": "x"},
            {"status": "Accepted"},
        ),
        ("PublishFirmware", {"location": "x", "checksum": "c", "requestId": 1}, {"status": "Rejected"}),
        ("RequestStopTransaction", {"transactionId": "nothing"}, {"status": "Rejected"}),
        ("ReserveNow", {"id": 1, "expiryDateTime": NOW, "idToken": TOKEN, "evseId": 1}, {"status": "Accepted"}),
        ("CancelReservation", {"reservationId": 1}, {"status": "Accepted"}),
        ("SendLocalList", {"versionNumber": 3, "updateType": "Full"}, {"status": "Accepted"}),
        ("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE_201}, {"status": "Accepted"}),
        ("SetDisplayMessage", {"message": MESSAGE}, {"status": "Rejected"}),
        ("SetMonitoringBase", {"monitoringBase": "All"}, {"status": "Accepted"}),
        ("SetMonitoringLevel", {"severity": 4}, {"status": "Accepted"}),
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": NETWORK}, {"status": "Accepted"}),
        ("SetVariableMonitoring", {"setMonitoringData": [MONITOR]}, {}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": value,
                        "component": {"name": "SampledDataCtrlr"},
                        "variable": {"name": "TxUpdatedInterval"},
                    }
                    for value in ("30", "x")
                ]
            },
            {},
        ),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 2}}, {"status": "Accepted"}),
        ("TriggerMessage", {"requestedMessage": "LogStatusNotification"}, {"status": "Accepted"}),
        ("UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "Unlocked"}),
        ("UnpublishFirmware", {"checksum": "c"}, {"status": "NoFirmware"}),
        (
            "UpdateFirmware",
            {"requestId": 1, "firmware": {"location": "x", "retrieveDateTime": NOW}},
            {"status": "Accepted"},
        ),
    ],
}


class BackOffice:
    """Answers validly, checks what it hears, and sends commands."""

    def __init__(self, flow, replies):
        self.flow, self.replies = flow, replies
        self.heard, self.wrong = [], []
        self.registration = "Accepted"
        self.numbers = iter(range(1, 1000))
        self.changed = asyncio.Event()
        flow.answer = self.answer

    def answer(self, entry):
        action, payload = entry["metadata"]["action"], entry["payload"]["payload"]
        version = entry["metadata"]["version"]
        self.wrong += validate(version, action, "request", payload)
        self.heard.append((entry["deviceId"], action, payload))
        self.changed.set()
        if action == "BootNotification":
            return {"currentTime": NOW, "interval": 60, "status": self.registration}
        if action == "Heartbeat":
            return {"currentTime": NOW}
        accepted = {"status": "Accepted"}
        if action == "Authorize":
            return {"idTagInfo": accepted} if version == "1.6" else {"idTokenInfo": accepted}
        if action == "StartTransaction":
            return {"transactionId": next(self.numbers), "idTagInfo": accepted}
        return {}

    async def until(self, action, count=1, where=lambda payload: True):
        """Waits for so many messages of an action; returns the last one's payload."""
        async with asyncio.timeout(10):
            while True:
                self.changed.clear()
                found = [payload for _, name, payload in self.heard if name == action and where(payload)]
                if len(found) >= count:
                    return found[-1]
                await self.changed.wait()

    async def command(self, action, payload, version, device="SIM-001"):
        message_id = f"c{next(self.numbers)}"
        await self.flow.command(action, payload, message_id=message_id, device=device)
        reply = await self.replies.next()
        assert reply["messageId"] == message_id
        assert "error" not in reply, reply
        assert validate(version, action, "response", reply["payload"]) == []
        return reply["payload"]


@pytest.fixture
def back_office(flow, replies):
    office = BackOffice(flow, replies)
    yield office
    assert office.wrong == []


@pytest.fixture
async def simulate(gateway):
    started = []

    async def start(url=gateway.url, **options):
        simulator = Simulator(url, **{"tenant": "acme", "count": 1, "speed": 600, **options})
        await simulator.start()
        started.append(simulator)
        return simulator

    yield start
    for simulator in started:
        await simulator.stop()


@pytest.mark.parametrize(
    ("version", "actions"),
    [
        ("1.6", ("Authorize", "StartTransaction", "MeterValues", "StopTransaction", "Heartbeat")),
        ("2.0.1", ("Authorize", "TransactionEvent", "Heartbeat")),
    ],
)
async def test_charger_boots_and_charges_by_itself(back_office, simulate, version, actions):
    simulator = await simulate(versions=[version], speed=3000)
    await back_office.until("BootNotification")
    await back_office.until("StatusNotification", 2)
    for action in actions:
        await back_office.until(action)
    assert simulator.counts["BootNotification"] == 1


async def test_transaction_of_1_6_adds_up(back_office, simulate):
    await simulate(versions=["1.6"], speed=3000)
    stop = await back_office.until("StopTransaction")
    start = await back_office.until(
        "StartTransaction", where=lambda payload: payload["meterStart"] <= stop["meterStop"]
    )
    meter = [
        float(payload["meterValue"][0]["sampledValue"][0]["value"])
        for _, action, payload in back_office.heard
        if action == "MeterValues" and payload["transactionId"] == stop["transactionId"]
    ]
    assert meter == sorted(meter)
    assert start["meterStart"] <= meter[0] <= meter[-1] <= stop["meterStop"]
    assert stop["meterStop"] > start["meterStart"]


async def test_transaction_events_of_2_0_1_are_numbered_from_0(back_office, simulate):
    await simulate(versions=["2.0.1"], speed=3000)
    ended = await back_office.until("TransactionEvent", where=lambda payload: payload["eventType"] == "Ended")
    identity = ended["transactionInfo"]["transactionId"]
    events = [
        payload
        for _, action, payload in back_office.heard
        if action == "TransactionEvent" and payload["transactionInfo"]["transactionId"] == identity
    ]
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert events[0]["eventType"] == "Started"


async def test_fleet_mixes_versions(back_office, simulate, store, until):
    await simulate(count=4, versions=("1.6", "2.0.1"))
    await back_office.until("BootNotification", 4)
    protocols = [await store.hget(f"ws:conn:acme:SIM-00{number}", "protocol") for number in range(1, 5)]
    assert protocols == ["ocpp1.6", "ocpp2.0.1", "ocpp1.6", "ocpp2.0.1"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_every_command_is_answered_validly(back_office, simulate, version):
    await simulate(versions=[version], speed=50)
    await back_office.until("StatusNotification", 2)
    for action, payload, expected in COMMANDS[version]:
        assert validate(version, action, "request", payload) == [], action
        answer = await back_office.command(action, payload, version)
        assert answer.items() >= expected.items(), action


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_commands_cover_the_version(version):
    from ocpp.routing import create_route_map

    from busway.gateway.simulator.v16 import Dialect16
    from busway.gateway.simulator.v201 import Dialect201

    dialect = {"1.6": Dialect16, "2.0.1": Dialect201}[version]
    handled = {str(action) for action in create_route_map(dialect)}
    tested = {action for action, _, _ in COMMANDS[version]}
    started_elsewhere = {"Reset", "RemoteStartTransaction", "RequestStartTransaction", "GetConfiguration"}
    assert handled - started_elsewhere == tested - started_elsewhere


async def test_remote_start_and_stop_run_a_transaction_in_1_6(back_office, simulate):
    await simulate(versions=["1.6"], speed=50)
    await back_office.until("StatusNotification", 2)
    start = {"idTag": "T1", "connectorId": 2}
    assert await back_office.command("RemoteStartTransaction", start, "1.6") == {"status": "Accepted"}
    started = await back_office.until("StartTransaction", where=lambda payload: payload["idTag"] == "T1")
    assert started["connectorId"] == 2
    assert await back_office.command("RemoteStartTransaction", start, "1.6") == {"status": "Rejected"}
    number = (await back_office.until("MeterValues", where=lambda payload: payload["connectorId"] == 2))[
        "transactionId"
    ]
    assert await back_office.command("RemoteStopTransaction", {"transactionId": number}, "1.6") == {
        "status": "Accepted"
    }
    stopped = await back_office.until("StopTransaction")
    assert (stopped["transactionId"], stopped["reason"]) == (number, "Remote")


async def test_remote_start_and_stop_run_a_transaction_in_2_0_1(back_office, simulate):
    await simulate(versions=["2.0.1"], speed=50)
    await back_office.until("StatusNotification", 2)
    start = {"idToken": TOKEN, "remoteStartId": 77, "evseId": 1}
    assert await back_office.command("RequestStartTransaction", start, "2.0.1") == {"status": "Accepted"}
    started = await back_office.until(
        "TransactionEvent", where=lambda payload: payload["transactionInfo"].get("remoteStartId") == 77
    )
    stop = {"transactionId": started["transactionInfo"]["transactionId"]}
    assert await back_office.command("RequestStopTransaction", stop, "2.0.1") == {"status": "Accepted"}
    ended = await back_office.until("TransactionEvent", where=lambda payload: payload["eventType"] == "Ended")
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"


@pytest.mark.parametrize(("version", "kind"), [("1.6", "Hard"), ("2.0.1", "Immediate")])
async def test_reset_boots_again(back_office, simulate, version, kind):
    await simulate(versions=[version])
    await back_office.until("StatusNotification", 2)
    assert await back_office.command("Reset", {"type": kind}, version) == {"status": "Accepted"}
    again = await back_office.until("BootNotification", 2)
    if version == "2.0.1":
        assert again["reason"] == "RemoteReset"


async def test_command_that_breaks_the_schema_is_refused(back_office, simulate, replies):
    await simulate(versions=["1.6"])
    await back_office.until("StatusNotification", 2)
    await back_office.flow.command("Reset", {"type": "Sideways"}, device="SIM-001")
    reply = await replies.next()
    assert (reply["error"], reply["errorCode"]) == (True, "PropertyConstraintViolation")
    for action, code in (("Nonsense", "NotImplemented"), ("Heartbeat", "NotSupported")):
        await back_office.flow.command(action, {}, message_id=action, device="SIM-001")
        assert (await replies.next())["errorCode"] == code


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_charger_that_is_not_accepted_asks_again(back_office, simulate, status):
    back_office.registration = status
    await simulate()
    await back_office.until("BootNotification", 2)
    assert not any(action == "StatusNotification" for _, action, _ in back_office.heard)
    back_office.registration = "Accepted"
    await back_office.until("StatusNotification")


async def test_charger_comes_back_after_its_connection_was_cut(back_office, simulate, store):
    await simulate()
    await back_office.until("StatusNotification", 2)
    await store.publish("ws:ctrl:disconnect", json.dumps({"tenant": "acme", "deviceId": "SIM-001"}))
    await back_office.until("BootNotification", 2)


async def test_invalid_answer_of_the_back_office_is_named(back_office, simulate, until, caplog):
    back_office.flow.answer = lambda entry: {"status": "Maybe"}
    await simulate()
    await until(lambda: "the answer to BootNotification is not valid: currentTime is missing" in caplog.text)


async def test_password_is_sent(start_gateway, back_office, simulate):
    gateway = await start_gateway(security_profile=1, passwords={"acme:SIM-001": hash_password("secret")})
    await simulate(gateway.url, password="secret")
    await back_office.until("BootNotification")


async def test_stop_ends_all_connections(back_office, simulate, gateway, until):
    simulator = await simulate(count=5)
    await back_office.until("BootNotification", 5)
    await simulator.stop()
    await until(lambda: gateway.counters.connected == 0)


def test_unknown_version_is_an_error():
    with pytest.raises(ValueError, match=r"1\.6 and 2\.0\.1.*1\.7"):
        Simulator("ws://x", versions=["1.7"])
    with pytest.raises(ValueError, match="speed must be above 0"):
        Simulator("ws://x", speed=0)


def test_car_charges_at_its_power_then_less_and_less_until_it_is_full():
    car = Car(capacity=50_000, level=25_000, power=11_040, phases=3)
    session = ChargingSession("T", car, 1000.4, 22_080)
    session.advance(600)
    assert session.power == 11_040
    assert session.sample().current == 16.0
    before = session.meter
    session.advance(3600 * 3)
    assert 0 < session.power < 11_040
    session.advance(3600 * 20)
    assert session.full
    assert session.meter - 1000.4 == pytest.approx(25_000, abs=60)
    assert session.meter > before


def test_car_keeps_to_the_limit():
    session = ChargingSession("T", Car(50_000, 10_000, 11_040, 3), 0, 4140)
    session.advance(3600)
    assert session.power == 4140
    assert session.meter == pytest.approx(4140, rel=0.02)


def test_same_seed_gives_the_same_cars():
    assert [Car.arriving(random.Random(7)) for _ in range(2)] == [Car.arriving(random.Random(7)) for _ in range(2)]


async def test_pace_lets_time_pass_faster():
    pace, event = Pace(1000), asyncio.Event()
    began = time.monotonic()
    await pace.sleep(100)
    assert not await pace.wait(event, 100)
    event.set()
    assert await pace.wait(event, 10_000)
    assert 0.15 < time.monotonic() - began < 2
