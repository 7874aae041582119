"""Messages: ids, copies, and every rule of property paths."""

import copy
import os
import pickle
import re
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.errors import PathError
from busway.engine.message import (
    UNDEFINED,
    Reference,
    clone,
    clones,
    compile_delete,
    compile_get,
    compile_set,
    copy_value,
    delete_property,
    get_property,
    message_path,
    new_id,
    parse_path,
    path_text,
    resolve_path,
    set_property,
    text_length,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.from_regex(r"[A-Za-z$_][A-Za-z0-9$_]{0,6}", fullmatch=True)
QUOTED = st.text(st.characters(exclude_characters="'\""), min_size=1, max_size=6)
KEYS = st.one_of(NAMES, QUOTED, st.integers(0, 30))


class TestUndefined:
    def test_is_false_and_one_per_process(self):
        assert not UNDEFINED
        assert repr(UNDEFINED) == "undefined"
        assert copy.deepcopy([UNDEFINED])[0] is UNDEFINED
        assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED


class TestNewId:
    def test_is_sixteen_hex_digits_and_new(self):
        ids = [new_id() for _ in range(2000)]
        assert all(re.fullmatch("[0-9a-f]{16}", id) for id in ids)
        assert len(set(ids)) == len(ids)

    def test_differs_after_a_fork(self):
        new_id()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, ",".join(new_id() for _ in range(20)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        theirs = set(os.read(reading, 4096).decode().split(","))
        os.close(reading)
        os.close(writing)
        assert len(theirs) == 20
        assert theirs.isdisjoint(new_id() for _ in range(600))


class TestClone:
    @settings(deadline=None)
    @given(JSON)
    def test_is_equal_and_shares_nothing(self, value):
        msg = {"_msgid": "1", "payload": value}
        copied = clone(msg)
        assert copied == msg
        assert list(copied) == list(msg)
        shared = {id(item) for item in containers(msg)} & {id(item) for item in containers(copied)}
        assert not shared

    def test_carries_request_and_response_by_reference_in_their_place(self):
        request, response = object(), object()
        msg = {"req": request, "payload": {"a": [1]}, "res": response}
        copied = clone(msg)
        assert copied["req"] is request
        assert copied["res"] is response
        assert list(copied) == ["req", "payload", "res"]
        assert copied["payload"] == {"a": [1]}
        assert copied["payload"]["a"] is not msg["payload"]["a"]
        assert msg["req"] is request

    @pytest.mark.parametrize(
        "value",
        [
            {1, 2},
            (1, [2]),
            bytearray(b"ab"),
            Decimal("1.5"),
            date(2026, 1, 1),
            b"ab",
            datetime(2026, 1, 1, tzinfo=UTC),
            10**40,
            "\ud800",
        ],
    )
    def test_keeps_the_type_of_values_beyond_json(self, value):
        copied = clone({"payload": value, "list": [value]})
        assert copied == {"payload": value, "list": [value]}
        assert type(copied["payload"]) is type(value)
        assert type(copied["list"][0]) is type(value)

    def test_copies_what_can_change(self):
        inner = [1]
        msg = {"set": {1}, "bytes": bytearray(b"a"), "tuple": (inner,)}
        copied = clone(msg)
        copied["set"].add(2)
        copied["bytes"][0] = 0
        copied["tuple"][0].append(2)
        assert msg == {"set": {1}, "bytes": bytearray(b"a"), "tuple": ([1],)}

    def test_carries_opaque_objects_by_reference(self):
        handle = object()
        copied = clone({"socket": handle, "payload": {"deep": [handle]}})
        assert copied["socket"] is handle
        assert copied["payload"]["deep"][0] is handle

    def test_keeps_cycles(self):
        msg = {"payload": {}}
        msg["payload"]["self"] = msg["payload"]
        copied = clone(msg)
        assert copied["payload"]["self"] is copied["payload"]
        assert copied["payload"] is not msg["payload"]

    def test_keeps_sharing_beside_an_opaque_object(self):
        shared = [1]
        copied = clone({"a": shared, "b": shared, "socket": object()})
        assert copied["a"] is copied["b"]
        assert copied["a"] is not shared

    def test_turns_mappings_of_other_classes_into_dicts(self):
        assert type(clone({"payload": OrderedDict(a={1})})["payload"]) is dict

    def test_copies_deeply_nested_messages(self):
        deep = leaf = {}
        for _ in range(5000):
            leaf["a"] = {}
            leaf = leaf["a"]
        copied = clone({"payload": deep})["payload"]
        depth = 0
        while copied:
            copied, depth = copied["a"], depth + 1
        assert depth == 5000

    def test_of_a_single_value(self):
        assert copy_value(5) == 5
        assert copy_value({1, 2}) == {1, 2}
        items = [[1]]
        assert copy_value(items) == items
        assert copy_value(items)[0] is not items[0]


def containers(value):
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


class TestPathGrammar:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("payload", ("payload",)),
            ("a.b.c", ("a", "b", "c")),
            ('a["b"]["c"]', ("a", "b", "c")),
            ("a['b'].c", ("a", "b", "c")),
            ("a[0].c", ("a", 0, "c")),
            ("a.0.c", ("a", 0, "c")),
            ("a.0", ("a", "0")),
            ("a[0][1]", ("a", 0, 1)),
            ("a['a.b[0]'].c", ("a", "a.b[0]", "c")),
            ("'1.2.3.4'", ("1.2.3.4",)),
            ("'a b'[1].c", ("a b", 1, "c")),
            ("a.$b._c", ("a", "$b", "_c")),
            ("a-b.c", ("a-b", "c")),
            ("a[msg.b]", ("a", Reference(("b",)))),
            ("a[msg.b][2]", ("a", Reference(("b",)), 2)),
            ('a[msg["b c"].d]', ("a", Reference(("b c", "d")))),
            ("a[msg.b[msg.c]]", ("a", Reference(("b", Reference(("c",)))))),
            ("a[msg['b]']]", ("a", Reference(("b]",)))),
            ("msg.payload", ("msg", "payload")),
        ],
    )
    def test_accepts(self, text, parts):
        assert parse_path(text) == parts

    @pytest.mark.parametrize(
        "text",
        [
            "a'b'.c",
            "a['b'.c",
            "a[]",
            "a]",
            "a[",
            "a[0d]",
            "a['",
            "a[']",
            "a[0']",
            "a.[0]",
            "[0]",
            "a[0",
            "a.",
            ".a",
            "a. b",
            " a.b",
            "a[0].[1]",
            "a['']",
            "'a.b'c",
            "",
            "a[b]",
            "a[msg.]",
            "a[msg[]",
            "a[msg.[]]",
            "a[msg['af]]",
            "a..b",
            "a b",
            "'a",
            "a[0.b]",
            "a[-1]",
        ],
    )
    def test_refuses(self, text):
        with pytest.raises(PathError) as caught:
            parse_path(text)
        assert caught.value.code == "INVALID_EXPR"

    def test_names_the_place_of_a_mistake(self):
        with pytest.raises(PathError, match=r"'payload\. x'.*' ' at position 8"):
            parse_path("payload. x")

    def test_drops_a_leading_msg_for_messages_only(self):
        assert message_path("msg.payload.a") == ("payload", "a")
        assert message_path("msgs.a") == ("msgs", "a")

    @settings(deadline=None)
    @given(st.tuples(NAMES | QUOTED), st.lists(KEYS, max_size=5))
    def test_text_of_a_path_parses_to_the_path(self, first, rest):
        path = (*first, *rest)
        assert parse_path(path_text(path)) == path

    @settings(deadline=None)
    @given(st.text(alphabet="ab0.[]'\"msg $é", max_size=14))
    def test_any_text_parses_or_is_refused(self, text):
        try:
            path = parse_path(text)
        except PathError:
            return
        assert path
        assert parse_path(path_text(path)) == path


