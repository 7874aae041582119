"""The debug node. Titles follow Node-RED's own tests where they check the same; the encoding is tested with the engine."""

import pytest

from busway.nodes.common.debug import console_text
from busway.testing import flow_of, node


def debug(**properties):
    return node("debug", "d", **properties)


async def shown(msg, **properties):
    """The record that goes to the debug panel."""
    async with flow_of([debug(**properties)]) as flow:
        records = listen(flow)
        await flow.send("d", msg)
    (record,) = records
    return record


def listen(flow):
    records = []
    flow.runtime.events.on("debug", records.append)
    return records


# -- what goes to the panel -----------------------------------------------------------------------------------------
async def test_it_shows_the_payload_by_default():
    expected = {"id": "d", "z": "test-tab", "path": "test-tab", "property": "payload", "msg": "test"}
    assert await shown({"payload": "test"}) == expected
    assert await shown({"payload": "test"}, complete="") == expected
    assert await shown({"payload": "test"}, complete=False) == expected


async def test_it_tells_its_name_and_the_topic():
    record = await shown({"payload": 1, "topic": "t"}, name="Debug")
    assert (record["name"], record["topic"]) == ("Debug", "t")


@pytest.mark.parametrize(("path", "value"), [("foo", {"bar": [1, 2]}), ("foo.bar", [1, 2]), ("foo.bar[1]", 2)])
async def test_it_shows_another_property(path, value):
    record = await shown({"payload": "test", "foo": {"bar": [1, 2]}}, complete=path, targetType="msg")
    assert (record["property"], record["msg"]) == (path, value)


async def test_it_shows_a_missing_property_as_undefined():
    record = await shown({}, complete="foo.bar")
    assert repr(record["msg"]) == "undefined"


@pytest.mark.parametrize("complete", ["true", True])
async def test_it_shows_the_whole_message(complete):
    record = await shown({"payload": "test"}, complete=complete, targetType="full")
    assert "property" not in record
    assert record["msg"]["payload"] == "test"
    assert list(record["msg"]) == ["payload", "_msgid"]


async def test_it_shows_the_result_of_an_expression():
    record = await shown({"payload": "test"}, complete='"<" & payload & ">"', targetType="jsonata")
    assert record["msg"] == "<test>"
    assert "property" not in record


async def test_an_expression_that_fails_is_logged():
    async with flow_of([debug(complete="payload + 1", targetType="jsonata")]) as flow:
        records = listen(flow)
        origin = await flow.send("d", {"payload": "text"})
    assert records == []
    assert flow.errors[0].text.startswith("Invalid JSONata expression: ")
    assert origin.settled


async def test_an_expression_that_does_not_parse_keeps_the_node_from_starting():
    async with flow_of([debug(complete="(", targetType="jsonata")]) as flow:
        assert "d" in flow.runtime.failed


async def test_inside_a_subflow_it_tells_where():
    nodes = [
        {"id": "sf", "type": "subflow", "name": "s", "in": [{"wires": [{"id": "d"}]}], "out": []},
        debug(z="sf", x=1, y=1),
        {"id": "i", "type": "subflow:sf", "wires": []},
    ]
    async with flow_of(nodes) as flow:
        records = listen(flow)
        await flow.send("i", {"payload": 1})
    (record,) = records
    assert (record["id"], record["_alias"], record["z"], record["path"]) == ("i-d", "d", "i", "test-tab/i")


# -- when it shows --------------------------------------------------------------------------------------------------
async def test_it_can_be_switched_off_and_on_while_it_runs():
    async with flow_of([debug(active=False)]) as flow:
        records = listen(flow)
        await flow.send("d", {"payload": 1})
        flow.node("d").switch(True)
        await flow.send("d", {"payload": 2})
        flow.node("d").switch(False)
        await flow.send("d", {"payload": 3})
    assert [record["msg"] for record in records] == [2]


async def test_it_is_active_unless_the_file_says_otherwise():
    assert (await shown({"payload": 1}, active=None))["msg"] == 1


async def test_it_may_leave_the_panel_alone():
    async with flow_of([debug(tosidebar=False, console="true")]) as flow:
        records = listen(flow)
        await flow.send("d", {"payload": "x"})
    assert records == []
    assert [line.text for line in flow.logs] == ["x"]


async def test_what_tells_of_its_own_status_is_ignored():
    nodes = [debug(tostatus=True, complete="true"), node("status", "s", to="d", scope=None)]
    async with flow_of(nodes) as flow:
        records = listen(flow)
        await flow.send("d", {"payload": 1})
        await flow.send("d", {"status": {"text": "x", "source": {"id": "other"}}})
    assert len(records) == 2


