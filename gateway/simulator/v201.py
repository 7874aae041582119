"""A charger that speaks OCPP 2.0.1. Each connector is an EVSE of its own."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ocpp.v201 import ChargePoint, call, call_result

from busway.gateway.simulator.dialect import Dialect, Registration, answers
from busway.gateway.simulator.v16 import power_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from busway.gateway.simulator.charger import Charger, Connector
    from busway.gateway.simulator.charging import ChargingSession, Sample

_STATUS: Final = {"Preparing": "Occupied", "Charging": "Occupied", "Finishing": "Occupied"}
_REASONS: Final = {
    "Local": ("Local", "StopAuthorized"),
    "Remote": ("Remote", "RemoteStop"),
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "SoftReset": ("Reboot", "ResetCommand"),
    "HardReset": ("ImmediateReset", "ResetCommand"),
    "UnlockCommand": ("Other", "UnlockCommand"),
}
"""Reason of a session's end -> stoppedReason and triggerReason."""

_VARIABLES: Final = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): ("HeartbeatInterval", "300"),
    ("SampledDataCtrlr", "TxUpdatedInterval"): ("MeterValueSampleInterval", "60"),
    ("AuthCtrlr", "AuthorizeRemoteStart"): ("AuthorizeRemoteTxRequests", "true"),
}
"""Component and variable -> the charger's setting and its default."""
_READONLY: Final = {("ChargingStation", "SupplyPhases"): "3", ("ChargingStation", "Model"): "Simulated 22"}


