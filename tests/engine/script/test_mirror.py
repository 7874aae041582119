"""Context in function bodies: the same values inside and outside of JavaScript."""

import asyncio

import pytest

from busway.engine.context import Contexts
from busway.engine.errors import ScriptError
from busway.engine.message import UNDEFINED
from busway.engine.script.javascript import JavaScript
from tests.engine.script.hosting import Workbench

TWO = {"memory1": {"module": "memory"}, "memory2": {"module": "memory"}}


@pytest.fixture
def two():
    contexts = Contexts(TWO)
    return Workbench(contexts=contexts, engine=JavaScript(contexts))


def run(bench, body, **msg):
    return bench.run(body, msg)[0]


class TestReading:
    def test_what_was_set_outside_is_seen_inside(self, bench):
        function, host = bench.function(
            "return {all: [context.get('a'), flow.get('a.b[1]'), global.get('a'), flow.get('none')]};"
        )
        host.context.set("a", 1)
        host.flow_context.set("a", {"b": [1, b"x"]})
        host.global_context.set("a", {"deep": {"er": True}})
        assert function.handle({"_msgid": "m"})["all"] == [1, b"x", {"deep": {"er": True}}, None]

    def test_changes_outside_are_seen_by_the_next_call(self, bench):
        function, host = bench.function("return {a: flow.get('a'), keys: flow.keys()};")
        seen = []
        for change in (("a", 1), ("a.b", 2), ("a", {"b": 3}), ("a.c", 4), ("a", UNDEFINED), ("b", 1)):
            host.flow_context.set(*change)
            out = function.handle({"_msgid": "m"})
            seen.append((out.get("a"), out["keys"]))
        assert seen == [(1, ["a"]), (1, ["a"]), ({"b": 3}, ["a"]), ({"b": 3, "c": 4}, ["a"]), (None, []), (None, ["b"])]

    def test_what_stood_there_before_the_function_is_seen(self, bench):
        bench.contexts.global_().set("old", {"a": [1]})
        assert bench.value("global.get('old.a')") == [1]

    def test_values_of_the_settings_are_seen_until_they_are_set(self):
        contexts = Contexts(seed={"seed": {"a": 1}})
        bench = Workbench(contexts=contexts, engine=JavaScript(contexts))
        assert bench.value("[global.get('seed.a'), global.keys()]") == [1, ["seed"]]
        contexts.global_().set("seed", 2)
        assert bench.value("global.get('seed')") == 2


class TestWriting:
    def test_what_was_set_inside_is_seen_outside(self, bench):
        _, host = bench.run("context.set('a', 1); flow.set('b.c', {d: 2}); global.set('e', Buffer.from('x'));")
        assert host.context.get("a") == 1
        assert host.flow_context.get("b") == {"c": {"d": 2}}
        assert host.flow_context.get("b.c.d") == 2
        assert host.global_context.get("e") == b"x"
        assert host.flow_context.keys() == ["b"]

    def test_undefined_deletes(self, bench):
        function, host = bench.function(
            "flow.set('a', undefined); flow.set('b.c', undefined); return {keys: flow.keys()};"
        )
        host.flow_context.set(["a", "b"], [1, {"c": 1, "d": 2}])
        assert function.handle({"_msgid": "m"})["keys"] == ["b"]
        assert (host.flow_context.get("a"), host.flow_context.get("b")) == (UNDEFINED, {"d": 2})

    def test_the_later_of_two_writers_wins_whichever_side_it_is_on(self, bench):
        function, host = bench.function("flow.set('n', (flow.get('n') || 0) + 1);")
        function.handle({"_msgid": "m"})
        assert host.flow_context.get("n") == 1
        host.flow_context.set("n", 10)
        function.handle({"_msgid": "m"})
        function.handle({"_msgid": "m"})
        assert host.flow_context.get("n") == 12
        host.flow_context.set("n", 0)
        assert host.flow_context.get("n") == 0

    def test_a_path_may_be_set_outside_in_what_was_set_inside(self, bench):
        function, host = bench.function("const o = flow.get('o') || {n: 0}; o.n++; flow.set('o', o);")
        function.handle({"_msgid": "m"})
        host.flow_context.set("o.from", "outside")
        function.handle({"_msgid": "m"})
        assert host.flow_context.get("o") == {"n": 2, "from": "outside"}

    def test_functions_share_one_flow_and_have_a_context_each(self, bench):
        bench.run("flow.set('shared', {n: 1});")
        assert bench.value("flow.get('shared').n") == 1


