"""JavaScript function bodies: what they return, send and throw, what stops them, what they keep."""

import asyncio
from datetime import UTC, datetime

import pytest

from busway.engine.context import Contexts
from busway.engine.errors import ConfigError, ScriptError, ScriptSyntaxError, ScriptTimeout
from busway.engine.message import UNDEFINED, Fresh
from busway.engine.node import NodeError
from busway.engine.script.javascript import JavaScript
from tests.engine.script.hosting import Workbench, until


def message(**fields):
    return {"_msgid": "m", **fields}


class TestReturning:
    def test_the_message_itself_is_the_same_object_changed(self, bench):
        function, _ = bench.function("msg.payload++; delete msg.topic; return msg;")
        msg, other = message(payload=1, topic="t"), object()
        msg["other"] = other
        assert function.handle(msg) is msg
        assert msg == message(payload=2, other=other)

    def test_a_new_message_gets_the_id_of_the_one_that_came_in(self, bench):
        assert bench.run("return {payload: 1, _msgid: 'x'};")[0] == message(payload=1)

    @pytest.mark.parametrize("nothing", ["", "return;", "return null;", "return undefined;"])
    def test_nothing(self, bench, nothing):
        assert bench.run(nothing)[0] is None

    def test_at_another_output_the_message_is_a_pair(self, bench):
        function, _ = bench.function("return [null, null, msg];")
        msg = message()
        assert function.handle(msg) == (2, msg)
        function, _ = bench.function("msg.a = 'x'.repeat(2000); return [null, msg];")
        assert function.handle(msg) == (1, message(a="x" * 2000))
        assert function.handle(msg)[1] is msg

    def test_lists_of_messages_keep_their_shape(self, bench):
        function, _ = bench.function("return [[msg, null, {a: 1}], null, [{b: 2}]];")
        msg = message()
        out = function.handle(msg)
        assert out == [[msg, None, message(a=1)], None, [message(b=2)]]
        assert out[0][0] is msg

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ("return 'foo'", "string"),
            ("return Buffer.from('x')", "object"),
            ("return [[[1, 2]]]", "object"),
            ("return true", "boolean"),
            ("return [123, null]", "number"),
        ],
    )
    def test_what_is_no_message_is_an_error_and_not_sent(self, bench, body, kind):
        out, host = bench.run(body)
        assert out in (None, [[]], [None, None])
        assert [str(error) for error, _ in host.of("error")] == [f"Function tried to send a message of type {kind}"]

    def test_ten_thousand_messages_in_one_list(self, bench):
        out, _ = bench.run("const out = []; for (let i = 0; i < 10000; i++) out.push({payload: i}); return [out];")
        assert [m["payload"] for m in out[0]] == list(range(10000))
        assert {m["_msgid"] for m in out[0]} == {"m"}


class TestSending:
    def test_what_is_sent_is_as_it_was_at_that_moment(self, bench):
        _, host = bench.run("node.send(msg); msg.payload = 2; node.send([null, msg]); msg.payload = 3;", {"payload": 1})
        assert host.of("send") == [message(payload=1), [None, message(payload=2)]]

    def test_without_cloning_it_is_the_message_itself(self, bench):
        function, host = bench.function("node.send(msg, false); msg.payload = 2;")
        msg = message(payload=1)
        function.handle(msg)
        assert host.of("send")[0] is msg
        assert msg["payload"] == 2

    def test_the_message_may_be_sent_and_returned(self, bench):
        out, host = bench.run("node.send({a: msg.payload}); msg.payload = 2; return msg;", {"payload": 1})
        assert (host.of("send"), out) == ([message(a=1)], message(payload=2))

    def test_methods_may_be_taken_off_the_node(self, bench):
        _, host = bench.run("const {send, warn} = node; send({a: 1}); [1, 2].forEach(warn);")
        assert host.told == [("send", message(a=1)), ("warn", 1), ("warn", 2)]

    def test_sending_nothing_sends_nothing(self, bench):
        assert bench.run("node.send(); node.send(null); node.send([]);")[1].of("send") == [[]]


