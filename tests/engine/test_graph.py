import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.graph import check, config_order, connected, link_targets, links, references
from busway.engine.model import FlowModel


def node(id, type="function", z="t", wires=(), **properties):
    return {"id": id, "type": type, "z": z, "x": 1, "y": 2, "wires": [list(port) for port in wires], **properties}


def config(id, type="mqtt-broker", **properties):
    return {"id": id, "type": type, **properties}


def tab(id="t"):
    return {"id": id, "type": "tab"}


def template(id="s", **properties):
    return {"id": id, "type": "subflow", "name": "", **properties}


def group(id, z="t", **properties):
    return {"id": id, "type": "group", "z": z, **properties}


def model(*objects):
    return FlowModel.parse([tab(), *objects])


def problems(found):
    return [(problem.level, problem.code, problem.node, problem.property) for problem in found]


# -- check -----------------------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_an_ordinary_file():
    flows = model(
        template(**{"in": [{"wires": [{"id": "i"}]}], "out": []}),
        node("i", z="s"),
        group("g", nodes=["a"]),
        config("c", tls="tls"),
        config("tls", "tls-config"),
        node("a", "inject", wires=[["b"]], g="g"),
        node("b", "mqtt out", wires=[["o"]], broker="c"),
        node("o", "link out", links=["l"]),
        node("l", "link in", wires=[["u"]], links=["o"]),
        node("u", "subflow:s"),
        node("e", "catch", scope=["b"], wires=[["b"]]),
    )
    refs = {"mqtt out": {"broker": "mqtt-broker"}, "mqtt-broker": {"tls": "tls-config"}}
    sources = {"inject", "catch", "link in"}
    assert check(flows, lambda type: True, lambda type: refs.get(type, {}), lambda type: type not in sources) == []


@pytest.mark.parametrize(
    ("objects", "expected", "words"),
    [
        (
            [node("a", wires=[[], ["gone"]])],
            ("warning", "dangling-wire", "a", "wires"),
            ["output 2", "'gone'", "remove the wire"],
        ),
        (
            [node("a", wires=[["c"]]), config("c")],
            ("warning", "dangling-wire", "a", "wires"),
            ["mqtt-broker c", "config node"],
        ),
        (
            [tab("t2"), node("a", wires=[["b"]]), node("b", z="t2")],
            ("warning", "wire-to-other-tab", "a", "wires"),
            ["another tab", "link out"],
        ),
        (
            [node("a", name="one"), node("a", "debug")],
            ("error", "duplicate-id", "a", "id"),
            ["entry 1 (function)", "entry 2 (debug)", "new id"],
        ),
        (
            [node("a", "subflow:sa"), template("saa")],
            ("warning", "missing-subflow", "a", "type"),
            ["'sa'", "did you mean 'saa'?"],
        ),
        (
            [node("a", "subflow:other")],
            ("warning", "missing-subflow", "a", "type"),
            ["import the subflow or remove"],
        ),
        (
            [template(), {"id": "a", "type": "subflow:s", "z": "t"}],
            ("warning", "no-place", "a", "x"),
            ["x and y"],
        ),
        (
            [template(name="Loop"), node("a", "subflow:s", z="s", name="me")],
            ("error", "subflow-recursion", "a", "type"),
            ["'Loop' (s) > 'Loop' (s)", "'me' (a)"],
        ),
        (
            [config("c1", "x", other="c2"), config("c2", "y", back="c1")],
            ("error", "config-cycle", "c1", "other"),
            ["x c1 > y c2 > x c1", "'other'"],
        ),
        (
            [config("c1", "x", other="c1")],
            ("error", "config-cycle", "c1", "other"),
            ["x c1 > x c1"],
        ),
        ([group("g1", g="g2"), group("g2", g="g1")], ("error", "group-cycle", "g1", "g"), ["g1 > g2 > g1"]),
        ([group("g1", g="g1")], ("error", "group-cycle", "g1", "g"), ["g1 > g1"]),
        ([node("a", g="gone")], ("warning", "missing-group", "a", "g"), ["'gone'"]),
        ([group("g", g="gone")], ("warning", "missing-group", "g", "g"), ["'gone'"]),
        (
            [tab("t2"), group("g", z="t2"), node("a", g="g")],
            ("warning", "group-on-other-tab", "a", "g"),
            ["another tab"],
        ),
        ([node("a", "link out", links=["gone"])], ("warning", "dangling-link", "a", "links"), ["'gone'"]),
        ([node("a", "link call", links=["b"]), node("b")], ("warning", "wrong-link", "a", "links"), ["no link in"]),
        ([node("a", "link in", links=["b"]), node("b")], ("warning", "wrong-link", "a", "links"), ["no link out"]),
        ([node("a", "catch", scope=["gone"])], ("warning", "missing-scope", "a", "scope"), ["'gone'"]),
        ([{"id": "a", "type": "debug", "x": 1, "y": 1}], ("warning", "no-tab", "a", "z"), ["set its z"]),
    ],
)
def test_each_problem_is_told_with_node_property_and_remedy(objects, expected, words):
    found = check(model(*objects))
    assert problems(found) == [expected]
    for word in words:
        assert word in found[0].message


