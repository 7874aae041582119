"""Behaviour as Node-RED documents it for its switch node; titles follow its own tests where they check the same."""

import math
from datetime import UTC, datetime

import pytest

from busway.engine.message import UNDEFINED
from busway.testing import flow_of, node


def switch(*rules, to=None, **more):
    return node(
        "switch", "s", to=to or [["out"]] * max(len(rules), 1), rules=list(rules), **{"property": "payload", **more}
    )


async def outputs(msg, *rules, **more):
    """The numbers of the outputs that one message leaves by."""
    async with flow_of([switch(*rules, **more)]) as flow:
        await flow.send("s", msg)
        return [index for index in range(len(rules)) if flow.sent("s", index)]


async def matches(value, t, v=UNDEFINED, vt=None, **more):
    rule = {"t": t, **({} if v is UNDEFINED else {"v": v}), **({"vt": vt} if vt else {}), **more}
    return await outputs({} if value is UNDEFINED else {"payload": value}, rule) == [0]


class TestComparison:
    @pytest.mark.parametrize(
        ("value", "t", "v", "vt", "expected"),
        [
            ("Hello", "eq", "Hello", "str", True),
            ("Hello", "eq", "hello", "str", False),
            (3, "eq", "3", "str", True),
            ("3", "eq", "3", "num", True),
            (True, "eq", "1", "num", True),
            (True, "eq", "true", "bool", True),
            (False, "eq", "", "str", True),
            (None, "eq", "0", "num", False),
            (UNDEFINED, "eq", "", "str", False),
            ([1], "eq", "1", "num", True),
            ("Hello", "neq", "Hello", "str", False),
            ("Hello", "neq", "x", "str", True),
            (3, "lt", "4", "num", True),
            ("10", "lt", "9", "str", True),
            (10, "lt", "9", "str", False),
            ("10", "lt", "9", "num", False),
            (4, "lt", "4", "num", False),
            (4, "lte", "4", "num", True),
            (5, "gt", "4", "num", True),
            (4, "gt", "4", "num", False),
            (4, "gte", "4", "num", True),
            ("abc", "gt", "4", "num", False),
            (None, "gte", "0", "num", True),
            (UNDEFINED, "gte", "0", "num", False),
            ("Hello", "cont", "ell", "str", True),
            ("Hello", "cont", "x", "str", False),
            (12345, "cont", "234", "num", True),
            (["a", "b"], "cont", "a,b", "str", True),
            (5, "gt", "abc", "num", False),
        ],
    )
    async def test_converts_like_javascript(self, value, t, v, vt, expected):
        assert await matches(value, t, v, vt) is expected

    @pytest.mark.parametrize(
        ("value", "v", "v2", "vt", "expected"),
        [
            (4, "3", "5", "num", True),
            (4, "5", "3", "num", True),
            (3, "3", "5", "num", True),
            (5, "3", "5", "num", True),
            (6, "3", "5", "num", False),
            ("b", "a", "c", "str", True),
            ("4", "3", "5", "num", True),
            ("x", "3", "5", "num", False),
        ],
    )
    async def test_between_is_inclusive_and_has_no_order(self, value, v, v2, vt, expected):
        assert await matches(value, "btwn", v, vt, v2=v2, v2t=vt) is expected

    @pytest.mark.parametrize(
        ("value", "pattern", "more", "expected"),
        [
            ("aabbCC", "a+b+C+", {}, True),
            ("aabbcc", "a+b+C+", {}, False),
            ("aabbcc", "a+b+C+", {"case": True}, True),
            ("aabbcc", "a+b+C+", {"case": False}, False),
            (12, r"^\d+$", {}, True),
            ("12\n", r"^\d+$", {}, False),
            (UNDEFINED, "undefined", {}, True),
            ("a1", r"\d", {"vt": "re"}, True),
            ("xY", "y", {"vt": "jsonata", "v": '"y"', "case": True}, True),
            ("xY", "y", {"vt": "msg", "v": "pattern"}, False),
        ],
    )
    async def test_regular_expressions_are_those_of_javascript(self, value, pattern, more, expected):
        rule = {"t": "regex", "v": pattern, "vt": "str", **more}
        msg = {"pattern": pattern} | ({} if value is UNDEFINED else {"payload": value})
        assert (await outputs(msg, rule) == [0]) is expected