class TestTelling:
    def test_status_logs_and_console(self, bench):
        _, host = bench.run(
            "node.status({fill: 'red', shape: 'dot', text: 'x'}); node.status('on'); node.status({});"
            "node.log('a'); node.warn({b: 1}); node.debug(new Error('c')); node.trace(null); console.log('%s=%d', 'x', 1, [2]);"
        )
        assert host.told == [
            ("status", {"fill": "red", "shape": "dot", "text": "x"}),
            ("status", {"text": "on"}),
            ("status", {}),
            ("info", "a"),
            ("warn", {"b": 1}),
            ("debug", "Error: c"),
            ("trace", None),
            ("print", "info", "x=1 [ 2 ]"),
        ]

    def test_an_error_concerns_a_message_only_when_it_is_given(self, bench):
        _, host = bench.run("node.error('plain'); msg.a = 1; node.error(new TypeError('bad'), msg); msg.a = 2;")
        (first, without), (second, about) = host.of("error")
        assert (str(first), without, second.name, str(second), about) == (
            "plain",
            None,
            "TypeError",
            "bad",
            message(a=1),
        )

    def test_who_the_node_is(self, bench):
        assert bench.value("[node.id, node.name, node.path, node.outputCount]") == ["n1", "my function", "tab/n1", 2]


class TestErrors:
    def error(self, bench, body, kind=ScriptError, **source):
        function, _ = bench.function(body, **source)
        with pytest.raises(kind) as raised:
            function.handle(message(payload=1))
        return raised.value

    def test_an_unknown_name_is_told_with_its_place(self, bench):
        error = self.error(bench, "var a = 1;\nretunr")
        assert (error.name, str(error)) == ("ReferenceError", "retunr is not defined (line 2, col 1)")
        assert (error.line, error.column) == (2, 1)

    def test_the_stack_has_the_lines_of_the_user(self, bench):
        error = self.error(bench, "function outer() {\n  inner();\n}\nfunction inner() {\n  null.x;\n}\nouter();")
        assert error.name == "TypeError"
        assert [line.strip() for line in error.stack.splitlines()[1:]] == [
            "at inner (function:5:3)",
            "at outer (function:2:3)",
            "at <anonymous> (function:7:1)",
        ]

    def test_an_error_inside_of_the_library_is_placed_where_the_user_called_it(self, bench):
        error = self.error(bench, "\n\nBuffer.from(undefined);")
        assert (error.name, error.line, error.code) == ("TypeError", 3, "ERR_INVALID_ARG_TYPE")

    def test_code_and_cause_are_kept(self, bench):
        error = self.error(bench, "throw Object.assign(new Error('x', {cause: {why: 1}}), {code: 'E42'})")
        assert (error.code, error.cause, error.message) == ("E42", {"why": 1}, "x")

    @pytest.mark.parametrize(
        ("thrown", "text"), [("'small mistake'", "small mistake"), ("99", "99"), ("{a: 1}", '{"a":1}')]
    )
    def test_anything_may_be_thrown(self, bench, thrown, text):
        error = self.error(bench, f"throw {thrown};")
        assert (error.name, str(error)) == ("", text)

    def test_what_was_done_before_the_error_counts(self, bench):
        function, host = bench.function("msg.payload = 2; node.send({a: 1}); msg.topic = 'late'; null.x;")
        msg = message(payload=1)
        with pytest.raises(ScriptError):
            function.handle(msg)
        assert host.of("send") == [message(a=1)]
        assert msg == message(payload=2, topic="late")

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("let (", "unexpected end: a bracket or brace is not closed (line 1, col 1)"),
            ("const a = 1;\nconst b = ;", "unexpected token in expression: ';' (line 2, col 11)"),
            ("return msg;\n}\nfoo(", "Unexpected identifier 'foo' (line 3, col 1)"),
        ],
    )
    def test_what_does_not_compile_is_told_with_its_place(self, bench, body, text):
        with pytest.raises(ScriptSyntaxError) as raised:
            bench.function(body)
        assert str(raised.value) == text

    def test_the_part_that_does_not_compile_is_named(self, bench):
        with pytest.raises(ScriptSyntaxError, match=r"line 2, col 3 of the close code"):
            bench.function("return msg;", setup="let a;", cleanup="let b;\na b")


