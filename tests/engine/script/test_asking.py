"""Function bodies that count, compare and update context at once, in stores at hand and in Redis."""

import asyncio

import pytest

from busway.engine.context import Contexts
from busway.engine.dispatch import Dispatcher
from busway.engine.errors import ScriptError
from busway.engine.message import UNDEFINED
from busway.engine.origin import ORIGIN
from busway.engine.script.javascript import JavaScript
from tests.engine.context.conftest import redis_process, redis_server
from tests.engine.script.hosting import Workbench, until

__all__ = ["redis_process", "redis_server"]


@pytest.fixture
async def shared(redis_server):
    """Functions with a store in memory, which is the default, and one in Redis."""
    async with workbench(redis_server, default="near") as bench:
        yield bench


class workbench:
    def __init__(self, server, default):
        storage = {"near": {"module": "memory"}, "far": {"module": "redis", "config": {"url": server.url}}}
        self.contexts = Contexts({**storage, "default": default})

    async def __aenter__(self):
        await self.contexts.open()
        return Workbench(contexts=self.contexts, engine=JavaScript(self.contexts))

    async def __aexit__(self, *exc):
        await self.contexts.close()


async def outcome(bench, body, msg=None, **source):
    """What a body that awaits sends or raises in the end."""
    out, host = bench.run(body, msg, **source)
    await until(lambda: out is not None or host.of("send later") or host.of("fail") or host.of("error"))
    if host.of("fail"):
        raise host.of("fail")[0]
    return out if out is not None else (host.of("send later") or host.of("error"))[0]


class TestAtHand:
    def test_the_result_is_there_at_once(self, bench):
        assert bench.value("[flow.increment('n'), flow.increment('n', 5), flow.get('n')]") == [1, 6, 6]
        assert bench.contexts.flow("tab").get("n") == 6

    def test_paths_and_other_scopes(self, bench):
        bench.run("context.increment('a.b[0]', 0.5); global.increment('n', -1); global.increment('n', -1);")
        assert bench.contexts.node("n1", "tab").get("a") == {"b": [0.5]}
        assert bench.contexts.global_().get("n") == -2

    def test_a_callback_is_called_with_the_result_or_the_error(self, bench):
        body = """
            const told = [];
            flow.increment('n', (error, n) => told.push(n));
            flow.increment('n', 2, undefined, (error, n) => told.push(n));
            flow.set('text', 'x');
            flow.increment('text', 1, (error) => told.push(error.message));
            flow.compareAndSet('n', 3, 4, (error, done) => told.push(done));
            flow.update('n', (n) => n * 2, (error, n) => told.push(n));
            return {told};"""
        assert bench.run(body)[0]["told"] == [1, 3, 'cannot add 1 to "x": it is no number', True, 8]

    def test_what_is_no_number_is_an_error(self, bench):
        with pytest.raises(ScriptError, match=r'cannot add 1 to \{"a":1\}: it is no number'):
            bench.run("flow.set('o', {a: 1}); flow.increment('o');")
        with pytest.raises(ScriptError, match='cannot add "1": it is no number'):
            bench.run("flow.increment('n', '1');")

    def test_values_are_compared_by_content(self, bench):
        body = """
            flow.set('o', {a: [1, null], b: 'x'});
            return {told: [
                flow.compareAndSet('o', {b: 'x', a: [1, null]}, {a: 1}),
                flow.compareAndSet('o', {a: true}, 2),
                flow.compareAndSet('o', [1], 2),
                flow.compareAndSet('o', {a: 1}, undefined),
                flow.compareAndSet('o', null, 5),
                flow.compareAndSet('o', null, 6)]};"""
        assert bench.run(body)[0]["told"] == [True, False, False, True, True, False]
        assert bench.contexts.flow("tab").get("o") == 5

    def test_an_update_gets_undefined_where_there_is_nothing(self, bench):
        assert bench.value("[flow.update('l', (l = []) => [...l, 1]), flow.update('l', (l = []) => [...l, 2])]") == [
            [1],
            [1, 2],
        ]
        bench.run("flow.update('l', () => undefined);")
        assert bench.contexts.flow("tab").get("l") is UNDEFINED

    def test_await_takes_the_result_too(self, bench):
        out, host = bench.run("msg.n = await flow.increment('n'); return msg;")
        assert (out or host.of("send later")[0])["n"] == 1

    def test_python_bodies_do_the_same(self, bench):
        function, _ = bench.python(
            "msg['told'] = [await flow.increment('n', 2), await flow.compare_and_set('n', 2, 3),\n"
            "    await flow.update('n', lambda n: n + 1), await flow.aget('x', 'none'), await flow.akeys()]\n"
            "await flow.aset('n', 7); await flow.adelete('n')\n"
            "return msg"
        )
        assert asyncio.run(function.handle({"_msgid": "m"}))["told"] == [2, True, 4, "none", ["n"]]
        assert bench.contexts.flow("tab").get("n") is UNDEFINED


