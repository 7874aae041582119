"""Commands in the unified form -> action and payload of the station's version. Native payloads pass as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from busway.nodes.ocpp.clock import now_ms
from busway.nodes.ocpp.normalize.errors import CommandError, shown
from busway.nodes.ocpp.normalize.javascript import ABSENT, text, truthy

Builder = Callable[[dict[str, Any]], dict[str, Any]]

_NAMES_16: Final = {
    "RemoteStart": "RemoteStartTransaction",
    "RemoteStop": "RemoteStopTransaction",
    "GetConfig": "GetConfiguration",
    "SetConfig": "ChangeConfiguration",
    "GetLog": "GetDiagnostics",
    "Trigger": "TriggerMessage",
    "Reset": "Reset",
    "Unlock": "UnlockConnector",
    "Availability": "ChangeAvailability",
    "ClearCache": "ClearCache",
    "Reserve": "ReserveNow",
    "CancelReserve": "CancelReservation",
}
_NAMES_2: Final = {
    **_NAMES_16,
    "RemoteStart": "RequestStartTransaction",
    "RemoteStop": "RequestStopTransaction",
    "GetConfig": "GetVariables",
    "SetConfig": "SetVariables",
    "GetLog": "GetLog",
}
NAMES: Final = {"1.6": _NAMES_16, "2.0.1": _NAMES_2, "2.1": _NAMES_2}

_RESET_16: Final = {"Immediate": "Hard", "ImmediateAndResume": "Hard"}
_RESET_21: Final = {"Soft": "OnIdle", "Hard": "Immediate"}
_RESET_201: Final = {**_RESET_21, "ImmediateAndResume": "Immediate"}
_OPERATIVE: Final = ("Operative", "Inoperative")
_TOKEN_TYPE: Final = "ISO14443"
_COMPONENT: Final = "OCPP"
_INT32: Final = 0x7FFFFFFF
_SETTING: Final = '{"key": "HeartbeatInterval", "value": 300} is right'


def _given(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if payload.get(name) is not None}


def _when_true(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if truthy(payload.get(name))}


def _named(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _either(payload: dict[str, Any], *names: str) -> Any:
    return next((payload[name] for name in names if truthy(payload.get(name))), None)


def _fresh_id() -> int:
    """A number for a request id: OCPP's integers have 32 bits, the clock's milliseconds more."""
    return now_ms() & _INT32


def _token(payload: dict[str, Any], command: str) -> Any:
    token = _either(payload, "idToken", "idTag")
    if token is None:
        raise CommandError(f'{command} needs idToken (or idTag): the token to be charged for, such as "RFID12345"')
    return token


def _id_tag(token: Any) -> Any:
    return token.get("idToken") if isinstance(token, dict) else token


def _id_token(token: Any, kind: Any) -> dict[str, Any]:
    return token if isinstance(token, dict) else {"idToken": token, "type": kind or _TOKEN_TYPE}


def _evse(payload: dict[str, Any]) -> dict[str, Any]:
    """2.x ``evse``: as given, else from the numbers; a connector alone stands for the EVSE."""
    if isinstance(payload.get("evse"), dict):
        return {"evse": payload["evse"]}
    evse, connector = payload.get("evseId"), payload.get("connectorId")
    if evse and connector:
        return {"evse": {"id": evse, "connectorId": connector}}
    return {"evse": {"id": evse or connector}} if evse or connector else {}


def _remote_start_16(payload: dict[str, Any]) -> dict[str, Any]:
    token = _id_tag(_token(payload, "RemoteStart"))
    return {"idTag": token, **_when_true(payload, "connectorId", "chargingProfile")}


def _remote_start_2(payload: dict[str, Any], start_id: int) -> dict[str, Any]:
    given = payload.get("remoteStartId")
    return {
        "idToken": _id_token(_token(payload, "RemoteStart"), payload.get("idTokenType")),
        **_named("evseId", _either(payload, "evseId", "connectorId")),
        "remoteStartId": start_id if given is None else given,
        **_when_true(payload, "chargingProfile"),
        **_given(payload, "groupIdToken"),
    }


def _remote_start_201(payload: dict[str, Any]) -> dict[str, Any]:
    # Flows that name a 1.6 connector only are promised the clock's milliseconds as id, though it has more than 32 bits.
    by_connector = payload.get("connectorId") and not payload.get("evseId")
    return _remote_start_2(payload, now_ms() if by_connector else _fresh_id())


def _remote_start_21(payload: dict[str, Any]) -> dict[str, Any]:
    return _remote_start_2(payload, _fresh_id())


def _remote_stop(payload: dict[str, Any]) -> dict[str, Any]:
    return _given(payload, "transactionId")


def _keys(payload: dict[str, Any]) -> list[Any]:
    keys = _either(payload, "keys", "key")
    if isinstance(keys, str):
        return [keys]
    if keys is None or isinstance(keys, list):
        return keys or []
    raise CommandError(f'keys is {shown(keys)}; it must be a text or a list of texts such as ["HeartbeatInterval"]')


def _get_config_16(payload: dict[str, Any]) -> dict[str, Any]:
    keys = _keys(payload)
    return {"key": keys} if keys else {}


def _component(payload: dict[str, Any]) -> dict[str, Any]:
    component = payload.get("component")
    return component if isinstance(component, dict) else {"name": component or _COMPONENT}


def _get_config_2(payload: dict[str, Any]) -> dict[str, Any]:
    component = _component(payload)
    wanted = [{"component": component, "variable": {"name": key}} for key in _keys(payload)]
    wanted = wanted or payload.get("getVariableData") or []
    if not wanted:
        raise CommandError(
            "GetConfig needs keys (or getVariableData) here: OCPP 2.x cannot ask for all variables at once; "
            "the command GetBaseReport reports them all"
        )
    return {"getVariableData": wanted}


def _setting_text(value: Any, where: str) -> str:
    """What a station stores is text (OCPP 1.6 section 6.9; attributeValue in 2.x)."""
    if value is None or isinstance(value, dict):
        raise CommandError(f"{where} is {shown(value)}; SetConfig needs a text, number, boolean or list of these")
    return text(value)


def _has(payload: dict[str, Any], *names: str) -> bool:
    return any(payload.get(name) is not None for name in names)


def _set_config_16(payload: dict[str, Any]) -> dict[str, Any]:
    changes = payload.get("configurations")
    if isinstance(changes, list) and not _has(payload, "key"):
        payload = _only(changes)
    elif _has(payload, "setVariableData") and not _has(payload, "key", "value"):
        # Part of the seed's contract. It has no key, so no station can act on it, and validation names that.
        return {"value": text(ABSENT)}
    missing = [name for name in ("key", "value") if payload.get(name) is None]
    if missing:
        raise CommandError(f"SetConfig needs {' and '.join(missing)}: {_SETTING}")
    return {"key": payload["key"], "value": _setting_text(payload["value"], "value")}


def _only(changes: list[Any]) -> dict[str, Any]:
    if len(changes) == 1 and isinstance(changes[0], dict):
        return changes[0]
    raise CommandError(
        f"configurations has {len(changes)} entries; OCPP 1.6 changes one key at a time: send one SetConfig for each"
    )


def _set_config_201(payload: dict[str, Any]) -> dict[str, Any]:
    if truthy(payload.get("setVariableData")):
        return {"setVariableData": payload["setVariableData"]}
    if truthy(payload.get("key")) and "value" in payload:
        return {"setVariableData": [_variable(payload, "SetConfig")]}
    changes = payload.get("configurations")
    if isinstance(changes, list):
        return {"setVariableData": [_variable(change, f"configurations[{i}]") for i, change in enumerate(changes)]}
    return {}


def _set_config_21(payload: dict[str, Any]) -> dict[str, Any]:
    built = _set_config_201(payload)
    if built.get("setVariableData"):
        return built
    raise CommandError(f"SetConfig needs key and value: {_SETTING}")


def _variable(change: Any, where: str) -> dict[str, Any]:
    if not isinstance(change, dict) or not truthy(change.get("key")):
        raise CommandError(f"{where} needs key: the name of the variable to set")
    return {
        "component": _component(change),
        "variable": {"name": change["key"]},
        "attributeValue": _setting_text(change.get("value"), f"value of {where}"),
    }


def _log_target(payload: dict[str, Any]) -> dict[str, Any]:
    """Where the log is to go, in the names of 2.x: from the unified, the 1.6 and the 2.x form."""
    log = payload.get("log")
    native: dict[str, Any] = log if isinstance(log, dict) else {}
    location = _either(payload, "location") or native.get("remoteLocation")
    if location is None:
        raise CommandError('GetLog needs location: where the station uploads to, such as "ftp://logs.example/up"')
    oldest = _either(payload, "oldestTimestamp", "startTime")
    latest = _either(payload, "latestTimestamp", "stopTime")
    return {
        **native,
        "remoteLocation": location,
        **_named("oldestTimestamp", oldest),
        **_named("latestTimestamp", latest),
    }


def _get_log_16(payload: dict[str, Any]) -> dict[str, Any]:
    target = _log_target(payload)
    return {
        "location": target["remoteLocation"],
        **_given(payload, "retries", "retryInterval"),
        **_named("startTime", target.get("oldestTimestamp")),
        **_named("stopTime", target.get("latestTimestamp")),
    }


def _get_log_2(payload: dict[str, Any], request_id: int) -> dict[str, Any]:
    given = payload.get("requestId")
    return {
        "logType": payload.get("logType") or "DiagnosticsLog",
        "requestId": request_id if given is None else given,
        "log": _log_target(payload),
        **_given(payload, "retries", "retryInterval"),
    }


def _get_log_201(payload: dict[str, Any]) -> dict[str, Any]:
    # As with remoteStartId: the unified form is promised the clock's milliseconds.
    return _get_log_2(payload, now_ms() if payload.get("location") else _fresh_id())


def _get_log_21(payload: dict[str, Any]) -> dict[str, Any]:
    return _get_log_2(payload, _fresh_id())


def _trigger_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_given(payload, "requestedMessage"), **_when_true(payload, "connectorId")}


def _trigger_2(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_given(payload, "requestedMessage"), **_evse(payload), **_given(payload, "customTrigger")}


def _reset(kinds: dict[str, str], *extra: str) -> Builder:
    def build(payload: dict[str, Any]) -> dict[str, Any]:
        kind = payload.get("type")
        mapped = kinds.get(kind, kind) if isinstance(kind, str) else kind
        return {**_named("type", mapped), **_when_true(payload, *extra)}

    return build


def _unlock_16(payload: dict[str, Any]) -> dict[str, Any]:
    return _given(payload, "connectorId")


def _unlock_2(payload: dict[str, Any]) -> dict[str, Any]:
    return {**_named("evseId", _either(payload, "evseId", "connectorId")), **_given(payload, "connectorId")}


_FLAGS: Final = {"true": True, "false": False}


def _operative(payload: dict[str, Any]) -> str:
    """``available``, or the native ``type`` (1.6) or ``operationalStatus`` (2.x), for either version."""
    flag = payload.get("available")
    if flag is None:
        native = _either(payload, "operationalStatus", "type")
        if native in _OPERATIVE:
            return str(native)
        raise CommandError(
            "Availability needs available: true to put the station or connector in service, false to take it out"
        )
    flag = _FLAGS.get(flag.lower()) if isinstance(flag, str) else flag
    if isinstance(flag, (bool, int, float)):
        return _OPERATIVE[0] if flag else _OPERATIVE[1]
    raise CommandError(f"available is {shown(payload['available'])}; it must be true or false")


def _availability_16(payload: dict[str, Any]) -> dict[str, Any]:
    return {"connectorId": payload.get("connectorId") or 0, "type": _operative(payload)}


def _availability_2(payload: dict[str, Any]) -> dict[str, Any]:
    return {"operationalStatus": _operative(payload), **_evse(payload)}


def _clear_cache(payload: dict[str, Any]) -> dict[str, Any]:
    return {}


def _reserve_16(payload: dict[str, Any]) -> dict[str, Any]:
    group = _either(payload, "parentIdTag") or _id_tag(payload.get("groupIdToken"))
    return {
        "connectorId": payload.get("connectorId") or 0,
        **_named("expiryDate", _either(payload, "expiryDate", "expiryDateTime")),
        "idTag": _id_tag(_token(payload, "Reserve")),
        **_named("reservationId", _first_given(payload, "reservationId", "id")),
        **_named("parentIdTag", group or None),
    }


def _reserve_2(payload: dict[str, Any]) -> dict[str, Any]:
    kind = _either(payload, "idTagType", "idTokenType")
    group = _either(payload, "parentIdTag", "groupIdToken")
    return {
        **_named("id", _first_given(payload, "reservationId", "id")),
        **_named("expiryDateTime", _either(payload, "expiryDate", "expiryDateTime")),
        "idToken": _id_token(_token(payload, "Reserve"), kind),
        **_named("evseId", _either(payload, "evseId", "connectorId")),
        **({} if group is None else {"groupIdToken": _id_token(group, kind)}),
        **_given(payload, "connectorType"),
    }


def _first_given(payload: dict[str, Any], *names: str) -> Any:
    return next((payload[name] for name in names if payload.get(name) is not None), None)


def _cancel_reserve(payload: dict[str, Any]) -> dict[str, Any]:
    return _given(payload, "reservationId")


_V16: Final[dict[str, Builder]] = {
    "RemoteStart": _remote_start_16,
    "RemoteStop": _remote_stop,
    "GetConfig": _get_config_16,
    "SetConfig": _set_config_16,
    "GetLog": _get_log_16,
    "Trigger": _trigger_16,
    "Reset": _reset(_RESET_16),
    "Unlock": _unlock_16,
    "Availability": _availability_16,
    "ClearCache": _clear_cache,
    "Reserve": _reserve_16,
    "CancelReserve": _cancel_reserve,
}
_V201: Final[dict[str, Builder]] = {
    "RemoteStart": _remote_start_201,
    "RemoteStop": _remote_stop,
    "GetConfig": _get_config_2,
    "SetConfig": _set_config_201,
    "GetLog": _get_log_201,
    "Trigger": _trigger_2,
    "Reset": _reset(_RESET_201, "evseId"),
    "Unlock": _unlock_2,
    "Availability": _availability_2,
    "ClearCache": _clear_cache,
    "Reserve": _reserve_2,
    "CancelReserve": _cancel_reserve,
}
_V21: Final[dict[str, Builder]] = {
    **_V201,
    "RemoteStart": _remote_start_21,
    "SetConfig": _set_config_21,
    "GetLog": _get_log_21,
    "Reset": _reset(_RESET_21, "evseId"),
}

_BUILDERS: Final = {"1.6": _V16, "2.0.1": _V201, "2.1": _V21}


def build(command: str, payload: Any, version: str) -> Any:
    """The payload that ``version`` has for ``command``; None counts as ``{}``. Raises :class:`CommandError`."""
    payload = {} if payload is None else payload
    if type(payload) is not dict:
        raise CommandError(f"the payload of {command} must be an object, not {shown(payload)}")
    builder = _BUILDERS[version].get(command)
    if builder is None:
        return payload
    # every message of 2.x may carry vendor data; 1.6 has no place for it
    vendor = {} if version == "1.6" else _given(payload, "customData")
    return {**builder(payload), **vendor}