class TestLimits:
    @pytest.mark.parametrize(
        "body",
        [
            "while (true) {}",
            "try { while (true) {} } catch (e) {} return msg;",
            "for (;;) { try { for (;;); } finally { continue; } }",
            "/(x+x+)+y/.test('x'.repeat(40));",
            "new Array(1e5).fill(0).sort(() => { for (let i = 0; i < 1e9; i++); });",
            "await 1; while (true) {}",
        ],
    )
    async def test_endless_code_is_stopped(self, bench, body):
        function, host = bench.function(f"node.send({{before: 1}}); {body}", timeout=0.02)
        with pytest.raises(ScriptTimeout) as raised:
            function.handle(message())
        assert str(raised.value) == "Script execution timed out after 20ms"
        assert raised.value.code == "ERR_SCRIPT_EXECUTION_TIMEOUT"
        assert host.of("send") == [message(before=1)]
        assert bench.run("return {ok: true};")[0] == message(ok=True)

    @pytest.mark.parametrize(
        "body",
        [
            "new ArrayBuffer(1 << 30);",
            "const all = []; while (true) all.push(new Array(100000).fill(1));",
            "let s = 'xxxxxxxx'; while (true) s = s + s;",
            "msg.payload = 'x'.repeat(1 << 29); return msg;",
        ],
    )
    def test_too_much_memory_is_an_error_of_this_function_alone(self, bench, body):
        function, _ = bench.function(body)
        other, _ = bench.function("x = (typeof x === 'undefined' ? 0 : x) + 1; return {x};")
        assert other.handle(message())["x"] == 1
        with pytest.raises(ScriptError, match=r"out of memory|string too long|invalid string length"):
            function.handle(message())
        assert other.handle(message())["x"] == 2

    @pytest.mark.parametrize(
        "body",
        [
            "function f() { f(); } f();",
            "let o = {}; for (let i = 0; i < 100000; i++) o = {o}; msg.payload = o; return msg;",
            "JSON.parse('['.repeat(100000));",
        ],
    )
    def test_too_deep_is_an_error(self, bench, body):
        function, _ = bench.function(body)
        with pytest.raises(ScriptError, match="Maximum call stack size exceeded"):
            function.handle(message())
        assert bench.run("return msg;")[0] == message()

    async def test_an_endless_row_of_jobs_does_not_hold_the_loop(self, bench):
        function, _ = bench.function(
            "(async () => { while (!globalThis.stop) await null; })(); return msg;", timeout=0.02
        )
        assert function.handle(message()) == message()
        assert bench.run("return {ok: 1};")[0] == message(ok=1)
        await function.close(True)

    async def test_the_limit_of_a_function_is_its_own(self, bench):
        slow = "const until = Date.now() + 60; while (Date.now() < until); return msg;"
        quick, _ = bench.function(slow, timeout=0.02)
        patient, _ = bench.function(slow, timeout=1)
        for _ in range(2):
            with pytest.raises(ScriptTimeout):
                quick.handle(message())
            assert patient.handle(message()) == message()