class TestKind:
    VALUES = {  # noqa: RUF012
        "text": "Hello",
        "blank": "",
        "zero": 0,
        "number": 1.5,
        "nan": math.nan,
        "infinity": math.inf,
        "true": True,
        "false": False,
        "none": None,
        "absent": UNDEFINED,
        "list": [1, 2],
        "one": [5],
        "no list": [],
        "object": {"a": 1},
        "no object": {},
        "bytes": b"ab",
        "no bytes": b"",
        "json": '{"a":1}',
        "date": datetime(2026, 1, 1, tzinfo=UTC),
    }

    @pytest.mark.parametrize(
        ("t", "v", "expected"),
        [
            ("true", UNDEFINED, "true"),
            ("false", UNDEFINED, "false"),
            ("null", UNDEFINED, "none absent"),
            ("empty", UNDEFINED, "blank|no list|no object|no bytes"),
            ("nempty", UNDEFINED, "text list one object bytes json"),
            ("istype", "string", "text blank json"),
            ("istype", "number", "zero number infinity"),
            ("istype", "boolean", "true false"),
            ("istype", "array", "list|one|no list"),
            ("istype", "buffer", "bytes|no bytes"),
            ("istype", "object", "object|no object|date"),
            ("istype", "json", "zero number true false none one json"),
            ("istype", "undefined", "absent"),
            ("istype", "null", "none"),
        ],
    )
    async def test_is_told_apart(self, t, v, expected):
        names = expected.split("|") if "|" in expected else expected.split()
        found = [
            name for name, value in self.VALUES.items() if await matches(value, t, v, v if v is not UNDEFINED else None)
        ]
        assert sorted(found) == sorted(names)

    async def test_not_null_is_the_opposite_of_null(self):
        assert not await matches(None, "nnull")
        assert not await matches(UNDEFINED, "nnull")
        assert await matches(0, "nnull")

    @pytest.mark.parametrize(
        ("value", "key", "expected"),
        [
            ({"a": 1}, "a", True),
            ({"a": None}, "a", True),
            ({"a": 1}, "b", False),
            ({"1": 1}, "1", True),
            (["x"], "0", True),
            (["x"], "1", False),
            ("text", "length", True),
            (5, "a", False),
            (None, "a", False),
            (UNDEFINED, "a", False),
        ],
    )
    async def test_has_key(self, value, key, expected):
        assert await matches(value, "hask", key, "str") is expected

    async def test_a_key_that_is_an_object_is_in_nothing(self):
        assert await outputs({"payload": {"a": 1}, "k": {}}, {"t": "hask", "v": "k", "vt": "msg"}) == []


class TestValues:
    @pytest.mark.parametrize(
        ("type", "value"),
        [
            ("msg", "deep.n"),
            ("msg", "deep[msg.key]"),
            ("flow", "f"),
            ("flow", "#:(memory)::f"),
            ("global", "g"),
            ("jsonata", "deep.n * 1"),
            ("env", "SWITCH_TEST"),
        ],
    )
    async def test_property_and_operand_come_from_everywhere(self, type, value, monkeypatch):
        monkeypatch.setenv("SWITCH_TEST", "7")
        rules = [{"t": "eq", "v": value, "vt": type}, {"t": "gt", "v": value, "vt": type}]
        for property, property_type in ((value, type), ("deep.n", "msg")):
            async with flow_of([switch(*rules, property=property, propertyType=property_type)]) as flow:
                running = flow.runtime.nodes["s"]
                running.flow_context.set("f", 7)
                running.global_context.set("g", 7)
                await flow.send("s", {"deep": {"n": 7}, "key": "n"})
                assert (len(flow.sent("s", 0)), len(flow.sent("s", 1))) == (1, 0)

    async def test_what_cannot_be_read_is_undefined(self):
        assert await outputs({}, {"t": "null"}, property="a.b.c") == [0]
        assert await outputs({}, {"t": "null"}, property="a[msg.none]") == [0]
        assert await outputs({"payload": 1}, {"t": "eq", "v": "a[msg.none]", "vt": "msg"}, {"t": "else"}) == [1]

    async def test_previous_value_is_that_of_the_message_before(self):
        async with flow_of([switch({"t": "gt", "vt": "prev"}, {"t": "else"})]) as flow:
            for value in (1, 0, -2, 2):
                await flow.send("s", {"payload": value})
            assert [msg["payload"] for msg in flow.sent("s", 0)] == [1, 2]

    async def test_previous_value_as_end_of_a_range(self):
        rule = {"t": "btwn", "v": "10", "vt": "num", "v2": "", "v2t": "prev"}
        async with flow_of([switch(rule)]) as flow:
            for value in (0, 20, 30, 20, 30, 25):
                await flow.send("s", {"payload": value})
            assert [msg["payload"] for msg in flow.sent("s")] == [0, 20, 25]  # null counts as 0

    @pytest.mark.parametrize(
        ("rule", "value", "expected"),
        [
            ({"t": "eq", "v": "3"}, 3, True),
            ({"t": "lt", "v": "9"}, "10", False),
            ({"t": "eq", "v": "abc"}, "abc", True),
            ({"t": "eq", "v": 5}, "5", True),
            ({"t": "btwn", "v": "9", "v2": "11"}, "10", True),
        ],
    )
    async def test_a_value_without_type_is_a_number_if_it_reads_as_one(self, rule, value, expected):
        assert (await outputs({"payload": value}, rule) == [0]) is expected


