"""From the properties of the flow file to a node's typed config."""

from typing import Annotated, Literal

import pytest

from busway.engine.configure import configure, credentials_of, form_of, references_of
from busway.engine.errors import ConfigError
from busway.engine.fields import Credential, TypedValue, Unit
from busway.engine.node import Config, ConfigNode, Field


class Broker(ConfigNode[Config]):
    """A broker."""

    type = "broker"


class Other(ConfigNode[Config]):
    """Another thing."""

    type = "other"


class Sample(Config):
    count: int = Field(3, ge=0, title="Count", description="How many.")
    mode: Literal["", "a", "b"] = Field("a", title="Mode", description="Which way.")
    property: Annotated[str, TypedValue("propertyType", "msg", "flow")] = Field(
        "payload", title="P", description="What."
    )
    wait: Annotated[float, Unit("s")] = Field(1, title="Wait", description="How long.")
    from_: str = Field("x", alias="from", title="From", description="Where from.")
    secret: Annotated[str, Credential("password")] = Field("", title="Secret", description="A secret.")


class Referring(Config):
    broker: Broker
    spare: Broker | None = None


def broker(cls=Broker):
    return cls.__new__(cls)


def sample(secrets=None, **properties):
    return configure(Sample, {"id": "n1", "type": "sample", **properties}, secrets or {}, lambda id: None)


def test_what_is_absent_takes_its_default():
    assert sample().model_dump(by_alias=False) == {
        "name": "", "count": 3, "mode": "a", "property": "payload", "wait": 1, "from_": "x", "secret": "",
    }  # fmt: skip


def test_numbers_may_be_texts_and_an_empty_text_is_the_default():
    assert sample(count="7", wait="0.5").count == 7
    assert (sample(count="", wait=None).count, sample(mode="").mode) == (3, "")


def test_numbers_in_text_fields_become_text():
    assert (sample(property=5).property, sample(property=True).property) == ("5", "true")


def test_aliases_are_the_names_of_the_flow_file():
    assert sample(**{"from": "y"}).from_ == "y"


def test_a_wrong_value_names_node_property_and_remedy():
    with pytest.raises(ConfigError, match=r"node n1 \(sample 'N'\): 'count' is 'many'.*integer"):
        sample(count="many", name="N")
    with pytest.raises(ConfigError, match="greater than or equal to 0"):
        sample(count=-1)


def test_secrets_come_from_the_credentials_and_not_from_the_flow_file():
    assert sample({"secret": "s"}, secret="leaked").secret == "s"
    assert sample({}, secret="leaked").secret == ""
    assert credentials_of(Sample) == {"secret": "password"}


def test_a_reference_becomes_the_running_node():
    one = broker()
    config = configure(Referring, {"id": "n", "type": "t", "broker": "b1"}, {}, {"b1": one}.get)
    assert config.broker is one
    assert config.spare is None
    assert set(references_of(Referring)) == {"broker", "spare"}


@pytest.mark.parametrize(
    ("id", "nodes", "text"),
    [
        ("", {}, "names no config node; choose a broker"),
        ("gone", {}, "'gone', which does not exist, is disabled or did not start; choose a broker"),
        ("o", {"o": broker(Other)}, "'o', which is of type 'other'; choose a broker"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told(id, nodes, text):
    with pytest.raises(ConfigError, match=text):
        configure(Referring, {"id": "n", "type": "t", "broker": id}, {}, nodes.get)


def test_the_form_knows_names_widgets_units_and_choices():
    form = {field["name"]: field for field in form_of(Sample)}
    assert form["count"]["minimum"] == 0
    assert form["mode"]["enum"] == ["", "a", "b"]
    assert form["property"] | {"typeField": "propertyType", "types": ["msg", "flow"]} == form["property"]
    assert form["wait"]["unit"] == "s"
    assert form["from"]["default"] == "x"
    assert form["secret"]["widget"] == "credential"
    reference = {field["name"]: field for field in form_of(Referring)}["broker"]
    assert (reference["widget"], reference["type"], reference["required"]) == ("config", "broker", True)
