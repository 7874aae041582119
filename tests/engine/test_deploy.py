"""What restarts at a deploy: each row of Node-RED's table, and what else a deploy promises."""

import asyncio

import pytest

from busway.engine.errors import DeployError, RevisionMismatch
from tests.engine.bench import model, node, tab

A, B, C, FAR = node("a", "pass", "b"), node("b", "pass", "c"), node("c", "sink"), node("far", "pass")
NOTHING = (set(), set())


def both(*ids):
    return set(ids), set(ids)


@pytest.mark.parametrize("mode", ["nodes", "flows"])
async def test_nothing_changed_restarts_nothing(bench, mode):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), A, B, C, mode=mode) == NOTHING


@pytest.mark.parametrize("mode", ["nodes", "flows"])
async def test_moving_a_node_or_renaming_a_tab_restarts_nothing(bench, mode):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(label="new"), {**A, "x": 500}, B, C, mode=mode) == NOTHING


async def test_a_changed_property_restarts_that_node(bench):
    await bench.start(tab(), A, B, C, FAR)
    assert await bench.deploy(tab(), {**A, "name": "new"}, B, C, FAR) == both("a")


async def test_a_changed_property_restarts_what_is_connected_in_mode_flows(bench):
    await bench.start(tab(), A, B, C, FAR)
    assert await bench.deploy(tab(), {**A, "name": "new"}, B, C, FAR, mode="flows") == both("a", "b", "c")


async def test_the_partners_of_a_changed_link_node_restart_in_mode_flows(bench):
    items = [node("a", "pass", "out"), node("out", "link out", links=["in"], mode="link"), tab("u")]
    items += [node("in", "link in", "e", z="u", links=["out"]), node("e", z="u")]
    await bench.start(tab(), *items)
    changed = [items[0], {**items[1], "name": "new"}, *items[2:]]
    assert (await bench.deploy(tab(), *changed, mode="flows"))[1] >= {"a", "e"}


async def test_wires_are_swapped_live(bench):
    await bench.start(tab(), A, B, C, FAR)
    assert await bench.deploy(tab(), node("a", "pass", "c"), B, C, FAR) == NOTHING
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == [1]


async def test_new_wires_restart_old_and_new_neighbours_in_mode_flows(bench):
    await bench.start(tab(), A, B, C, FAR)
    assert await bench.deploy(tab(), node("a", "pass", "far"), B, C, FAR, mode="flows") == both("a", "b", "c", "far")


async def test_a_deleted_node_stops_alone(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), A, C) == ({"b"}, set())
    assert ("removed", "b") in bench.runtime.journal


async def test_a_deleted_node_restarts_what_was_connected_in_mode_flows(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), A, C, mode="flows") == ({"a", "b", "c"}, {"a", "c"})


async def test_an_added_node_starts_alone_and_is_reached_by_wires_that_waited_for_it(bench):
    await bench.start(tab(), A, C)
    assert await bench.deploy(tab(), A, B, C) == (set(), {"b"})
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == [1]


async def test_an_added_node_restarts_what_it_is_connected_to_in_mode_flows(bench):
    await bench.start(tab(), A, C, FAR)
    assert await bench.deploy(tab(), A, B, C, FAR, mode="flows") == ({"a", "c"}, {"a", "b", "c"})


@pytest.mark.parametrize("mode", ["nodes", "flows"])
async def test_a_changed_environment_restarts_every_node_of_the_tab(bench, mode):
    env = [{"name": "X", "value": "1", "type": "str"}]
    await bench.start(tab(), A, B, C, FAR, tab("u"), node("other", z="u"))
    restarted = await bench.deploy(tab(env=env), A, B, C, FAR, tab("u"), node("other", z="u"), mode=mode)
    assert restarted == both("a", "b", "c", "far")
    assert bench.runtime.nodes["a"].env.get("X") == "1"


async def test_disabling_a_tab_stops_its_nodes_and_enabling_starts_them(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(disabled=True), A, B, C) == ({"a", "b", "c"}, set())
    assert await bench.deploy(tab(), A, B, C) == (set(), {"a", "b", "c"})


async def test_disabling_a_node_stops_only_it(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), A, {**B, "d": True}, C) == ({"b"}, set())
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == []
    assert await bench.deploy(tab(), A, B, C) == (set(), {"b"})
    await bench.send("a", {"payload": 2})
    assert bench.payloads("c") == [2]


async def test_a_changed_group_environment_restarts_its_nodes_however_deep(bench):
    def grouped(value):
        env = [{"name": "X", "value": value, "type": "str"}]
        outer = {"id": "g", "type": "group", "z": "t", "nodes": ["h", "a"], "env": env}
        inner = {"id": "h", "type": "group", "z": "t", "g": "g", "nodes": ["b"], "env": []}
        return tab(), outer, inner, {**A, "g": "g"}, {**B, "g": "h"}, C

    await bench.start(*grouped("1"))
    assert await bench.deploy(*grouped("2")) == both("a", "b")
    assert bench.runtime.nodes["b"].env.get("X") == "2"