class TestRules:
    EQ = tuple({"t": "eq", "v": v, "vt": "str"} for v in ("Authorize", "Heartbeat", "Boot"))
    ELSE = {"t": "else"}  # noqa: RUF012
    ANY = {"t": "nnull"}  # noqa: RUF012

    @pytest.mark.parametrize("checkall", ["true", "false"])
    @pytest.mark.parametrize(
        ("value", "without", "otherwise"),
        [("Authorize", [0], [0]), ("Boot", [2], [2]), ("x", [], [3]), (5, [], [3]), (UNDEFINED, [], [3])],
    )
    async def test_of_texts_find_their_output(self, checkall, value, without, otherwise):
        msg = {} if value is UNDEFINED else {"payload": value}
        assert await outputs(msg, *self.EQ, checkall=checkall) == without
        assert await outputs(msg, *self.EQ, self.ELSE, checkall=checkall) == otherwise

    async def test_of_texts_match_values_that_convert_to_them(self):
        rules = [{"t": "eq", "v": v, "vt": "str"} for v in ("1", "true", "a,b")]
        assert await outputs({"payload": 1}, *rules) == [0]
        assert await outputs({"payload": ["a", "b"]}, *rules) == [2]
        assert await outputs({"payload": True}, *rules) == [0]

    @pytest.mark.parametrize(
        ("checkall", "expected"), [("true", [0, 2]), ("false", [0]), (True, [0, 2]), (False, [0, 2])]
    )
    async def test_all_or_only_the_first_that_matches(self, checkall, expected):
        rules = [self.ANY, {"t": "null"}, {"t": "eq", "v": "1", "vt": "num"}]
        assert await outputs({"payload": 1}, *rules, checkall=checkall) == expected

    async def test_the_same_text_twice_goes_to_both(self):
        assert await outputs({"payload": "a"}, *[{"t": "eq", "v": "a", "vt": "str"}] * 2) == [0, 1]

    async def test_otherwise_counts_from_the_otherwise_before(self):
        no = {"t": "null"}
        assert await outputs({"payload": 1}, no, self.ELSE, self.ANY, self.ELSE) == [1, 2]
        assert await outputs({"payload": 1}, self.ANY, self.ELSE, no, self.ELSE) == [0, 3]
        assert await outputs({"payload": 1}, no, self.ELSE, self.ANY, checkall="false") == [1]

    async def test_no_rules_send_nothing(self):
        for properties in ({"rules": []}, {}):
            async with flow_of([node("switch", "s", to="out") | properties]) as flow:
                await flow.send("s", {"payload": ""})
                assert flow.sent("s") == []
                assert flow.runtime.nodes["s"].public() == {"rules": []}

    async def test_the_first_output_gets_the_message_itself(self):
        seen = {}
        async with flow_of([switch(self.ANY, self.ANY, to=[["a"], ["b"]])]) as flow:
            for id in "ab":
                flow.runtime.ports[id].tap(lambda msg, id=id: seen.update({id: msg}))
            await flow.send("s", {"payload": {"x": 1}})
        assert seen["a"] == seen["b"]
        assert seen["a"]["payload"] is not seen["b"]["payload"]


