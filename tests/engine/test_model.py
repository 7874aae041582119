import hashlib
import json
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.errors import FlowFileError
from busway.engine.model import HOME_TAB, FlowModel, take_credentials

DATA = Path(__file__).parent / "data"
EMPTY_REVISION = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

names = st.sampled_from(
    ["id", "type", "z", "g", "d", "x", "y", "wires", "env", "in", "out", "status", "nodes", "links"]
)
texts = st.sampled_from(["a", "b", "t", "tab", "subflow", "group", "subflow:a", "junction"]) | st.text(max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=10,
)
named = st.fixed_dictionaries({"id": texts.filter(bool), "type": texts.filter(bool)})
objects = st.builds(lambda one, other: {**other, **one}, named, st.dictionaries(names | texts, values, max_size=6))


def node(id, type="function", z="t", **properties):
    return {"id": id, "type": type, "z": z, "x": 1, "y": 2, "wires": [], **properties}


def tab(id="t", **properties):
    return {"id": id, "type": "tab", "label": id, **properties}


# -- round trips ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(raw=st.lists(objects, max_size=6), pretty=st.booleans())
def test_any_array_of_named_objects_loads_and_saves_without_loss(raw, pretty):
    text = json.dumps(raw)
    model = FlowModel.parse(text)
    assert model.raw == raw
    again = FlowModel.parse(model.dumps(pretty))
    assert again.raw == raw
    assert [list(item) for item in again.raw] == [list(item) for item in raw]
    assert again.revision == model.revision


@settings(deadline=None)
@given(value=values)
def test_any_json_is_a_model_or_a_flow_file_error(value):
    with suppress(FlowFileError):
        assert FlowModel.parse(json.dumps(value)).raw == value


@settings(deadline=None)
@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_model_or_a_flow_file_error(data):
    with suppress(FlowFileError):
        assert FlowModel.parse(data).raw == json.loads(data)


def test_revisions_are_those_of_node(tmp_path):
    arrays = [
        [tab(), node("a", x=1.0, y=100.5, name="Süd \u2028 \ud83d\ude00", level=1e21, zero=-0.0)],
        [node("a", **{"10": 1, "2": 2, "b": 3, "a": {"1": 1, "0": 0}})],
        [node("a", big=12345678901234567890, small=1e-7, tiny=5e-324, half="\ud800", quote='"\\/\b\f\n\r\t\x00\x7f')],
        [tab(env=[{"name": "A", "value": "1", "type": "num"}]), node("b", wires=[["c"], []], rules=[{}, [], None])],
    ]
    arrays += [[node(str(index), value=index / 7, n=10**index)] for index in range(30)]
    file = tmp_path / "arrays.json"
    file.write_text(json.dumps(arrays))
    program = """
      const {createHash} = require('crypto');
      const arrays = JSON.parse(require('fs').readFileSync(process.argv[1]));
      const hash = array => createHash('sha256').update(JSON.stringify(array)).digest('hex');
      console.log(JSON.stringify(arrays.map(hash)))"""
    answer = subprocess.run(["node", "-e", program, str(file)], capture_output=True, text=True, check=True)
    assert [FlowModel.parse(json.dumps(array)).revision for array in arrays] == json.loads(answer.stdout)


def test_a_file_written_by_node_red_has_its_revision_and_is_written_back_byte_for_byte():
    data = (DATA / "flows.json").read_bytes()
    model = FlowModel.parse(data)
    assert model.revision == "a2ec967473bd5bbff7a2b557a85b40ad9a80f489bbd8440ae2a0233f0399c1f8"
    assert model.dumps(pretty=True) == data


def test_the_empty_file_has_the_known_revision():
    assert FlowModel.parse("[]").revision == EMPTY_REVISION
    assert FlowModel.parse([]).dumps() == b"[]"


def test_the_revision_is_the_hash_of_the_compact_file():
    model = FlowModel.parse([tab(), node("a", name="é")])
    assert model.revision == hashlib.sha256(model.dumps()).hexdigest()


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf[]", "\ufeff[]", b" []\n"])
def test_a_byte_order_mark_is_tolerated(data):
    assert FlowModel.parse(data).raw == []