class TestIsolation:
    def test_variables_that_were_not_declared_belong_to_one_function(self, bench):
        first, _ = bench.function("counter = (typeof counter === 'undefined' ? 0 : counter) + 1; return {counter};")
        second, _ = bench.function("return {kind: typeof counter};")
        assert [first.handle(message())["counter"] for _ in range(3)] == [1, 2, 3]
        assert second.handle(message())["kind"] == "undefined"

    def test_the_global_object_belongs_to_one_function(self, bench):
        first, _ = bench.function("globalThis.a = 1; this.b = 2; return {all: [a, b, globalThis.a]};")
        second, _ = bench.function("return {kinds: [typeof a, typeof b, typeof globalThis.a]};")
        assert first.handle(message())["all"] == [1, 2, 1]
        assert second.handle(message())["kinds"] == ["undefined"] * 3

    def test_set_up_and_body_share_their_variables(self, bench):
        function, _ = bench.function("return {shared: shared++};", setup="shared = 5;")
        asyncio.run(function.set_up())
        assert [function.handle(message())["shared"] for _ in range(2)] == [5, 6]

    def test_a_name_of_ours_may_be_declared_by_the_user(self, bench):
        assert bench.run("const flow = {get: () => 7}, node = 1, util = 2; return {all: [flow.get(), node, util]};")[0][
            "all"
        ] == [7, 1, 2]

    def test_use_strict_is_the_users_to_choose(self, bench):
        function, _ = bench.function("'use strict'; undeclared = 1;")
        with pytest.raises(ScriptError, match="undeclared"):
            function.handle(message())


class TestWaiting:
    async def test_a_body_that_awaits_what_is_there_is_through_at_once(self, bench):
        out, host = bench.run("msg.payload = await Promise.resolve(5); return msg;")
        assert (out, host.told) == (message(payload=5), [])

    async def test_a_body_that_really_waits_holds_its_message(self, bench):
        function, host = bench.function(
            "await new Promise(r => setTimeout(r, 1)); node.send({a: 1}); msg.payload = 2; return [null, msg];"
        )
        msg = message(payload=1)
        assert function.handle(msg) is None
        await until(lambda: host.of("done"))
        assert host.told == [("send later", message(a=1)), ("send later", [None, msg]), ("done", msg)]
        assert msg["payload"] == 2

    async def test_an_error_after_waiting_fails_the_message(self, bench):
        function, host = bench.function("await new Promise(r => setTimeout(r, 1));\nthrow new RangeError('late');")
        function.handle(message())
        await until(lambda: host.of("fail"))
        assert (host.of("fail")[0].name, host.of("fail")[0].line) == ("RangeError", 2)

    async def test_an_endless_loop_after_waiting_fails_the_message(self, bench):
        function, host = bench.function("await new Promise(r => setTimeout(r, 1)); while (true) {}", timeout=0.02)
        function.handle(message())
        await until(lambda: host.of("fail"))
        assert isinstance(host.of("fail")[0], ScriptTimeout)

    async def test_a_promise_may_be_returned_by_a_body_that_is_not_async(self, bench):
        assert bench.run("return Promise.resolve({payload: 1});")[0] == message(payload=1)

    async def test_messages_that_wait_at_the_same_time_are_kept_apart(self, bench):
        function, host = bench.function("await new Promise(r => setTimeout(r, msg.ms)); return {n: msg.n};")
        for n in range(3):
            function.handle({"_msgid": f"id{n}", "n": n, "ms": 6 - 2 * n})
        await until(lambda: len(host.of("done")) == 3)
        assert host.of("send later") == [{"_msgid": f"id{n}", "n": n} for n in (2, 1, 0)]

    async def test_node_done_is_the_bodys_to_call(self, bench):
        function, host = bench.function("setTimeout(() => { node.done(); node.done(); }, 1); return {a: 1};")
        msg = message()
        assert function.handle(msg) == message(a=1)
        assert host.told == []
        await until(lambda: host.told)
        assert host.told == [("done", msg)]

    async def test_node_done_within_the_call_ends_it(self, bench):
        out, host = bench.run("node.done(); return {a: 1};")
        assert (out, host.told) == (message(a=1), [])

    async def test_node_done_with_an_error_fails_the_message(self, bench):
        function, _ = bench.function("node.done(new Error('no'));\nif (false) node.done();")
        with pytest.raises(ScriptError, match="no"):
            function.handle(message())

    async def test_node_done_before_the_body_has_returned_waits_for_it(self, bench):
        function, host = bench.function("node.done(); await new Promise(r => setTimeout(r, 1)); return {a: 1};")
        msg = message()
        function.handle(msg)
        await until(lambda: host.of("done"))
        assert host.told == [("send later", message(a=1)), ("done", msg)]