class TestReading:
    MSG = {  # noqa: RUF012
        "payload": {"a": {"b": [10, {"c": None}]}, "text": "héy", "0": "zero"},
        "topic": "a",
        "index": 1,
        "float": 1.0,
        "list": [1, 2, 3],
        "bytes": b"\x01\x02",
        "nothing": None,
        "yes": True,
        "true": "word",
        "emoji": "a😀",
        "req": SimpleNamespace(query={"id": "7"}, _secret=1, close=print),
        "mapping": OrderedDict(a=1),
    }

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("topic", "a"),
            ("msg.topic", "a"),
            ("payload.a.b[0]", 10),
            ("payload.a.b.0", 10),
            ("payload.a.b[1].c", None),
            ("payload.a.b[2]", UNDEFINED),
            ("payload.a.b.length", 2),
            ("payload.text.length", 3),
            ("payload.text[1]", "é"),
            ("payload.text[9]", UNDEFINED),
            ("payload[0]", "zero"),
            ("payload[msg.topic].b[msg.index].c", None),
            ("list[msg.float]", 2),
            ("emoji.length", 3),
            ("emoji[1]", "\ud83d"),
            ("emoji.x", UNDEFINED),
            ("bytes[1]", 2),
            ("bytes.length", 2),
            ("list.01", UNDEFINED),
            ("list.x", UNDEFINED),
            ("missing", UNDEFINED),
            ("missing.a.b", UNDEFINED),
            ("nothing.a", UNDEFINED),
            ("index.a", UNDEFINED),
            ("req.query.id", "7"),
            ("req._secret", UNDEFINED),
            ("req.close", UNDEFINED),
            ("mapping.a", 1),
            ("mapping.b", UNDEFINED),
        ],
    )
    def test_finds(self, path, value):
        found = compile_get(path)(self.MSG)
        assert found is value if value is None or value is UNDEFINED else found == value
        assert get_property(self.MSG, path) == value

    def test_a_reference_to_true_means_the_name_true(self):
        assert compile_get("payload.x[msg.yes]")({"payload": {"x": {"true": 5}}, "yes": True}) == 5

    def test_an_undefined_reference_is_an_error(self):
        with pytest.raises(PathError, match=r"msg\.missing"):
            compile_get("payload[msg.missing]")(self.MSG)

    @pytest.mark.parametrize("path", ["missing.a", "nothing.a", "payload.x.y", "payload[msg.topic].x.y"])
    def test_strictly_a_missing_parent_is_an_error(self, path):
        with pytest.raises(PathError, match="cannot read"):
            compile_get(path, strict=True)(self.MSG)

    @pytest.mark.parametrize("path", ["missing", "payload.x", "index.a", "payload.text.a"])
    def test_strictly_a_missing_last_part_is_undefined(self, path):
        assert compile_get(path, strict=True)(self.MSG) is UNDEFINED

    def test_a_bad_path_is_an_error_at_compile_time(self):
        with pytest.raises(PathError):
            compile_get("a..b")

    def test_length_counts_utf16_units(self):
        assert text_length("abc") == 3
        assert text_length("é😀\ud800") == 4