# -- the log --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("test", "test"),
        ("test\ntest", "\ntest\ntest"),
        ({"type": "foo"}, "\n{ type: 'foo' }"),
        (7, "7"),
        (True, "true"),
        (None, "\nnull"),
        ([1], "\n[ 1 ]"),
    ],
)
def test_the_log_shows_objects_on_lines_of_their_own(value, text):
    assert console_text(value) == text


async def test_it_writes_to_the_log_also_when_it_is_not_active():
    async with flow_of([debug(console="true", active=False)]) as flow:
        await flow.send("d", {"payload": {"type": "foo"}})
        await flow.send("d", {})
    assert [(line.node, line.level, line.text) for line in flow.logs] == [
        ("d", "info", "\n{ type: 'foo' }"),
        ("d", "info", "undefined"),
    ]


# -- the status -----------------------------------------------------------------------------------------------------
async def statuses(*messages, **properties):
    async with flow_of([debug(tostatus=True, **properties)]) as flow:
        begun = len(flow.statuses)
        for msg in messages:
            await flow.send("d", msg)
        return [report.status for report in flow.statuses[begun:]]


async def test_a_node_with_a_status_begins_with_none_and_clears_it_at_its_end():
    async with flow_of([debug(tostatus=True)]) as flow:
        assert [report.status for report in flow.statuses] == [{"fill": "grey", "shape": "ring"}, {}]
        await flow.send("d", {"payload": "x"})
    assert flow.statuses[-1].status == {}


@pytest.mark.parametrize(
    ("msg", "text"),
    [
        ({"payload": "x"}, "x"),
        ({"payload": 5.0}, "5"),
        ({"payload": {"a": 1}}, "{ a: 1 }"),
        ({}, "undefined"),
        ({"payload": "x" * 33}, "x" * 32 + "..."),
    ],
)
async def test_the_status_shows_the_output(msg, text):
    assert await statuses(msg) == [{"fill": "grey", "shape": "dot", "text": text}]
    assert await statuses(msg, complete="true") == [{"fill": "grey", "shape": "dot", "text": text}]


async def test_the_status_changes_only_when_there_is_something_new():
    shown = await statuses({"payload": 1}, {"payload": 1}, {"payload": 2}, {"payload": 1})
    assert [status["text"] for status in shown] == ["1", "2", "1"]


async def test_the_status_shows_a_status_an_error_and_the_status_of_others():
    own = {"fill": "green", "shape": "ring", "text": "fine"}
    assert await statuses({"payload": own}) == [own]
    (error,) = await statuses({"payload": 1, "error": {"message": "Error: boom"}})
    assert error == {"fill": "red", "shape": "dot", "text": "Error: boom"}
    (other,) = await statuses({"payload": 1, "status": {"fill": "blue", "text": "up"}})
    assert other == {"fill": "blue", "shape": "ring", "text": "up"}


async def test_the_status_shows_another_property_or_an_expression():
    (of_property,) = await statuses({"payload": 1, "topic": "t"}, statusType="msg", statusVal="topic")
    assert of_property["text"] == "t"
    (of_expression,) = await statuses({"payload": 1}, statusType="jsonata", statusVal="payload + 1")
    assert of_expression["text"] == "2"
    assert await statuses({"payload": "x"}, statusType="jsonata", statusVal="payload + 1") == []


async def test_the_status_is_shown_also_when_the_node_is_not_active():
    assert len(await statuses({"payload": 1}, active=False)) == 1


async def test_the_status_counts_messages():
    async with flow_of([debug(tostatus=True, statusType="counter")]) as flow:
        assert flow.statuses[-1].status == {"fill": "blue", "shape": "ring", "text": "0"}
        begun = len(flow.statuses)
        await flow.advance(1)
        for _ in range(3):
            await flow.send("d", {})
        assert [report.status["text"] for report in flow.statuses[begun:]] == ["1"]
        await flow.advance(0.3)
        assert [report.status["text"] for report in flow.statuses[begun:]] == ["1", "3"]


async def test_complete_nodes_are_told():
    async with flow_of([debug(), node("complete", "c", to="out", scope=["d"])]) as flow:
        await flow.send("d", {"payload": 1})
        assert (await flow.output("out"))["complete"]["source"]["id"] == "d"


async def test_it_shows_nothing_to_nobody():
    """Without a listener the value is not even looked at."""
    async with flow_of([debug(complete="payload + 1", targetType="jsonata")]) as flow:
        await flow.send("d", {"payload": "no number"})
    assert flow.errors == []
