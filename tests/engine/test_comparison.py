"""What differs between two versions of the flows."""

import json

from hypothesis import given
from hypothesis import strategies as st

from busway.engine.comparison import compare, lines
from busway.engine.model import FlowModel

TAB = {"id": "t", "type": "tab", "label": "Main"}


def node(id="n", type="change", z="t", **more):
    return {"id": id, "type": type, "z": z, "x": 1, "y": 2, "wires": [[]], **more}


def compared(old, new):
    return compare(FlowModel.parse([dict(item) for item in old]), FlowModel.parse([dict(item) for item in new]))


def only_part(found):
    [section] = found["sections"]
    [part] = section["parts"]
    return section, part


def test_the_same_flows_do_not_differ():
    found = compared([TAB, node()], [TAB, node()])
    assert found["sections"] == []
    assert set(found["counts"].values()) == {0}
    assert list(lines(found)) == []


def test_a_changed_property_is_told_with_both_values_on_its_tab():
    section, part = only_part(
        compared([TAB, node(name="a", rules=[1], old=5)], [TAB, node(name="b", rules=[True], new=None)])
    )
    assert (section["id"], section["kind"], section["label"], "change" in section) == ("t", "tab", "Main", False)
    assert (part["id"], part["kind"], part["type"], part["name"], part["change"]) == (
        "n",
        "node",
        "change",
        "b",
        "changed",
    )
    assert part["properties"] == [
        {"name": "name", "before": "a", "after": "b"},
        {"name": "rules", "before": [1], "after": [True]},
        {"name": "old", "before": 5},
        {"name": "new", "after": None},
    ]


def test_moving_and_rewiring_are_no_changes_of_properties():
    found = compared([TAB, node()], [TAB, node(x=9, wires=[["m"]])])
    _, part = only_part(found)
    assert part["moved"] == {"before": {"x": 1}, "after": {"x": 9}}
    assert part["rewired"] == {"before": {"wires": [[]]}, "after": {"wires": [["m"]]}}
    assert "properties" not in part
    assert found["counts"] == {"added": 0, "removed": 0, "changed": 0, "moved": 1, "rewired": 1}


def test_what_came_and_what_went():
    found = compared([TAB, node("a"), {"id": "c", "type": "broker"}], [TAB, {**TAB, "id": "u"}, node("b", z="u")])
    shown = {(section["id"], part["id"]): part["change"] for section in found["sections"] for part in section["parts"]}
    assert shown == {("t", "a"): "removed", ("u", "b"): "added", ("global", "c"): "removed"}
    assert {section["id"]: section.get("change") for section in found["sections"]} == {
        "t": None,
        "u": "added",
        "global": None,
    }
    assert (found["counts"]["added"], found["counts"]["removed"]) == (2, 2)


def test_tabs_and_templates_tell_their_own_properties():
    template = {"id": "s", "type": "subflow", "name": "Sub", "in": [], "out": [], "color": "#fff"}
    found = compared(
        [TAB, template],
        [{**TAB, "label": "New", "disabled": True}, {**template, "color": "#000", "in": [{"x": 1, "y": 1}]}],
    )
    tab, sub = found["sections"]
    assert [one["name"] for one in tab["properties"]] == ["label", "disabled"]
    assert (sub["kind"], sub["label"]) == ("subflow", "Sub")
    assert [one["name"] for one in sub["properties"]] == ["color"]
    assert sub["rewired"] == {"before": {"in": []}, "after": {"in": [{"x": 1, "y": 1}]}}


def test_the_members_and_size_of_a_group_are_its_place():
    group = {"id": "g", "type": "group", "z": "t", "nodes": ["n"], "x": 1, "y": 1, "w": 5, "h": 5}
    _, part = only_part(compared([TAB, group], [TAB, {**group, "nodes": [], "w": 9}]))
    assert (part["kind"], part["moved"]) == (
        "group",
        {"before": {"w": 5, "nodes": ["n"]}, "after": {"w": 9, "nodes": []}},
    )


def test_a_node_that_went_to_another_tab_is_told_there():
    other = {**TAB, "id": "u", "label": "Other"}
    section, part = only_part(compared([TAB, other, node()], [TAB, other, node(z="u")]))
    assert section["id"] == "u"
    assert part["properties"] == [{"name": "z", "before": "t", "after": "u"}]


def test_secrets_are_never_in_it():
    old = [
        {**TAB, "env": [{"name": "KEY", "type": "cred", "value": "PLANTED"}]},
        node(credentials={"password": "PLANTED"}),
    ]
    new = [
        {**TAB, "env": [{"name": "KEY", "type": "cred", "value": "PLANTED2"}]},
        node(name="x", credentials={"password": "PLANTED2"}),
    ]
    found = compared(old, new)
    assert "PLANTED" not in json.dumps(found)
    _, part = only_part(found)
    assert [one["name"] for one in part["properties"]] == ["name"]


def test_the_lines_for_a_terminal():
    found = compared(
        [TAB, node("a", name="A"), node("b")], [TAB, node("a", name="B", x=5), node("c", name="neu \ud800")]
    )
    assert list(lines(found)) == [
        "tab Main",
        "  ~ change a 'B'",
        '      name: "A" -> "B"',
        "      moved: x 1 -> 5",
        "  + change c 'neu \\ud800'",
        "  - change b",
    ]


def test_long_values_are_cut_in_the_lines_only():
    found = compared([TAB, node(func="a" * 1000)], [TAB, node(func="b" * 1000)])
    assert max(map(len, lines(found))) < 450
    assert len(only_part(found)[1]["properties"][0]["after"]) == 1000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)
)
NODES = st.dictionaries(
    st.sampled_from("abc"), st.dictionaries(st.sampled_from(["name", "x", "y", "wires", "p"]), VALUES), max_size=3
)


@given(NODES, NODES)
def test_a_comparison_is_empty_only_for_equal_flows_and_mirrors_itself(one, other):
    old = [TAB, *({"id": id, "type": "x", "z": "t", **more} for id, more in one.items())]
    new = [TAB, *({"id": id, "type": "x", "z": "t", **more} for id, more in other.items())]
    there, back = compared(old, new), compared(new, old)
    assert (there["sections"] == []) == (
        {item["id"]: json.dumps(item, sort_keys=True) for item in old}
        == {item["id"]: json.dumps(item, sort_keys=True) for item in new}
    )
    assert there["counts"]["added"] == back["counts"]["removed"]
    assert there["counts"]["changed"] == back["counts"]["changed"]
    assert all(isinstance(line, str) for line in lines(there))
