"""All measured cases of the seed's nodes: kept exactly with compat="seed", and what becomes of each in strict mode."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from busway.nodes.ocpp import clock, messages, normalize

FILE = json.loads(Path(__file__).with_name("cases.json").read_text())
CASES = {case["id"]: case for case in FILE["cases"]}

# JavaScript's inherited members ("toString" found in a table): nothing that Python has, or that anyone can rely on.
INHERITED = {"m086", "m087", "m151", "m177", "m223", "m326"}

ENTRY = {
    "messageId": "message_id",
    "tenant": "tenant",
    "deviceId": "device_id",
    "action": "action",
    "messageType": "message_type",
    "ocppMessageType": "ocpp_message_type",
    "payload": "payload",
    "version": "version",
    "protocol": "protocol",
    "timestamp": "timestamp",
    "identity": "identity",
    "_rawPayload": "raw_payload",
}


@pytest.fixture(autouse=True)
def frozen(monkeypatch):
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: FILE["meta"]["frozen_clock_ms"] / 1000))


def normalized(case, compat):
    action, payload, version = case.get("action"), case["input"], case["version"]
    unified = normalize.normalize(action, payload, version, compat=compat)
    name = normalize.unified_action(action, payload, version, compat=compat)
    return {"action": action, "unifiedAction": name, "payload": unified, "_original": payload}


def denormalized(case, compat):
    payload = normalize.denormalize(case["action"], case["input"], case.get("version"), compat=compat)
    return {"payload": payload, "version": case.get("version")}


def commanded(case, compat):
    action, payload = normalize.build_command(case["action"], case["input"], case["version"], compat=compat)
    return {"action": action, "frame": json.loads(messages.call(case["messageId"], action, payload))}


def parsed(case, compat):
    inbound = messages.parse_entry(case["input"], compat=compat)
    return {name: getattr(inbound, attribute) for name, attribute in ENTRY.items()}


def parsed_and_normalized(case, compat):
    entry = parsed(case, compat)
    action, payload, version = entry["action"], entry["payload"], entry["version"]
    unified = normalize.normalize(action, payload, version, compat=compat)
    name = normalize.unified_action(action, payload, version, compat=compat)
    return {**entry, "payload": unified, "unifiedAction": name, "_original": payload}


def answered(case, compat):
    if "input" in case:
        return messages.call_result(case["messageId"], case["input"])
    return (
        messages.call_result(case["messageId"], None) if compat == "seed" else messages.call_result(case["messageId"])
    )


OPERATIONS = {
    "normalize": normalized,
    "denormalize": denormalized,
    "buildCommand": commanded,
    "parse": parsed,
    "parse+normalize": parsed_and_normalized,
    "buildResponse": answered,
    "denormalizeCommand": lambda case, compat: normalize.build_command(
        case["action"], case["input"], case["version"], compat=compat
    )[1],
    "unifiedAction": lambda case, compat: normalize.unified_action(case["action"], case["input"], compat=compat),
    "versionAction": lambda case, compat: normalize.version_action(case["action"], case["version"], compat=compat),
    "isUnifiedCommand": lambda case, compat: normalize.is_unified_command(case["action"], compat=compat),
    "stopReasonToTrigger": lambda case, compat: normalize.stop_reason_to_trigger(case.get("input")),
    "extractMeterValue": lambda case, compat: normalize.extract_meter_value(case["input"], compat=compat),
    "buildError": lambda case, compat: messages.call_error(case["messageId"], *case["input"]),
    "buildCall": lambda case, compat: messages.call(case["messageId"], case["action"], case["input"]),
}


def json_of(case, result):
    """As JSON text, so that order counts; members that the seed left undefined may be None here."""
    expected = case.get("expected")
    if isinstance(result, dict) and isinstance(expected, dict):
        result = {name: value for name, value in result.items() if value is not None or name in expected}
    return json.dumps(result)


def outcome(case, compat):
    return json_of(case, OPERATIONS[case["op"]](case, compat))


def of_kind(*kinds):
    return [case_id for case_id, case in CASES.items() if case["kind"] in kinds]


def test_the_file_is_complete():
    assert len(CASES) == FILE["meta"]["count"] == 387
    assert {case["op"] for case in CASES.values()} == set(OPERATIONS)


@pytest.mark.parametrize("compat", ["strict", "seed"])
@pytest.mark.parametrize("case_id", of_kind("contract"))
def test_contract_holds_in_both_modes(case_id, compat):
    assert outcome(CASES[case_id], compat) == json.dumps(CASES[case_id]["expected"])


@pytest.mark.parametrize("case_id", sorted(set(of_kind("quirk", "defect")) - INHERITED))
def test_seed_mode_repeats_quirks_and_defects(case_id):
    case = CASES[case_id]
    if case.get("raises"):
        with pytest.raises((normalize.PayloadError, messages.EntryError)):
            outcome(case, "seed")
    else:
        assert outcome(case, "seed") == json.dumps(case["expected"])


def started(**changes):
    return {**CASES["m038"]["expected"]["payload"], **changes}


FRAMES = {
    "m227": ("RemoteStartTransaction", {"idTag": "NATIVE", "connectorId": 1}),
    "m234": ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    "m253": ("Reset", {"type": "Hard"}),
    "m265": ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
    "m270": (
        "ReserveNow",
        {"connectorId": 0, "expiryDate": "2026-03-04T06:06:07Z", "idTag": "R", "reservationId": 1},
    ),
    "m275": (
        "RequestStartTransaction",
        {"idToken": {"idToken": "A1", "type": "ISO14443"}, "remoteStartId": 1767268800123 % 2**31},
    ),
    "m276": (
        "RequestStartTransaction",
        {"idToken": {"idToken": "NATIVE", "type": "ISO14443"}, "evseId": 1, "remoteStartId": 1767268800123},
    ),
    "m283": (
        "GetVariables",
        {"getVariableData": [{"component": {"name": "OCPP"}, "variable": {"name": "HeartbeatInterval"}}]},
    ),
    "m314": ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}}),
    "m319": (
        "ReserveNow",
        {"id": 1, "expiryDateTime": "2026-03-04T06:06:07Z", "idToken": {"idToken": "R", "type": "ISO14443"}},
    ),
    "m322": ("GetLog", {"logType": "DiagnosticsLog", "requestId": 9, "log": {"remoteLocation": "ftp://n"}}),
    "m325": (
        "RequestStartTransaction",
        {"idToken": {"idToken": "A1", "type": "ISO14443"}, "evseId": 1, "remoteStartId": 1767268800123 % 2**31},
    ),
    "m326": ("toString", {}),
}
PAYLOADS = {
    "m008": {"vendor": "Acme", "model": "V2X", "reason": "PowerUp"},
    "m038": started(reservationId=88),
    "m046": {**CASES["m046"]["expected"]["payload"], "meterStop": 12500},
    "m086": {"x": 1},
    "m087": {"x": 1},
    "m092": {"currentTime": "2026-03-04T05:06:07Z", "interval": 0, "status": "Pending"},
    "m110": {"currentTime": "2026-03-04T05:06:07Z", "interval": 0, "status": "Pending"},
    "m126": {
        "currentTime": "2026-03-04T05:06:07Z",
        "interval": 30,
        "status": "Rejected",
        "statusInfo": {"reasonCode": "NoCred"},
    },
    "m127": {"idTagInfo": {"status": "Blocked"}},
    "m128": {"idTokenInfo": {"status": "Invalid"}},
    "m129": {
        "idTokenInfo": {
            "status": "Accepted",
            "cacheExpiryDateTime": "2026-03-04T06:06:07Z",
            "groupIdToken": {"idToken": "g", "type": "Central"},
        },
        "certificateStatus": "Accepted",
    },
    "m134": {"transactionId": 1, "idTagInfo": {"status": "Invalid"}},
    "m143": {"idTokenInfo": {"status": "Invalid"}},
    "m150": {"idToken": "A"},
    "m151": {"x": 1},
}
VALUES = {
    "m177": "toString",
    "m202": "RequestStartTransaction",
    "m203": "GetLog",
    "m204": "Reset",
    "m223": False,
    "m328": {"status": "Accepted", "currentTime": "2026-03-04T05:06:07Z", "interval": 1},
    "m342": 5000,
    "m347": '[3,"r1",{}]',
}
ENTRIES = {
    "m355": {"messageId": "raw-1", "payload": {}},
    "m374": {"version": "2.0.1", "protocol": "ocpp2.0.1"},
    "m376": {"version": "2.1", "protocol": "ocpp2.1"},
    "m377": {"version": "2.1", "protocol": "ocpp2.1"},
    "m382": {"messageId": "u", "messageType": "call", "payload": {}, "version": "1.6"},
    "m385": {"ocppMessageType": 2},
}
REFUSALS = {
    "m084": (normalize.PayloadError, "BootNotification must be an object, not null"),
    "m088": (normalize.PayloadError, "StatusNotification must be an object, not a text"),
    "m089": (normalize.PayloadError, "MeterValues must be an object, not a list"),
    "m133": (normalize.AnswerError, "transactionId is missing"),
    "m146": (normalize.AnswerError, "BootNotification must be an object, not null"),
    "m239": (normalize.CommandError, "one key at a time"),
    "m240": (normalize.CommandError, "needs key and value"),
    "m241": (normalize.CommandError, "needs value"),
    "m264": (normalize.CommandError, "needs available"),
    "m281": (normalize.CommandError, "needs keys"),
    "m282": (normalize.CommandError, "needs keys"),
    "m313": (normalize.CommandError, "needs available"),
    "m368": (messages.EntryError, "field tenant is missing"),
}
CORRECTED = {*FRAMES, *PAYLOADS, *VALUES, *ENTRIES, *REFUSALS}


def strict(case_id):
    return OPERATIONS[CASES[case_id]["op"]](CASES[case_id], "strict")


def test_every_defect_is_corrected():
    assert set(of_kind("defect")) <= CORRECTED


@pytest.mark.parametrize("case_id", sorted(set(of_kind("quirk")) - CORRECTED))
def test_harmless_quirks_stay_in_strict_mode(case_id):
    assert outcome(CASES[case_id], "strict") == json.dumps(CASES[case_id]["expected"])


@pytest.mark.parametrize("case_id", FRAMES)
def test_corrected_command(case_id):
    action, payload = FRAMES[case_id]
    assert strict(case_id) == {"action": action, "frame": [2, "cmd-1", action, payload]}


@pytest.mark.parametrize("case_id", PAYLOADS)
def test_corrected_payload(case_id):
    assert json.dumps(strict(case_id)["payload"]) == json.dumps(PAYLOADS[case_id])


@pytest.mark.parametrize("case_id", VALUES)
def test_corrected_value(case_id):
    assert strict(case_id) == VALUES[case_id]


@pytest.mark.parametrize("case_id", ENTRIES)
def test_corrected_entry(case_id):
    read = strict(case_id)
    assert {name: read[name] for name in ENTRIES[case_id]} == ENTRIES[case_id]


@pytest.mark.parametrize("case_id", REFUSALS)
def test_refused_with_a_reason(case_id):
    error, reason = REFUSALS[case_id]
    with pytest.raises(error, match=reason):
        strict(case_id)
