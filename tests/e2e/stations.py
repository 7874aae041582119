"""Charging stations on the `ocpp` package, which checks every payload in both directions against the official schemas."""

import asyncio
import contextlib
from datetime import UTC, datetime

import ocpp.v16
import ocpp.v21
import ocpp.v201
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from websockets.asyncio.client import connect

from tests.e2e.program import PATIENCE


def now():
    return datetime.now(UTC).isoformat()


def station_class(base, answers):
    """A station that answers each command with the result given for it, and remembers what it was asked."""

    def handler(action, result):
        async def answer(self, **payload):
            self.commands.append((action, payload))
            return result

        # The package finds handlers by their function's name.
        answer.__name__ = f"on_{action}"
        return on(action)(answer)

    return type("Station", (base,), {f"on_{action}": handler(action, result) for action, result in answers.items()})


Station16 = station_class(
    ocpp.v16.ChargePoint,
    {
        "RemoteStartTransaction": result16.RemoteStartTransaction("Accepted"),
        "RemoteStopTransaction": result16.RemoteStopTransaction("Rejected"),
        "Reset": result16.Reset("Accepted"),
        "UnlockConnector": result16.UnlockConnector("Unlocked"),
        "ChangeAvailability": result16.ChangeAvailability("Scheduled"),
        "ClearCache": result16.ClearCache("Accepted"),
        "TriggerMessage": result16.TriggerMessage("NotImplemented"),
        "GetConfiguration": result16.GetConfiguration([{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]),
        "ChangeConfiguration": result16.ChangeConfiguration("RebootRequired"),
        "GetDiagnostics": result16.GetDiagnostics("diagnostics.log"),
        "ReserveNow": result16.ReserveNow("Occupied"),
        "CancelReservation": result16.CancelReservation("Accepted"),
    },
)
VARIABLE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def answers_2(result):
    """What a station of version 2 answers; ``result`` is the module with its version's results."""
    return {
        "RequestStartTransaction": result.RequestStartTransaction("Accepted", transaction_id="tx-7"),
        "RequestStopTransaction": result.RequestStopTransaction("Rejected"),
        "Reset": result.Reset("Scheduled"),
        "UnlockConnector": result.UnlockConnector("OngoingAuthorizedTransaction"),
        "ChangeAvailability": result.ChangeAvailability("Accepted"),
        "ClearCache": result.ClearCache("Rejected"),
        "TriggerMessage": result.TriggerMessage("Accepted"),
        "GetVariables": result.GetVariables([{"attribute_status": "Accepted", "attribute_value": "60", **VARIABLE}]),
        "SetVariables": result.SetVariables([{"attribute_status": "Accepted", **VARIABLE}]),
        "GetLog": result.GetLog("Accepted", filename="diagnostics.log"),
        "ReserveNow": result.ReserveNow("Accepted"),
        "CancelReservation": result.CancelReservation("Accepted"),
    }


Station201 = station_class(ocpp.v201.ChargePoint, answers_2(ocpp.v201.call_result))
Station21 = station_class(ocpp.v21.ChargePoint, answers_2(ocpp.v21.call_result))
CLASSES = {"1.6": Station16, "2.0.1": Station201, "2.1": Station21}
CALLS_2 = {Station201: ocpp.v201.call, Station21: ocpp.v21.call}


@contextlib.asynccontextmanager
async def station(gateway, name, version, tenant="demo"):
    """A connected station, whose answers to commands run beside the test."""
    async with connect(f"{gateway}/{tenant}/{name}", subprotocols=[f"ocpp{version}"]) as socket:
        assert socket.subprotocol == f"ocpp{version}"
        point = CLASSES[version](name, socket, response_timeout=PATIENCE)
        point.commands = []
        serving = asyncio.create_task(point.start())
        try:
            yield point
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def ask(point, request, **options):
    """Calls the central system; an error as answer is raised, and so is an answer that breaks its schema."""
    return await point.call(request, suppress=False, **options)


async def charge_16(point):
    """A 1.6 station's day: boot, heartbeat, a transaction."""
    boot = await ask(point, call16.BootNotification(charge_point_model="X1", charge_point_vendor="Acme"))
    beat = await ask(point, call16.Heartbeat())
    await ask(point, call16.StatusNotification(1, "NoError", "Preparing", now()))
    token = await ask(point, call16.Authorize("RFID12345"))
    begun = await ask(point, call16.StartTransaction(1, "RFID12345", 1000, now()))
    values = [{"timestamp": now(), "sampled_value": [{"value": "1200", "measurand": "Energy.Active.Import.Register"}]}]
    await ask(point, call16.MeterValues(1, values, transaction_id=begun.transaction_id))
    ended = await ask(point, call16.StopTransaction(8500, now(), begun.transaction_id, reason="Local"))
    return boot, beat, token, begun, ended


async def charge_2(point):
    """A day of a station of version 2."""
    call = CALLS_2[type(point)]
    boot = await ask(
        point, call.BootNotification(charging_station={"model": "X2", "vendor_name": "Acme"}, reason="PowerUp")
    )
    beat = await ask(point, call.Heartbeat())
    status = {"connector_status": "Occupied", "evse_id": 1, "connector_id": 1}
    await ask(point, call.StatusNotification(timestamp=now(), **status))
    token = {"id_token": "RFID12345", "type": "ISO14443"}
    known = await ask(point, call.Authorize(id_token=token))

    def event(kind, number, **more):
        said = {"event_type": kind, "timestamp": now(), "trigger_reason": "Authorized", "seq_no": number}
        return call.TransactionEvent(**said, transaction_info={"transaction_id": "tx-1"}, **more)

    begun = await ask(point, event("Started", 0, id_token=token, evse={"id": 1, "connector_id": 1}))
    await ask(point, event("Updated", 1))
    ended = await ask(point, event("Ended", 2))
    return boot, beat, known, begun, ended
