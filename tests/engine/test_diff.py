"""What each kind of change makes restart. The flows are those of Node-RED's table of restarts: a -> b -> link out on one tab
leads to link in -> e on another, and two instances of a subflow, groups in a group, and config nodes stand around."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.diff import diff, plan, same
from busway.engine.model import FlowModel

MODES = ("nodes", "flows")


def node(id, type="function", z="t1", wires=(), **properties):
    return {"id": id, "type": type, "z": z, "x": 1, "y": 2, "wires": [list(port) for port in wires], **properties}


def env(value):
    return [{"name": "A", "value": value, "type": "str"}]


def flow_file():
    return [
        {"id": "t1", "type": "tab", "label": "one"},
        {"id": "t2", "type": "tab", "label": "two"},
        {"id": "t3", "type": "tab", "label": "three"},
        {
            "id": "s",
            "type": "subflow",
            "name": "S",
            "in": [{"x": 1, "y": 1, "wires": [{"id": "s1"}]}],
            "out": [{"x": 9, "y": 1, "wires": [{"id": "s1", "port": 0}]}],
        },
        {"id": "outer", "type": "subflow", "name": "O"},
        {"id": "g1", "type": "group", "z": "t3", "nodes": ["p", "g2"], "env": env("1"), "x": 0, "y": 0, "w": 9, "h": 9},
        {"id": "g2", "type": "group", "z": "t3", "g": "g1", "nodes": ["q"], "x": 0, "y": 0, "w": 9, "h": 9},
        {"id": "tls", "type": "tls-config"},
        {"id": "broker", "type": "mqtt-broker", "tls": "tls"},
        {"id": "local", "type": "mqtt-broker", "z": "t2"},
        {"id": "globals", "type": "global-config", "env": env("1")},
        node("s1", z="s"),
        node("nested", "subflow:s", "outer"),
        node("a", wires=[["b"]]),
        node("b", wires=[["lo"]]),
        node("lo", "link out", links=["li"]),
        node("c", wires=[["d"]]),
        node("d"),
        node("i1", "subflow:s", wires=[["w"]]),
        node("w"),
        node("li", "link in", "t2", wires=[["e"]], links=["lo"]),
        node("e", z="t2"),
        node("f", z="t2"),
        node("i2", "subflow:s", "t2"),
        node("i3", "subflow:outer", "t2"),
        node("p", z="t3", g="g1"),
        node("q", z="t3", g="g2", wires=[["r"]]),
        node("r", z="t3"),
        node("m", "mqtt in", "t3", broker="broker", wires=[["n"]]),
        node("n", z="t3"),
    ]


T1 = {"a", "b", "lo", "c", "d", "i1", "w"}
T2 = {"li", "e", "f", "i2", "i3", "local"}
T3 = {"p", "q", "r", "m", "n"}
CONFIGS = {"tls", "broker", "globals"}
ALL = T1 | T2 | T3 | CONFIGS


def changed(*changes):
    """The flow file after the changes: each is a dict of properties for an id, None to delete it, or a new object."""
    objects = flow_file()
    for change in changes:
        if "id" in change:
            objects.append(change)
            continue
        for id, properties in change.items():
            if properties is None:
                objects = [item for item in objects if id not in (item["id"], item.get("z"))]
            else:
                next(item for item in objects if item["id"] == id).update(properties)
    return objects


def planned(new, mode, old=None, posted=frozenset()):
    one, other = FlowModel.parse(old or flow_file()), FlowModel.parse(new)
    made = plan(diff(one, other, posted), one, other, mode)
    assert made.removed <= made.stop
    assert not made.rewire & (made.stop | made.start)
    return made


def restarts(made):
    assert not made.removed
    assert made.stop == made.start
    return made.stop


# -- the table, row by row -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"a": {"x": 500, "y": 7}},
        {"s1": {"x": 500}},
        {"s": {"in": [{"x": 77, "y": 1, "wires": [{"id": "s1"}]}]}},
        {"g1": {"x": 5, "w": 100, "h": 3, "style": {"label": True}, "nodes": ["g2", "p"]}},
        {"t1": {"label": "renamed", "info": "text", "locked": True}},
    ],
    ids=["nothing", "move", "move in template", "move port of template", "resize group", "rename tab"],
)
def test_nothing_restarts_for_nothing_a_move_or_a_tabs_name(change, mode):
    made = planned(changed(change), mode)
    assert (made.restart_all, made.stop, made.start, made.rewire, made.tabs) == (False, set(), set(), set(), set())


@pytest.mark.parametrize(("mode", "expected"), [("nodes", {"a"}), ("flows", {"a", "b", "lo"})])
def test_a_property_restarts_the_node_or_all_that_is_wired_to_it(mode, expected):
    assert restarts(planned(changed({"a": {"func": "return null"}}), mode)) == expected


def test_wires_are_swapped_live_in_nodes_mode():
    made = planned(changed({"a": {"wires": [["d"]]}}), "nodes")
    assert restarts(made) == set()
    assert made.rewire == {"a"}


def test_wires_restart_old_and_new_neighbours_in_flows_mode():
    made = planned(changed({"a": {"wires": [["d"]]}}), "flows")
    assert restarts(made) == {"a", "b", "lo", "c", "d"}
    assert made.rewire == set()


@pytest.mark.parametrize(("mode", "others"), [("nodes", set()), ("flows", {"a", "lo"})])
def test_a_deleted_node_stops_for_good(mode, others):
    made = planned(changed({"b": None}), mode)
    assert made.removed == {"b"}
    assert (made.stop, made.start) == ({"b"} | others, others)


@pytest.mark.parametrize(("mode", "others"), [("nodes", set()), ("flows", {"c", "d"})])
def test_a_new_node_starts(mode, others):
    made = planned(changed(node("new", wires=[["d"]])), mode)
    assert (made.stop, made.start, made.removed) == (others, {"new"} | others, set())


@pytest.mark.parametrize("mode", MODES)
def test_a_tabs_environment_restarts_every_node_of_the_tab(mode):
    made = planned(changed({"t1": {"env": env("2")}}), mode)
    assert restarts(made) == T1
    assert made.tabs == {"t1"}
    assert restarts(planned(changed({"t2": {"env": env("2")}}), mode)) == T2


@pytest.mark.parametrize(("mode", "elsewhere"), [("nodes", set()), ("flows", {"a", "b", "lo"})])
def test_a_disabled_tab_stops_and_restarts_what_is_linked_to_it_elsewhere(mode, elsewhere):
    made = planned(changed({"t2": {"disabled": True}}), mode)
    assert made.removed == T2
    assert (made.stop, made.start) == (T2 | elsewhere, elsewhere)
    assert made.tabs == {"t2"}


@pytest.mark.parametrize(("mode", "elsewhere"), [("nodes", set()), ("flows", {"a", "b", "lo"})])
def test_an_enabled_tab_starts_and_restarts_what_is_linked_to_it_elsewhere(mode, elsewhere):
    made = planned(flow_file(), mode, old=changed({"t2": {"disabled": True}}))
    assert (made.stop, made.start, made.removed) == (elsewhere, T2 | elsewhere, set())
    assert made.tabs == {"t2"}


@pytest.mark.parametrize(("mode", "others"), [("nodes", set()), ("flows", {"a", "lo"})])
def test_a_disabled_node_stops_for_good_and_an_enabled_one_starts(mode, others):
    off = changed({"b": {"d": True}})
    made = planned(off, mode)
    assert (made.stop, made.start, made.removed) == ({"b"} | others, others, {"b"})
    made = planned(flow_file(), mode, old=off)
    assert (made.stop, made.start, made.removed) == (others, {"b"} | others, set())


@pytest.mark.parametrize(("mode", "expected"), [("nodes", {"p", "q"}), ("flows", {"p", "q", "r"})])
def test_a_groups_environment_restarts_every_node_in_it_nested_ones_too(mode, expected):
    assert restarts(planned(changed({"g1": {"env": env("2")}}), mode)) == expected


@pytest.mark.parametrize(("mode", "others"), [("nodes", set()), ("flows", {"w"})])
@pytest.mark.parametrize(
    "change",
    [
        {"s1": {"func": "return null"}},
        {"s1": {"wires": [["s1"]]}},
        {"s1": None},
        node("s2", z="s"),
        {"id": "s-config", "type": "tls-config", "z": "s"},
        {"s": {"env": env("2")}},
        {"s": {"in": []}},
        {"s": {"out": [{"x": 9, "y": 1, "wires": []}]}},
        {"s": {"status": {"x": 9, "y": 9, "wires": []}}},
    ],
    ids=["property", "wires", "deleted", "added", "config", "env", "input", "output", "status"],
)
def test_a_change_in_a_template_restarts_every_instance_wholly_nested_ones_too(change, mode, others):
    assert restarts(planned(changed(change), mode)) == {"i1", "i2", "i3"} | others


@pytest.mark.parametrize(("mode", "others"), [("nodes", set()), ("flows", {"n"})])
def test_a_config_node_restarts_all_that_use_it_directly_or_not(mode, others):
    assert restarts(planned(changed({"broker": {"port": 1}}), mode)) == {"broker", "m"} | others
    assert restarts(planned(changed({"tls": {"cert": "x"}}), mode)) == {"tls", "broker", "m"} | others


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_global_config_restarts_everything(mode):
    made = planned(changed({"globals": {"env": env("2")}}), mode)
    assert made.restart_all
    assert restarts(made) == ALL


@pytest.mark.parametrize("mode", MODES)
def test_a_new_global_config_restarts_nothing_else(mode):
    made = planned(flow_file(), mode, old=changed({"globals": None}))
    assert not made.restart_all
    assert (made.stop, made.start) == (set(), {"globals"})


# -- beyond the table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "reload", "nonsense"])
def test_full_restarts_everything_even_without_a_change(mode):
    made = planned(flow_file(), mode)
    assert made.restart_all
    assert restarts(made) == ALL


def test_full_tells_what_does_not_come_back_and_what_is_new():
    made = planned(changed({"t2": {"disabled": True}}, {"a": None}, node("new")), "full")
    assert made.removed == T2 | {"a"}
    assert made.start == ALL - T2 - {"a"} | {"new"}


def test_what_is_disabled_neither_stops_nor_starts_when_it_changes():
    off = changed({"a": {"d": True}}, {"t2": {"disabled": True}})
    new = copy.deepcopy(off)
    for item in new:
        if item["id"] in ("a", "f"):
            item["func"] = "changed"
    made = planned(new, "nodes", old=off)
    assert (made.stop, made.start) == (set(), set())


@pytest.mark.parametrize("mode", MODES)
def test_a_new_tab_starts_and_a_deleted_one_stops(mode):
    made = planned(changed({"id": "t9", "type": "tab"}, node("x", z="t9")), mode)
    assert (made.stop, made.start, made.tabs) == (set(), {"x"}, {"t9"})
    made = planned(changed({"t3": None}), mode)
    assert (made.stop, made.start, made.removed, made.tabs) == (T3, set(), T3, {"t3"})


def test_a_node_that_moves_to_another_tab_restarts():
    assert restarts(planned(changed({"f": {"z": "t1"}}), "nodes")) == {"f"}


def test_a_node_that_moves_out_of_a_template_starts_and_restarts_the_instances():
    made = planned(changed({"s1": {"z": "t1"}}), "nodes")
    assert (made.stop, made.start) == ({"i1", "i2", "i3"}, {"i1", "i2", "i3", "s1"})


def test_posted_credentials_are_a_change():
    assert restarts(planned(flow_file(), "nodes", posted={"broker"})) == {"broker", "m"}
    assert restarts(planned(flow_file(), "nodes", posted={"t3"})) == T3
    assert restarts(planned(flow_file(), "nodes", posted={"g2"})) == {"q"}
    assert restarts(planned(flow_file(), "nodes", posted={"s"})) == {"i1", "i2", "i3"}
    assert planned(flow_file(), "nodes", posted={"globals"}).restart_all


def test_a_node_that_takes_another_name_or_group_restarts():
    assert restarts(planned(changed({"r": {"g": "g1"}}), "nodes")) == {"r"}
    assert restarts(planned(changed({"r": {"name": "other"}}), "nodes")) == {"r"}


def test_a_template_that_comes_back_starts_its_instances_anew():
    without = [item for item in flow_file() if item["id"] != "s" and item.get("z") != "s"]
    assert restarts(planned(flow_file(), "nodes", old=without)) == {"i1", "i2", "i3"}


def test_a_config_node_that_comes_restarts_those_that_waited_for_it():
    made = planned(flow_file(), "nodes", old=changed({"broker": None}))
    assert (made.stop, made.start) == ({"m"}, {"m", "broker"})


def test_an_environment_entry_can_name_a_config_node():
    old = changed({"i1": {"env": [{"name": "B", "type": "conf-type", "value": "broker"}]}})
    new = copy.deepcopy(old)
    next(item for item in new if item["id"] == "broker")["port"] = 1
    assert restarts(planned(new, "nodes", old=old)) == {"broker", "m", "i1"}


def test_a_template_that_uses_a_changed_config_node_restarts_its_instances():
    old = changed({"s1": {"server": "broker"}})
    new = copy.deepcopy(old)
    next(item for item in new if item["id"] == "broker")["port"] = 1
    assert restarts(planned(new, "nodes", old=old)) == {"broker", "m", "i1", "i2", "i3"}


def test_a_link_that_its_other_side_makes_or_drops_is_rewired():
    old = changed({"lo": {"links": []}})
    made = planned(changed({"lo": {"links": []}}, {"li": {"links": []}}), "nodes", old=old)
    assert restarts(made) == {"li"}
    assert made.rewire == {"lo"}


def test_a_changed_link_node_takes_its_partners_and_their_neighbours_along_in_flows_mode():
    assert restarts(planned(changed({"li": {"name": "entry"}}), "nodes")) == {"li"}
    assert restarts(planned(changed({"li": {"name": "entry"}}), "flows")) == {"a", "b", "lo", "li", "e"}


def test_a_flow_node_that_becomes_a_config_node_restarts():
    new = flow_file()
    del next(item for item in new if item["id"] == "f")["x"]
    assert restarts(planned(new, "nodes")) == {"f"}


# -- the differences -------------------------------------------------------------------------------------------------


def difference(new, old=None, posted=frozenset()):
    return diff(FlowModel.parse(old or flow_file()), FlowModel.parse(new), posted)


def test_the_same_file_has_no_difference_whatever_the_order_of_its_objects_and_keys():
    shuffled = [dict(reversed(item.items())) for item in reversed(flow_file())]
    assert not difference(shuffled)


def test_each_kind_of_difference_is_told():
    new = changed(
        {"a": {"x": 9}},
        {"b": {"wires": []}},
        {"c": {"func": "x", "y": 9}},
        {"d": None},
        {"t1": {"label": "x"}},
        {"t3": {"disabled": True}},
        {"g2": {"name": "x"}},
        {"outer": None},
        node("new"),
        {"id": "t9", "type": "tab"},
        {"id": "g9", "type": "group", "z": "t1"},
        {"id": "s9", "type": "subflow"},
    )
    found = difference(new)
    assert found
    assert (found.added, found.removed) == ({"new"}, {"d", "nested"})
    assert (found.changed, found.rewired, found.moved) == ({"c"}, {"b"}, {"a", "c"})
    assert (found.tabs.added, found.tabs.changed, found.tabs.removed) == ({"t9"}, {"t1", "t3"}, set())
    assert (found.groups.added, found.groups.changed, found.groups.removed) == ({"g9"}, {"g2"}, set())
    assert (found.subflows.added, found.subflows.changed, found.subflows.removed) == ({"s9"}, set(), {"outer"})
    assert not found.globals


@pytest.mark.parametrize("change", [{"t1": {"label": "x"}}, {"g1": {"name": "x"}}, {"outer": {"info": "x"}}])
def test_a_difference_in_what_is_no_node_is_a_difference(change):
    assert difference(changed(change))


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, 1, False),
        (0, False, False),
        ({"a": [1, {"b": True}]}, {"a": [1, {"b": 1}]}, False),
        (1, 1.0, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        (None, False, False),
        ("1", 1, False),
    ],
)
def test_values_are_compared_as_json(one, other, equal):
    assert same(one, other) is equal


ids = st.sampled_from(["a", "b", "c", "s", "g", "t"])
odd = st.none() | st.booleans() | ids
objects = st.fixed_dictionaries(
    {"id": ids, "type": st.sampled_from(["tab", "subflow", "subflow:s", "group", "link in", "link out", "x"])},
    optional=dict.fromkeys(("x", "y", "z", "g", "d", "disabled", "broker"), odd)
    | {name: st.lists(odd, max_size=2) for name in ("links", "nodes", "env")}
    | {"wires": st.lists(st.lists(ids, max_size=2), max_size=2)},
)
files = st.lists(objects, max_size=8)


@settings(deadline=None)
@given(old=files, new=files, mode=st.sampled_from(["full", "nodes", "flows"]), posted=st.sets(ids))
def test_after_any_deploy_exactly_the_enabled_nodes_run(old, new, mode, posted):
    one, other = (FlowModel.parse(json.loads(json.dumps(raw))) for raw in (old, new))
    made = plan(diff(one, other, posted), one, other, mode)
    before, after = running(one), running(other)
    assert made.stop <= before
    assert made.start <= after
    assert (before - made.stop) | made.start == after
    assert made.removed == before - after
    assert made.rewire <= before & after - made.stop


def running(model):
    tabs = [tab.id for tab in model.tabs.values() if not tab.disabled]
    nodes = [node for tab in tabs for node in (*model.flow_nodes(tab), *model.flow_configs(tab))]
    return {node.id for node in (*nodes, *model.flow_configs(None)) if not node.disabled}