async def test_a_change_inside_a_template_restarts_every_instance_wholly(bench):
    def template(name):
        inner = [node("i", "pass", "j", z="s", name=name), node("j", "pass", z="s")]
        sub = {
            "id": "s",
            "type": "subflow",
            "in": [{"wires": [{"id": "i"}]}],
            "out": [{"wires": [{"id": "j", "port": 0}]}],
        }
        return tab(), sub, *inner, node("one", "subflow:s", "c"), node("two", "subflow:s", "c"), C, FAR

    await bench.start(*template("old"))
    expected = {"one-i", "one-j", "two-i", "two-j"}
    assert await bench.deploy(*template("new")) == (expected, expected)
    await bench.send("two", {"payload": 1})
    assert bench.payloads("c") == [1]


async def test_a_changed_config_node_restarts_its_users(bench):
    user = node("u", "user", "c", server="s")
    await bench.start(tab(), {"id": "s", "type": "shared"}, user, C, FAR)
    assert await bench.deploy(tab(), {"id": "s", "type": "shared", "name": "new"}, user, C, FAR) == both("s", "u")
    assert bench.runtime.nodes["u"].config.server is bench.runtime.nodes["s"]


async def test_a_changed_global_config_restarts_everything(bench):
    def items(value):
        return (
            tab(),
            {"id": "gc", "type": "global-config", "env": [{"name": "X", "value": value, "type": "str"}]},
            A,
            B,
            C,
        )

    await bench.start(*items("1"))
    assert await bench.deploy(*items("2")) == both("a", "b", "c")


async def test_a_new_global_config_restarts_nothing(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), {"id": "gc", "type": "global-config", "env": []}, A, B, C) == NOTHING


async def test_full_restarts_everything_even_when_nothing_changed(bench):
    await bench.start(tab(), A, B, C)
    assert await bench.deploy(tab(), A, B, C, mode="full") == both("a", "b", "c")


async def test_full_tells_a_deleted_node_from_one_that_restarts(bench):
    await bench.start(tab(), A, B, C)
    await bench.deploy(tab(), A, C, mode="full")
    assert [what for what, id in bench.runtime.journal if id in "ab"] == ["stop", "removed", "start"]


async def test_a_stale_revision_is_refused_and_names_both(bench):
    await bench.start(tab(), A)
    old = bench.runtime.model.revision
    await bench.deploy(tab(), A, B, rev=old)
    with pytest.raises(RevisionMismatch, match=old[:8]):
        await bench.deploy(tab(), rev=old)
    assert set(bench.runtime.nodes) == {"a", "b"}


async def test_what_is_wrong_is_told_before_anything_stops(bench):
    await bench.start(tab(), A, B, C)
    loop = {"id": "s", "type": "subflow", "in": [], "out": []}
    with pytest.raises(DeployError) as refused:
        await bench.deploy(tab(), loop, node("i", "subflow:s", z="s"), A, A)
    assert len(refused.value.problems) >= 2
    assert bench.runtime.journal == []
    assert set(bench.runtime.nodes) == {"a", "b", "c"}


async def test_messages_under_way_arrive_although_everything_restarts(bench):
    chain = [node(f"n{i}", "pass", f"n{i + 1}") for i in range(10)]
    got = []
    await bench.start(tab(), *chain, node("n10", "sink"))
    for i in range(200):
        bench.runtime.receive("n0", {"payload": i})
    sink = bench.runtime.nodes["n10"]
    await bench.runtime.deploy(model(tab(), *chain, node("n10", "sink")), "full")
    await bench.settle()
    got = [m["payload"] for m in (*sink.got, *bench.got("n10"))]
    assert got == list(range(200))


async def test_a_node_that_cannot_start_is_told_and_the_others_run(bench):
    await bench.start(tab(), node("bad", "user", "c", server="missing"), node("w", "user", server="a"), A, B, C)
    assert set(bench.runtime.failed) <= {"bad", "w"}
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == [1]


async def test_an_unknown_type_is_dead_and_marked_while_its_tab_runs(bench):
    shown = []
    bench.runtime.events.on("status", shown.append)
    await bench.start(tab(), node("q", "quux", "c"), A, B, C)
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == [1]
    assert any(node.id == "q" and status["fill"] == "red" for node, status in shown)


async def test_deploys_follow_each_other(bench):
    await bench.start(tab(), A, B, C)
    models = [model(tab(), A, {**B, "name": str(i)}, C) for i in range(5)]
    await asyncio.gather(*(bench.runtime.deploy(m, "nodes") for m in models))
    assert bench.runtime.nodes["b"].name == "4"
    await bench.send("a", {"payload": 1})
    assert bench.payloads("c") == [1]