# -- what is no flow file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'[{"id": "a",\n "type": }]', ["line 2", "column 10"]),
        (b"[\n\n\xff]", ["UTF-8", "line 3", "byte 3"]),
        ("[]".encode("utf-16"), ["UTF-16", "save the file as UTF-8"]),
        (b'[{"id": "a", "type": "b", "x": NaN}]', ["NaN", "null"]),
        (b'[{"id": "a", "type": "b", "x": ' + b"9" * 5000 + b"}]", ["too long"]),
        (b"[" * 5000, ["nested"]),
        (b'[{"id": "a", "type": "b", "x": ' + b"[" * 300 + b"]" * 300 + b"}]", ["200 deep"]),
        ('{"flows": [], "rev": "1"}', ["one JSON array", "an object", "'flows'"]),
        ('{"id": "1", "nodes": []}', ["single flow", "'nodes'"]),
        ("null", ["this is null"]),
        ('["x"]', ["entry 0 is a text"]),
        ('[{"id": "a", "type": "tab"}, null]', ["entry 1 is null"]),
        ('[{"type": "inject"}]', ["entry 0 (inject): its id is missing"]),
        ('[{"id": "a"}]', ["entry 0 (a): its type is missing"]),
        ('[{"id": "a", "typ": "inject"}]', ["did you mean 'typ'?"]),
        ('[{"id": 5, "type": "inject"}]', ["its id is a number"]),
        ('[{"id": "", "type": "inject"}]', ["its id is an empty text"]),
        ('[{"id": "a", "type": true}]', ["its type is true or false"]),
    ],
)
def test_an_error_says_where_and_what_would_be_right(data, words):
    with pytest.raises(FlowFileError) as caught:
        FlowModel.parse(data)
    for word in words:
        assert word in str(caught.value)


# -- the index -----------------------------------------------------------------------------------------------------


def test_everything_is_indexed_by_kind_and_container_in_file_order():
    model = FlowModel.parse(
        [
            node("b"),
            tab(),
            {"id": "s", "type": "subflow", "name": "S", "in": [{"wires": [{"id": "i"}]}], "out": [], "env": []},
            node("i", z="s"),
            {"id": "g", "type": "group", "z": "t", "g": "outer", "name": "G", "nodes": ["a", 5], "x": 1, "y": 1},
            node("a", g="g", name="A", d=True),
            {"id": "c", "type": "mqtt-broker"},
            {"id": "local", "type": "tls-config", "z": "t"},
            node("u", "subflow:s"),
            node("j", "junction"),
        ]
    )
    assert list(model.tabs) == ["t"]
    assert list(model.subflows) == ["s"]
    assert list(model.groups) == ["g"]
    assert list(model.nodes) == ["b", "i", "a", "u", "j"]
    assert list(model.configs) == ["c", "local"]
    assert [found.id for found in model.flow_nodes("t")] == ["b", "a", "u", "j"]
    assert [found.id for found in model.flow_nodes("s")] == ["i"]
    assert [found.id for found in model.flow_configs(None)] == ["c"]
    assert [found.id for found in model.flow_configs("t")] == ["local"]
    assert [found.id for found in model.flow_groups("t")] == ["g"]
    assert [found.id for found in model.instances("s")] == ["u"]
    assert model.flow_nodes("nowhere") == model.flow_configs("nowhere") == model.instances("nowhere") == []


def test_a_node_carries_its_usual_properties_and_the_object_itself():
    raw = node("a", g="g", name="A", d=True, wires=[["b"], []], own={"deep": [1]})
    found = FlowModel.parse([tab(), raw]).nodes["a"]
    assert (found.id, found.type, found.z, found.g, found.name) == ("a", "function", "t", "g", "A")
    assert found.disabled
    assert found.wires == [["b"], []]
    assert found.raw["own"] == {"deep": [1]}
    assert (found.is_subflow_instance, found.template_id, found.alias) == (False, None, "a")


def test_a_subflow_instance_knows_its_template():
    found = FlowModel.parse([node("a", "subflow:s")]).nodes["a"]
    assert found.is_subflow_instance
    assert found.template_id == "s"


@pytest.mark.parametrize(("place", "kind"), [({"x": 1, "y": 1}, "nodes"), ({"x": 1}, "configs"), ({"y": 0}, "configs")])
def test_both_x_and_y_make_a_flow_node_whatever_the_type(place, kind):
    model = FlowModel.parse([tab(), {"id": "a", "type": "mqtt-broker", "z": "t", **place}])
    assert list(getattr(model, kind)) == ["a"]


@pytest.mark.parametrize(
    ("wires", "expected"),
    [
        (None, []),
        ("x", []),
        ([["a", None, 3], None, {"a": 1}, ["b"]], [["a"], [], [], ["b"]]),
        ([[]], [[]]),
    ],
)
def test_odd_wires_are_read_as_far_as_they_make_sense_and_kept_as_they_are(wires, expected):
    model = FlowModel.parse([node("a", wires=wires)])
    assert model.nodes["a"].wires == expected
    assert model.raw[0]["wires"] == wires


