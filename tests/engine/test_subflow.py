import copy

import pytest

from busway.engine.errors import ConfigError
from busway.engine.graph import link_targets
from busway.engine.model import FlowModel
from busway.engine.subflow import instantiate, merge_env


def node(id, type="function", z="s", wires=(), **properties):
    return {"id": id, "type": type, "z": z, "x": 1, "y": 2, "wires": [list(port) for port in wires], **properties}


def port(*wires):
    return {"x": 1, "y": 1, "wires": [dict(zip(("id", "port"), wire, strict=False)) for wire in wires]}


def make(*inner, instance=None, **template):
    flows = FlowModel.parse(
        [
            {"id": "t", "type": "tab"},
            {"id": "s", "type": "subflow", "name": "S", **template},
            *inner,
            node("i", "subflow:s", "t", **(instance or {})),
        ]
    )
    before = copy.deepcopy(flows.raw)
    made = instantiate(flows, "s", flows.nodes["i"])
    assert flows.raw == before, "the template has been changed"
    return made


def raws(parts):
    return {part.id: part.raw for part in parts}


def test_inner_nodes_get_ids_of_the_instance_and_keep_the_templates_as_alias():
    made = make(node("a"), {"id": "c", "type": "mqtt-broker", "z": "s"})
    (inner,) = made.nodes
    assert (inner.id, inner.alias, inner.z, inner.type) == ("i-a", "a", "i", "function")
    assert inner.raw["_alias"] == "a"
    (inner_config,) = made.configs
    assert (inner_config.id, inner_config.alias, inner_config.z) == ("i-c", "c", "i")
    assert made.id == "i"
    assert made.template.name == "S"


def test_wires_are_moved_along_and_those_to_nowhere_are_left_out():
    made = make(node("a", wires=[["b", "gone", "t"], [], ["a"]]), node("b"))
    assert made.nodes[0].wires == made.nodes[0].raw["wires"] == [["i-b"], [], ["i-a"]]


def test_properties_that_name_a_part_are_moved_along_at_top_level_only():
    made = make(
        {"id": "c", "type": "mqtt-broker", "z": "s", "tls": "d"},
        {"id": "d", "type": "tls-config", "z": "s"},
        node("a", broker="c", name="c", other="elsewhere", deep={"broker": "c"}, count=3, many=["c"]),
    )
    raw = made.nodes[0].raw
    assert raw["broker"] == "i-c"
    assert raw["name"] == "c"
    assert raw["other"] == "elsewhere"
    assert raw["deep"] == {"broker": "c"}
    assert raw["many"] == ["c"]
    assert raw["count"] == 3
    assert raws(made.configs)["i-c"]["tls"] == "i-d"


def test_a_type_that_is_also_an_id_stays():
    made = make(node("function"), node("a"))
    assert [inner.type for inner in made.nodes] == ["function", "function"]


@pytest.mark.parametrize("type", ["catch", "status", "complete"])
def test_scopes_are_moved_along(type):
    made = make(node("a"), node("w", type, scope=["a", "gone"]), node("all", type, scope=None))
    assert raws(made.nodes)["i-w"]["scope"] == ["i-a"]
    assert raws(made.nodes)["i-all"]["scope"] is None


def test_groups_are_moved_along_with_their_members():
    made = make(
        {
            "id": "g",
            "type": "group",
            "z": "s",
            "nodes": ["a", "h"],
            "env": [{"name": "A", "value": "1", "type": "str"}],
        },
        {"id": "h", "type": "group", "z": "s", "g": "g", "nodes": ["w"], "name": "inner"},
        node("a", g="g"),
        node("w", "catch", g="h", scope=["a"]),
    )
    outer, inner = made.groups
    assert (outer.id, outer.z, outer.nodes, outer.env[0]["name"]) == ("i-g", "i", ["i-a", "i-h"], "A")
    assert (inner.id, inner.g, inner.name) == ("i-h", "i-g", "inner")
    assert [found.g for found in made.nodes] == ["i-g", "i-h"]


def test_links_inside_are_moved_along_from_either_side_and_those_outward_stay():
    made = make(
        node("o", "link out", links=["outside"]),
        node("l", "link in", links=["o"]),
        node("call", "link call", links=["l"]),
    )
    assert link_targets(made.nodes) == {"i-o": ["outside", "i-l"]}
    assert raws(made.nodes)["i-call"]["links"] == ["i-l"]