class TestInRedis:
    async def test_promises_come_without_a_callback(self, shared):
        body = """
            const told = [await flow.increment('n', 2, 'far'), await flow.increment('n', 0.5, 'far')];
            told.push(await flow.compareAndSet('n', 2.5, {a: 1}, 'far'), await flow.compareAndSet('n', 5, 6, 'far'));
            told.push(await flow.update('n', (n) => { n.b = 2; return n; }, 'far'));
            told.push(await flow.update('none', (n) => n === undefined ? 'new' : n, 'far'));
            return {told};"""
        assert (await outcome(shared, body))["told"] == [2, 2.5, True, False, {"a": 1, "b": 2}, "new"]
        assert await shared.contexts.flow("tab").aget("n", "far") == {"a": 1, "b": 2}

    async def test_get_set_and_keys_take_a_callback_as_in_node_red(self, shared):
        body = """
            flow.set('a', {b: [1]}, 'far', (e1) => flow.set(['x', 'y'], [1, 2], 'far', (e2) =>
                flow.get(['a.b[0]', 'none', 'x'], 'far', (e3, a, none, x) => flow.keys('far', (e4, keys) => {
                    msg.told = [e1, e2, e3, e4, a, none === undefined, x, keys.sort()];
                    node.send(msg);
                }))));"""
        _, host = shared.run(body, {"kept": b"x"})
        await until(lambda: host.of("send"))
        assert host.of("send")[0]["told"] == [None, None, None, None, 1, True, 1, ["a", "x", "y"]]
        assert host.of("send")[0]["kept"] == b"x"

    async def test_the_store_may_stand_in_the_key_and_be_the_default(self, shared, redis_server):
        assert (await outcome(shared, "return {n: await global.increment('#:(far)::n')};"))["n"] == 1
        async with workbench(redis_server, default="far") as bench:
            out = await outcome(
                bench, "flow.set('a', 1, 'near'); return {n: await global.increment('n'), a: flow.get('a', 'near')};"
            )
            assert (out["n"], out["a"]) == (2, 1)
            _, host = bench.run("global.get('n', (error, n) => node.send({n}));")
            await until(lambda: host.of("send"))
            assert host.of("send")[0]["n"] == 2

    async def test_without_a_callback_it_is_refused(self, shared):
        for call in ("flow.get('a', 'far')", "flow.set('a', 1, 'far')", "flow.keys('far')"):
            with pytest.raises(ScriptError, match="only asynchronous access supported for this context store"):
                shared.run(f"{call};")

    async def test_errors_reach_the_callback_and_the_promise(self, shared):
        await shared.contexts.flow("tab").aset("text", "x", "far")
        told = await outcome(
            shared, "try { await flow.increment('text', 1, 'far'); } catch (e) { return {told: e.message}; }"
        )
        assert told["told"] == "cannot add 1 to 'x': it is no number"
        _, host = shared.run("flow.increment('text', 1, 'far', (error) => node.send({told: error.message}));")
        await until(lambda: host.of("send"))
        assert host.of("send")[0]["told"] == "cannot add 1 to 'x': it is no number"

    async def test_a_callback_that_throws_is_an_error_of_the_node(self, shared):
        _, host = shared.run("flow.get('a', 'far', () => { throw new Error('in the callback'); });")
        await until(lambda: host.of("error"))
        assert "in the callback" in str(host.of("error")[0][0])

    async def test_functions_that_count_at_the_same_time_lose_nothing(self, shared):
        function, host = shared.function(
            "await flow.update('l', (l = []) => [...l, msg.n], 'far'); await flow.increment('n', 1, 'far'); return {};"
        )
        for n in range(20):
            function.handle({"_msgid": str(n), "n": n})
        await until(lambda: len(host.of("done")) == 20)
        context = shared.contexts.flow("tab")
        assert sorted(await context.aget("l", "far")) == list(range(20))
        assert await context.aget("n", "far") == 20

    async def test_what_python_changed_is_seen_and_nothing_is_mirrored(self, shared):
        function, host = shared.function("flow.get('v', 'far', (error, v) => node.send({v}));")
        for value in (1, {"a": 2}):
            await shared.contexts.flow("tab").aset("v", value, "far")
            function.handle({"_msgid": "m"})
            await until(lambda: host.of("send"))
            assert host.told.pop()[1]["v"] == value
        assert not shared.engine.mirror.changed

    async def test_the_message_is_not_settled_before_the_answer(self, shared):
        settled = []
        origin = Dispatcher().origin(settled.append)
        function, host = shared.function("flow.increment('n', 1, 'far', () => node.send({}));")
        with origin:
            function.handle({"_msgid": "m"})
        assert settled == []
        await until(lambda: settled)
        assert len(host.of("send")) == 1
        assert origin.errors == []
        assert ORIGIN.get() is None

    async def test_a_function_that_ends_leaves_no_question_behind(self, shared):
        settled = []
        function, host = shared.function("flow.increment('n', 1, 'far', () => node.send({}));")
        with Dispatcher().origin(settled.append):
            function.handle({"_msgid": "m"})
        await function.close(True)
        await until(lambda: settled)
        assert "stopped before its context store answered" in str(settled[0].errors)
        assert host.of("send") == []