def test_a_subflow_has_its_ports_as_wires():
    raw = {
        "id": "s",
        "type": "subflow",
        "in": [{"x": 1, "y": 1, "wires": [{"id": "a"}, {"no": "id"}]}],
        "out": [{"wires": [{"id": "a", "port": 1}, {"id": "s", "port": "0"}, {"id": "b"}]}, {"wires": None}],
        "status": {"wires": [{"id": "b", "port": -3}]},
        "env": [{"name": "A", "type": "str", "value": "1"}, {"type": "str"}, 5],
    }
    found = FlowModel.parse([raw]).subflows["s"]
    assert [[(wire.id, wire.port) for wire in port] for port in found.inputs] == [[("a", 0)]]
    assert [[(wire.id, wire.port) for wire in port] for port in found.outputs] == [[("a", 1), ("s", 0), ("b", 0)], []]
    assert [(wire.id, wire.port) for wire in found.status] == [("b", 0)]
    assert found.env == [{"name": "A", "type": "str", "value": "1"}]


def test_a_template_without_ports_has_none():
    found = FlowModel.parse([{"id": "s", "type": "subflow"}]).subflows["s"]
    assert (found.inputs, found.outputs, found.status) == ([], [], None)


def test_a_tab_is_invented_for_nodes_whose_z_names_nothing():
    model = FlowModel.parse([tab(), node("a", z="lost"), {"id": "c", "type": "x", "z": "lost too"}])
    assert [(found.id, found.invented) for found in model.tabs.values()] == [
        ("t", False),
        ("lost", True),
        ("lost too", True),
    ]
    assert [found.id for found in model.flow_nodes("lost")] == ["a"]
    assert [found.id for found in model.flow_configs("lost too")] == ["c"]
    assert len(model.raw) == 3


def test_a_group_whose_z_names_nothing_makes_no_tab():
    model = FlowModel.parse([{"id": "g", "type": "group", "z": "lost"}])
    assert list(model.tabs) == []
    assert list(model.groups) == ["g"]


def test_a_file_of_the_time_before_tabs_gets_one():
    raw = [
        {"id": "a", "type": "inject", "x": 1, "y": 1, "wires": [["b"]]},
        {"id": "b", "type": "debug", "x": 1, "y": 1},
    ]
    model = FlowModel.parse(raw)
    assert [found.id for found in model.flow_nodes(HOME_TAB)] == ["a", "b"]
    assert model.tabs[HOME_TAB].invented
    assert "z" not in model.raw[0]


def test_workspaces_of_the_first_versions_are_tabs():
    model = FlowModel.parse([{"id": "w", "type": "workspace", "label": "Old"}, node("a", z="w")])
    assert model.tabs["w"].label == "Old"
    assert [found.id for found in model.flow_nodes("w")] == ["a"]
    assert b'"workspace"' in model.dumps()


def test_a_node_without_z_beside_tabs_is_on_none_as_in_node_red():
    model = FlowModel.parse([tab(), {"id": "a", "type": "debug", "x": 1, "y": 1}])
    assert list(model.tabs) == ["t"]
    assert [found.id for found in model.flow_nodes("")] == ["a"]


def test_of_two_objects_with_one_id_the_later_counts_and_both_are_kept():
    model = FlowModel.parse([tab(), node("a", name="first"), node("a", name="second")])
    assert model.nodes["a"].name == "second"
    assert len(model.flow_nodes("t")) == 1
    assert len(model.raw) == 3


@pytest.mark.parametrize(("disabled", "expected"), [(True, True), (False, False), (None, False)])
def test_tabs_can_be_disabled(disabled, expected):
    assert FlowModel.parse([tab(disabled=disabled)]).tabs["t"].disabled is expected


def test_posted_credentials_are_taken_out():
    posted = [tab(), node("a", credentials={"user": "u"}), node("b"), "no object"]
    assert take_credentials(posted) == {"a": {"user": "u"}}
    assert posted == [tab(), node("a"), node("b"), "no object"]


def test_ten_thousand_nodes_share_their_wires_with_the_raw_objects():
    model = FlowModel.parse([node(str(index), wires=[[str(index + 1)]]) for index in range(10_000)])
    assert all(found.wires is found.raw["wires"] for found in model.nodes.values())