class TestExpressions:
    @pytest.mark.parametrize(("expression", "expected"), [("payload > 1", [0]), ("payload > 2", []), ("payload", [])])
    async def test_match_when_the_result_is_true(self, expression, expected):
        assert await outputs({"payload": 2}, {"t": "jsonata_exp", "v": expression, "vt": "jsonata"}) == expected

    async def test_know_index_and_count(self):
        rules = [
            {"t": "jsonata_exp", "v": "$I = 1", "vt": "jsonata"},
            {"t": "jsonata_exp", "v": "$N = 3", "vt": "jsonata"},
        ]
        assert await outputs({"payload": 2, "parts": {"id": "x", "index": 1, "count": 3}}, *rules) == [0, 1]

    async def test_that_fail_as_operand_are_errors(self):
        async with flow_of([switch({"t": "eq", "v": "$nothing()", "vt": "jsonata"})]) as flow:
            await flow.send("s", {"payload": 1})
            assert (await flow.error()).text.startswith("Invalid JSONata expression: ")
            assert flow.sent("s") == []

    async def test_that_fail_as_property_are_warned_of(self):
        async with flow_of([switch({"t": "null"}, property="$nothing()", propertyType="jsonata")]) as flow:
            await flow.send("s", {"payload": 1})
            assert [line.text for line in flow.logs if line.level == "warn"] == [
                "Invalid JSONata expression: Attempted to invoke a non-function: $nothing"
            ]
            assert flow.sent("s") == []


def part(index, payload=None, count=5, id=222):
    parts = {"id": id, "index": index} | ({} if count is None else {"count": count})
    return {"payload": index if payload is None else payload, "parts": parts}


async def sequence(messages, *rules, **more):
    """For each output, what it sent: ``(payload, index, count)``, and how many different sequences these are."""
    async with flow_of([switch(*rules, **more)]) as flow:
        for msg in messages:
            await flow.send("s", msg)
        sent = [flow.sent("s", index) for index in range(len(rules))]
        assert not flow.runtime.nodes["s"]._holds
    places = [[(msg["payload"], msg["parts"]["index"], msg["parts"]["count"]) for msg in out] for out in sent]
    return places, [len({msg["parts"]["id"] for msg in out}) for out in sent]