class Dialect201(Dialect, ChargePoint):  # type: ignore[misc]
    """OCPP 2.0.1 over one connection."""

    version = "2.0.1"

    def __init__(self, charger: Charger, connection: Any) -> None:
        super().__init__(charger, connection)
        self._told: dict[int, str] = {}

    # -- what is said

    async def boot(self, reason: str) -> Registration:
        plate = self.charger.plate
        station = {
            "model": plate.model,
            "vendor_name": plate.vendor,
            "serial_number": plate.serial[:25],
            "firmware_version": plate.firmware,
        }
        answer = await self.ask(call.BootNotification(station, reason))
        return Registration(answer.status, answer.interval)

    async def heartbeat(self) -> None:
        await self.ask(call.Heartbeat())

    async def status(self, connector: Connector) -> None:
        """Here a connector only has four states, so that some changes are none."""
        status = _STATUS.get(connector.status, connector.status)
        if self._told.get(connector.number) != status:
            self._told[connector.number] = status
            await self.ask(call.StatusNotification(self.now(), status, connector.number, 1))

    async def authorize(self, id_tag: str) -> bool:
        answer = await self.ask(call.Authorize(_token(id_tag)))
        return bool(answer.id_token_info["status"] == "Accepted")

    async def begin(self, connector: Connector, session: ChargingSession, message_id: str) -> bool:
        if session.transaction_id is None:
            session.transaction_id = str(uuid.uuid4())
        remote = session.remote_start_id
        trigger = "Authorized" if remote is None else "RemoteStart"
        event = self._event("Started", trigger, connector, session, "Transaction.Begin")
        event.id_token, event.reservation_id = _token(session.id_tag), session.reservation_id
        event.transaction_info["remote_start_id"] = remote
        answer = await self.ask(event, message_id)
        info = answer.id_token_info
        return info is None or bool(info["status"] == "Accepted")

    async def meter(self, connector: Connector, session: ChargingSession) -> None:
        await self.ask(self._event("Updated", "MeterValuePeriodic", connector, session, "Sample.Periodic"))

    async def end(self, connector: Connector, session: ChargingSession, message_id: str) -> None:
        stopped, trigger = _REASONS.get(session.reason, ("Other", "AbnormalCondition"))
        event = self._event("Ended", trigger, connector, session, "Transaction.End")
        event.transaction_info["stopped_reason"] = stopped
        await self.ask(event, message_id)

    def _event(self, kind: str, trigger: str, connector: Connector, session: ChargingSession, context: str) -> Any:
        charging = "EVConnected" if kind == "Ended" else "Charging"
        return call.TransactionEvent(
            event_type=kind,
            timestamp=self.now(),
            trigger_reason=trigger,
            seq_no=session.next_sequence(),
            transaction_info={"transaction_id": session.transaction_id, "charging_state": charging},
            meter_value=[_meter_value(session.sample(), self.now(), context)],
            evse={"id": connector.number, "connector_id": 1},
        )

    async def firmware_status(self, status: str, request_id: int | None) -> None:
        await self.ask(call.FirmwareStatusNotification(status, request_id))

    async def log_status(self, status: str, request_id: int | None) -> None:
        await self.ask(call.LogStatusNotification(status, request_id))

    # -- transactions and connectors

    @answers("RequestStartTransaction")
    def on_request_start_transaction(
        self, id_token: dict[str, Any], remote_start_id: int, evse_id: int | None = None, **_: Any
    ) -> Any:
        connector = self.charger.connector(evse_id)
        started = self.charger.start_remotely(connector, id_token["id_token"], remote_start_id)
        return call_result.RequestStartTransaction("Accepted" if started else "Rejected")

    @answers("RequestStopTransaction")
    def on_request_stop_transaction(self, transaction_id: str, **_: Any) -> Any:
        stopped = self.charger.stop_remotely(transaction_id)
        return call_result.RequestStopTransaction("Accepted" if stopped else "Rejected")

    @answers("GetTransactionStatus")
    def on_get_transaction_status(self, transaction_id: str | None = None, **_: Any) -> Any:
        if transaction_id is None:
            return call_result.GetTransactionStatus(messages_in_queue=False)
        ongoing = self.charger.of_transaction(transaction_id) is not None
        return call_result.GetTransactionStatus(messages_in_queue=False, ongoing_indicator=ongoing)

    @answers("Reset")
    def on_reset(self, type: str, evse_id: int | None = None, **_: Any) -> Any:
        if evse_id is not None:
            return call_result.Reset("Rejected")
        self.charger.reset(hard=type == "Immediate")
        going = any(connector.session for connector in self.charger.connectors)
        return call_result.Reset("Scheduled" if going and type == "OnIdle" else "Accepted")

    @answers("ChangeAvailability")
    def on_change_availability(self, operational_status: str, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        chosen = [one for one in self.charger.connectors if evse is None or one.number == evse["id"]]
        changed = [self.charger.set_operative(one, operational_status == "Operative") for one in chosen]
        status = "Accepted" if all(changed) else "Scheduled"
        return call_result.ChangeAvailability(status if chosen else "Rejected")

    @answers("UnlockConnector")
    def on_unlock_connector(self, evse_id: int, **_: Any) -> Any:
        connector = self.charger.connector(evse_id)
        if connector is None:
            return call_result.UnlockConnector("UnknownConnector")
        if connector.session is not None:
            return call_result.UnlockConnector("OngoingAuthorizedTransaction")
        return call_result.UnlockConnector("Unlocked")

    @answers("ReserveNow")
    def on_reserve_now(self, id: int, id_token: dict[str, Any], evse_id: int | None = None, **_: Any) -> Any:
        connector = self.charger.connector(evse_id)
        if connector is None:
            return call_result.ReserveNow("Rejected")
        return call_result.ReserveNow(self.charger.reserve(connector, id, id_token["id_token"]))

    @answers("CancelReservation")
    def on_cancel_reservation(self, reservation_id: int, **_: Any) -> Any:
        cancelled = self.charger.cancel_reservation(reservation_id)
        return call_result.CancelReservation("Accepted" if cancelled else "Rejected")

    # -- variables

    @answers("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        return call_result.GetVariables([self._variable(wanted) for wanted in get_variable_data])

    def _variable(self, wanted: dict[str, Any]) -> dict[str, Any]:
        where = wanted["component"]["name"], wanted["variable"]["name"]
        result = {"component": wanted["component"], "variable": wanted["variable"]}
        if where in _READONLY:
            return result | {"attribute_status": "Accepted", "attribute_value": _READONLY[where]}
        if where in _VARIABLES:
            setting, default = _VARIABLES[where]
            return result | {
                "attribute_status": "Accepted",
                "attribute_value": self.charger.settings.get(setting, default),
            }
        return result | {"attribute_status": _unknown(where[0])}

    @answers("SetVariables")
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        return call_result.SetVariables([self._set_variable(wanted) for wanted in set_variable_data])

    def _set_variable(self, wanted: dict[str, Any]) -> dict[str, Any]:
        where = wanted["component"]["name"], wanted["variable"]["name"]
        result = {"component": wanted["component"], "variable": wanted["variable"]}
        if where in _READONLY:
            return result | {"attribute_status": "Rejected"}
        if where not in _VARIABLES:
            return result | {"attribute_status": _unknown(where[0])}
        setting, default = _VARIABLES[where]
        value = wanted["attribute_value"]
        if default.isdigit() and not (value.isdigit() and int(value) > 0):
            return result | {"attribute_status": "Rejected"}
        self.charger.settings[setting] = value
        if setting == "HeartbeatInterval":
            self.charger.interval = float(value)
        return result | {"attribute_status": "Accepted"}

    @answers("GetBaseReport")
    def on_get_base_report(self, request_id: int, **_: Any) -> Any:
        self.charger.spawn(self.charger.tell(lambda _: self._report(request_id)))
        return call_result.GetBaseReport("Accepted")

    @answers("GetReport")
    def on_get_report(self, request_id: int, **_: Any) -> Any:
        self.charger.spawn(self.charger.tell(lambda _: self._report(request_id)))
        return call_result.GetReport("Accepted")

    async def _report(self, request_id: int) -> None:
        values = {where: self.charger.settings.get(name, default) for where, (name, default) in _VARIABLES.items()}
        data = [_reported(where, value, "ReadWrite") for where, value in values.items()]
        data += [_reported(where, value, "ReadOnly") for where, value in _READONLY.items()]
        await self.ask(call.NotifyReport(request_id, self.now(), 0, data))

    # -- lists, caches, messages

    @answers("ClearCache")
    def on_clear_cache(self, **_: Any) -> Any:
        return call_result.ClearCache("Accepted")

    @answers("GetLocalListVersion")
    def on_get_local_list_version(self, **_: Any) -> Any:
        return call_result.GetLocalListVersion(self.charger.local_list_version)

    @answers("SendLocalList")
    def on_send_local_list(self, version_number: int, **_: Any) -> Any:
        self.charger.local_list_version = version_number
        return call_result.SendLocalList("Accepted")

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    @answers("CostUpdated")
    def on_cost_updated(self, **_: Any) -> Any:
        return call_result.CostUpdated()

    @answers("SetDisplayMessage")
    def on_set_display_message(self, **_: Any) -> Any:
        return call_result.SetDisplayMessage("Rejected")

    @answers("GetDisplayMessages")
    def on_get_display_messages(self, **_: Any) -> Any:
        return call_result.GetDisplayMessages("Unknown")

    @answers("ClearDisplayMessage")
    def on_clear_display_message(self, **_: Any) -> Any:
        return call_result.ClearDisplayMessage("Unknown")

    @answers("CustomerInformation")
    def on_customer_information(self, request_id: int, report: bool, **_: Any) -> Any:
        if report:
            told = call.NotifyCustomerInformation("none stored", 0, self.now(), request_id)
            self.charger.spawn(self.charger.tell(lambda _: self.ask(told)))
        return call_result.CustomerInformation("Accepted")

    # -- charging profiles

    @answers("SetChargingProfile")
    def on_set_charging_profile(self, evse_id: int, charging_profile: dict[str, Any], **_: Any) -> Any:
        self.charger.limit(evse_id, power_of(charging_profile["charging_schedule"][0]))
        return call_result.SetChargingProfile("Accepted")

    @answers("ClearChargingProfile")
    def on_clear_charging_profile(self, charging_profile_criteria: dict[str, Any] | None = None, **_: Any) -> Any:
        self.charger.limit((charging_profile_criteria or {}).get("evse_id", 0), None)
        return call_result.ClearChargingProfile("Accepted")

    @answers("GetChargingProfiles")
    def on_get_charging_profiles(self, **_: Any) -> Any:
        return call_result.GetChargingProfiles("NoProfiles")

    @answers("GetCompositeSchedule")
    def on_get_composite_schedule(self, duration: int, evse_id: int, **_: Any) -> Any:
        connector = self.charger.connector(evse_id or None)
        if connector is None:
            return call_result.GetCompositeSchedule("Rejected")
        schedule = {
            "evse_id": evse_id,
            "duration": duration,
            "schedule_start": self.now(),
            "charging_rate_unit": "W",
            "charging_schedule_period": [{"start_period": 0, "limit": connector.limit}],
        }
        return call_result.GetCompositeSchedule("Accepted", schedule=schedule)

    # -- monitoring

    @answers("SetMonitoringBase")
    def on_set_monitoring_base(self, **_: Any) -> Any:
        return call_result.SetMonitoringBase("Accepted")

    @answers("SetMonitoringLevel")
    def on_set_monitoring_level(self, **_: Any) -> Any:
        return call_result.SetMonitoringLevel("Accepted")

    @answers("SetVariableMonitoring")
    def on_set_variable_monitoring(self, set_monitoring_data: list[dict[str, Any]], **_: Any) -> Any:
        kept = ("type", "severity", "component", "variable")
        results = [{name: wanted[name] for name in kept} | {"status": "Rejected"} for wanted in set_monitoring_data]
        return call_result.SetVariableMonitoring(results)

    @answers("GetMonitoringReport")
    def on_get_monitoring_report(self, **_: Any) -> Any:
        return call_result.GetMonitoringReport("EmptyResultSet")

    @answers("ClearVariableMonitoring")
    def on_clear_variable_monitoring(self, id: list[int], **_: Any) -> Any:
        results: list[Any] = [{"status": "NotFound", "id": number} for number in id]
        return call_result.ClearVariableMonitoring(results)

    # -- logs, firmware, certificates, network

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        connector = self.charger.connector(evse["id"] if evse else 1)
        if connector is None:
            return call_result.TriggerMessage("Rejected")
        work = self._requested(requested_message, connector)
        if work is None:
            return call_result.TriggerMessage("NotImplemented")
        self.charger.spawn(self.charger.tell(lambda _: work()))
        return call_result.TriggerMessage("Accepted")

    def _requested(self, requested: str, connector: Connector) -> Callable[[], Awaitable[Registration | None]] | None:
        if requested == "BootNotification":
            return partial(self.boot, "Triggered")
        if requested == "Heartbeat":
            return self.heartbeat
        if requested == "StatusNotification":
            self._told.pop(connector.number, None)
            return partial(self.status, connector)
        if requested in ("MeterValues", "TransactionEvent") and connector.session is not None:
            return partial(self.meter, connector, connector.session)
        if requested == "FirmwareStatusNotification":
            return partial(self.firmware_status, "Idle", None)
        if requested == "LogStatusNotification":
            return partial(self.log_status, "Idle", None)
        return None

    @answers("GetLog")
    def on_get_log(self, request_id: int, **_: Any) -> Any:
        return call_result.GetLog("Accepted", filename=self.charger.upload_log(request_id))

    @answers("UpdateFirmware")
    def on_update_firmware(self, request_id: int, **_: Any) -> Any:
        self.charger.update_firmware(request_id)
        return call_result.UpdateFirmware("Accepted")

    @answers("PublishFirmware")
    def on_publish_firmware(self, **_: Any) -> Any:
        return call_result.PublishFirmware("Rejected")

    @answers("UnpublishFirmware")
    def on_unpublish_firmware(self, **_: Any) -> Any:
        return call_result.UnpublishFirmware("NoFirmware")

    @answers("SetNetworkProfile")
    def on_set_network_profile(self, **_: Any) -> Any:
        return call_result.SetNetworkProfile("Accepted")

    @answers("InstallCertificate")
    def on_install_certificate(self, **_: Any) -> Any:
        return call_result.InstallCertificate("Accepted")

    @answers("DeleteCertificate")
    def on_delete_certificate(self, **_: Any) -> Any:
        return call_result.DeleteCertificate("NotFound")

    @answers("GetInstalledCertificateIds")
    def on_get_installed_certificate_ids(self, **_: Any) -> Any:
        return call_result.GetInstalledCertificateIds("NotFound")

    @answers("CertificateSigned")
    def on_certificate_signed(self, **_: Any) -> Any:
        return call_result.CertificateSigned("Accepted")


def _token(id_tag: str) -> Any:
    return {"id_token": id_tag, "type": "ISO14443"}


def _unknown(component: str) -> str:
    known = any(component == name for name, _ in [*_VARIABLES, *_READONLY])
    return "UnknownVariable" if known else "UnknownComponent"


def _reported(where: tuple[str, str], value: str, mutability: str) -> Any:
    attribute = {"type": "Actual", "value": value, "mutability": mutability}
    data_type = "integer" if value.isdigit() else "boolean" if value in ("true", "false") else "string"
    return {
        "component": {"name": where[0]},
        "variable": {"name": where[1]},
        "variable_attribute": [attribute],
        "variable_characteristics": {"data_type": data_type, "supports_monitoring": False},
    }


def _meter_value(sample: Sample, timestamp: str, context: str) -> Any:
    readings = (
        (sample.energy, "Energy.Active.Import.Register", "Wh"),
        (sample.power, "Power.Active.Import", "W"),
        (sample.current, "Current.Import", "A"),
        (sample.voltage, "Voltage", "V"),
        (sample.charge, "SoC", "Percent"),
    )
    values = [
        {"value": value, "context": context, "measurand": name, "unit_of_measure": {"unit": unit}}
        for value, name, unit in readings
    ]
    return {"timestamp": timestamp, "sampled_value": values}