def test_a_problem_names_the_tab():
    assert check(model(node("a", wires=[["gone"]])))[0].tab == "t"


def test_errors_come_before_warnings():
    found = check(model(node("a", wires=[["gone"]]), node("b"), node("b")))
    assert [problem.level for problem in found] == ["error", "warning"]


def test_recursion_through_other_subflows_is_named_along_its_way():
    flows = model(
        template("s1"),
        template("s2"),
        template("s3"),
        node("a", "subflow:s2", z="s1"),
        node("b", "subflow:s3", z="s2"),
        node("c", "subflow:s1", z="s3"),
        node("d", "subflow:s1", z="t"),
    )
    (found,) = check(flows)
    assert (found.code, found.node, found.tab) == ("subflow-recursion", "a", "s1")
    assert "s1 > s2 > s3 > s1" in found.message


def test_nested_subflows_that_end_are_no_recursion():
    flows = model(template("s1"), template("s2"), node("a", "subflow:s2", z="s1"), node("b", "subflow:s2", z="s1"))
    assert check(flows) == []


def test_a_disabled_config_node_breaks_the_circle():
    assert check(model(config("c1", "x", other="c2"), config("c2", "y", back="c1", d=True))) == []


def test_a_name_that_looks_like_an_id_is_no_reference():
    assert check(model(config("c1", "x", name="c1"))) == []


def test_unknown_types_are_told_for_each_node_with_the_nearest_type_in_use():
    flows = model(node("a", "funtion"), node("b", "function"), config("c", "odd"))
    found = check(flows, lambda type: type == "function")
    assert problems(found) == [
        ("warning", "unknown-type", "a", "type"),
        ("warning", "unknown-type", "c", "type"),
    ]
    assert "did you mean 'function'?" in found[0].message


@pytest.mark.parametrize(
    ("objects", "code", "words"),
    [
        ([], "missing-config", ["'broker'", "'c'", "does not exist", "choose a mqtt-broker"]),
        ([config("c", "tls-config")], "wrong-config", ["tls-config c", "no mqtt-broker"]),
        ([config("c", d=True)], "disabled-config", ["disabled", "enable it"]),
        ([tab("t2"), config("c", z="t2")], "config-on-other-tab", ["another tab"]),
    ],
)
def test_references_to_config_nodes_are_looked_at(objects, code, words):
    flows = model(node("a", "mqtt in", broker="c"), *objects)
    (found,) = check(flows, config_refs=lambda type: {"broker": "mqtt-broker"} if type == "mqtt in" else {})
    assert (found.code, found.node, found.property) == (code, "a", "broker")
    for word in words:
        assert word in found.message


@pytest.mark.parametrize("value", ["", "${BROKER}", None, 5])
def test_a_reference_that_is_empty_or_from_the_environment_is_no_problem(value):
    flows = model(node("a", "mqtt in", broker=value))
    assert check(flows, config_refs=lambda type: {"broker": "mqtt-broker"}) == []


# -- what is never reached -------------------------------------------------------------------------------------------

INPUTS = {"inject": 0, "catch": 0, "link in": 0, "comment": 0}


def unreached(*objects):
    found = check(model(*objects), inputs=lambda type: INPUTS.get(type, 1))
    return {problem.node for problem in found if problem.code == "unreachable"}


def test_nodes_that_no_source_leads_to_are_unreachable():
    assert unreached(
        node("a", "inject", wires=[["b"]]),
        node("b", wires=[["c"]]),
        node("c"),
        node("d", wires=[["e"]]),
        node("e", wires=[["d"]]),
        node("f", "comment"),
    ) == {"d", "e"}


def test_messages_pass_links_and_calls_but_no_disabled_node():
    assert unreached(
        node("a", "inject", wires=[["o", "call", "off"]]),
        node("o", "link out"),
        node("l", "link in", links=["o"], wires=[["b"]]),
        node("b"),
        node("call", "link call", links=["l2"]),
        node("l2", "link in", wires=[["c"]]),
        node("c"),
        node("off", d=True, wires=[["d"]]),
        node("d"),
        node("l3", "link in", wires=[["e"]]),
        node("e"),
    ) == {"d", "l3", "e"}


def test_a_call_by_name_may_reach_every_link_in():
    assert not unreached(
        node("a", "inject", wires=[["call"]]),
        node("call", "link call", linkType="dynamic"),
        node("l", "link in", wires=[["b"]]),
        node("b"),
    )


def test_a_template_is_entered_by_its_input_and_an_instance_by_its_wires():
    assert unreached(
        template("s", **{"in": [{"wires": [{"id": "i"}]}]}),
        node("i", z="s"),
        node("k", z="s"),
        node("u", "subflow:s"),
        node("v", "subflow:none", wires=[["w"]]),
        node("w"),
    ) == {"k", "u"}


