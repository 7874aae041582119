"""The json node."""

import pytest

from busway.engine.testing import flow_of, node


async def convert(value, **properties):
    async with flow_of([node("json", "j", to="out", **properties)]) as flow:
        await flow.send("j", {"payload": value})
        return (await flow.output("j"))["payload"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"a":[1,2.5,null]}', {"a": [1, 2.5, None]}),
        (b'"text"', "text"),
        ({"a": [1, True]}, '{"a":[1,true]}'),
        ([1], "[1]"),
        (True, "true"),
        (5, "5"),
        (None, "null"),
    ],
)
async def test_it_toggles_between_text_and_value(given, expected):
    assert await convert(given) == expected


async def test_it_can_be_told_which_way():
    assert await convert({"a": 1}, action="obj") == {"a": 1}
    assert await convert('{"a": 1}', action="str") == '{"a": 1}'


async def test_it_indents_by_four():
    assert await convert({"a": 1}, pretty=True) == '{\n    "a": 1\n}'


async def test_text_that_is_no_json_is_an_error_with_the_place():
    async with flow_of([node("json", "j")]) as flow:
        await flow.send("j", {"payload": '{"a" 1}'})
        assert "invalid JSON" in (await flow.error()).text


async def test_a_message_without_the_property_passes():
    async with flow_of([node("json", "j", to="out", property="deep.er")]) as flow:
        await flow.send("j", {"payload": "{}"})
        assert (await flow.output("j"))["payload"] == "{}"


SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}


async def test_a_value_that_fits_its_schema_passes_without_it():
    async with flow_of([node("json", "j", to="out")]) as flow:
        await flow.send("j", {"payload": '{"n": 1}', "schema": SCHEMA})
        msg = await flow.output("j")
        assert msg["payload"] == {"n": 1}
        assert "schema" not in msg


async def test_a_value_that_does_not_fit_is_an_error_that_says_why():
    async with flow_of([node("json", "j"), node("catch", "c", scope=None, to="out")]) as flow:
        await flow.send("j", {"payload": {"n": "x"}, "schema": SCHEMA})
        msg = await flow.output("c")
        assert msg["error"]["message"].startswith("JSON Schema error: data")
        assert msg["schemaError"][0]["instancePath"] == "/n"


async def test_a_schema_that_is_none_is_told():
    async with flow_of([node("json", "j")]) as flow:
        await flow.send("j", {"payload": {}, "schema": {"type": "nonsense"}})
        assert (await flow.error()).text == "JSON Schema error: failed to compile schema"