class TestWriting:
    @pytest.mark.parametrize(
        ("before", "path", "value", "after"),
        [
            ({}, "payload", 1, {"payload": 1}),
            ({}, "payload", None, {"payload": None}),
            ({}, "msg.a.b.c", 1, {"a": {"b": {"c": 1}}}),
            ({}, "a[0].b", 1, {"a": [{"b": 1}]}),
            ({}, "a[1][0]", 1, {"a": [None, [1]]}),
            ({}, "a.0", 1, {"a": {"0": 1}}),
            ({"a": {}}, "a[0]", 1, {"a": {"0": 1}}),
            ({"a": [1]}, "a[3]", 4, {"a": [1, None, None, 4]}),
            ({"a": [1]}, "a.0", 4, {"a": [4]}),
            ({"a": [None]}, "a[0].b", 1, {"a": [{"b": 1}]}),
            ({"k": "x"}, "a[msg.k].y", 1, {"k": "x", "a": {"x": {"y": 1}}}),
            ({"a": OrderedDict()}, "a.b", 1, {"a": {"b": 1}}),
            ({"a": {"b": 1}}, "a.b", UNDEFINED, {"a": {}}),
            ({"a": 1}, "a", UNDEFINED, {}),
            ({}, "a", UNDEFINED, {}),
            ({"a": [1, 2, 3]}, "a[1]", UNDEFINED, {"a": [1, 3]}),
            ({"a": [1, 2, 3]}, "a.1", UNDEFINED, {"a": [1, None, 3]}),
            ({"a": [1]}, "a[5]", UNDEFINED, {"a": [1]}),
            ({"a": {"b": 1}}, "a.c", UNDEFINED, {"a": {"b": 1}}),
        ],
    )
    def test_sets(self, before, path, value, after):
        other = clone(before)
        assert compile_set(path)(before, value) is True
        assert before == after
        assert set_property(other, path, value) is True
        assert other == after

    @pytest.mark.parametrize(
        ("before", "path", "value"),
        [
            ({"a": "text"}, "a.b", 1),
            ({"a": 5}, "a.b.c", 1),
            ({"a": None}, "a.b", 1),
            ({"a": True}, "a.b", 1),
            ({"a": [1]}, "a.b", 1),
            ({"a": [1]}, "a.b.c", 1),
            ({"a": [1]}, "a[0].b", 1),
            ({"a": b"x"}, "a[0]", 1),
            ({}, "a.b", UNDEFINED),
            ({"a": "text"}, "a.b", UNDEFINED),
            ({"a": {}}, "a.b.c", UNDEFINED),
        ],
    )
    def test_leaves_the_message_alone_where_it_cannot_set(self, before, path, value):
        untouched = clone(before)
        assert compile_set(path)(before, value) is False
        assert before == untouched

    def test_deletes(self):
        msg = {"a": {"b": 1, "c": 2}, "d": 1}
        assert compile_delete("a.b")(msg)
        assert delete_property(msg, "d")
        assert msg == {"a": {"c": 2}}

    def test_refuses_a_huge_gap_in_a_list(self):
        msg = {"a": []}
        with pytest.raises(PathError, match="index 900000000"):
            set_property(msg, "a[900000000]", 1)
        assert msg == {"a": []}

    def test_an_undefined_reference_is_an_error(self):
        with pytest.raises(PathError):
            compile_set("a[msg.k]")({}, 1)

    @settings(deadline=None)
    @given(NAMES, st.lists(NAMES | st.integers(0, 5), max_size=4), JSON)
    def test_what_was_set_is_read_back(self, first, rest, value):
        path = path_text((first, *rest))
        msg = {}
        assert compile_set(path)(msg, value)
        assert compile_get(path)(msg) == value
        assert resolve_path(parse_path(path), msg) == parse_path(path)


@pytest.mark.parametrize(
    "payload",
    [
        1,
        {"a": [{"b": 1}]},
        {"a": {1, 2}},
        {"when": datetime(2026, 1, 1), "raw": b"x"},
        (1, [2]),
        {"deep": [bytearray(b"x")]},
    ],
)
def test_clones_share_nothing_that_can_change(payload):
    msg = {"_msgid": "m", "payload": payload}
    copies = clones(msg, 3)
    assert copies == [msg] * 3
    assert [type(copy["payload"]) for copy in copies] == [type(payload)] * 3
    everything = [msg, *copies]
    for reach in (lambda m: m, lambda m: m["payload"], lambda m: m["payload"]["a"], lambda m: m["payload"]["deep"][0]):
        try:
            found = [reach(one) for one in everything]
        except (KeyError, TypeError):
            continue
        if type(found[0]) not in (int, tuple):
            assert len({id(one) for one in found}) == 4


def test_clones_carry_handles_and_opaque_objects_by_reference():
    handle = object()
    for copied in clones({"req": handle, "payload": {"a": []}}, 2) + clones({"payload": {"socket": handle}}, 2):
        assert handle in (copied.get("req"), copied["payload"].get("socket"))
