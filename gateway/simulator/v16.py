"""A charger that speaks OCPP 1.6, with the security extension's commands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ocpp.v16 import ChargePoint, call, call_result

from busway.gateway.simulator.charging import VOLTAGE
from busway.gateway.simulator.dialect import Dialect, Registration, answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from busway.gateway.simulator.charger import Connector
    from busway.gateway.simulator.charging import ChargingSession, Sample

_READONLY: Final = {"NumberOfConnectors": "2", "SupportedFeatureProfiles": "Core,FirmwareManagement,Reservation"}
_DEFAULTS: Final = {
    "HeartbeatInterval": "300",
    "MeterValueSampleInterval": "60",
    "ConnectionTimeOut": "60",
    "AuthorizeRemoteTxRequests": "true",
    "LocalAuthListEnabled": "true",
}


class Dialect16(Dialect, ChargePoint):  # type: ignore[misc]
    """OCPP 1.6 over one connection."""

    version = "1.6"

    # -- what is said

    async def boot(self, reason: str) -> Registration:
        plate = self.charger.plate
        answer = await self.ask(
            call.BootNotification(
                charge_point_model=plate.model,
                charge_point_vendor=plate.vendor,
                charge_point_serial_number=plate.serial[:25],
                firmware_version=plate.firmware,
            )
        )
        return Registration(answer.status, answer.interval)

    async def heartbeat(self) -> None:
        await self.ask(call.Heartbeat())

    async def status(self, connector: Connector) -> None:
        await self.ask(call.StatusNotification(connector.number, "NoError", connector.status, self.now()))

    async def authorize(self, id_tag: str) -> bool:
        answer = await self.ask(call.Authorize(id_tag))
        return bool(answer.id_tag_info["status"] == "Accepted")

    async def begin(self, connector: Connector, session: ChargingSession, message_id: str) -> bool:
        reservation = session.reservation_id
        request = call.StartTransaction(
            connector.number, session.id_tag, session.meter_start, self.now(), reservation_id=reservation
        )
        answer = await self.ask(request, message_id)
        session.transaction_id = answer.transaction_id
        return bool(answer.id_tag_info["status"] == "Accepted")

    async def meter(self, connector: Connector, session: ChargingSession) -> None:
        values = [_meter_value(session.sample(), self.now())]
        transaction = session.transaction_id
        await self.ask(call.MeterValues(connector.number, values, transaction_id=transaction))

    async def end(self, connector: Connector, session: ChargingSession, message_id: str) -> None:
        sample = session.sample()
        request: Any = call.StopTransaction(
            meter_stop=sample.energy,
            timestamp=self.now(),
            transaction_id=session.transaction_id,
            reason=session.reason,
            id_tag=session.id_tag,
            transaction_data=[_meter_value(sample, self.now(), "Transaction.End")],
        )
        await self.ask(request, message_id)

    async def firmware_status(self, status: str, request_id: int | None) -> None:
        if request_id is None:
            await self.ask(call.FirmwareStatusNotification(status))
        else:
            await self.ask(call.SignedFirmwareStatusNotification(status, request_id))

    async def log_status(self, status: str, request_id: int | None) -> None:
        if request_id is None:
            await self.ask(call.DiagnosticsStatusNotification(status))
        else:
            await self.ask(call.LogStatusNotification(status, request_id))

    # -- transactions and connectors

    @answers("RemoteStartTransaction")
    def on_remote_start_transaction(self, id_tag: str, connector_id: int | None = None, **_: Any) -> Any:
        started = self.charger.start_remotely(self.charger.connector(connector_id), id_tag)
        return call_result.RemoteStartTransaction("Accepted" if started else "Rejected")

    @answers("RemoteStopTransaction")
    def on_remote_stop_transaction(self, transaction_id: int) -> Any:
        stopped = self.charger.stop_remotely(transaction_id)
        return call_result.RemoteStopTransaction("Accepted" if stopped else "Rejected")

    @answers("Reset")
    def on_reset(self, type: str) -> Any:
        self.charger.reset(hard=type == "Hard")
        return call_result.Reset("Accepted")

    @answers("ChangeAvailability")
    def on_change_availability(self, connector_id: int, type: str) -> Any:
        chosen = [one for one in self.charger.connectors if connector_id in (0, one.number)]
        changed = [self.charger.set_operative(one, type == "Operative") for one in chosen]
        status = "Accepted" if all(changed) else "Scheduled"
        return call_result.ChangeAvailability(status if chosen else "Rejected")

    @answers("UnlockConnector")
    def on_unlock_connector(self, connector_id: int) -> Any:
        connector = self.charger.connector(connector_id)
        if connector is None:
            return call_result.UnlockConnector("NotSupported")
        self.charger.unlock(connector)
        return call_result.UnlockConnector("Unlocked")

    @answers("ReserveNow")
    def on_reserve_now(self, connector_id: int, id_tag: str, reservation_id: int, **_: Any) -> Any:
        connector = self.charger.connector(connector_id or None)
        if connector is None:
            return call_result.ReserveNow("Rejected")
        return call_result.ReserveNow(self.charger.reserve(connector, reservation_id, id_tag))

    @answers("CancelReservation")
    def on_cancel_reservation(self, reservation_id: int) -> Any:
        cancelled = self.charger.cancel_reservation(reservation_id)
        return call_result.CancelReservation("Accepted" if cancelled else "Rejected")

    # -- configuration

    @answers("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        known = _READONLY | _DEFAULTS | self.charger.settings
        names = key or list(known)
        found = [{"key": name, "readonly": name in _READONLY, "value": known[name]} for name in names if name in known]
        return call_result.GetConfiguration(found, [name for name in names if name not in known])

    @answers("ChangeConfiguration")
    def on_change_configuration(self, key: str, value: str) -> Any:
        if key in _READONLY:
            return call_result.ChangeConfiguration("Rejected")
        if key not in _DEFAULTS:
            return call_result.ChangeConfiguration("NotSupported")
        if _DEFAULTS[key].isdigit() and not (value.isdigit() and int(value) > 0):
            return call_result.ChangeConfiguration("Rejected")
        self.charger.settings[key] = value
        if key == "HeartbeatInterval":
            self.charger.interval = float(value)
        return call_result.ChangeConfiguration("Accepted")

    @answers("ClearCache")
    def on_clear_cache(self) -> Any:
        return call_result.ClearCache("Accepted")

    @answers("GetLocalListVersion")
    def on_get_local_list_version(self) -> Any:
        return call_result.GetLocalListVersion(self.charger.local_list_version)

    @answers("SendLocalList")
    def on_send_local_list(self, list_version: int, **_: Any) -> Any:
        self.charger.local_list_version = list_version
        return call_result.SendLocalList("Accepted")

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    # -- charging profiles

    @answers("SetChargingProfile")
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        schedule = cs_charging_profiles["charging_schedule"]
        self.charger.limit(connector_id, power_of(schedule))
        return call_result.SetChargingProfile("Accepted")

    @answers("ClearChargingProfile")
    def on_clear_charging_profile(self, connector_id: int = 0, **_: Any) -> Any:
        self.charger.limit(connector_id, None)
        return call_result.ClearChargingProfile("Accepted")

    @answers("GetCompositeSchedule")
    def on_get_composite_schedule(self, connector_id: int, duration: int, **_: Any) -> Any:
        connector = self.charger.connector(connector_id or None)
        if connector is None:
            return call_result.GetCompositeSchedule("Rejected")
        periods = [{"start_period": 0, "limit": connector.limit}]
        schedule = {"duration": duration, "charging_rate_unit": "W", "charging_schedule_period": periods}
        return call_result.GetCompositeSchedule("Accepted", connector_id, self.now(), schedule)

    # -- logs, firmware, certificates

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, connector_id: int | None = None) -> Any:
        return call_result.TriggerMessage(self._trigger(requested_message, connector_id))

    @answers("ExtendedTriggerMessage")
    def on_extended_trigger_message(self, requested_message: str, connector_id: int | None = None) -> Any:
        return call_result.ExtendedTriggerMessage(self._trigger(requested_message, connector_id))

    def _trigger(self, requested: str, connector_id: int | None) -> str:
        connector = self.charger.connector(connector_id or 1)
        if connector is None:
            return "Rejected"
        work = self._requested(requested, connector)
        if work is None:
            return "NotImplemented"
        self.charger.spawn(self.charger.tell(lambda _: work()))
        return "Accepted"

    def _requested(self, requested: str, connector: Connector) -> Callable[[], Awaitable[Registration | None]] | None:
        if requested == "BootNotification":
            return partial(self.boot, "Triggered")
        if requested == "Heartbeat":
            return self.heartbeat
        if requested == "StatusNotification":
            return partial(self.status, connector)
        if requested == "MeterValues" and connector.session is not None:
            return partial(self.meter, connector, connector.session)
        if requested == "FirmwareStatusNotification":
            return partial(self.firmware_status, "Idle", None)
        if requested == "DiagnosticsStatusNotification":
            return partial(self.log_status, "Idle", None)
        return None

    @answers("GetDiagnostics")
    def on_get_diagnostics(self, **_: Any) -> Any:
        return call_result.GetDiagnostics(self.charger.upload_log(None))

    @answers("GetLog")
    def on_get_log(self, request_id: int, **_: Any) -> Any:
        return call_result.GetLog("Accepted", self.charger.upload_log(request_id))

    @answers("UpdateFirmware")
    def on_update_firmware(self, **_: Any) -> Any:
        self.charger.update_firmware(None)
        return call_result.UpdateFirmware()

    @answers("SignedUpdateFirmware")
    def on_signed_update_firmware(self, request_id: int, **_: Any) -> Any:
        self.charger.update_firmware(request_id)
        return call_result.SignedUpdateFirmware("Accepted")

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


def power_of(schedule: dict[str, Any]) -> float:
    """The power that a charging schedule allows in its first period, in W; three phases where it says none."""
    period = schedule["charging_schedule_period"][0]
    limit = float(period["limit"])
    return limit if schedule["charging_rate_unit"] == "W" else limit * VOLTAGE * period.get("number_phases", 3)


def _meter_value(sample: Sample, timestamp: str, context: str = "Sample.Periodic") -> dict[str, Any]:
    readings = (
        (str(sample.energy), "Energy.Active.Import.Register", "Wh"),
        (str(sample.power), "Power.Active.Import", "W"),
        (str(sample.current), "Current.Import", "A"),
        (str(sample.voltage), "Voltage", "V"),
        (str(sample.charge), "SoC", "Percent"),
    )
    values = [{"value": value, "context": context, "measurand": name, "unit": unit} for value, name, unit in readings]
    return {"timestamp": timestamp, "sampled_value": values}
