"""OCPP-J frames: what is read, what is refused with which CALLERROR, what is written."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.ocpp import messages
from busway.nodes.ocpp.codes import CODES
from busway.nodes.ocpp.messages import Call, CallError, CallResult, CallResultError, FrameError, Send, parse_frame
from busway.nodes.ocpp.versions import VERSIONS, VersionError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), JSON, max_size=4)
VERSION = st.sampled_from(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"u1","Heartbeat",{}]', Call("u1", "Heartbeat", {})),
        (' [2, "u1", "X", {"a": [1.5]}] ', Call("u1", "X", {"a": [1.5]})),
        ('[3,"u1",{"status":"Accepted"}]', CallResult("u1", {"status": "Accepted"})),
        ('[4,"u1","NotSupported","no",{"d":1}]', CallError("u1", "NotSupported", "no", {"d": 1})),
        ('[4,"u1","NotSupported"]', CallError("u1", "NotSupported", "", {})),
        ('[4,"u1","NotSupported",null,null]', CallError("u1", "NotSupported", "", {})),
    ],
)
def test_frames_of_every_version(text, frame, version):
    assert parse_frame(text, version) == frame


def test_frames_that_only_ocpp_2_1_has():
    assert parse_frame('[5,"u1","FormatViolation","bad",{}]', "ocpp2.1") == CallResultError(
        "u1", "FormatViolation", "bad", {}
    )
    assert parse_frame('[6,"u1","NotifyPeriodicEventStream",{"id":1}]', "2.1") == Send(
        "u1", "NotifyPeriodicEventStream", {"id": 1}
    )


# text -> (code, id to answer) in 1.6, the same in 2.x
MALFORMED = {
    "": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    "not json": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    '[2,"u1","Heartbeat",{}': (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    "{}": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    "null": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    "[]": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    '["2","u1","Heartbeat",{}]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    '[true,"u1","Heartbeat",{}]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    "[2]": (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    '[2,7,"Heartbeat",{}]': (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    '[2,"","Heartbeat",{}]': (("FormationViolation", None), ("RpcFrameworkError", "-1")),
    '[2,"u1"]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    '[2,"u1","Heartbeat"]': (("ProtocolError", "u1"), ("RpcFrameworkError", "u1")),
    '[2,"u1","Heartbeat",{},1]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    '[2,"u1",5,{}]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    '[2,"u1","",{}]': (("FormationViolation", "u1"), ("RpcFrameworkError", "u1")),
    '[2,"u1","Heartbeat",null]': (("FormationViolation", "u1"), ("FormatViolation", "u1")),
    '[2,"u1","Heartbeat",[]]': (("FormationViolation", "u1"), ("FormatViolation", "u1")),
    '[7,"u1","Heartbeat",{}]': (("NotSupported", None), ("MessageTypeNotSupported", "u1")),
    "[7]": (("NotSupported", None), ("MessageTypeNotSupported", "-1")),
    '[3,"u1",null]': (("FormationViolation", None), ("FormatViolation", None)),
    '[3,"u1"]': (("FormationViolation", None), ("FormatViolation", None)),
    "[3]": (("FormationViolation", None), ("FormatViolation", None)),
    '[4,"u1",5,"x",{}]': (("FormationViolation", None), ("FormatViolation", None)),
    '[4,"u1","NotSupported","x",[]]': (("FormationViolation", None), ("FormatViolation", None)),
    '[4,"u1","NotSupported","x",{},1]': (("FormationViolation", None), ("FormatViolation", None)),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_frames_name_the_exact_answer(text, version):
    expected = MALFORMED[text][0 if version == "1.6" else 1]
    with pytest.raises(FrameError) as raised:
        parse_frame(text, version)
    assert (raised.value.code, raised.value.message_id) == expected


@pytest.mark.parametrize("text", ['[5,"u1","X","",{}]', '[6,"u1","X",{}]'])
def test_message_types_of_2_1_are_unknown_before(text):
    for version, answer in (("1.6", None), ("2.0.1", "u1")):
        with pytest.raises(FrameError) as raised:
            parse_frame(text, version)
        assert raised.value.message_id == answer


@pytest.mark.parametrize("text", ['[6,"u1","X"]', '[6,"u1","X",null]', "[6]", '[5,"u1"]', "[5]"])
def test_malformed_frames_that_get_no_answer_in_2_1(text):
    with pytest.raises(FrameError) as raised:
        parse_frame(text, "2.1")
    assert raised.value.code == "FormatViolation"
    assert raised.value.answer() is None


def test_the_answer_is_a_callerror_frame():
    with pytest.raises(FrameError) as raised:
        parse_frame('[2,"u1","Heartbeat",5]', "2.0.1")
    assert json.loads(raised.value.answer()) == [4, "u1", "FormatViolation", raised.value.description, {}]


def test_a_malformed_answer_names_the_command_it_belongs_to():
    with pytest.raises(FrameError) as raised:
        parse_frame('[3,"cmd-1",null]', "1.6")
    assert (raised.value.message_id, raised.value.refers_to) == (None, "cmd-1")


def test_unknown_versions_are_refused():
    with pytest.raises(VersionError):
        parse_frame('[2,"u1","Heartbeat",{}]', "9")


def nested(levels):
    return "[" * levels + "]" * levels


def test_frames_nested_too_deep_to_be_passed_on_are_refused():
    with pytest.raises(FrameError, match="deeper than 128") as raised:
        parse_frame(f'[2,"u1","DataTransfer",{{"vendorId":"v","data":{nested(127)}}}]', "1.6")
    assert (raised.value.code, raised.value.message_id) == ("FormationViolation", "u1")
    with pytest.raises(FrameError) as raised:
        parse_frame(f'[3,"u1",{{"data":{nested(900)}}}]', "2.0.1")
    assert (raised.value.message_id, raised.value.refers_to) == (None, "u1")
    with pytest.raises(FrameError):
        parse_frame(nested(900), "2.0.1")


def test_brackets_in_texts_and_long_lists_are_no_nesting():
    payload = {"vendorId": "[" * 500, "data": [[] for _ in range(200)]}
    assert parse_frame(messages.call("u1", "DataTransfer", payload), "1.6").payload == payload
    deepest = parse_frame(f'[2,"u1","DataTransfer",{{"data":{nested(126)}}}]', "1.6")
    assert messages.call("u1", "DataTransfer", deepest.payload)


def read_or_refused(text, version):
    try:
        return parse_frame(text, version)
    except FrameError as error:
        return error


@given(st.text() | JSON.map(json.dumps) | st.lists(JSON, max_size=6).map(json.dumps), VERSION)
def test_any_text_is_a_frame_or_refused(text, version):
    read = read_or_refused(text, version)
    if isinstance(read, FrameError):
        answer = read.answer()
        assert read.code in CODES[version]
        assert answer is None or json.loads(answer)[:3] == [4, read.message_id, read.code]
    else:
        assert read.message_id


@given(st.sampled_from([2, 3, 4, 5, 6, 7, 2.0, "2", None]), st.lists(JSON | st.just("id"), max_size=5), VERSION)
def test_anything_behind_a_message_type_is_a_frame_or_refused(kind, rest, version):
    read = read_or_refused(json.dumps([kind, *rest]), version)
    if isinstance(read, FrameError):
        assert read.message_id is None or kind not in (3, 4)
    else:
        assert read.message_id == rest[0]


@given(st.text(min_size=1), st.text(min_size=1), OBJECTS, VERSION)
def test_what_is_written_is_read_again(message_id, action, payload, version):
    sent = json.loads(json.dumps(payload))
    assert parse_frame(messages.call(message_id, action, sent), version) == Call(message_id, action, sent)
    assert parse_frame(messages.call_result(message_id, sent), version) == CallResult(message_id, sent)
    error = messages.call_error(message_id, "GenericError", action[:255], sent)
    assert parse_frame(error, version) == CallError(message_id, "GenericError", action[:255], sent)


def test_frames_are_compact_and_not_escaped():
    assert messages.call("c1", "Reset", {"type": "Soft"}) == '[2,"c1","Reset",{"type":"Soft"}]'
    assert messages.call("c1", "ClearCache") == '[2,"c1","ClearCache",{}]'
    assert messages.call_result("c1", {"info": "Zähler"}) == '[3,"c1",{"info":"Zähler"}]'
    assert messages.call_error("c1", "GenericError") == '[4,"c1","GenericError","",{}]'
    assert messages.call_result_error("c1", "GenericError", "x") == '[5,"c1","GenericError","x",{}]'
    assert messages.send("c1", "X") == '[6,"c1","X",{}]'


def test_error_descriptions_keep_to_255_characters():
    assert json.loads(messages.call_error("c1", "GenericError", "x" * 300))[3] == "x" * 255


def test_moments_and_decimals_are_written_as_ocpp_has_them():
    moment = datetime(2026, 1, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    naive = datetime(2026, 1, 1, 12)
    written = messages.call_result(
        "c1", {"a": moment, "b": naive, "c": Decimal("21.4"), "d": naive.replace(tzinfo=UTC)}
    )
    assert json.loads(written)[2] == {
        "a": "2026-01-01T12:00:00.123Z",
        "b": "2026-01-01T12:00:00.000Z",
        "c": 21.4,
        "d": "2026-01-01T12:00:00.000Z",
    }


@pytest.mark.parametrize("payload", [{"a": {1}}, {1: 2}, {"a": "\ud800"}, {"a": 2**70}])
def test_what_json_cannot_say_is_refused(payload):
    with pytest.raises(messages.EncodeError, match="cannot be written as JSON"):
        messages.call_result("c1", payload)