class TestTimers:
    async def test_a_timer_sends_with_the_id_of_its_message(self, bench):
        function, host = bench.function("setTimeout((a, b) => node.send({sum: a + b}), 1, 2, 3); return null;")
        function.handle(message())
        await until(lambda: host.told)
        assert host.told == [("send", message(sum=5))]

    async def test_a_timer_keeps_the_message_as_the_body_left_it(self, bench):
        function, host = bench.function("setTimeout(function () { node.send(msg); }, 1); msg.payload = 2;")
        function.handle(message(payload=1, other=[1]))
        await until(lambda: host.told)
        assert host.of("send") == [message(payload=2, other=[1])]

    async def test_an_interval_runs_until_it_is_cleared(self, bench):
        function, host = bench.function(
            "let n = 0; const id = setInterval(() => { node.send({n: ++n}); if (n === 3) clearInterval(id); }, 1);"
        )
        function.handle(message())
        await until(lambda: len(host.told) == 3)
        await asyncio.sleep(0.01)
        assert [told["n"] for told in host.of("send")] == [1, 2, 3]

    async def test_a_cleared_timer_does_not_fire(self, bench):
        function, host = bench.function(
            "clearTimeout(setTimeout(() => node.send({a: 1}), 1)); clearTimeout(undefined);"
        )
        function.handle(message())
        await asyncio.sleep(0.01)
        assert host.told == []

    async def test_an_exception_in_a_timer_is_an_error_of_the_node(self, bench):
        function, host = bench.function(
            "setTimeout(() => { throw new Error('late') }, 1); setTimeout(async () => { throw new Error('later') }, 2);"
            "setTimeout(null, 3); setTimeout(() => node.send({ok: 1}), 4);"
        )
        function.handle(message())
        await until(lambda: host.of("send"))
        assert [(str(error), about) for error, about in host.of("error")] == [
            ("late", {}),
            ("later", {}),
            ("cannot read property 'apply' of null", {}),
        ]

    async def test_an_endless_timer_is_stopped(self, bench):
        function, host = bench.function("setTimeout(() => { while (true) {} }, 1);", timeout=0.02)
        function.handle(message())
        await until(lambda: host.told)
        ((error, about),) = host.of("error")
        assert (isinstance(error, ScriptTimeout), about) == (True, {})

    async def test_timers_end_with_the_function(self, bench):
        function, host = bench.function("setInterval(() => node.send({a: 1}), 1);")
        function.handle(message())
        await function.close(False)
        await asyncio.sleep(0.01)
        assert host.of("send") == []


