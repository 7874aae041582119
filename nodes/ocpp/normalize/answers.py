"""A flow's unified answers in the form of the station's version, and native answers as they are.

A refusal stays a refusal. What was never said counts as ``Accepted``, as flows rely on it; what was said unclearly (a
status that is null or no text, an ``idTagInfo`` that is no object) is an error: nobody gets to charge by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from busway.nodes.ocpp.clock import now_iso
from busway.nodes.ocpp.normalize.errors import AnswerError, shown

Converter = Callable[[dict[str, Any]], dict[str, Any]]

EMPTY: Final = frozenset(
    {
        "StatusNotification",
        "MeterValues",
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
        "LogStatusNotification",
        "SecurityEventNotification",
        "NotifyEvent",
        "NotifyReport",
    }
)
"""Requests whose answer is ``{}`` whatever the flow's payload is."""

HEARTBEAT_INTERVAL: Final = 300
"""Seconds; the interval of a BootNotification's answer that names none."""

_ACCEPTED: Final = "Accepted"
_INFOS: Final = ("idTagInfo", "idTokenInfo")
# OCPP 1.6 section 7.2 knows five states of a token; these of 2.x (AuthorizationStatusEnumType) have no name there.
_STATUS_16: Final = {
    "Unknown": "Invalid",
    "NoCredit": "Blocked",
    "NotAllowedTypeEVSE": "Blocked",
    "NotAtThisLocation": "Blocked",
    "NotAtThisTime": "Blocked",
}
_LIFTED: Final = ("cacheExpiryDateTime", "groupIdToken", "language1", "language2", "personalMessage")


def _status(members: dict[str, Any], where: str) -> str:
    if "status" not in members:
        return _ACCEPTED
    status = members["status"]
    if type(status) is str and status:
        return status
    raise AnswerError(f"{where} is {shown(status) if status else status!r}; it must be a text such as Accepted")


def _info(payload: dict[str, Any], name: str) -> dict[str, Any]:
    info = payload.get(name, {})
    if type(info) is dict:
        return info
    raise AnswerError(f'{name} is {shown(info)}; it must be an object such as {{"status": "Accepted"}}')


def _verdict(payload: dict[str, Any]) -> str:
    """Whether the token may charge: of what payload, idTagInfo and idTokenInfo say, the first refusal wins."""
    said = [_status(payload, "status"), *(_status(_info(payload, name), f"{name}.status") for name in _INFOS)]
    return next((status for status in said if status != _ACCEPTED), _ACCEPTED)


def _has_verdict(payload: dict[str, Any]) -> bool:
    return "status" in payload or "idTagInfo" in payload or "idTokenInfo" in payload


def _given(source: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names if source.get(name) is not None}


def _id_tag_info(payload: dict[str, Any]) -> dict[str, Any]:
    verdict = _verdict(payload)
    expiry = _given(_info(payload, "idTokenInfo"), "cacheExpiryDateTime")
    return {
        "status": _STATUS_16.get(verdict, verdict),
        **({"expiryDate": expiry["cacheExpiryDateTime"]} if expiry else {}),
        **{name: value for name, value in _info(payload, "idTagInfo").items() if name != "status"},
        **_given(payload, "expiryDate", "parentIdTag"),
    }


def _id_token_info(payload: dict[str, Any], *lifted: str) -> dict[str, Any]:
    expiry = _given(_info(payload, "idTagInfo"), "expiryDate")
    return {
        "status": _verdict(payload),
        **({"cacheExpiryDateTime": expiry["expiryDate"]} if expiry else {}),
        **{name: value for name, value in _info(payload, "idTokenInfo").items() if name != "status"},
        **_given(payload, *lifted),
    }


def _boot(*extra: str) -> Converter:
    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        interval = payload.get("interval")
        return {
            "currentTime": payload.get("currentTime") or now_iso(),
            "interval": HEARTBEAT_INTERVAL if interval is None else interval,
            "status": _status(payload, "status"),
            **_given(payload, *extra),
        }

    return convert


def _heartbeat(*extra: str) -> Converter:
    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        return {"currentTime": payload.get("currentTime") or now_iso(), **_given(payload, *extra)}

    return convert


def _data_transfer(*extra: str) -> Converter:
    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        data = {"data": payload["data"]} if "data" in payload else {}
        return {"status": _status(payload, "status"), **data, **_given(payload, *extra)}

    return convert


def _authorize_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": _id_tag_info(payload)}


def _authorize_2(*extra: str) -> Converter:
    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        return {"idTokenInfo": _id_token_info(payload, *_LIFTED, "chargingPriority"), **_given(payload, *extra)}

    return convert


def _start(payload: dict[str, Any]) -> dict[str, Any]:
    info = _id_tag_info(payload)
    transaction = payload.get("transactionId")
    if transaction is None and info["status"] == _ACCEPTED:
        raise AnswerError("transactionId is missing; an accepted StartTransaction needs the integer that names it")
    # a refused start has no transaction, but StartTransaction.conf demands a number (OCPP 1.6 section 6.46)
    return {"transactionId": 0 if transaction is None else transaction, "idTagInfo": info}


def _stop(payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": _id_tag_info(payload)} if _has_verdict(payload) else {}


def _transaction_event(*extra: str) -> Converter:
    def convert(payload: dict[str, Any]) -> dict[str, Any]:
        info = {"idTokenInfo": _id_token_info(payload, *_LIFTED)} if _has_verdict(payload) else {}
        costs = _given(payload, "totalCost", "chargingPriority")
        return {**costs, **info, **_given(payload, "updatedPersonalMessage", *extra)}

    return convert


_ALL: Final[dict[str, Converter]] = {"StartTransaction": _start, "StopTransaction": _stop}
_V16: Final[dict[str, Converter]] = {
    **_ALL,
    "BootNotification": _boot(),
    "Heartbeat": _heartbeat(),
    "Authorize": _authorize_16,
    "DataTransfer": _data_transfer(),
    "TransactionEvent": _transaction_event(),
}
_V201: Final[dict[str, Converter]] = {
    **_ALL,
    "BootNotification": _boot("statusInfo", "customData"),
    "Heartbeat": _heartbeat("customData"),
    "Authorize": _authorize_2("certificateStatus", "customData"),
    "DataTransfer": _data_transfer("statusInfo", "customData"),
    "TransactionEvent": _transaction_event("customData"),
}
_V21: Final[dict[str, Converter]] = {
    **_V201,
    "Authorize": _authorize_2("certificateStatus", "allowedEnergyTransfer", "tariff", "customData"),
    "TransactionEvent": _transaction_event("updatedPersonalMessageExtra", "transactionLimit", "customData"),
}

STRICT: Final = {"1.6": _V16, "2.0.1": _V201, "2.1": _V21}
