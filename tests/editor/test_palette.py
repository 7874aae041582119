"""Node types as an editor gets them: complete, and with the defaults of Node-RED."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest

from busway.editor.server.palette import describe_type
from busway.engine.fields import Choices, Code, Column, Hidden, Rows, ShownIf, Stored, TypedValue
from busway.engine.node import Config, ConfigNode, Field, Node
from busway.engine.registry import Registry

CATALOGUE = json.loads((Path(__file__).parent / "data" / "node_red_types.json").read_text())
REGISTRY = Registry()
OURS = {cls.type: describe_type(cls, REGISTRY.place(cls.type)) for cls in REGISTRY.all()}
SHARED = sorted(OURS.keys() & CATALOGUE.keys())
NOT_SHOWN_IN_CLEAR = {"tls-config": {"keydata", "p12data"}}
"""Credentials that Node-RED's editor can read back and ours cannot."""


def fields(type):
    return {field["name"]: field for field in OURS[type]["fields"]}


@pytest.mark.parametrize("type", SHARED)
def test_every_property_is_there_with_node_reds_default(type):
    ours = {name: field.get("default") for name, field in fields(type).items()}
    for name, default in CATALOGUE[type]["defaults"].items():
        if name in OURS[type]["references"]:
            assert not ours[name], name
            assert not default, name
        else:
            assert json.dumps(ours[name]) == json.dumps(default), name


@pytest.mark.parametrize("type", SHARED)
def test_looks_and_ports_are_node_reds(type):
    wanted = CATALOGUE[type]
    for key in ("inputs", "outputs", "color", "icon", "paletteLabel", "align", "inPalette"):
        if wanted[key] is not None:
            assert OURS[type][key] == wanted[key], key
    assert OURS[type]["isConfig"] == wanted["config"]


@pytest.mark.parametrize("type", SHARED)
def test_credentials_are_node_reds(type):
    for name, kind in CATALOGUE[type]["credentials"].items():
        hidden = name in NOT_SHOWN_IN_CLEAR.get(type, ())
        assert OURS[type]["credentials"].get(name) == ("password" if hidden else kind), name


def test_all_types_of_the_catalogue_are_checked_that_there_are():
    assert len(SHARED) >= 25


@pytest.mark.parametrize("type", sorted(OURS))
def test_an_editor_needs_to_know_no_type_by_name(type):
    shown = OURS[type]
    assert shown["help"]
    json.dumps(shown)
    jsonschema_rs.validator_for(shown["schema"])
    names = fields(type).keys()
    for field in shown["fields"]:
        assert field["title"], field
        assert {"type", "anyOf", "enum", "widget", "default"} & field.keys(), field
        for key in ("typeField", "languageField"):
            assert field.get(key, field["name"]) in names, field
        assert field.get("visible", {"field": field["name"]})["field"] in names, field
        for column in field.get("columns", ()):
            members = {column["name"] for column in field["columns"]}
            members |= {column["typeField"] for column in field["columns"] if "typeField" in column}
            assert column.get("visible", {"field": column["name"]})["field"] in members, column
    rule = shown["outputRule"] or {}
    assert {rule[key] for key in ("property", "rows", "field") if key in rule} <= names


@pytest.mark.parametrize("type", sorted(OURS))
def test_a_good_form_can_be_drawn_of_every_type(type):
    for field in OURS[type]["fields"]:
        assert field["title"] not in ("", field["name"]), field
        assert field.get("description"), field
        assert choices_without_label(field) == [], field
        if not field.get("hidden") and is_structured(field):
            assert field.get("widget") in ("rows", "pairs", "items", "nodes"), field
        for column in field.get("columns", ()):
            assert column["title"], column
            assert column["type"] in ("string", "number", "boolean"), column
            assert choices_without_label(column) == [], column
        if field.get("widget") == "rows":
            names = {column[key] for column in field["columns"] for key in ("name", "typeField") if key in column}
            assert field["new"].keys() <= names, field
        kept = field.get("rowsFrom", {"kept": {}})["kept"]
        assert {name for names in kept.values() for name in names.values()} <= fields(type).keys(), field


def choices_without_label(field):
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in field.get("enum", ())]
    missing = [value for value in values if value not in field.get("labels", {})]
    return missing + [
        kind for kind in field.get("types", ()) if field["widget"] == "typed" and not field["typeLabels"][kind]
    ]


def is_structured(field):
    kinds = [field, *field.get("anyOf", ())]
    return isinstance(field["default"], (list, dict)) or any(kind.get("type") in ("array", "object") for kind in kinds)