def test_the_input_leads_to_the_nodes_wired_to_it():
    made = make(node("a"), node("b"), **{"in": [port(("a",), ("b",), ("gone",)), port(("b",))]})
    assert made.inputs == ["i-a", "i-b"]


def test_without_an_input_nothing_is_received():
    assert make(node("a")).inputs == []


def test_outputs_come_from_inner_outputs_or_straight_from_the_input():
    made = make(node("a"), node("b"), out=[port(("a", 1), ("b", 0)), port(("s", 0)), port(("gone", 0))])
    assert made.outputs == [[("i-a", 1), ("i-b", 0)], [("i", 0)], []]


def test_the_status_output_comes_from_inner_outputs():
    made = make(node("a"), status=port(("a", 2), ("s", 0)))
    assert made.has_status
    assert made.status == [("i-a", 2), ("i", 0)]


def test_a_status_output_wired_to_nothing_is_still_there():
    assert (make(status=port()).has_status, make().has_status) == (True, False)


def test_nested_instances_add_up_their_prefixes():
    flows = FlowModel.parse(
        [
            {"id": "outer", "type": "subflow", "out": [port(("n", 0))]},
            {"id": "inner", "type": "subflow", "in": [port(("x",))]},
            node("n", "subflow:inner", "outer", name="nested", env=[{"name": "A", "value": "2", "type": "num"}]),
            node("x", z="inner"),
            node("i", "subflow:outer", "t"),
        ]
    )
    (nested,) = instantiate(flows, "outer", flows.nodes["i"]).nodes
    assert (nested.id, nested.type, nested.template_id, nested.name) == ("i-n", "subflow:inner", "inner", "nested")
    made = instantiate(flows, "inner", nested)
    assert [inner.id for inner in made.nodes] == ["i-n-x"]
    assert made.inputs == ["i-n-x"]
    assert (made.nodes[0].z, made.nodes[0].alias) == ("i-n", "x")
    assert made.env == [{"name": "A", "value": "2", "type": "num"}]


def test_two_instances_have_nothing_in_common_but_nested_values():
    flows = FlowModel.parse(
        [
            {"id": "s", "type": "subflow"},
            node("a", wires=[["b"]], rules=[{"v": 1}]),
            node("b"),
            node("i", "subflow:s", "t"),
            node("k", "subflow:s", "t"),
        ]
    )
    one, other = (instantiate(flows, "s", flows.nodes[id]) for id in ("i", "k"))
    assert one.nodes[0].wires == [["i-b"]]
    assert other.nodes[0].wires == [["k-b"]]
    assert one.nodes[0].raw is not other.nodes[0].raw


def test_an_instances_environment_overrides_the_templates_and_adds_to_it():
    made = make(
        env=[
            {"name": "A", "type": "str", "value": "template", "ui": {"type": "input"}},
            {"name": "B", "type": "str", "value": "kept"},
        ],
        instance={"env": [{"name": "C", "type": "bool", "value": "true"}, {"name": "A", "type": "num", "value": "1"}]},
    )
    assert made.env == [
        {"name": "A", "type": "num", "value": "1", "ui": {"type": "input"}},
        {"name": "B", "type": "str", "value": "kept"},
        {"name": "C", "type": "bool", "value": "true"},
    ]


def test_merging_environments_changes_neither():
    template, given = [{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}]
    assert merge_env(template, given) == [{"name": "A", "value": "2"}]
    assert (template, given) == ([{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}])


@pytest.mark.parametrize("env", [None, 5, "text", [None, 5, {"name": ["x"]}, {"value": "no name"}]])
def test_an_odd_environment_of_an_instance_is_no_override(env):
    made = make(env=[{"name": "A", "type": "str", "value": "1"}], instance={"env": env})
    assert made.env == [{"name": "A", "type": "str", "value": "1"}]


def test_an_instance_of_nothing_is_an_error_that_names_the_nearest_template():
    flows = FlowModel.parse([{"id": "pricing", "type": "subflow"}, node("i", "subflow:pricin", "t")])
    with pytest.raises(ConfigError, match=r"instance i.*no subflow 'pricin'.*did you mean 'pricing'"):
        instantiate(flows, "pricin", flows.nodes["i"])
