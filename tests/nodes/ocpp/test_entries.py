"""Entries of the inbound stream, beyond the measured cases."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.ocpp.messages import EntryError, Inbound, parse_entry
from busway.nodes.ocpp.versions import VERSIONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["type", "action", "version", "messageType", "uniqueID", "payload", "errorCode", "errorDescription", "errorDetails"]
)
LIKELY = st.sampled_from(["call", "result", "error", "send", 2, 3, 4, 5, 6, "3", "2.0.1", "ocpp2.1", "Heartbeat", "u1"])
OBJECT = st.dictionaries(MEMBERS, LIKELY | JSON)
FRAME = st.tuples(st.sampled_from([2, 3, 4, 5, 6, "2", None]), LIKELY | JSON).flatmap(
    lambda head: st.lists(LIKELY | JSON, max_size=4).map(lambda rest: [*head, *rest])
)
TEXTS = st.text() | (OBJECT | FRAME | JSON).map(json.dumps)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(),
        "tenant": st.text(),
        "deviceId": st.text(),
        "timestamp": st.text(),
        "metadata": TEXTS | OBJECT,
        "payload": TEXTS | OBJECT | FRAME,
    },
)


def entry(metadata=None, payload=None, texts=None):
    decoded = {"metadata": json.dumps(metadata or {}), "payload": json.dumps(payload or {})}
    return {"id": "1-0", "tenant": "t", "deviceId": "d", **decoded, **(texts or {})}


@given(FIELDS, st.sampled_from(["strict", "seed"]))
def test_any_field_map_is_read_or_refused(fields, compat):
    try:
        inbound = parse_entry(fields, compat=compat)
    except EntryError:
        return
    assert inbound.version in VERSIONS
    assert inbound.protocol == f"ocpp{inbound.version}"


@given(FIELDS)
def test_what_is_read_has_the_types_that_nodes_rely_on(fields):
    try:
        inbound = parse_entry({"tenant": "t", "deviceId": "d", **fields})
    except EntryError:
        return
    assert isinstance(inbound.message_id, str | None)
    assert isinstance(inbound.action, str | None)
    assert inbound.message_type in {"call", "result", "error", "send"}
    assert inbound.ocpp_message_type in {2, 3, 4, 5, 6}
    assert inbound.identity == f"{inbound.tenant}:{inbound.device_id}"


@given(st.dictionaries(st.text(), st.text()))
def test_entries_of_other_programs_are_refused(fields):
    fields.pop("deviceId", None)
    with pytest.raises(EntryError):
        parse_entry(fields)


def test_errors_carry_their_members():
    inbound = parse_entry(
        entry(
            {"type": "error"},
            {"messageType": 4, "uniqueID": "u", "errorCode": "C", "errorDescription": "d", "errorDetails": {"x": 1}},
        )
    )
    assert (inbound.error_code, inbound.error_description, inbound.error_details) == ("C", "d", {"x": 1})


def test_calls_have_no_error_members():
    assert parse_entry(entry({}, {"uniqueID": "u", "errorCode": "C", "payload": {}})).error_code is None


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ([2, "u", "Heartbeat", {"a": 1}], ("u", "Heartbeat", "call", 2, {"a": 1})),
        ([3, "u", {"a": 1}], ("u", "_CallResult", "call", 3, {"a": 1})),
        ([6, "u", "NotifyPeriodicEventStream", {"a": 1}], ("u", "NotifyPeriodicEventStream", "send", 6, {"a": 1})),
    ],
)
def test_a_whole_frame_as_payload_is_taken_apart(frame, expected):
    inbound = parse_entry(entry({}, frame))
    read = (inbound.message_id, inbound.action, inbound.message_type, inbound.ocpp_message_type, inbound.payload)
    assert read == expected


def test_an_error_frame_as_payload_is_taken_apart():
    inbound = parse_entry(entry({"type": "error"}, [4, "u", "NotSupported", "no", {"x": 1}]))
    assert (inbound.message_id, inbound.action, inbound.message_type) == ("u", "_CallError", "error")
    assert (inbound.error_code, inbound.error_description, inbound.error_details) == ("NotSupported", "no", {"x": 1})
    assert inbound.payload["errorCode"] == "NotSupported"


def test_a_list_that_is_no_frame_stays_the_payload():
    inbound = parse_entry(entry({"action": "X"}, [2, "u"]))
    assert (inbound.message_id, inbound.payload) == ("1-0", [2, "u"])


def test_messages_that_get_no_answer_never_look_like_calls():
    assert parse_entry(entry({"type": "call"}, {"messageType": 6, "payload": {}})).message_type == "send"
    assert parse_entry(entry({"type": "send"}, {"payload": {}})).ocpp_message_type == 6
    refused = parse_entry(entry({"type": "call"}, {"messageType": 5, "payload": {}}))
    assert (refused.message_type, refused.action) == ("error", "_CallResultError")


@pytest.mark.parametrize(
    ("metadata", "payload", "texts", "reason"),
    [
        ({"type": "calls"}, {}, {}, "metadata.type is 'calls'"),
        ({"type": 2}, {}, {}, "metadata.type is 2"),
        ({}, {"messageType": 9}, {}, "payload.messageType is 9"),
        ({}, {"messageType": "two"}, {}, "payload.messageType is 'two'"),
        ({}, {"uniqueID": 5}, {}, "message id is 5"),
        ({"action": ["X"]}, {}, {}, "action is"),
        ({}, {}, {"deviceId": ""}, "deviceId is empty"),
        ({}, {}, {"payload": "[" * 500 + "]" * 500}, "deeper than 128"),
    ],
)
def test_entries_that_have_no_meaning_are_refused_with_a_reason(metadata, payload, texts, reason):
    with pytest.raises(EntryError, match=reason):
        parse_entry(entry(metadata, payload, texts))


@pytest.mark.parametrize(
    ("spelled", "version"), [("OCPP2.0.1", "2.0.1"), ("ocpp2.1", "2.1"), ("1.6J", "1.6"), ("9", "1.6"), (2.1, "1.6")]
)
def test_versions_of_entries(spelled, version):
    assert parse_entry(entry({"version": spelled})).version == version


@pytest.mark.parametrize("metadata", ["null", "5", "[]", '"x"', "{broken", ""])
def test_metadata_that_is_no_object_counts_as_empty(metadata):
    assert parse_entry(entry({}, {"uniqueID": "u", "action": "A"}, {"metadata": metadata})).action == "A"


def test_the_seed_passes_on_what_is_missing():
    inbound = parse_entry({}, compat="seed")
    assert isinstance(inbound, Inbound)
    assert inbound.identity == "undefined:undefined"
