"""Python function bodies."""

import asyncio

import pytest

from busway.engine.errors import ScriptError, ScriptSyntaxError
from busway.engine.message import UNDEFINED
from tests.engine.script.hosting import until


def message(**fields):
    return {"_msgid": "m", **fields}


def run(bench, body, **fields):
    function, host = bench.python(body)
    return function.handle(message(**fields)), host


class TestReturning:
    def test_the_message_itself(self, bench):
        function, _ = bench.python("msg['payload'] += 1\nreturn msg")
        msg = message(payload=1)
        assert function.handle(msg) is msg
        assert msg["payload"] == 2

    def test_a_new_message_gets_the_id_of_the_one_that_came_in(self, bench):
        assert run(bench, "return {'a': 1, '_msgid': 'x'}")[0] == message(a=1)

    @pytest.mark.parametrize("body", ["", "return", "return None", "# nothing"])
    def test_nothing(self, bench, body):
        assert run(bench, body)[0] is None

    def test_lists_and_tuples_are_one_element_per_output(self, bench):
        assert run(bench, "return [{'a': 1}, None, [{'b': 1}, {'c': 1}]]")[0] == [
            message(a=1),
            None,
            [message(b=1), message(c=1)],
        ]
        assert run(bench, "return {'a': 1}, None")[0] == [message(a=1), None]

    def test_a_number_before_the_message_is_its_output(self, bench):
        assert run(bench, "return 1, {'a': 1}")[0] == (1, message(a=1))

    @pytest.mark.parametrize(
        ("value", "kind"), [("'x'", "string"), ("5", "number"), ("[True]", "boolean"), ("object()", "object")]
    )
    def test_what_is_no_message_is_an_error(self, bench, value, kind):
        _, host = run(bench, f"return {value}")
        assert [str(error) for error, _ in host.of("error")] == [f"Function tried to send a message of type {kind}"]


class TestErrors:
    def test_an_exception_has_its_line_in_the_users_code(self, bench):
        function, _ = bench.python("def inner():\n    return 1 / 0\n\nx = 1\ninner()")
        with pytest.raises(ScriptError) as raised:
            function.handle(message())
        error = raised.value
        assert (error.name, str(error), error.line) == ("ZeroDivisionError", "division by zero (line 2)", 2)
        assert error.stack.splitlines()[1:] == ["    at inner (function:2)", "    at body (function:5)"]

    def test_the_line_is_the_users_when_the_exception_is_raised_elsewhere(self, bench):
        function, _ = bench.python("import json\n\njson.loads('{')")
        with pytest.raises(ScriptError) as raised:
            function.handle(message())
        assert (raised.value.name, raised.value.line) == ("JSONDecodeError", 3)

    def test_code_and_cause_are_kept(self, bench):
        function, _ = bench.python("e = ValueError('x')\ne.code = 'E1'\nraise e from KeyError('k')")
        with pytest.raises(ScriptError) as raised:
            function.handle(message())
        assert (raised.value.code, raised.value.cause) == ("E1", {"name": "KeyError", "message": "'k'"})

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("x = 1\ny = = 2", r"invalid syntax \(line 2, col 5\)"),
            ("  x = 1", r"unexpected indent \(line 1"),
            ("return 1\nbreak", r"'break' outside loop \(line 2"),
            ("yield msg", r"'yield' outside of a function of its own.*\(line 1, col 1\)"),
            ("x = '\0'", r"null bytes"),
        ],
    )
    def test_what_does_not_compile_is_told_with_its_place(self, bench, body, text):
        with pytest.raises(ScriptSyntaxError, match=text):
            bench.python(body)

    def test_the_part_that_does_not_compile_is_named(self, bench):
        with pytest.raises(ScriptSyntaxError, match="of the setup code"):
            bench.python("return msg", setup="a b")