class TestLiveObjects:
    def test_an_object_is_changed_without_set(self, bench):
        _, host = bench.run("flow.set('list', []);")
        bench.run("flow.get('list').push(1);")
        bench.run("flow.get('list').push(2);")
        assert host.flow_context.get("list") == [1, 2]
        bench.run("flow.get('list').push(3);")
        assert host.flow_context.get("list") == [1, 2, 3]

    def test_an_object_that_came_from_outside_is_changed_without_set(self, bench):
        function, host = bench.function("flow.get('o').n++;")
        host.flow_context.set("o", {"n": 1})
        function.handle({"_msgid": "m"})
        assert host.flow_context.get("o.n") == 2

    def test_it_is_the_same_object_each_time(self, bench):
        bench.run("flow.set('o', {});")
        assert bench.value("flow.get('o') === flow.get('o')") is True

    def test_what_javascript_alone_can_hold_stays(self, bench):
        bench.run("global.set('double', x => x * 2); global.set('when', new Map([['a', 1]]));")
        assert bench.value("[global.get('double')(21), global.get('when').get('a')]") == [42, 1]

    def test_big_objects_do_not_cross_when_nobody_outside_looks(self, bench):
        function, host = bench.function(
            "const all = flow.get('all') || {}; all[msg.id] = 'x'.repeat(1000); flow.set('all', all);"
        )
        for n in range(2000):
            function.handle({"_msgid": "m", "id": n})
        assert len(host.flow_context.get("all")) == 2000


class TestStores:
    def test_a_store_is_named_in_the_call_or_in_the_key(self, two):
        _, host = two.run("flow.set('a', 1, 'memory1'); flow.set('a', 2, 'memory2'); flow.set('#:(memory2)::b', 3);")
        assert [host.flow_context.get("a", name) for name in TWO] == [1, 2]
        assert host.flow_context.get("b", "memory2") == 3
        assert two.value(
            "[flow.get('a'), flow.get('a', 'memory2'), flow.get('#:(memory2)::b'), flow.keys('memory2')]"
        ) == [1, 2, 3, ["a", "b"]]

    def test_several_keys_at_once(self, two):
        two.run("flow.set(['a', 'b', 'c'], [1, 2], 'memory2');")
        assert two.value("flow.get(['a', 'b', 'c'], 'memory2')") == [1, 2, None]

    def test_callbacks_get_what_a_call_returns(self, two):
        _, host = two.run(
            "flow.set('a', 1, 'memory1', e => flow.get(['a', 'b'], 'memory1', (e2, a, b) => flow.keys((e3, keys) => node.send({e, e2, a, keys}))));"
        )
        assert host.of("send") == [{"_msgid": "m", "e": None, "e2": None, "a": 1, "keys": ["a"]}]

    @pytest.mark.parametrize(
        "call", ["get('a', 'x', 'no function')", "set('a', 1, 'x', 'no function')", "keys('x', 'no function')"]
    )
    def test_a_callback_must_be_a_function(self, bench, call):
        with pytest.raises(ScriptError, match="Callback must be a function"):
            bench.run(f"flow.{call};")

    @pytest.mark.parametrize("key", ["''", "5", "[]", "['']", "'a..b'", "'a['"])
    def test_bad_keys_are_errors(self, bench, key):
        with pytest.raises(ScriptError) as raised:
            bench.run(f"flow.get({key});")
        assert raised.value.code == "INVALID_EXPR"

    async def test_stores_in_files_get_each_value_with_the_call(self, tmp_path):
        contexts = Contexts({"disk": {"module": "localfilesystem", "config": {"flushInterval": 0}}}, tmp_path)
        await contexts.open()
        contexts.global_().set("before", [1])
        bench = Workbench(contexts=contexts, engine=JavaScript(contexts))
        assert bench.run(
            "global.set('a', 1); global.set('a', 2); global.set('b.c', {d: 1}); return {v: global.get('before')};"
        )[0]["v"] == [1]
        assert bench.value("global.get('b')") == {"c": {"d": 1}}
        await contexts.close()
        again = Contexts({"disk": {"module": "localfilesystem"}}, tmp_path)
        await again.open()
        assert [again.global_().get(key) for key in ("a", "b", "before")] == [2, {"c": {"d": 1}}, [1]]
        await again.close()


class TestParents:
    def test_a_subflow_reaches_the_context_of_the_flow_around_it(self, bench):
        function, host = bench.function(
            "flow.set('$parent.out', flow.get('$parent.in') + 1); return {x: flow.get('$parent.$parent.in')};"
        )
        around = bench.contexts.flow("outer")
        host.flow_context.parent = around
        around.set("in", 1)
        inner, _ = bench.function("flow.set('$parent.out', flow.get('$parent.in') + 1);")
        assert "x" not in function.handle({"_msgid": "m"})
        inner.handle({"_msgid": "m"})
        assert around.get("out") == 2


class TestLife:
    def test_a_scope_that_was_deleted_is_empty_for_the_next_function(self, bench):
        bench.run("flow.set('a', {n: 1});")
        asyncio.run(bench.contexts.delete("tab"))
        assert bench.value("typeof flow.get('a')") == "undefined"
        bench.run("flow.set('b', 1);")
        assert bench.contexts.flow("tab").get("b") == 1

    def test_nothing_is_lost_when_the_engine_is_closed(self, bench):
        _, host = bench.run("flow.set('a', {n: 1});")
        bench.engine.close()
        assert host.flow_context.get("a") == {"n": 1}

    async def test_the_scope_of_a_removed_node_is_forgotten_inside_and_kept_outside(self, bench):
        function, host = bench.function("context.set('a', {n: 1});")
        function.handle({"_msgid": "m"})
        await function.close(True)
        assert host.context.get("a") == {"n": 1}
        assert bench.value("context.get('a').n") == 1