class TestLife:
    async def test_set_up_code_is_waited_for(self, bench):
        function, host = bench.function(
            "return {x: global.get('x')};",
            setup="global.set('x', '-'); node.send({from: 'set-up'}); await new Promise(r => setTimeout(r, 1)); global.set('x', 'done');",
        )
        await function.set_up()
        assert function.handle(message()) == message(x="done")
        assert host.of("send") == [{"from": "set-up"}]

    @pytest.mark.parametrize("setup", ["throw new Error('no');", "await 1; throw new Error('no');"])
    async def test_failing_set_up_code_is_an_error(self, bench, setup):
        function, _ = bench.function("return msg;", setup=setup)
        with pytest.raises(ScriptError, match="no"):
            await function.set_up()

    async def test_clean_up_code_runs_and_cannot_send(self, bench):
        function, host = bench.function(
            "return msg;", cleanup="global.set('bye', node.id); node.send({}); node.log('end');"
        )
        await function.close(False)
        assert host.global_context.get("bye") == "n1"
        assert [(told[0], str(told[1])) for told in host.told] == [
            ("error", "Cannot send from close function"),
            ("info", "end"),
        ]

    async def test_listeners_of_close_are_called_and_waited_for(self, bench):
        function, host = bench.function(
            "node.on('close', () => node.log('plain')); node.on('close', done => setTimeout(done, 1));"
            "node.on('close', (removed, done) => setTimeout(() => { node.log(removed); done(); }, 1));"
        )
        function.handle(message())
        await function.close(True)
        assert host.of("info") == ["plain", True]

    async def test_a_failing_listener_of_close_is_an_error_and_the_others_are_called(self, bench):
        function, host = bench.function(
            "node.on('close', () => { throw new Error('x') }); node.on('close', () => node.log('y'));",
            cleanup="null.z;",
        )
        function.handle(message())
        await function.close(True)
        assert [str(told[1]) for told in host.told] == ["cannot read property 'z' of null", "x", "y"]

    async def test_a_status_is_cleared_in_the_end(self, bench):
        function, host = bench.function("node.status('on');")
        function.handle(message())
        await function.close(False)
        assert host.of("status") == [{"text": "on"}, {}]

    def test_other_listeners_than_close_are_refused(self, bench):
        function, _ = bench.function("node.on('input', () => {});")
        with pytest.raises(ScriptError, match="Cannot add listener to 'input' event within Function"):
            function.handle(message())

    async def test_functions_that_are_gone_take_no_memory(self, bench):
        async def some(count):
            for _ in range(count):
                function, _ = bench.function("const big = new Array(1000).fill(msg); return {n: big.length};")
                function.handle(message())
                await function.close(True)

        def memory():
            bench.engine._context.gc()
            return bench.engine._context.memory()["memory_used_size"]

        await some(20)
        before = memory()
        await some(200)
        assert memory() - before < 10_000


class TestLinkCalls:
    async def test_the_message_that_comes_back_is_the_result(self, bench):
        function, host = bench.function("return await node.linkcall('sub', msg, {timeout: 1000});")
        host.answers["sub"] = lambda msg: {**msg, "payload": msg["payload"] * 2}
        msg = message(payload=21)
        function.handle(msg)
        await until(lambda: host.of("done"))
        assert host.of("send later") == [message(payload=42)]
        assert msg["payload"] == 21

    async def test_without_cloning_the_body_sees_what_was_done_to_its_message(self, bench):
        def change(msg):
            msg["payload"]["prop"] = "modified"
            return msg

        function, host = bench.function(
            "const back = await node.linkcall('s', msg, {clone: false});"
            "return {seen: msg.payload.prop, same: back === msg};"
        )
        host.answers["s"] = change
        function.handle(message(payload={"prop": "original"}))
        await until(lambda: host.of("done"))
        assert host.of("send later") == [message(seen="modified", same=True)]

    async def test_an_error_can_be_caught_by_the_body(self, bench):
        function, host = bench.function(
            "try { await node.linkcall('s', msg); } catch (e) { return {text: e.message}; }"
        )
        host.answers["s"] = lambda msg: NodeError("timeout")
        function.handle(message())
        await until(lambda: host.of("done"))
        assert host.of("send later") == [message(text="timeout")]

    async def test_a_target_that_does_not_exist_is_an_error(self, bench):
        function, host = bench.function("await node.linkcall('nowhere', msg);")
        function.handle(message())
        await until(lambda: host.of("fail"))
        assert "nowhere" in str(host.of("fail")[0])

    @pytest.mark.parametrize(
        ("call", "text"), [("('', msg)", "target parameter is not valid"), ("('x', 5)", "msg parameter is not valid")]
    )
    async def test_arguments_are_checked(self, bench, call, text):
        function, _ = bench.function(f"await node.linkcall{call};")
        with pytest.raises(ScriptError, match=text):
            function.handle(message())


class TestEnvironment:
    def test_variables_are_read_anew_for_each_message(self, bench):
        function, host = bench.function("return {all: [env.get('A'), env.get('B'), typeof env.get('C')]};")
        host.variables = {"A": 1, "B": {"x": [1]}}
        assert function.handle(message())["all"] == [1, {"x": [1]}, "undefined"]
        host.variables = {"A": "two", "C": 3}
        assert function.handle(message())["all"] == ["two", None, "number"]

    def test_a_computed_name_finds_what_is_there(self, bench, monkeypatch):
        monkeypatch.setenv("BUSWAY_TEST_VARIABLE", "here")
        assert bench.value("env.get('BUSWAY_TEST_' + 'VARIABLE')") == "here"