class TestSequences:
    @pytest.mark.parametrize(
        ("rule", "indexes"),
        [
            ({"t": "head", "v": 3, "vt": "num"}, [0, 1, 2]),
            ({"t": "head", "v": "n", "vt": "flow"}, []),
            ({"t": "head", "v": "1 + 1", "vt": "jsonata"}, [0, 1]),
            ({"t": "tail", "v": 3, "vt": "num"}, [2, 3, 4]),
            ({"t": "index", "v": 1, "vt": "num", "v2": 3, "v2t": "num"}, [1, 2, 3]),
        ],
    )
    async def test_head_tail_and_slice(self, rule, indexes):
        found, _ = await sequence([part(index) for index in range(5)], rule)
        assert [place[0] for place in found[0]] == indexes
        repaired, ids = await sequence([part(index) for index in range(5)], rule, repair=True)
        assert repaired[0] == [(index, place, len(indexes)) for place, index in enumerate(indexes)]
        assert ids[0] == (1 if indexes else 0)

    async def test_tail_waits_for_the_whole_sequence(self):
        async with flow_of([switch({"t": "tail", "v": 1, "vt": "num"})]) as flow:
            await flow.send("s", part(1, count=2))
            assert flow.sent("s") == []
            await flow.send("s", part(0, count=None))
            assert [msg["payload"] for msg in flow.sent("s")] == [1]

    RULES = ({"t": "gte", "v": 0, "vt": "num"}, {"t": "lte", "v": 0, "vt": "num"}, {"t": "else"})

    async def test_repair_gives_each_output_a_sequence_of_its_own(self):
        messages = [part(index, payload) for index, payload in enumerate((1, -2, 2, 0, -1))]
        found, ids = await sequence(messages, *self.RULES, repair=True)
        assert found == [[(1, 0, 3), (2, 1, 3), (0, 2, 3)], [(-2, 0, 3), (0, 1, 3), (-1, 2, 3)], []]
        assert ids == [1, 1, 0]

    async def test_repair_works_when_only_the_first_match_counts(self):
        messages = [part(index, payload) for index, payload in enumerate((1, -2, 2, 0, -1))]
        found, _ = await sequence(messages, *self.RULES, repair=True, checkall="false")
        assert found == [[(1, 0, 3), (2, 1, 3), (0, 2, 3)], [(-2, 0, 2), (-1, 1, 2)], []]

    async def test_without_repair_the_parts_stay(self):
        messages = [part(index, payload) for index, payload in enumerate((1, -2, 2))]
        found, _ = await sequence(messages, *self.RULES)
        assert found[0] == [(1, 0, 5), (2, 2, 5)]

    async def test_sequences_do_not_mix(self):
        messages = [part(i, f"{id}{i}", 2, id) for i in range(2) for id in "ab"]
        found, ids = await sequence(messages, {"t": "nnull"}, repair=True)
        assert sorted(found[0]) == [("a0", 0, 2), ("a1", 1, 2), ("b0", 0, 2), ("b1", 1, 2)]
        assert ids == [2]

    async def test_messages_without_parts_pass_at_once(self):
        assert await outputs({"payload": 1}, {"t": "nnull"}, repair=True) == [0]

    async def test_a_sequence_rule_without_parts_is_an_error(self):
        async with flow_of([switch({"t": "head", "v": 1, "vt": "num"})]) as flow:
            await flow.send("s", {"payload": 1})
            assert "the message has no msg.parts" in (await flow.error()).text

    async def test_a_message_whose_rules_fail_is_left_out(self):
        rule = {"t": "jsonata_exp", "v": "payload + 1 > 0", "vt": "jsonata"}
        async with flow_of([switch(rule, repair=True)]) as flow:
            for index, payload in enumerate((1, "x", 2)):
                await flow.send("s", part(index, payload, 3))
            assert (await flow.error()).text.startswith("Invalid JSONata expression: ")
            sent = [(msg["payload"], msg["parts"]["index"], msg["parts"]["count"]) for msg in flow.sent("s")]
        assert sent == [(1, 0, 2), (2, 1, 2)]

    async def test_too_many_pending_messages_are_dropped_with_an_error(self):
        limit = {"node_message_buffer_max_length": 2}
        async with flow_of([switch({"t": "tail", "v": 2, "vt": "num"})], settings=limit) as flow:
            for index in (2, 1, 3, 0):
                await flow.send("s", part(index, count=4))
            line = await flow.error()
            assert (line.node, line.text) == ("s", "too many pending messages in switch node")
            assert flow.sent("s") == []
            assert len(flow.runtime.nodes["s"]._holds) == 1

    async def test_a_kept_message_is_not_settled(self):
        async with flow_of([switch({"t": "tail", "v": 1, "vt": "num"})]) as flow:
            origin = await flow.send("s", part(0, count=2))
            assert not origin.settled
            await flow.send("s", part(1, count=2))
            assert origin.settled


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"t": "regex", "v": "(", "vt": "str"}, "rule 2 (regex): invalid regular expression /(/"),
        ({"t": "eqq", "v": "1", "vt": "num"}, "rule 2 (eqq): the test 'eqq' does not exist; did you mean 'eq'?"),
        (
            {"t": "istype", "v": "strnig", "vt": "strnig"},
            "rule 2 (istype): there is no type 'strnig'; there are: string,",
        ),
        ({"t": "eq", "v": "$x(", "vt": "jsonata"}, "rule 2 (eq): Unexpected end of expression"),
        ({"t": "eq", "v": "a..b", "vt": "msg"}, "rule 2 (eq): invalid property path 'a..b'"),
    ],
)
async def test_a_rule_that_cannot_work_is_told_at_the_start(rule, reason):
    async with flow_of([switch({"t": "null"}, rule)]) as flow:
        told = [line.text for line in flow.logs if line.node == "s" and line.level == "error"]
    assert len(told) == 1
    assert f"node s (switch): {reason}" in told[0]
