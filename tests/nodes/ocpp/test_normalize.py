"""Unified requests, answers and commands, beyond the measured cases: above all, a refusal stays a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.ocpp import normalize, schemas
from busway.nodes.ocpp.normalize import AnswerError, CommandError, PayloadError
from busway.nodes.ocpp.versions import VERSIONS, VersionError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
ACTIONS = st.sampled_from(
    [
        *("BootNotification", "Authorize", "StatusNotification", "StartTransaction", "StopTransaction", "MeterValues"),
        *("TransactionEvent", "DataTransfer", "DiagnosticsStatusNotification", "LogStatusNotification", "Heartbeat"),
    ]
)
COMMANDS = st.sampled_from(sorted(normalize.commands.NAMES["1.6"]))
REQUEST_MEMBERS = st.sampled_from(
    [
        *("connectorId", "evseId", "idTag", "idToken", "transactionId", "transactionInfo", "evse", "meterValue"),
        *("eventType", "chargingStation", "chargePointSerialNumber", "reason", "reservationId", "transactionData"),
    ]
)
COMMAND_MEMBERS = st.sampled_from(
    [
        *("idToken", "idTag", "connectorId", "evseId", "keys", "key", "value", "configurations", "setVariableData"),
        *(
            "getVariableData",
            "component",
            "location",
            "log",
            "type",
            "available",
            "evse",
            "parentIdTag",
            "groupIdToken",
        ),
    ]
)
REFUSAL = st.sampled_from(["Blocked", "Invalid", "Expired", "ConcurrentTx", "Unknown", "NoCredit", "NotAtThisTime"])
MODES = st.sampled_from(["strict", "seed"])


def infos(payload):
    return [payload[name] for name in ("idTagInfo", "idTokenInfo") if name in payload]


@given(ACTIONS, st.dictionaries(REQUEST_MEMBERS, JSON) | JSON, st.sampled_from(VERSIONS), MODES)
def test_any_payload_of_a_station_is_unified_or_refused(action, payload, version, compat):
    assert isinstance(normalize.unified_action(action, payload, version, compat=compat), str)
    try:
        unified = normalize.normalize(action, payload, version, compat=compat)
    except PayloadError:
        assert not isinstance(payload, dict)
    else:
        assert isinstance(unified, dict) or action == "Heartbeat"


@given(COMMANDS, st.dictionaries(COMMAND_MEMBERS, JSON) | JSON, st.sampled_from(VERSIONS), MODES)
def test_any_command_is_built_or_refused(command, payload, version, compat):
    try:
        _, built = normalize.build_command(command, payload, version, compat=compat)
    except normalize.NormalizeError:
        return
    assert isinstance(built, dict)


VERDICT = st.sampled_from(["Authorize", "StartTransaction", "StopTransaction", "TransactionEvent"])


@given(
    VERDICT,
    st.sampled_from(VERSIONS),
    st.sampled_from(["status", "idTagInfo", "idTokenInfo"]),
    REFUSAL,
    st.dictionaries(st.sampled_from(["status", "idTagInfo", "idTokenInfo"]), st.just("Accepted")),
)
def test_a_refusal_said_anywhere_is_never_turned_into_accepted(action, version, where, refusal, accepted):
    said = {**accepted, where: refusal}
    answer = {name: status if name == "status" else {"status": status} for name, status in said.items()}
    (info,) = infos(normalize.denormalize(action, {**answer, "transactionId": 1}, version))
    assert info["status"] != "Accepted"


@given(
    VERDICT, st.sampled_from(VERSIONS), st.dictionaries(st.sampled_from(["status", "idTagInfo", "idTokenInfo"]), JSON)
)
def test_an_unclear_answer_is_refused_or_valid(action, version, answer):
    try:
        built = normalize.denormalize(action, {"transactionId": 1, **answer}, version)
    except AnswerError:
        return
    assert all(isinstance(info["status"], str) and info["status"] for info in infos(built))
    if "status" in answer:
        assert isinstance(answer["status"], str)


@pytest.mark.parametrize("action", ["Authorize", "StopTransaction", "TransactionEvent", "StartTransaction"])
@pytest.mark.parametrize(
    "answer",
    [
        {"status": None},
        {"status": ""},
        {"status": False},
        {"idTagInfo": None},
        {"idTokenInfo": "Invalid"},
        {"idTagInfo": {"status": None}},
    ],
)
def test_a_status_that_says_nothing_is_not_accepted(action, answer):
    with pytest.raises(AnswerError):
        normalize.denormalize(action, {"transactionId": 1, **answer}, "2.0.1")


@pytest.mark.parametrize("action", ["BootNotification", "DataTransfer"])
def test_a_boot_or_transfer_with_a_null_status_is_not_accepted(action):
    with pytest.raises(AnswerError, match="status is None"):
        normalize.denormalize(action, {"status": None}, "1.6")


def test_a_refused_start_needs_no_transaction_id():
    answer = normalize.denormalize("StartTransaction", {"status": "Blocked"}, "1.6")
    assert answer == {"transactionId": 0, "idTagInfo": {"status": "Blocked"}}
    assert schemas.validate("1.6", "StartTransaction", "response", answer) == []


def test_states_that_1_6_does_not_know_are_said_in_its_own_words():
    answer = normalize.denormalize("Authorize", {"idTokenInfo": {"status": "NoCredit"}}, "1.6")
    assert answer == {"idTagInfo": {"status": "Blocked"}}
    answer = normalize.denormalize("Authorize", {"status": "Unknown"}, "1.6")
    assert schemas.validate("1.6", "Authorize", "response", answer) == []


def test_native_answers_of_the_other_version_keep_their_expiry():
    native = {"idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": "2026-03-04T06:06:07Z"}}
    answer = normalize.denormalize("Authorize", native, "1.6")
    assert answer == {"idTagInfo": {"status": "Accepted", "expiryDate": "2026-03-04T06:06:07Z"}}
    back = normalize.denormalize("Authorize", answer, "2.0.1")["idTokenInfo"]
    assert back["cacheExpiryDateTime"] == "2026-03-04T06:06:07Z"


def test_native_answers_are_accepted_as_they_are():
    info = {"status": "Accepted", "groupIdToken": {"idToken": "g", "type": "Central"}, "evseId": [1]}
    native = {"totalCost": 3.5, "idTokenInfo": info, "customData": {"vendorId": "v"}}
    assert normalize.denormalize("TransactionEvent", native, "2.0.1") == native
    native = {"idTokenInfo": info, "tariff": {"tariffId": "t"}, "allowedEnergyTransfer": ["DC"]}
    assert normalize.denormalize("Authorize", native, "2.1") == native
    assert "tariff" not in normalize.denormalize("Authorize", native, "2.0.1")


def test_missing_statuses_count_as_accepted():
    assert normalize.denormalize("Authorize", {}, "2.1") == {"idTokenInfo": {"status": "Accepted"}}
    assert normalize.denormalize("TransactionEvent", {}, "2.1") == {}


@pytest.mark.parametrize("spelled", ["ocpp2.0.1", "OCPP2.0.1", "2.0"])
def test_functions_take_every_spelling_of_a_version(spelled):
    assert normalize.normalize("Authorize", {"idToken": {"idToken": "A"}}, spelled) == {"idToken": "A"}
    assert normalize.denormalize("Authorize", {}, spelled) == {"idTokenInfo": {"status": "Accepted"}}
    assert normalize.version_action("GetConfig", spelled) == "GetVariables"
    assert normalize.build_command("RemoteStop", {"transactionId": "x"}, spelled)[0] == "RequestStopTransaction"


@pytest.mark.parametrize(
    "call",
    [
        lambda: normalize.normalize("Heartbeat", {}, "9"),
        lambda: normalize.denormalize("Heartbeat", {}, "9"),
        lambda: normalize.version_action("Reset", "9"),
        lambda: normalize.build_command("Reset", {}, "9"),
    ],
)
def test_unknown_versions_are_refused(call):
    with pytest.raises(VersionError):
        call()


def test_2_1_adds_its_own_members_to_transaction_events():
    event = {
        "eventType": "Updated",
        "transactionInfo": {"transactionId": "t", "operationMode": "ChargingOnly", "tariffId": "T1"},
        "costDetails": {"x": 1},
        "evseSleep": True,
    }
    added = {"operationMode": "ChargingOnly", "tariffId": "T1", "costDetails": {"x": 1}, "evseSleep": True}
    common = {"eventType": "Updated", "transactionId": "t"}
    assert normalize.normalize("TransactionEvent", event, "2.1") == {**common, **added}
    assert normalize.normalize("TransactionEvent", event, "2.0.1") == common


def test_2_1_adds_the_status_info_of_logs_and_firmware():
    status = {"status": "Idle", "statusInfo": {"reasonCode": "x"}}
    assert normalize.normalize("FirmwareStatusNotification", status, "2.1") == status
    assert normalize.normalize("LogStatusNotification", status, "2.1") == {**status, "type": "Log"}
    assert "statusInfo" not in normalize.normalize("LogStatusNotification", status, "2.0.1")


def sampled(*values):
    return [{"timestamp": "2026-03-04T05:06:07Z", "sampledValue": list(values)}]


@pytest.mark.parametrize(
    ("sample", "energy"),
    [
        ({"value": "5", "unit": "kWh"}, 5000),
        ({"value": "1.001", "unit": "kWh"}, 1001),
        ({"value": 0.1, "unitOfMeasure": {"unit": "kWh"}}, 100),
        ({"value": 12, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}, 12000),
        ({"value": 12, "unitOfMeasure": {"unit": "kWh", "multiplier": -3}}, 12),
        ({"value": 1, "unitOfMeasure": {"multiplier": 400}}, None),
        ({"value": " 7.5 "}, 7.5),
        ({"value": "12,5"}, None),
        ({"value": "1e3"}, 1000),
        ({"value": "Infinity"}, None),
        ({"value": True}, None),
        ({}, None),
    ],
)
def test_energy_is_read_in_watt_hours(sample, energy):
    assert normalize.extract_meter_value(sampled(sample)) == energy


def test_energy_values_that_are_no_number_are_passed_over():
    signed = {"value": "OCMF|{...}", "measurand": "Energy.Active.Import.Register", "format": "SignedData"}
    assert normalize.extract_meter_value(sampled(signed, {"value": "9"})) == 9


@pytest.mark.parametrize("meter_values", [[1], [{"sampledValue": 5}], [{"sampledValue": [1, None]}], {}, 5])
def test_what_is_no_meter_value_measures_nothing(meter_values):
    assert normalize.extract_meter_value(meter_values) is None


@pytest.mark.parametrize(("connector", "evse"), [("2", 1), ("0", 0), ("00", 0), ("x", 0), (-1, 0), (None, 0), ([], 0)])
def test_connectors_of_any_type_have_an_evse(connector, evse):
    assert normalize.normalize("StatusNotification", {"connectorId": connector}, "1.6")["evseId"] == evse


def valid(command, payload, version):
    action, built = normalize.build_command(command, payload, version)
    assert schemas.validate(version, action, "request", built) == []
    return built


NATIVE = {
    "1.6": {
        "RemoteStart": {"idTag": "A", "connectorId": 1},
        "SetConfig": {"key": "K", "value": "V"},
        "GetConfig": {"key": ["K"]},
        "GetLog": {"location": "ftp://h", "startTime": "2026-03-04T05:06:07Z", "stopTime": "2026-03-04T06:06:07Z"},
        "Trigger": {"requestedMessage": "Heartbeat"},
        "Availability": {"connectorId": 1, "type": "Operative"},
        "Reserve": {"connectorId": 1, "expiryDate": "2026-03-04T06:06:07Z", "idTag": "A", "reservationId": 0},
        "CancelReserve": {"reservationId": 1},
        "Reset": {"type": "Soft"},
        "Unlock": {"connectorId": 1},
    },
    "2.0.1": {
        "RemoteStart": {
            "idToken": {"idToken": "A", "type": "eMAID"},
            "evseId": 1,
            "remoteStartId": 0,
            "groupIdToken": {"idToken": "G", "type": "Central"},
            "customData": {"vendorId": "v"},
        },
        "GetConfig": {"getVariableData": [{"component": {"name": "C", "instance": "i"}, "variable": {"name": "V"}}]},
        "SetConfig": {
            "setVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}, "attributeValue": "1"}]
        },
        "GetLog": {
            "logType": "SecurityLog",
            "requestId": 0,
            "log": {"remoteLocation": "ftp://h", "oldestTimestamp": "2026-03-04T05:06:07Z"},
            "retries": 1,
        },
        "Trigger": {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 2}},
        "Availability": {"operationalStatus": "Inoperative", "evse": {"id": 1}},
        "Reserve": {
            "id": 0,
            "expiryDateTime": "2026-03-04T06:06:07Z",
            "idToken": {"idToken": "A", "type": "eMAID"},
            "evseId": 1,
            "groupIdToken": {"idToken": "G", "type": "Central"},
            "connectorType": "cCCS2",
        },
        "Reset": {"type": "OnIdle", "evseId": 1},
        "Unlock": {"evseId": 1, "connectorId": 1},
        "ClearCache": {"customData": {"vendorId": "v"}},
    },
    "2.1": {
        "Reset": {"type": "ImmediateAndResume"},
        "Trigger": {"requestedMessage": "CustomTrigger", "customTrigger": "X"},
    },
}


@pytest.mark.parametrize(
    ("version", "command"), [(version, command) for version, named in NATIVE.items() for command in named]
)
def test_native_command_payloads_pass_as_they_are(version, command):
    assert valid(command, NATIVE[version][command], version) == NATIVE[version][command]


def test_native_tokens_of_2_x_reach_a_1_6_station():
    token = {"idToken": "A", "type": "eMAID"}
    assert valid("RemoteStart", {"idToken": token}, "1.6") == {"idTag": "A"}
    reserve = {"id": 4, "expiryDateTime": "2026-03-04T06:06:07Z", "idToken": token, "groupIdToken": token}
    assert valid("Reserve", reserve, "1.6") == {
        "connectorId": 0,
        "expiryDate": "2026-03-04T06:06:07Z",
        "idTag": "A",
        "reservationId": 4,
        "parentIdTag": "A",
    }


def test_logs_ask_for_their_period_in_either_version():
    unified = {"location": "ftp://h", "oldestTimestamp": "2026-03-04T05:06:07Z"}
    native = {"log": {"remoteLocation": "ftp://h", "oldestTimestamp": "2026-03-04T05:06:07Z"}}
    expected = {"location": "ftp://h", "startTime": "2026-03-04T05:06:07Z"}
    assert valid("GetLog", unified, "1.6") == valid("GetLog", native, "1.6") == expected


@pytest.mark.parametrize(
    ("version", "kind", "sent"),
    [
        ("1.6", "ImmediateAndResume", "Hard"),
        ("2.0.1", "ImmediateAndResume", "Immediate"),
        ("2.1", "Hard", "Immediate"),
        ("2.1", "Soft", "OnIdle"),
    ],
)
def test_reset_is_said_in_the_words_of_the_version(version, kind, sent):
    assert valid("Reset", {"type": kind}, version) == {"type": sent}


@pytest.mark.parametrize(
    ("command", "payload", "version", "reason"),
    [
        ("RemoteStart", {}, "1.6", "needs idToken"),
        ("RemoteStart", {"idToken": ""}, "2.0.1", "needs idToken"),
        ("Reserve", {}, "1.6", "needs idToken"),
        ("GetLog", {}, "1.6", "needs location"),
        ("GetLog", {"log": {}}, "2.1", "needs location"),
        ("GetConfig", {"keys": 5}, "1.6", "keys is a number"),
        ("SetConfig", {"value": 1}, "1.6", "needs key:"),
        ("SetConfig", {"key": "A", "value": None}, "1.6", "needs value"),
        ("SetConfig", {"key": "A", "value": {}}, "2.0.1", "value of SetConfig is a dict"),
        ("SetConfig", {"key": "A", "value": None}, "2.0.1", "value of SetConfig is null"),
        ("SetConfig", {"configurations": [{"key": "A", "value": 1}, {"key": "B"}]}, "2.0.1", r"configurations\[1\]"),
        ("SetConfig", {"configurations": [{"value": 1}]}, "2.0.1", r"configurations\[0\] needs key"),
        ("SetConfig", {}, "2.1", "needs key and value"),
        ("Availability", {"available": "maybe"}, "2.0.1", "must be true or false"),
        ("Availability", {"type": "Broken"}, "1.6", "needs available"),
        ("Reset", [], "1.6", "payload of Reset must be an object, not a list"),
        ("UpdateFirmware", "x", "1.6", "payload of UpdateFirmware must be an object"),
    ],
)
def test_incomplete_commands_name_what_is_missing(command, payload, version, reason):
    with pytest.raises(CommandError, match=reason):
        normalize.build_command(command, payload, version)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1.0, "1"), (1.5, "1.5"), (["A", 2, None], "A,2,"), ("", ""), (1e300, "1e+300")]
)
def test_settings_are_written_as_text(value, text):
    assert valid("SetConfig", {"key": "K", "value": value}, "1.6") == {"key": "K", "value": text}


def test_one_configuration_of_a_list_suits_1_6():
    assert valid("SetConfig", {"configurations": [{"key": "A", "value": 1}]}, "1.6") == {"key": "A", "value": "1"}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_generated_request_ids_fit_ocpp_integers(version):
    assert 0 <= valid("RemoteStart", {"idToken": "A", "evseId": 1}, version)["remoteStartId"] < 2**31
    assert 0 <= valid("GetLog", {"log": {"remoteLocation": "ftp://h"}}, version)["requestId"] < 2**31


def test_no_payload_is_an_empty_one():
    assert normalize.build_command("ClearCache", None, "1.6") == ("ClearCache", {})
    assert normalize.build_command("GetLocalListVersion", None, "2.1") == ("GetLocalListVersion", {})
