"""A station's requests in the unified form: one converter a version and action; actions without one stay as they are.

Members a station left out stay out; null stays null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from busway.nodes.ocpp.normalize.energy import extract_meter_value
from busway.nodes.ocpp.versions import Compat

Converter = Callable[[dict[str, Any]], dict[str, Any]]
Pairs = tuple[tuple[str, str], ...]

_TRIGGERS: Final = {
    "EmergencyStop": "EmergencyStop",
    "EVDisconnected": "EVDisconnected",
    "PowerLoss": "PowerLoss",
    "UnlockCommand": "UnlockCommand",
    "DeAuthorized": "DeAuthorized",
    "HardReset": "ResetCommand",
    "SoftReset": "ResetCommand",
    "Reboot": "ResetCommand",
    "Local": "StopAuthorized",
    "Remote": "RemoteStop",
}


def stop_reason_to_trigger(reason: object = None) -> str:
    """OCPP 1.6 stop reason -> unified triggerReason; anything else, also none, is ``Other``."""
    return _TRIGGERS.get(reason, "Other") if isinstance(reason, str) else "Other"


def _same(*names: str) -> Pairs:
    return tuple((name, name) for name in names)


def _select(*pairs: tuple[str, str]) -> Converter:
    """Copies the members that are there, each under its unified name."""

    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        return {target: payload[source] for source, target in pairs if source in payload}

    return convert


def _copy(source: Any, target: dict[str, Any], pairs: Pairs) -> None:
    if type(source) is dict:
        for name, unified in pairs:
            if name in source:
                target[unified] = source[name]


def _evse_of(connector: Any) -> int:
    """1.6 has no EVSEs: every connector belongs to the first, connector 0 is the station."""
    if type(connector) is str:
        return int(connector.isdecimal() and connector.strip("0") != "")
    return int(isinstance(connector, (int, float)) and connector > 0)


_STATION = (
    ("vendorName", "vendor"),
    ("model", "model"),
    ("serialNumber", "serialNumber"),
    ("firmwareVersion", "firmwareVersion"),
)


def _boot_16(payload: dict[str, Any]) -> dict[str, Any]:
    unified = {}
    if "chargePointVendor" in payload:
        unified["vendor"] = payload["chargePointVendor"]
    if "chargePointModel" in payload:
        unified["model"] = payload["chargePointModel"]
    serial = payload.get("chargePointSerialNumber")
    if serial:
        unified["serialNumber"] = serial
    elif "chargeBoxSerialNumber" in payload:
        unified["serialNumber"] = payload["chargeBoxSerialNumber"]
    if "firmwareVersion" in payload:
        unified["firmwareVersion"] = payload["firmwareVersion"]
    unified["reason"] = "PowerUp"
    return unified


def _boot_2(payload: dict[str, Any]) -> dict[str, Any]:
    unified: dict[str, Any] = {}
    station = payload.get("chargingStation")
    _copy(station, unified, _STATION)
    if "reason" in payload:
        unified["reason"] = payload["reason"]
    _copy(station, unified, (("modem", "modem"),))
    return unified


_STATUS_16 = _same("connectorId", "status", "errorCode", "timestamp", "info", "vendorId", "vendorErrorCode")
_STATUS_2 = (("evseId", "evseId"), ("connectorId", "connectorId"), ("connectorStatus", "status"))


def _status_16(payload: dict[str, Any]) -> dict[str, Any]:
    unified = {"evseId": _evse_of(payload.get("connectorId"))}
    _copy(payload, unified, _STATUS_16)
    return unified


def _status_2(payload: dict[str, Any]) -> dict[str, Any]:
    unified: dict[str, Any] = {}
    _copy(payload, unified, _STATUS_2)
    unified["errorCode"] = "NoError"
    if "timestamp" in payload:
        unified["timestamp"] = payload["timestamp"]
    return unified


_TOKEN = (("idToken", "idToken"), ("type", "idTokenType"))


def _authorize_16(payload: dict[str, Any]) -> dict[str, Any]:
    unified = {"idToken": payload["idTag"]} if "idTag" in payload else {}
    unified["idTokenType"] = "ISO14443"
    return unified


def _authorize_2(payload: dict[str, Any]) -> dict[str, Any]:
    unified: dict[str, Any] = {}
    _copy(payload.get("idToken"), unified, _TOKEN)
    return unified


_START = _same("connectorId", "meterStart", "timestamp", "reservationId")
_STOP = _same("meterStop", "timestamp")


def _start(payload: dict[str, Any]) -> dict[str, Any]:
    unified = _authorize_16(payload)
    unified["evseId"] = _evse_of(payload.get("connectorId"))
    _copy(payload, unified, _START)
    unified["triggerReason"] = "Authorized"
    return unified


def _stop(payload: dict[str, Any]) -> dict[str, Any]:
    unified: dict[str, Any] = {}
    _copy(payload, unified, (("transactionId", "transactionId"), ("idTag", "idToken")))
    if payload.get("idTag"):
        unified["idTokenType"] = "ISO14443"
    _copy(payload, unified, _STOP)
    unified["reason"] = payload.get("reason") or "Local"
    if "transactionData" in payload:
        unified["meterValue"] = payload["transactionData"]
    unified["triggerReason"] = stop_reason_to_trigger(payload.get("reason"))
    return unified


_EVENT = _same("eventType", "seqNo", "triggerReason")
_EVSE = (("id", "evseId"), ("connectorId", "connectorId"))
_INFO_21 = _same("operationMode", "tariffId", "transactionLimit")
_EVENT_21 = _same("costDetails", "preconditioningStatus", "evseSleep")


def _transaction_event(compat: Compat) -> Converter:
    phases: dict[object, Callable[[dict[str, Any], Any, dict[str, Any]], None]] = {
        "Started": _started if compat == "strict" else _started_by_seed,
        "Updated": _updated,
        "Ended": _ended if compat == "strict" else _ended_by_seed,
    }

    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        unified: dict[str, Any] = {}
        info = payload.get("transactionInfo")
        _copy(payload, unified, _EVENT)
        _copy(info, unified, (("transactionId", "transactionId"),))
        _copy(payload.get("idToken"), unified, _TOKEN)
        _copy(payload.get("evse"), unified, _EVSE)
        _copy(payload, unified, (("timestamp", "timestamp"),))
        _copy(info, unified, (("chargingState", "chargingState"),))
        kind = payload.get("eventType")
        if type(kind) is str and kind in phases:
            phases[kind](payload, info, unified)
        return unified

    return convert


def _started(payload: dict[str, Any], info: Any, unified: dict[str, Any]) -> None:
    unified["meterStart"] = extract_meter_value(payload.get("meterValue"))
    _copy(info, unified, (("reservationId", "reservationId"),))
    _copy(payload, unified, (("reservationId", "reservationId"),))


def _started_by_seed(payload: dict[str, Any], info: Any, unified: dict[str, Any]) -> None:
    unified["meterStart"] = extract_meter_value(payload.get("meterValue"), compat="seed")
    _copy(info, unified, (("reservationId", "reservationId"),))


def _updated(payload: dict[str, Any], info: Any, unified: dict[str, Any]) -> None:
    _copy(payload, unified, (("meterValue", "meterValue"),))


def _ended(payload: dict[str, Any], info: Any, unified: dict[str, Any]) -> None:
    unified["meterStop"] = extract_meter_value(payload.get("meterValue"))
    _copy(info, unified, (("stoppedReason", "reason"),))
    _copy(payload, unified, (("meterValue", "meterValue"),))


def _ended_by_seed(payload: dict[str, Any], info: Any, unified: dict[str, Any]) -> None:
    _ended(payload, info, unified)
    unified["meterStop"] = extract_meter_value(payload.get("meterValue"), compat="seed")


_event_2 = _transaction_event("strict")


def _event_21(payload: dict[str, Any]) -> dict[str, Any]:
    unified = _event_2(payload)
    _copy(payload.get("transactionInfo"), unified, _INFO_21)
    _copy(payload, unified, _EVENT_21)
    return unified


def _diagnostics(payload: dict[str, Any]) -> dict[str, Any]:
    unified = {"status": payload["status"]} if "status" in payload else {}
    return {**unified, "requestId": None, "type": "Diagnostics"}


def _log_status(*names: str) -> Converter:
    select = _select(*_same(*names))

    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        unified = select(payload)
        unified["type"] = "Log"
        return unified

    return convert


_ALL: Final[dict[str, Converter]] = {
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "TransactionEvent": _event_2,
    "DataTransfer": _select(*_same("vendorId", "messageId", "data")),
    "FirmwareStatusNotification": _select(*_same("status", "requestId")),
    "DiagnosticsStatusNotification": _diagnostics,
    "LogStatusNotification": _log_status("status", "requestId"),
    "SecurityEventNotification": _select(("type", "eventType"), ("timestamp", "timestamp"), ("techInfo", "techInfo")),
    "NotifyEvent": _select(*_same("generatedAt", "seqNo", "tbc", "eventData")),
    "NotifyReport": _select(*_same("requestId", "generatedAt", "seqNo", "tbc", "reportData")),
}
_V16: Final[dict[str, Converter]] = {
    **_ALL,
    "BootNotification": _boot_16,
    "StatusNotification": _status_16,
    "Authorize": _authorize_16,
    "MeterValues": _select(*_same("connectorId", "transactionId", "meterValue")),
}
_V201: Final[dict[str, Converter]] = {
    **_ALL,
    "BootNotification": _boot_2,
    "StatusNotification": _status_2,
    "Authorize": _authorize_2,
    "MeterValues": _select(*_same("evseId", "meterValue")),
}
_V21: Final[dict[str, Converter]] = {
    **_V201,
    "TransactionEvent": _event_21,
    "FirmwareStatusNotification": _select(*_same("status", "requestId", "statusInfo")),
    "LogStatusNotification": _log_status("status", "requestId", "statusInfo"),
}
_BY_SEED: Final = {"TransactionEvent": _transaction_event("seed")}

STRICT: Final = {"1.6": _V16, "2.0.1": _V201, "2.1": _V21}
SEED: Final = {"1.6": {**_V16, **_BY_SEED}, "2.0.1": {**_V201, **_BY_SEED}}

_EVENTS: Final = {"Started": "TransactionStarted", "Updated": "TransactionUpdated", "Ended": "TransactionEnded"}
_UNIFIED: Final = {
    "StartTransaction": "TransactionStarted",
    "StopTransaction": "TransactionEnded",
    "DiagnosticsStatusNotification": "LogStatus",
    "LogStatusNotification": "LogStatus",
}


def unified_name(action: str, payload: Any) -> str:
    """The name under which flows know a station's request, whatever its version."""
    if action == "TransactionEvent":
        kind = payload.get("eventType") if type(payload) is dict else None
        return _EVENTS.get(kind, action) if type(kind) is str else action
    if action == "MeterValues":
        running = type(payload) is dict and payload.get("transactionId") is not None
        return "TransactionUpdated" if running else action
    return _UNIFIED.get(action, action)