class TestApi:
    def test_sending_copies_the_first_message(self, bench):
        _, host = run(
            bench, "node.send(msg)\nmsg['a'] = 2\nnode.send([None, msg])\nnode.send((1, {'b': 1}))\nmsg['a'] = 3", a=1
        )
        assert host.of("send") == [message(a=1), [None, message(a=2)], [None, message(b=1)]]

    def test_sending_without_copy(self, bench):
        _, host = run(bench, "node.send(msg, copy=False)\nmsg['a'] = 2", a=1)
        assert host.of("send") == [message(a=2)]

    def test_telling(self, bench):
        _, host = run(
            bench,
            "node.status('on', 'green', 'ring'); node.status({'fill': 'red'}); node.status()\n"
            "log('a'); log.warn('b'); node.debug({'c': 1}); log.error('d'); node.error(ValueError('e'), msg)",
        )
        assert [told for told in host.told if told[0] != "error"] == [
            ("status", {"fill": "green", "shape": "ring", "text": "on"}),
            ("status", {"fill": "red"}),
            ("status", {}),
            ("info", "a"),
            ("warn", "b"),
            ("debug", {"c": 1}),
        ]
        assert [(str(error), about) for error, about in host.of("error")] == [("d", None), ("e", message())]

    def test_context(self, bench):
        out, host = run(
            bench,
            "context.set('n', context.get('n', 0) + 1)\nflow['a'] = {'b': 1}\nflow.set('a.c', 2)\nglobal_.set('x', 1)\n"
            "global_.delete('x')\nreturn {'all': [context['n'], flow.get('a'), 'x' in global_, global_.keys(), flow.get('none')]}",
        )
        assert out["all"] == [1, {"b": 1, "c": 2}, False, [], None]
        assert host.global_context.get("x") is UNDEFINED

    def test_a_missing_key_is_an_error_where_brackets_ask_for_it(self, bench):
        function, _ = bench.python("return flow['none']")
        with pytest.raises(ScriptError, match=r"none"):
            function.handle(message())

    def test_objects_in_context_are_live_for_javascript_too(self, bench):
        bench.run("flow.set('list', [1]);")
        run(bench, "flow.get('list').append(2)")
        assert bench.value("flow.get('list')") == [1, 2]
        bench.run("flow.get('list').push(3);")
        assert run(bench, "return {'l': flow.get('list')}")[0]["l"] == [1, 2, 3]

    def test_environment(self, bench):
        function, host = bench.python(
            "return {'a': env.get('A'), 'b': env['B'], 'c': env.get('C', 3), 'd': 'D' in env}"
        )
        host.variables = {"A": 1, "B": "two"}
        assert function.handle(message()) == message(a=1, b="two", c=3, d=False)

    def test_names_are_kept_from_one_message_to_the_next_when_declared_global(self, bench):
        function, _ = bench.python(
            "global count\ncount = count + 1\nreturn {'n': count}", setup="global count\ncount = 10"
        )
        asyncio.run(function.set_up())
        assert [function.handle(message())["n"] for _ in range(2)] == [11, 12]
        assert "count" not in bench.python("return msg")[0]._names


class TestWaiting:
    async def test_a_body_that_awaits_is_a_coroutine(self, bench):
        function, _ = bench.python(
            "import asyncio\nawait asyncio.sleep(0)\nmsg['a'] = [x async for x in gen()]\nreturn msg", setup=GENERATOR
        )
        await function.set_up()
        assert await function.handle(message()) == message(a=[1, 2])

    async def test_what_it_sends_has_the_id_of_its_own_message(self, bench):
        function, host = bench.python("import asyncio\nawait asyncio.sleep(msg['s'])\nnode.send({'n': msg['n']})")
        await asyncio.gather(*(function.handle({"_msgid": f"id{n}", "n": n, "s": 0.002 - n / 1000}) for n in range(3)))
        assert host.of("send") == [{"_msgid": f"id{n}", "n": n} for n in (2, 1, 0)]

    async def test_an_awaiting_body_fails_with_its_line(self, bench):
        function, _ = bench.python("import asyncio\nawait asyncio.sleep(0)\nraise KeyError('x')")
        with pytest.raises(ScriptError) as raised:
            await function.handle(message())
        assert (raised.value.name, raised.value.line) == ("KeyError", 3)

    async def test_a_function_that_awaits_inside_does_not_make_the_body_wait(self, bench):
        assert run(bench, "async def f():\n    await g()\nreturn msg")[0] == message()

    async def test_a_link_call(self, bench):
        function, host = bench.python("back = await node.linkcall('sub', msg)\nreturn {'b': back['a'] + 1}")
        host.answers["sub"] = lambda msg: {**msg, "a": 1}
        assert await function.handle(message()) == message(b=2)

    async def test_a_timer(self, bench):
        function, host = bench.python(
            "node.after(0.001, node.send, {'late': 1})\nnode.after(0.001, node.send, {}).cancel()"
        )
        function.handle(message())
        await until(lambda: host.told)
        assert host.of("send")[0]["late"] == 1


class TestLife:
    async def test_set_up_and_clean_up(self, bench):
        function, host = bench.python(
            "node.on_close(lambda: log('closer'))\nnode.status('on')\nreturn msg",
            setup="import asyncio\nawait asyncio.sleep(0)\nlog('up')",
            cleanup="log('down')",
        )
        await function.set_up()
        function.handle(message())
        await function.close(True)
        assert host.told == [
            ("info", "up"),
            ("status", {"text": "on"}),
            ("info", "down"),
            ("info", "closer"),
            ("status", {}),
        ]

    async def test_failing_set_up_code_is_an_error_with_its_line(self, bench):
        function, _ = bench.python("return msg", setup="x = 1\nnope")
        with pytest.raises(ScriptError, match=r"name 'nope' is not defined \(line 2\)"):
            await function.set_up()

    async def test_failing_clean_up_code_is_told_and_the_rest_is_done(self, bench):
        function, host = bench.python("node.on_close(lambda: log('rest'))", cleanup="1 / 0")
        function.handle(message())
        await function.close(False)
        assert [(told[0], str(told[1])) for told in host.told] == [
            ("error", "division by zero (line 1)"),
            ("info", "rest"),
        ]


GENERATOR = "global gen\nasync def gen():\n    yield 1\n    yield 2"
