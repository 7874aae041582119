"""Validation against the official schemas."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from busway.nodes.ocpp import schemas
from busway.nodes.ocpp.codes import CODES
from busway.nodes.ocpp.frames import EncodeError
from busway.nodes.ocpp.schemas import UnknownActionError, Violation, error_code, is_known, known_actions, validate
from busway.nodes.ocpp.versions import VERSIONS, VersionError

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def profile(limit):
    period = {"startPeriod": 0, "limit": limit}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period], "minChargingRate": limit}
    common = {"chargingProfileId": 1, "stackLevel": 0}
    kinds = {"chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute"}
    return {"connectorId": 1, "csChargingProfiles": {**common, **kinds, "chargingSchedule": schedule}}


def test_valid_payloads_have_no_violations():
    assert validate("1.6", "Heartbeat", "request", {}) == []
    assert validate("ocpp1.6", "StatusNotification", "request", STATUS) == []
    assert validate("2.0.1", "TransactionEvent", "response", {"totalCost": 1.5}) == []
    assert validate("2.1", "NotifyPeriodicEventStream", "request", {}) != []


def test_every_schema_compiles_and_every_action_is_known():
    for version in VERSIONS:
        for action, kind in schemas._names(version):
            assert isinstance(validate(version, action, kind, {}), list)
            assert is_known(version, action)


def test_versions_know_their_own_actions():
    assert {"BootNotification", "RemoteStartTransaction", "SignedUpdateFirmware"} <= known_actions("1.6J")
    assert "TransactionEvent" not in known_actions("1.6")
    assert is_known("2.0.1", "TransactionEvent")
    assert not is_known("2.0.1", "RemoteStartTransaction")
    assert is_known("2.1", "SetDERControl")
    assert not is_known("2.0.1", "SetDERControl")


@pytest.mark.parametrize("limit", [21.4, 16, 16.0, 0.1, 0.3, 0.7, 4.1, 32.6, 1000000.1, 229.9])
def test_limits_with_one_decimal_are_valid(limit):
    assert validate("1.6", "SetChargingProfile", "request", profile(limit)) == []


def test_no_tenth_is_lost_to_binary_fractions():
    lost = [n / 10 for n in range(0, 50_000, 7) if validate("1.6", "SetChargingProfile", "request", profile(n / 10))]
    assert lost == []


@pytest.mark.parametrize("limit", [4.11, 21.45, 0.05])
def test_limits_with_two_decimals_are_not(limit):
    violations = validate("1.6", "SetChargingProfile", "request", profile(limit))
    assert {violation.rule for violation in violations} == {"multipleOf"}
    assert violations[0].path == "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit"
    assert error_code("1.6", violations[0]) == "PropertyConstraintViolation"


BOOT = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}

# version, action, payload -> path, rule, part of the sentence, code
BROKEN = [
    (
        "1.6",
        "BootNotification",
        {"chargePointVendor": "V"},
        ("chargePointModel", "required", "is missing", "OccurenceConstraintViolation"),
    ),
    (
        "2.0.1",
        "BootNotification",
        {"reason": "PowerUp"},
        ("chargingStation", "required", "is missing", "OccurrenceConstraintViolation"),
    ),
    (
        "2.0.1",
        "BootNotification",
        {**BOOT, "chargingStation": {"vendorName": "V" * 51, "model": "M"}},
        (
            "chargingStation.vendorName",
            "maxLength",
            "has 51 characters; at most 50 are allowed",
            "PropertyConstraintViolation",
        ),
    ),
    (
        "2.1",
        "BootNotification",
        {**BOOT, "reason": "Powerup"},
        ("reason", "enum", "did you mean 'PowerUp'", "PropertyConstraintViolation"),
    ),
    (
        "1.6",
        "StatusNotification",
        {**STATUS, "connectorId": "1"},
        ("connectorId", "type", "must be of type integer, not string", "TypeConstraintViolation"),
    ),
    (
        "2.0.1",
        "BootNotification",
        {**BOOT, "reason": 5},
        ("reason", "type", "must be of type string, not integer", "TypeConstraintViolation"),
    ),
    (
        "1.6",
        "StatusNotification",
        {**STATUS, "colour": "red"},
        ("colour", "additionalProperties", "is not a field of this message", "FormationViolation"),
    ),
    (
        "2.0.1",
        "BootNotification",
        {**BOOT, "colour": "red"},
        ("colour", "additionalProperties", "is not a field of this message", "FormatViolation"),
    ),
    (
        "2.0.1",
        "MeterValues",
        {"evseId": 1, "meterValue": []},
        ("meterValue", "minItems", "is wrong: ", "OccurrenceConstraintViolation"),
    ),
    (
        "2.1",
        "StatusNotification",
        {"timestamp": "2026-03-04T05:06:07Z", "connectorStatus": "Available", "evseId": -1, "connectorId": 0},
        ("evseId", "minimum", "is wrong: ", "PropertyConstraintViolation"),
    ),
    (
        "1.6",
        "StatusNotification",
        {**STATUS, "timestamp": "yesterday"},
        ("timestamp", "format", "is 'yesterday', which is no date-time", "PropertyConstraintViolation"),
    ),
    ("1.6", "Heartbeat", [], ("", "type", "the payload must be of type object, not array", "FormationViolation")),
    ("2.0.1", "Heartbeat", None, ("", "type", "the payload must be of type object, not null", "FormatViolation")),
]


@pytest.mark.parametrize(("version", "action", "payload", "expected"), BROKEN)
def test_violations_name_field_rule_and_code(version, action, payload, expected):
    (violation,) = validate(version, action, "request", payload)
    path, rule, sentence, code = expected
    assert (violation.path, violation.rule) == (path, rule)
    assert sentence in violation.message
    assert error_code(version, violation) == code
    assert code in CODES[version]


def test_all_broken_fields_are_told_each_once():
    violations = validate("2.0.1", "BootNotification", "request", {"reason": 5, "chargingStation": {"a": 1, "b": 2}})
    assert [violation.path for violation in violations].count("reason") == 1
    assert {violation.path for violation in violations} == {
        "reason",
        "chargingStation.model",
        "chargingStation.vendorName",
        "chargingStation.a",
        "chargingStation.b",
    }


def test_long_lists_of_violations_are_cut():
    samples = [{"sampledValue": [{"value": "x"}], "timestamp": 1} for _ in range(100)]
    assert len(validate("2.0.1", "MeterValues", "request", {"evseId": 1, "meterValue": samples})) <= 20


@pytest.mark.parametrize(
    "text",
    ["2026-03-04T05:06:07Z", "2026-03-04T05:06:07.123456789+01:00", "2026-03-04T05:06:07", "2026-03-04 05:06:07Z"],
)
def test_moments_that_stations_write_are_valid(text):
    assert validate("1.6", "StatusNotification", "request", {**STATUS, "timestamp": text}) == []


@pytest.mark.parametrize("text", ["", "2026-03-04", "2026-13-04T05:06:07Z", "1767268800123"])
def test_other_texts_are_no_moments(text):
    assert validate("1.6", "StatusNotification", "request", {**STATUS, "timestamp": text}) != []


def test_whole_numbers_written_with_a_fraction_are_integers():
    assert validate("1.6", "StatusNotification", "request", {**STATUS, "connectorId": 1.0}) == []
    assert validate("1.6", "StatusNotification", "request", {**STATUS, "connectorId": 1.5}) != []


def test_values_that_become_json_when_written_are_judged_as_written():
    now = {"currentTime": datetime(2026, 1, 1, tzinfo=UTC)}
    assert validate("1.6", "Heartbeat", "response", now) == []


def test_what_cannot_be_written_is_refused():
    with pytest.raises(EncodeError):
        validate("1.6", "Heartbeat", "request", {1: 2})


def test_unknown_actions_and_versions_are_refused_with_a_hint():
    with pytest.raises(UnknownActionError, match="did you mean 'BootNotification'"):
        validate("1.6", "BootNotificaton", "request", {})
    with pytest.raises(UnknownActionError, match="no response"):
        validate("2.1", "NotifyPeriodicEventStream", "response", {})
    with pytest.raises(VersionError):
        validate("9", "Heartbeat", "request", {})


def test_violations_can_be_compared():
    assert validate("1.6", "Authorize", "request", {}) == [Violation("idTag", "required", "idTag is missing")]


def test_nothing_heavy_is_loaded_before_it_is_needed():
    program = (
        "import sys; from busway.nodes.ocpp import schemas; early = 'jsonschema_rs' in sys.modules; "
        "schemas.validate('2.0.1', 'Heartbeat', 'request', {}); "
        "print(early, [m for m in sys.modules if m.startswith('ocpp.') or m == 'jsonschema'])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False []"
