"""The kit itself: what a test sees of a flow, and how it fails."""

import asyncio

import pytest

import busway.testing
from busway.engine import testing
from busway.engine.errors import BuswayError
from busway.engine.node import Config, ConfigNode, Field, Node
from busway.testing import NothingCame, flow_of, node


class Shared(ConfigNode[Config]):
    """Something shared."""

    type = "shared"


class WorkerConfig(Config):
    shared: Shared | None = Field(None, title="Shared", description="Shared.")


class Worker(Node[WorkerConfig]):
    """Does what the payload says."""

    type = "worker"
    outputs = ("good", "bad")

    def start(self):
        self.send({"payload": "started"}, "good")

    async def on_message(self, msg):
        what = msg["payload"]
        if what == "fail":
            raise ValueError("no")
        if what == "wait":
            await asyncio.sleep(60)
        if what == "tell":
            self.status("busy", "blue")
            self.warn("careful")
        return {"good": msg, "bad": {"payload": "copy"}} if what != "nothing" else None


def worker(**properties):
    return node("worker", "w", **properties)


def running(*nodes, **options):
    return flow_of(nodes or [worker()], types=[Worker, Shared], **options)


# -- out ------------------------------------------------------------------------------------------------------------
async def test_outputs_are_given_in_order_by_number_or_name_without_any_wire():
    async with running() as flow:
        await flow.send("w", {"payload": 1})
        assert (await flow.output("w"))["payload"] == "started"
        assert (await flow.output("w", "good"))["payload"] == 1
        assert (await flow.output("w", "bad"))["payload"] == "copy"
        assert [msg["payload"] for msg in flow.sent("w", "good")] == ["started", 1]
        assert flow.unread("w") == []


async def test_a_wire_to_nowhere_ends_at_a_probe():
    async with running(worker(to=[["out"], ["out", "other"]])) as flow:
        await flow.send("w", {"payload": 1})
        assert [msg["payload"] for msg in flow.received("out")] == ["started", 1, "copy"]
        assert (await flow.output("other"))["payload"] == "copy"
        assert (await flow.input("out"))["payload"] == "started"


async def test_what_was_sent_is_shown_as_it_was_then():
    class Spoiler(Node[Config]):
        """Changes what it gets."""

        type = "spoiler"

        def on_message(self, msg):
            msg["payload"]["a"] = "spoilt"

    async with flow_of([node("junction", "j", to="s"), node("spoiler", "s")], types=[Spoiler]) as flow:
        await flow.send("j", {"payload": {"a": 1}})
        assert flow.sent("j")[0]["payload"] == {"a": 1}
        assert flow.received("s")[0]["payload"] == {"a": 1}


async def test_several_messages_in_one_send_are_seen_one_by_one():
    class Many(Node[Config]):
        """Sends lists."""

        type = "many"
        outputs = 3

        def on_message(self, msg):
            return [[{"n": 1}, None, {"n": 2}], None, {"n": 3}]

    async with flow_of([node("many")], types=[Many]) as flow:
        await flow.send("many")
        assert [[msg["n"] for msg in flow.sent("many", n)] for n in range(3)] == [[1, 2], [], [3]]


async def test_what_does_not_come_is_told_with_what_came_instead():
    async with running() as flow:
        await flow.send("w", {"payload": "fail"})
        with pytest.raises(NothingCame) as raised:
            await flow.output("w", "bad", within=3)
        assert str(raised.value) == "w sent nothing to output bad within 3 s; sent so far: w[0]: 1\n  w: ValueError: no"
        assert isinstance(raised.value, AssertionError)


async def test_waiting_in_vain_takes_no_real_time():
    async with running() as flow:
        with pytest.raises(NothingCame, match="nothing reached w within 86400 s"):
            await flow.input("w")
        assert flow.now == pytest.approx(86_400)


async def test_a_node_or_an_output_that_is_not_there_is_named():
    async with running() as flow:
        with pytest.raises(BuswayError, match="there is no node 'nobody'"):
            await flow.send("nobody")
        with pytest.raises(BuswayError, match=r"node w has no output 'ugly'; it has: \('good', 'bad'\)"):
            flow.sent("w", "ugly")


