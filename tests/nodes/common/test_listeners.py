"""Catch, status and complete nodes: what they pass on. Who hears of what is tested with the engine's listeners."""

from busway.engine.node import Config, Node
from busway.testing import flow_of, node


class Works(Node[Config]):
    """Fails on the payload "bad", shows every other one."""

    type = "works"

    def on_message(self, msg):
        if msg["payload"] == "bad":
            raise ValueError("cannot")
        self.status(msg["payload"], "green")
        msg["seen"] = True


WORKS = node("works", "n1", name="worker")
SOURCE = {"id": "n1", "type": "works", "name": "worker"}


async def test_a_catch_node_sends_the_message_with_the_error():
    async with flow_of([WORKS, node("catch", "c", to="out")], types=[Works]) as flow:
        await flow.send("n1", {"payload": "bad", "topic": "t"})
        msg = await flow.output("out")
        assert (msg["payload"], msg["topic"]) == ("bad", "t")
        assert msg["error"]["message"] == "ValueError: cannot"
        assert msg["error"]["source"] == {**SOURCE, "count": 1}
        assert flow.errors == []


async def test_a_catch_node_hears_only_of_the_nodes_in_its_list():
    async with flow_of([WORKS, node("catch", "c", scope=["other"], to="out")], types=[Works]) as flow:
        await flow.send("n1", {"payload": "bad"})
        assert (await flow.error()).text == "ValueError: cannot"
        assert flow.sent("c") == []


async def test_a_catch_node_for_uncaught_errors_hears_of_nothing_that_another_took():
    catchers = [node("catch", "c", scope=["n1"], to="out"), node("catch", "rest", uncaught=True, to="out2")]
    async with flow_of([WORKS, {**WORKS, "id": "n2"}, *catchers], types=[Works]) as flow:
        await flow.send("n1", {"payload": "bad"})
        await flow.send("n2", {"payload": "bad"})
        assert [msg["error"]["source"]["id"] for msg in flow.sent("c")] == ["n1"]
        assert [msg["error"]["source"]["id"] for msg in flow.sent("rest")] == ["n2"]


async def test_a_status_node_sends_the_status_with_its_source_and_no_payload():
    async with flow_of([WORKS, node("status", "s", to="out")], types=[Works]) as flow:
        await flow.send("n1", {"payload": "busy"})
        msg = await flow.output("out")
        assert msg["status"] == {"text": "busy", "fill": "green", "shape": "dot", "source": SOURCE}
        assert set(msg) == {"_msgid", "status"}


async def test_a_complete_node_sends_the_message_as_the_node_left_it():
    async with flow_of([WORKS, node("complete", "c", scope=["n1"], to="out")], types=[Works]) as flow:
        await flow.send("n1", {"payload": "fine"})
        msg = await flow.output("out")
        assert (msg["payload"], msg["seen"], msg["complete"]["source"]) == ("fine", True, SOURCE)


async def test_a_complete_node_hears_nothing_of_a_failure():
    async with flow_of([WORKS, node("complete", "c", scope=["n1"], to="out")], types=[Works]) as flow:
        await flow.send("n1", {"payload": "bad"})
        assert flow.sent("c") == []
        assert [error.text for error in flow.errors] == ["ValueError: cannot"]