class TestModules:
    def test_built_in_modules_are_known_by_their_variable(self, bench):
        out, _ = bench.run(
            "return {type: os.type(), joined: p.join('a', '..', 'b'), digest: c.createHash('md5').update('a').digest('hex')};",
            libraries=(("os", "os"), ("p", "node:path"), ("c", "crypto")),
        )
        assert (out["type"], out["joined"], out["digest"]) == ("Linux", "b", "0cc175b9c0f1b6a831c399e269772661")

    def test_a_module_of_npm_is_refused_by_name(self, bench):
        with pytest.raises(ConfigError, match=r"node n1 \(function\): 'libs': the module 'axios' cannot be loaded"):
            bench.function("return msg;", libraries=(("axios", "axios@1.2"),))

    def test_a_misspelled_module_is_told(self, bench):
        with pytest.raises(ConfigError, match="did you mean 'crypto'"):
            bench.function("return msg;", libraries=(("c", "cripto"),))

    def test_a_variable_that_means_something_already_is_refused(self, bench):
        with pytest.raises(ConfigError, match="'flow' is the name of something"):
            bench.function("return msg;", libraries=(("flow", "os"),))


@pytest.mark.parametrize(
    "value",
    [
        *(0, 2**31 - 1, 2**31, -(2**31) - 1, 1_700_000_000_000, 2**53, -(2**53)),
        *(-0.0, 1.5, 1e300, True, False, None, "", "plain", "größer 😀", "a\x00b"),
        *({"x": 1}, [1], UNDEFINED, float("inf"), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_value_is_the_same_inside_however_it_was_passed(bench, value):
    body = "const v = {}; msg.out = [typeof v, Object.is(v, -0), String(v)]; return msg;"
    alone, _ = bench.function(body.replace("{}", "msg.payload.value"))
    whole, _ = bench.function(
        "msg[''] = 1; delete msg['']; for (const k in msg) ; " + body.replace("{}", "msg.payload.value")
    )
    assert alone.access.transfer is not None
    assert whole.access.transfer is None
    first, second = message(payload={"value": value}), message(payload={"value": value})
    assert alone.handle(first)["out"] == whole.handle(second)["out"]


@pytest.mark.parametrize("payload", [{}, {"value": {}}, None, "text", [1]])
def test_a_value_that_is_missing_is_undefined_inside(bench, payload):
    function, _ = bench.function("msg.out = [typeof msg.payload?.value, msg.b === undefined]; return msg;")
    expected = "object" if payload == {"value": {}} else "undefined"
    assert function.handle(message(payload=payload))["out"] == [expected, True]


def test_a_member_called_proto_is_an_ordinary_one(bench):
    function, _ = bench.function("msg.out = msg.payload.__proto__ === 5; return msg;")
    assert function.handle(message(payload={"__proto__": 5}))["out"] is True


def test_a_new_list_of_messages_is_marked_as_nobody_elses(bench):
    assert type(bench.run("return [[{a: 1}, {a: 2}]];")[0]) is Fresh
    assert type(bench.run("return [[msg, {a: 2}]];")[0]) is list


def test_a_thousand_functions_share_one_context():
    engine = JavaScript(Contexts(), memory_limit=64 * 1024 * 1024)
    bench = Workbench(contexts=Contexts(), engine=engine)
    functions = [bench.function(f"return {{n: {n}}};")[0] for n in range(1000)]
    assert [function.handle(message())["n"] for function in functions] == list(range(1000))


def test_a_time_limit_of_zero_is_a_long_one():
    contexts = Contexts()
    bench = Workbench(contexts=contexts, engine=JavaScript(contexts, time_limit=0))
    assert bench.value("1 + 1") == 2


def test_a_message_without_the_property_gives_undefined(bench):
    assert bench.value("msg.nothing") is UNDEFINED
