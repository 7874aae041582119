"""Answers and commands exactly as the seed's nodes make them, for flows that depend on their mistakes.

Used with ``compat="seed"``. The version is 2.0.1 or, for everything else, 1.6; commands and answers share one table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from busway.nodes.ocpp.clock import now_iso, now_ms
from busway.nodes.ocpp.normalize.answers import EMPTY
from busway.nodes.ocpp.normalize.errors import PayloadError
from busway.nodes.ocpp.normalize.javascript import ABSENT, first_true, members, present, text, truthy

Converter = Callable[[dict[str, Any]], dict[str, Any]]


def _get(payload: dict[str, Any], name: str) -> Any:
    return payload.get(name, ABSENT)


def _or(payload: dict[str, Any], name: str, default: Any) -> Any:
    return first_true(_get(payload, name), default)


def _when_true(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if truthy(_get(payload, name))}


def _copy(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if name in payload}


def _boot(payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "currentTime": _or(payload, "currentTime", now_iso()),
        "interval": _or(payload, "interval", 300),
        "status": _or(payload, "status", "Accepted"),
    }


def _heartbeat(payload: dict[str, Any]) -> dict[str, Any]:
    return {"currentTime": _or(payload, "currentTime", now_iso())}


def _authorize_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": {"status": _or(payload, "status", "Accepted"), **_copy(payload, "expiryDate", "parentIdTag")}}


def _authorize_201(payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTokenInfo": {"status": _or(payload, "status", "Accepted")}}


def _start(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_copy(payload, "transactionId"), **_authorize_16(payload)}


def _stop(payload: dict[str, Any]) -> dict[str, Any]:
    if not truthy(_get(payload, "status")) and not truthy(_get(payload, "idTagInfo")):
        return {}
    native = members(payload.get("idTagInfo"))
    status = first_true(_get(payload, "status"), _get(native, "status"), "Accepted")
    dates = {name: first_true(_get(payload, name), _get(native, name)) for name in ("expiryDate", "parentIdTag")}
    return {"idTagInfo": {"status": status, **_when_true(dates, *dates)}}


def _transaction_event(payload: dict[str, Any]) -> dict[str, Any]:
    costs = _copy(payload, "totalCost", "chargingPriority")
    return {**costs, **_when_true(payload, "idTokenInfo", "updatedPersonalMessage")}


def _data_transfer(payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": _or(payload, "status", "Accepted"), **_copy(payload, "data")}


def _remote_start_16(payload: dict[str, Any]) -> dict[str, Any]:
    return present({"idTag": _get(payload, "idToken"), **_when_true(payload, "connectorId", "chargingProfile")})


def _evse_id(payload: dict[str, Any]) -> Any:
    return _or(payload, "evseId", _get(payload, "connectorId"))


def _remote_start_201(payload: dict[str, Any]) -> dict[str, Any]:
    token = {"idToken": _get(payload, "idToken"), "type": _or(payload, "idTokenType", "ISO14443")}
    evse = {"evseId": _evse_id(payload)}
    start = {"remoteStartId": _or(payload, "remoteStartId", now_ms())}
    return {"idToken": present(token), **_when_true(evse, "evseId"), **start, **_when_true(payload, "chargingProfile")}


def _remote_stop(payload: dict[str, Any]) -> dict[str, Any]:
    return _copy(payload, "transactionId")


def _keys(payload: dict[str, Any]) -> Any:
    keys = first_true(_get(payload, "keys"), _get(payload, "key"))
    return keys if isinstance(keys, (str, list)) and keys else None


def _get_config_16(payload: dict[str, Any]) -> dict[str, Any]:
    keys = _keys(payload)
    return {} if keys is None else {"key": keys}


def _variable(component: Any, key: Any) -> dict[str, Any]:
    return {"component": {"name": first_true(component, "OCPP")}, "variable": present({"name": key})}


def _get_config_201(payload: dict[str, Any]) -> dict[str, Any]:
    keys = _keys(payload)
    if isinstance(keys, list):
        return {"getVariableData": [_variable(_get(payload, "component"), key) for key in keys]}
    return _when_true(payload, "getVariableData")


def _set_config_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_copy(payload, "key"), "value": text(_get(payload, "value"))}


def _set_variable(change: dict[str, Any]) -> dict[str, Any]:
    value = text(_get(change, "value"))
    return {**_variable(_get(change, "component"), _get(change, "key")), "attributeValue": value}


def _set_config_201(payload: dict[str, Any]) -> dict[str, Any]:
    if truthy(_get(payload, "setVariableData")):
        return _copy(payload, "setVariableData")
    if truthy(_get(payload, "key")) and "value" in payload:
        return {"setVariableData": [_set_variable(payload)]}
    changes = payload.get("configurations")
    return (
        {"setVariableData": [_set_variable(members(change)) for change in changes]} if isinstance(changes, list) else {}
    )


def _get_log_16(payload: dict[str, Any]) -> dict[str, Any]:
    period = {"startTime": _get(payload, "oldestTimestamp"), "stopTime": _get(payload, "latestTimestamp")}
    return {**_copy(payload, "location", "retries", "retryInterval"), **_when_true(period, *period)}


def _get_log_201(payload: dict[str, Any]) -> dict[str, Any]:
    target = present({"remoteLocation": _get(payload, "location")})
    return {
        "logType": _or(payload, "logType", "DiagnosticsLog"),
        "requestId": _or(payload, "requestId", now_ms()),
        "log": {**target, **_when_true(payload, "oldestTimestamp", "latestTimestamp")},
        **_copy(payload, "retries", "retryInterval"),
    }


def _trigger_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_copy(payload, "requestedMessage"), **_when_true(payload, "connectorId")}


def _evse(payload: dict[str, Any]) -> dict[str, Any]:
    evse, connector = _get(payload, "evseId"), _get(payload, "connectorId")
    if truthy(evse) and truthy(connector):
        return {"evse": {"id": evse, "connectorId": connector}}
    either = first_true(evse, connector)
    return {"evse": {"id": either}} if truthy(either) else {}


def _trigger_201(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_copy(payload, "requestedMessage"), **_evse(payload)}


def _reset_16(payload: dict[str, Any]) -> dict[str, Any]:
    return _copy(payload, "type")


def _reset_201(payload: dict[str, Any]) -> dict[str, Any]:
    kind = _get(payload, "type")
    mapped = {"Soft": "OnIdle", "Hard": "Immediate"}.get(kind, kind) if isinstance(kind, str) else kind
    return {**present({"type": mapped}), **_when_true(payload, "evseId")}


def _unlock_16(payload: dict[str, Any]) -> dict[str, Any]:
    return _copy(payload, "connectorId")


def _unlock_201(payload: dict[str, Any]) -> dict[str, Any]:
    return present({"evseId": _evse_id(payload), "connectorId": _get(payload, "connectorId")})


def _operative(payload: dict[str, Any]) -> str:
    return "Operative" if truthy(_get(payload, "available")) else "Inoperative"


def _availability_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {"connectorId": _or(payload, "connectorId", 0), "type": _operative(payload)}


def _availability_201(payload: dict[str, Any]) -> dict[str, Any]:
    return {"operationalStatus": _operative(payload), **_evse(payload)}


def _clear_cache(payload: dict[str, Any]) -> dict[str, Any]:
    return {}


def _reserve_16(payload: dict[str, Any]) -> dict[str, Any]:
    required = _copy(payload, "expiryDate", "idTag", "reservationId")
    return {"connectorId": _or(payload, "connectorId", 0), **required, **_when_true(payload, "parentIdTag")}


def _reserve_201(payload: dict[str, Any]) -> dict[str, Any]:
    kind = _or(payload, "idTagType", "ISO14443")
    evse = {"evseId": _evse_id(payload)}
    group = {"groupIdToken": {"idToken": payload.get("parentIdTag"), "type": kind}}
    return {
        **present({"id": _get(payload, "reservationId"), "expiryDateTime": _get(payload, "expiryDate")}),
        "idToken": present({"idToken": _get(payload, "idTag"), "type": kind}),
        **_when_true(evse, "evseId"),
        **(group if truthy(_get(payload, "parentIdTag")) else {}),
    }


def _cancel_reserve(payload: dict[str, Any]) -> dict[str, Any]:
    return _copy(payload, "reservationId")


_ALL: Final[dict[str, Converter]] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "TransactionEvent": _transaction_event,
    "DataTransfer": _data_transfer,
    "RemoteStop": _remote_stop,
    "ClearCache": _clear_cache,
    "CancelReserve": _cancel_reserve,
}
_V16: Final[dict[str, Converter]] = {
    **_ALL,
    "Authorize": _authorize_16,
    "RemoteStart": _remote_start_16,
    "GetConfig": _get_config_16,
    "SetConfig": _set_config_16,
    "GetLog": _get_log_16,
    "Trigger": _trigger_16,
    "Reset": _reset_16,
    "Unlock": _unlock_16,
    "Availability": _availability_16,
    "Reserve": _reserve_16,
}
_V201: Final[dict[str, Converter]] = {
    **_ALL,
    "Authorize": _authorize_201,
    "RemoteStart": _remote_start_201,
    "GetConfig": _get_config_201,
    "SetConfig": _set_config_201,
    "GetLog": _get_log_201,
    "Trigger": _trigger_201,
    "Reset": _reset_201,
    "Unlock": _unlock_201,
    "Availability": _availability_201,
    "Reserve": _reserve_201,
}


def version_of(text: object) -> str:
    """The one text ``2.0.1`` is 2.0.1, all others are 1.6."""
    return "2.0.1" if text == "2.0.1" else "1.6"


def convert(action: str, payload: Any, version: str) -> Any:
    """The outgoing payload of an answer or command. Raises :class:`PayloadError` for null."""
    if action in EMPTY:
        return {}
    converter = (_V201 if version_of(version) == "2.0.1" else _V16).get(action)
    if converter is None:
        return payload
    if payload is None:
        raise PayloadError(action, payload)
    return converter(members(payload))