@pytest.mark.parametrize("type", sorted(OURS))
def test_labels_are_templates_over_properties_of_the_node(type):
    names = fields(type).keys()
    for label in OURS[type]["labels"]:
        used = re.findall(r"\{([^{}]+)\}", label["text"]) + [condition["field"] for condition in label["when"]]
        assert {path.partition(".")[0] for path in used} <= names, label
    assert set(re.findall(r"\{([^{}]+)\}", OURS[type]["label"])) <= names


class Broker(ConfigNode[Config]):
    """A broker."""

    type = "palette-broker"


class SampleConfig(Config):
    broker: Broker | None = Field(None, title="Broker")
    count: Annotated[int, Stored("5")] = Field(5, ge=1, title="Count")
    mode: Annotated[Literal["a", "b"], Choices(a="One", b="Other")] = Field("a", title="Mode")
    value: Annotated[str, TypedValue("valueType", "msg", "str"), ShownIf("mode", "b")] = Field("", title="Value")
    valueType: str = Field("str", title="Type")
    old: Annotated[str, Hidden()] = Field("", title="Old")
    rules: Annotated[list[dict[str, Any]], Rows(Column("t", "Test", "op", (("eq", "=="),)), t="eq")] = Field(
        default_factory=list, title="Rules"
    )
    code: Annotated[str, Code("python", "mode")] = Field("", title="Code")


class Sample(Node[SampleConfig]):
    """Sample."""

    type = "palette-sample"
    outputs = ("yes", "no")
    output_rule = {"rows": "rules"}  # noqa: RUF012


def test_hints_of_fields_reach_the_form():
    shown = describe_type(Sample, None)
    form = {field["name"]: field for field in shown["fields"]}
    assert form["broker"] | {"widget": "config", "type": "palette-broker", "default": ""} == form["broker"]
    assert (form["count"]["default"], form["count"]["type"], form["count"]["minimum"]) == ("5", "integer", 1)
    assert (form["mode"]["enum"], form["mode"]["labels"]) == (["a", "b"], {"a": "One", "b": "Other"})
    assert form["value"]["visible"] == {"field": "mode", "in": ["b"]}
    assert (form["value"]["typeField"], form["valueType"]["hidden"], form["old"]["hidden"]) == ("valueType", True, True)
    assert form["rules"]["columns"] == [
        {"name": "t", "title": "Test", "part": "op", "type": "string", "enum": ["eq"], "labels": {"eq": "=="}}
    ]
    assert form["rules"]["new"] == {"t": "eq"}
    assert form["code"]["languageField"] == "mode"
    assert (shown["outputs"], shown["outputNames"], shown["outputRule"]) == (2, ["yes", "no"], {"rows": "rules"})


def test_the_number_of_outputs_follows_from_a_property():
    assert OURS["function"]["outputRule"] == {"property": "outputs"}
    assert OURS["change"]["outputRule"] is None


def test_rule_lists_are_described_by_their_columns():
    columns = {column["part"]: column for column in fields("switch")["rules"]["columns"]}
    assert len(columns["op"]["enum"]) == len(set(columns["op"]["enum"])) == 22
    assert columns["value2"]["visible"] == {"field": "t", "in": ["btwn", "index"]}
    assert fields("switch")["rules"]["new"] == {"t": "eq", "v": "", "vt": "str"}
    assert OURS["switch"]["outputRule"] == {"rows": "rules", "property": "outputs"}
    assert [column["part"] for column in fields("change")["rules"]["columns"]][:2] == ["action", "property"]
    assert [column["part"] for column in fields("inject")["props"]["columns"]] == ["property", "value"]
    assert fields("inject")["props"]["rowsFrom"]["kept"]["payload"] == {"v": "payload", "vt": "payloadType"}
    assert [column["title"] for column in fields("http request")["headers"]["columns"]] == ["Name", "Value"]
    assert fields("http response")["headers"]["widget"] == "pairs"
    assert fields("function")["libs"]["visible"] == {"field": "language", "in": ["javascript"]}


def test_fields_that_may_be_blank_keep_the_type_of_their_value():
    repeat = fields("inject")["repeat"]
    assert (repeat["type"], repeat["blank"], repeat["unit"]) == ("number", True, "s")
    assert "enum" not in repeat
    assert fields("catch")["scope"]["choices"][0] == {"value": None, "label": "All nodes of this flow"}
    assert fields("trigger")["op1"]["fixedTypes"] == ["pay", "nul"]


def test_labels_say_when_they_apply():
    shown = OURS["change"]["labels"][0]
    assert shown == {
        "text": "{rules.0.t} {rules.0.pt}.{rules.0.p}",
        "when": [{"field": "rules.length", "in": [1]}],
    }