# -- questions -------------------------------------------------------------------------------------------------------


def test_either_side_is_enough_for_a_link():
    flows = model(
        node("l0", "link in", links=["o1"]),
        node("o1", "link out", links=["l1", "l1"]),
        node("l1", "link in"),
        node("l2", "link in", links=["o1", "o2"]),
        node("o2", "link out", mode="return"),
        node("no", "function", links=["o1"]),
    )
    assert link_targets(flows) == {"o1": ["l1", "l0", "l2"], "o2": ["l2"]}
    assert link_targets(flows.flow_nodes("t")) == link_targets(flows)


@pytest.mark.parametrize(("value", "expected"), [(None, []), ("x", []), (["a", 1, None], ["a"])])
def test_odd_links_are_read_as_far_as_they_make_sense(value, expected):
    assert links(model(node("a", "link in", links=value)).nodes["a"]) == expected


def test_connected_follows_wires_and_links_both_ways():
    flows = model(
        tab("t2"),
        node("a", wires=[["b"]]),
        node("b", wires=[["o"]]),
        node("o", "link out"),
        node("l", "link in", z="t2", links=["o"], wires=[["e"]]),
        node("e", z="t2"),
        node("x", wires=[["e2"]]),
        node("e2"),
    )
    assert connected(flows, ["b"]) == connected(flows, ["e"]) == {"a", "b", "o", "l", "e"}
    assert connected(flows, ["x", "nobody"]) == {"x", "e2", "nobody"}
    assert connected(flows, []) == set()


def test_config_nodes_come_after_those_they_refer_to_and_else_in_file_order():
    flows = model(
        config("a", uses="c"),
        config("b"),
        config("c", uses="d", too="b"),
        config("d"),
        config("e", env=[{"name": "X", "type": "conf-type", "value": "f"}]),
        config("f"),
    )
    assert [found.id for found in config_order(flows.flow_configs(None))] == ["d", "b", "c", "a", "f", "e"]


def test_config_nodes_in_a_circle_are_all_there():
    flows = model(config("a", uses="b"), config("b", uses="a"), config("c", uses="a"))
    assert [found.id for found in config_order(flows.flow_configs(None))] == ["b", "a", "c"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] > pair[1])))
def test_config_order_respects_every_reference(pairs):
    configs = [config(str(id), **{f"p{to}": str(to) for one, to in pairs if one == id}) for id in reversed(range(8))]
    order = [found.id for found in config_order(model(*configs).flow_configs(None))]
    assert sorted(order) == [str(id) for id in range(8)]
    assert all(order.index(str(to)) < order.index(str(one)) for one, to in pairs)


def test_references_are_properties_at_top_level_and_env_entries_for_config_nodes():
    found = model(
        node(
            "a",
            broker="c1",
            z="t",
            name="c2",
            deep={"tls": "c3"},
            env=[{"name": "A", "type": "conf-type", "value": "c4"}, {"name": "B", "type": "str", "value": "c5"}, 1],
        )
    ).nodes["a"]
    assert references(found, dict.fromkeys(["c1", "c2", "c3", "c4", "c5", "t"])) == ["c1", "c4"]


def test_a_file_without_circles_is_checked_without_importing_networkx():
    program = f"""
import sys; sys.path[:] = {sys.path!r}
from busway.engine.graph import check
from busway.engine.model import FlowModel
flows = FlowModel.parse([{{"id": "c", "type": "x", "o": "d"}}, {{"id": "d", "type": "y"}}])
assert check(flows, lambda type: True) == []
print("networkx" in sys.modules)"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


ids = st.sampled_from(["a", "b", "c", "s", "g", "t"])
odd = st.none() | st.integers() | st.text(max_size=3) | ids
wiring = st.lists(st.lists(odd, max_size=3) | odd, max_size=2) | odd
anything = st.fixed_dictionaries(
    {
        "id": ids,
        "type": st.sampled_from(
            ["tab", "subflow", "subflow:s", "group", "link in", "link out", "catch", "x", "subflow:"]
        ),
    },
    optional={
        "x": odd,
        "y": odd,
        "z": odd,
        "g": odd,
        "d": odd,
        "wires": wiring,
        "links": wiring,
        "scope": wiring,
        "nodes": wiring,
        "env": st.lists(st.dictionaries(st.sampled_from(["name", "type", "value"]), odd) | odd) | odd,
        "in": st.lists(st.fixed_dictionaries({"wires": st.lists(st.fixed_dictionaries({"id": odd}) | odd) | odd}))
        | odd,
        "broker": odd,
    },
)


@settings(deadline=None)
@given(st.lists(anything, max_size=8))
def test_any_file_is_checked_without_a_crash(raw):
    flows = FlowModel.parse(json.loads(json.dumps(raw)))
    found = check(flows, lambda type: type != "x", lambda type: {"broker": "x"}, lambda type: 1)
    assert all(problem.message and problem.level in ("error", "warning") for problem in found)
    connected(flows, ["a"])
    assert len(config_order(flows.configs.values())) == len(flows.configs)