async def test_a_node_that_failed_to_start_says_why():
    class Lame(Node[Config]):
        """Never starts."""

        type = "lame"

        def start(self):
            raise ValueError("no legs")

    async with flow_of([node("lame")], types=[Lame]) as flow:
        with pytest.raises(BuswayError, match="node lame did not start: ValueError: no legs"):
            await flow.send("lame")


# -- told -----------------------------------------------------------------------------------------------------------
async def test_statuses_logs_and_errors_are_kept_and_can_be_awaited():
    async with running() as flow:
        await flow.send("w", {"payload": "tell"})
        assert await flow.status("w") == {"text": "busy", "fill": "blue", "shape": "dot"}
        assert flow.statuses == [("w", {"text": "busy", "fill": "blue", "shape": "dot"})]
        assert [(line.node, line.level, line.text) for line in flow.logs] == [("w", "warn", "careful")]
        await flow.send("w", {"payload": "fail"})
        assert len(flow.unread_errors) == 1
        error = await flow.error()
        assert (error.node, error.text, type(error.error)) == ("w", "ValueError: no", ValueError)
        assert (len(flow.errors), flow.unread_errors) == (1, [])


async def test_sending_tells_whether_all_is_settled_and_which_errors_nobody_caught():
    async with running() as flow:
        waiting = await flow.send("w", {"payload": "wait"})
        failed = await flow.send("w", {"payload": "fail"})
        assert (waiting.settled, failed.settled) == (False, True)
        assert [(id, str(error)) for id, error in failed.errors] == [("w", "no")]
        await flow.advance(61)
        assert waiting.settled


# -- time -----------------------------------------------------------------------------------------------------------
async def test_time_begins_where_it_is_told_and_passes_only_when_asked():
    async with running(start=1_767_225_600) as flow:
        assert flow.node("w").now() == 1_767_225_600
        await flow.advance(90)
        assert flow.now == pytest.approx(90)
        assert flow.node("w").now() == pytest.approx(1_767_225_690)


async def test_real_time_is_real():
    async with running(virtual=False) as flow:
        assert flow.clock is None
        await flow.send("w", {"payload": 1})
        assert len(flow.sent("w")) == 2
        with pytest.raises(NothingCame):
            await flow.output("w", "bad", within=0.01) and await flow.output("w", "bad", within=0.01)


# -- the flow -------------------------------------------------------------------------------------------------------
async def test_a_deploy_goes_on_being_watched():
    async with running() as flow:
        await flow.deploy([worker(to="out"), node("junction", "j", to="out")])
        await flow.send("j", {"payload": 5})
        assert [msg["payload"] for msg in flow.sent("w")] == ["started", "started"]
        assert {msg["payload"] for msg in flow.received("out")} == {"started", 5}


async def test_config_nodes_stay_config_nodes_and_are_shared():
    async with running({"id": "s", "type": "shared"}, worker(shared="s")) as flow:
        assert flow.node("w").config.shared is flow.node("s")
        assert flow.node("s").users == [flow.node("w")]


async def test_nodes_may_bring_their_own_tabs_settings_and_credentials():
    tab = {"id": "t", "type": "tab", "label": "Mine", "env": [{"name": "X", "value": "5", "type": "num"}]}
    async with running(tab, worker(z="t"), settings={"source_limit": 7}, credentials={"w": {"secret": "s"}}) as flow:
        assert flow.node("w").env.get("X") == 5
        assert flow.runtime.settings.source_limit == 7
        assert flow.runtime.credentials.get("w") == {"secret": "s"}


@pytest.mark.parametrize(
    ("to", "wires"),
    [("a", [["a"]]), (["a", "b"], [["a", "b"]]), ([["a"], [], ["b", "c"]], [["a"], [], ["b", "c"]]), ((), [])],
)
def test_wires_are_written_shortly(to, wires):
    assert node("x", to=to, name="n") == {"id": "x", "type": "x", "wires": wires, "name": "n"}


def test_the_front_door_offers_what_the_kit_offers():
    assert set(busway.testing.__all__) == set(testing.__all__)
    assert all(getattr(busway.testing, name) is getattr(testing, name) for name in testing.__all__)
