"""Environment variables: types of entries, the chain, references between entries, substitution in properties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.environment import Environment, ProcessEnvironment
from busway.engine.message import UNDEFINED
from tests.engine.scopes import make_scope

OUTER = Environment([{"name": "A", "value": "outer", "type": "str"}, {"name": "only", "value": "1", "type": "num"}])


def entry(name, value, type="str"):
    return {"name": name, "value": value, "type": type}


def level(*entries, parent=OUTER, **more):
    return Environment(entries, parent, **more)


class TestEntries:
    @pytest.mark.parametrize(
        ("type", "text", "value"),
        [
            ("str", "x", "x"),
            ("num", "5", 5),
            ("num", "5.5", 5.5),
            ("bool", "true", True),
            ("bool", True, True),
            ("bool", "TRUE", False),
            ("bool", "false", False),
            ("json", '{"a":[1]}', {"a": [1]}),
            ("bin", "[1,2]", b"\x01\x02"),
            ("jsonata", "1 + 1", 2),
            ("env", "A", "outer"),
            ("env", "${only}", 1),
            ("env", "x-${A}-${only}-${none}", "x-outer-1-"),
            ("env", "none", ""),
            ("conf-type", "id1", "id1"),
            ("conf-type", "${A}", "outer"),
            ("unheard-of", "x", "x"),
        ],
    )
    def test_keep_their_type(self, type, text, value):
        found = level(entry("X", text, type)).get("X")
        assert found == value
        assert found.__class__ is value.__class__

    def test_secrets_come_from_the_credentials(self):
        environment = level(entry("P", "", "cred"), entry("Q", "", "cred"), credentials={"P": "secret", "other": "x"})
        assert environment.get("P") == "secret"
        assert environment.get("Q") == ""
        assert environment.get("other") is UNDEFINED

    def test_lists_and_objects_are_given_out_as_copies(self):
        environment = level(entry("X", '{"a":[1]}', "json"))
        environment.get("X")["a"].append(2)
        assert environment.get("X") == {"a": [1]}

    def test_jsonata_sees_contexts_and_variables(self):
        scope = make_scope()
        scope.flow_context.set("n", 1)
        scope.global_context.set("g", 2)
        text = '$flowContext("n") + $globalContext("g") + $env("only") + $env("S")'
        assert level(entry("X", text, "jsonata"), entry("S", "10", "num"), scope=scope).get("X") == 14

    def test_that_cannot_be_evaluated_are_told_and_undefined(self, caplog):
        environment = level(entry("J", "{", "json"), entry("E", "$x(", "jsonata"), entry("ok", "1", "num"))
        assert environment.get("J") is UNDEFINED
        assert environment.get("E") is UNDEFINED
        assert environment.get("ok") == 1
        assert [record.message.split(" cannot")[0] for record in caplog.records] == [
            "the environment variable 'J' (json)",
            "the environment variable 'E' (jsonata)",
        ]

    def test_the_last_of_a_name_counts(self):
        assert level(entry("X", "1"), entry("X", "2")).get("X") == "2"

    def test_are_evaluated_once(self):
        environment = level(entry("X", "$random()", "jsonata"))
        assert environment.get("X") == environment.get("X")


class TestReferences:
    def test_between_siblings_in_any_order(self):
        environment = level(
            entry("first", "${second}!", "env"), entry("second", "third", "env"), entry("third", "5", "num")
        )
        assert environment.get("first") == "5!"
        assert environment.get("second") == 5

    @pytest.mark.parametrize("text", ["A", "${A}", "$parent.A"])
    def test_to_itself_mean_the_parents_variable(self, text):
        assert level(entry("A", text, "env")).get("A") == "outer"

    def test_in_a_circle_end_at_the_parent(self):
        environment = level(entry("A", "B", "env"), entry("B", "A", "env"))
        assert environment.get("A") == "outer"
        assert environment.get("B") == "outer"

    def test_may_name_built_ins(self):
        assert level(entry("X", "NR_FLOW_NAME", "env"), builtins={"NR_FLOW_NAME": "tab"}).get("X") == "tab"


class TestChain:
    def test_inner_levels_hide_outer_ones(self):
        inner = level(entry("A", "inner"))
        node = Environment(None, inner, {"NR_NODE_ID": "n"})
        assert node.get("A") == "inner"
        assert node.get("only") == 1
        assert node.get("NR_NODE_ID") == "n"
        assert node.get("none") is UNDEFINED

    def test_parent_skips_levels_but_not_the_nodes_own(self):
        middle, inner = level(entry("A", "middle")), None
        inner = level(entry("A", "inner"), parent=middle)
        node = Environment(None, inner)
        assert node.get("$parent.A") == "middle"
        assert node.get("$parent.$parent.A") == "outer"
        assert node.get("$parent.$parent.$parent.A") is UNDEFINED

    def test_a_level_without_entries_is_a_level(self):
        assert level(parent=level(entry("A", "middle"))).get("$parent.A") == "middle"

    def test_ends_at_the_process(self, monkeypatch):
        monkeypatch.setenv("BUSWAY_TEST_VARIABLE", "process")
        assert OUTER.get("BUSWAY_TEST_VARIABLE") == "process"
        assert OUTER.get("$parent.$parent.BUSWAY_TEST_VARIABLE") == "process"
        assert ProcessEnvironment(["BUSWAY_TEST_VARIABLE"]).get("BUSWAY_TEST_VARIABLE") is UNDEFINED
        assert ProcessEnvironment().get("\ud800") is UNDEFINED

    def test_built_ins_are_asked_first(self):
        assert level(entry("NR_FLOW_ID", "mine"), builtins={"NR_FLOW_ID": "f"}).get("NR_FLOW_ID") == "f"


class TestSubstitute:
    ENVIRONMENT = level(
        entry("PORT", "1883", "num"),
        entry("HOST", "example.org"),
        entry("LIST", "[1]", "json"),
        entry("NO", "false", "bool"),
    )

    def test_replaces_whole_texts_and_keeps_types(self):
        properties = {"port": "${PORT}", "host": "$(HOST)", "list": "${LIST}", "flag": "${NO}", "name": "x"}
        assert self.ENVIRONMENT.substitute(properties) == {
            "port": 1883,
            "host": "example.org",
            "list": [1],
            "flag": False,
            "name": "x",
        }
        assert properties["port"] == "${PORT}"

    def test_at_any_depth(self):
        properties = {"rules": [{"v": "${PORT}", "n": [["$(HOST)"]]}, {"v": "x"}]}
        done = self.ENVIRONMENT.substitute(properties)
        assert done == {"rules": [{"v": 1883, "n": [["example.org"]]}, {"v": "x"}]}
        assert properties["rules"][0]["v"] == "${PORT}"
        assert done["rules"][1] is properties["rules"][1]

    def test_copies_nothing_when_there_is_nothing_to_replace(self):
        properties = {"a": "x", "b": [{"c": "$5"}], "d": "${NONE}"}
        assert self.ENVIRONMENT.substitute(properties) is properties

    @pytest.mark.parametrize(
        "text", ["a${PORT}", "${PORT}b", "${PO RT}", "${}", "$()", "$", "${", "${PORT)", "$(PORT}", "{PORT}"]
    )
    def test_leaves_other_texts_alone(self, text):
        assert self.ENVIRONMENT.substitute({"a": text}) == {"a": text}

    def test_uses_the_nodes_own_variables_where_needed(self):
        asked = []

        def node():
            asked.append(1)
            return Environment(None, self.ENVIRONMENT, {"NR_NODE_ID": "n1"})

        assert self.ENVIRONMENT.substitute({"a": "x"}, node) == {"a": "x"}
        assert asked == []
        assert self.ENVIRONMENT.substitute({"a": "${NR_NODE_ID}", "b": "${PORT}"}, node) == {"a": "n1", "b": 1883}
        assert asked == [1]

    @settings(deadline=None)
    @given(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=6),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        )
    )
    def test_properties_without_variables_are_the_same_after(self, value):
        properties = {"value": value}
        assert self.ENVIRONMENT.substitute(properties) == {"value": value}
