"""Nodes that stand for something else, or for nothing: unknown, junction, comment, global-config."""

from busway.engine.registry import Registry
from busway.testing import flow_of, node


async def test_an_unknown_type_is_shown_and_logged_with_the_nearest_known_one():
    async with flow_of([node("injekt", "n1")]) as flow:
        assert await flow.status("n1") == {"fill": "red", "shape": "dot", "text": "unknown: injekt"}
        assert (await flow.error()).text == "node type 'injekt' is not installed; did you mean 'inject'?"


async def test_a_message_to_an_unknown_node_is_an_error_that_can_be_caught():
    async with flow_of([node("magic", "n1", to="out"), node("catch", "c", to="caught")]) as flow:
        await flow.send("n1", {"payload": 1})
        msg = await flow.output("caught")
        assert msg["error"]["message"].startswith("node type 'magic' is not installed")
        assert msg["error"]["source"]["type"] == "magic"
        assert flow.sent("n1") == []


async def test_the_other_nodes_of_the_flow_run():
    async with flow_of([node("magic", "n1"), node("junction", "j", to="out")]) as flow:
        await flow.send("j", {"payload": 1})
        assert (await flow.output("out"))["payload"] == 1


async def test_a_node_that_the_editor_has_marked_as_unknown_is_named_by_its_missing_type():
    async with flow_of([node("unknown", "n1", name="magic")]) as flow:
        assert (await flow.status("n1"))["text"] == "unknown: magic"


async def test_a_type_whose_code_cannot_be_loaded_says_why(tmp_path):
    (tmp_path / "nodes").mkdir()
    source = 'class Broken:\n    type = "broken-one"\n\n\nimport nothing_like_this\n'
    (tmp_path / "nodes" / "broken.py").write_text(source)
    async with flow_of([node("broken-one", "n1")], registry=Registry(tmp_path / "nodes")) as flow:
        assert "cannot be loaded" in (await flow.error()).text
        assert "nothing_like_this" in flow.errors[0].text


async def test_a_comment_takes_part_in_nothing():
    async with flow_of([node("comment", "c", name="About this flow", info="# Text")]) as flow:
        assert flow.node("c").config.info == "# Text"
        assert flow.logs == []


async def test_a_global_config_gives_all_flows_its_variables():
    config = {"id": "g", "type": "global-config", "env": [{"name": "SITE", "value": "north", "type": "str"}]}
    async with flow_of([config, node("junction", "j")]) as flow:
        assert flow.node("j").env.get("SITE") == "north"
        assert flow.node("g").config.env == config["env"]
