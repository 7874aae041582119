"""The function node in running flows."""

import pytest

from busway.engine.errors import NodeStopped, ScriptTimeout
from busway.testing import NothingCame, flow_of, node


def function(func, id="f", to="out", **properties):
    return node("function", id, to=to, func=func, **properties)


LANGUAGES = pytest.mark.parametrize(
    ("language", "count"),
    [("javascript", "msg.payload = msg.payload + 1;\nreturn msg;"), ("python", "msg['payload'] += 1\nreturn msg")],
)


@LANGUAGES
async def test_a_body_changes_the_message_and_sends_it_on(language, count):
    async with flow_of([function(count, language=language)]) as flow:
        await flow.send("f", {"payload": 1, "topic": "t"})
        out = await flow.output("f")
        assert (out["payload"], out["topic"]) == (2, "t")
        assert out["_msgid"] == flow.received("f")[0]["_msgid"]


async def test_a_node_without_code_passes_the_message_on():
    async with flow_of([node("function", "f", to="out")]) as flow:
        await flow.send("f", {"payload": 1})
        assert (await flow.output("f"))["payload"] == 1


@LANGUAGES
async def test_several_outputs(language, count):
    body = (
        "return [[{a: 1}, {a: 2}], null, {b: 1}];"
        if language == "javascript"
        else "return [[{'a': 1}, {'a': 2}], None, {'b': 1}]"
    )
    nodes = [function(body, to=[["x"], ["y"], ["z"]], outputs=3, language=language)]
    async with flow_of(nodes) as flow:
        await flow.send("f", {})
        assert [msg["a"] for msg in flow.sent("f", 0)] == [1, 2]
        assert flow.sent("f", 1) == []
        assert flow.sent("f", 2)[0]["b"] == 1


@pytest.mark.parametrize(
    ("output", "body"), [(0, "return [msg, null];"), (1, "return [null, msg];"), (1, "msg.a = 1; return [null, msg];")]
)
async def test_the_message_at_one_of_two_outputs(output, body):
    async with flow_of([function(body, to=[["x"], ["y"]], outputs=2)]) as flow:
        await flow.send("f", {"payload": "p"})
        assert [len(flow.sent("f", at)) for at in (0, 1)] == [1 - output, output]


class TestErrors:
    async def test_a_catch_node_gets_what_was_thrown_and_the_message_as_it_is_by_then(self):
        body = "msg.payload = 2;\nthrow Object.assign(new TypeError('boom', {cause: {why: 'x'}}), {code: 'E1'});"
        async with flow_of([function(body), node("catch", "c", to="seen")]) as flow:
            await flow.send("f", {"payload": 1})
            caught = await flow.output("c")
            error = caught["error"]
            assert caught["payload"] == 2
            assert (error["message"], error["code"], error["cause"]) == ("TypeError: boom", "E1", {"why": "x"})
            assert error["source"] == {"id": "f", "type": "function", "count": 1}
            assert "function:2" in error["stack"]

    @pytest.mark.parametrize(
        ("language", "body", "text"),
        [
            ("javascript", "var a;\nretunr", "ReferenceError: retunr is not defined (line 2, col 1)"),
            ("javascript", "throw 'small mistake'", "small mistake"),
            ("javascript", "node.error('told', msg)", "told"),
            ("python", "x = 1\nnope", "NameError: name 'nope' is not defined (line 2)"),
            ("python", "import asyncio\nawait asyncio.sleep(1)\n1/0", "ZeroDivisionError: division by zero (line 3)"),
        ],
    )
    async def test_the_text_of_an_error(self, language, body, text):
        async with flow_of([function(body, language=language), node("catch", "c", to="seen")]) as flow:
            await flow.send("f", {})
            assert (await flow.output("c"))["error"]["message"] == text

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("while (true) {}", "Error: Script execution timed out after 20ms"),
            ("new ArrayBuffer(1 << 30)", "InternalError: out of memory"),
        ],
    )
    async def test_what_takes_too_much_is_an_error_and_the_rest_goes_on(self, body, text):
        nodes = [
            function(body, timeout="0.02"),
            function("return {payload: 'fine'};", "g"),
            node("catch", "c", to="seen"),
        ]
        async with flow_of(nodes) as flow:
            for _ in range(2):
                await flow.send("f", {})
                assert (await flow.output("c"))["error"]["message"] == text
                await flow.send("g", {})
                assert (await flow.output("g"))["payload"] == "fine"

    async def test_the_usual_limit_holds_where_the_node_sets_none(self):
        async with flow_of([function("while (true) {}")], settings={"function_timeout": 0.03}) as flow:
            await flow.send("f", {})
            assert isinstance((await flow.error()).error, ScriptTimeout)

    async def test_an_exception_in_a_timer_is_an_error_of_the_node(self):
        async with flow_of(
            [function("setTimeout(() => { throw new Error('late') }, 10);"), node("catch", "c", to="seen")]
        ) as flow:
            await flow.send("f", {"payload": 1})
            caught = await flow.output("c")
            assert caught["error"]["message"] == "Error: late"
            assert "payload" not in caught

    @pytest.mark.parametrize(
        ("properties", "text"),
        [
            ({"func": "let ("}, "SyntaxError: unexpected end: a bracket or brace is not closed (line 1, col 1)"),
            ({"func": "x = = 1", "language": "python"}, "SyntaxError: invalid syntax (line 1, col 5)"),
            (
                {"libs": [{"var": "axios", "module": "axios"}]},
                "node f (function): 'libs': the module 'axios' cannot be loaded: functions run without npm; "
                "there are: buffer, crypto, events, os, path, querystring, url, util",
            ),
            ({"initialize": "throw new Error('not today');"}, "Error: not today"),
        ],
    )
    async def test_what_cannot_start_says_why_and_the_others_run(self, properties, text):
        nodes = [node("function", "f", to="out", **properties), function("return {ok: 1};", "g")]
        async with flow_of(nodes) as flow:
            assert [line.text for line in flow.errors] == [text]
            await flow.send("g", {})
            assert (await flow.output("g"))["ok"] == 1

    async def test_failing_set_up_code_leaves_nothing_running(self):
        setup = "setInterval(() => node.send({late: 1}), 10); throw new Error('no');"
        async with flow_of([function("return msg;", initialize=setup)]) as flow:
            await flow.advance(1)
            assert flow.sent("f") == []

    async def test_python_can_be_turned_off(self):
        async with flow_of([function("return msg", language="python")], settings={"python_functions": False}) as flow:
            assert "'python_functions'" in flow.errors[0].text
            assert "f" in flow.runtime.failed


class TestCompletion:
    async def test_complete_nodes_are_told_when_the_body_is_through(self):
        nodes = [function("msg.payload++; return null;"), node("complete", "done", scope=["f"], to="seen")]
        async with flow_of(nodes) as flow:
            await flow.send("f", {"payload": 1})
            told = await flow.output("done")
            assert (told["payload"], told["complete"]["source"]["id"]) == (2, "f")

    @pytest.mark.parametrize(
        "body",
        [
            "await new Promise(r => setTimeout(r, 1000)); msg.payload++; return msg;",
            "setTimeout(() => { node.done(); }, 1000); msg.payload++; return msg;",
        ],
    )
    async def test_complete_nodes_are_told_when_waiting_is_over(self, body):
        nodes = [function(body), node("complete", "done", scope=["f"], to="seen")]
        async with flow_of(nodes) as flow:
            origin = await flow.send("f", {"payload": 1})
            assert not origin.settled
            told = await flow.output("done")
            assert (told["payload"], flow.now, origin.settled) == (2, 1.0, True)

    async def test_an_error_completes_nothing(self):
        nodes = [function("throw 1;"), node("complete", "done", scope=["f"], to="seen")]
        async with flow_of(nodes) as flow:
            await flow.send("f", {})
            with pytest.raises(NothingCame):
                await flow.output("done", within=1)


class TestSettling:
    async def test_a_message_is_settled_when_its_timers_have_run(self):
        async with flow_of([function("setTimeout(() => node.send({late: 1}), 1000);")]) as flow:
            origin = await flow.send("f", {})
            assert not origin.settled
            await flow.advance(1)
            assert (origin.settled, flow.sent("f")[0]["late"]) == (True, 1)

    async def test_a_timer_that_is_cleared_settles_its_message(self):
        async with flow_of([function("clearTimeout(setTimeout(() => {}, 1000));")]) as flow:
            assert (await flow.send("f", {})).settled

    async def test_an_interval_does_not_hold_its_message(self):
        async with flow_of([function("setInterval(() => {}, 1000);")]) as flow:
            assert (await flow.send("f", {})).settled

    async def test_a_node_that_stops_tells_the_source_of_what_it_was_still_doing(self):
        body = "setTimeout(() => {}, 5000); await new Promise(() => {}); return msg;"
        async with flow_of([function(body)]) as flow:
            origin = await flow.send("f", {})
            await flow.deploy([])
            assert origin.settled
            assert {(id, type(error)) for id, error in origin.errors} == {("f", NodeStopped)}


class TestLife:
    async def test_messages_wait_for_set_up_code(self):
        setup = "global.set('x', '-'); return new Promise(r => setTimeout(() => { global.set('x', 'ready'); r(); }, 60000));"
        async with flow_of([function("return {x: global.get('x')};", initialize=setup)]) as flow:
            await flow.send("f", {})
            await flow.send("f", {})
            assert [(await flow.output("f"))["x"], (await flow.output("f"))["x"], flow.now] == ["ready", "ready", 60.0]

    async def test_clean_up_code_runs_when_the_node_is_removed(self):
        async with flow_of(
            [function("node.status('on'); return msg;", finalize="global.set('bye', node.name);", name="mine")]
        ) as flow:
            await flow.send("f", {})
            await flow.deploy([])
            assert flow.runtime.contexts.global_().get("bye") == "mine"
            assert [status.status for status in flow.statuses if status.node == "f"][:2] == [{"text": "on"}, {}]

    async def test_a_changed_body_takes_over(self):
        async with flow_of([function("return {v: 1};"), function("return {v: 'same'};", "g")]) as flow:
            await flow.deploy([function("return {v: 2};"), function("return {v: 'same'};", "g")], "nodes")
            for id, expected in (("f", 2), ("g", "same")):
                await flow.send(id, {})
                assert (await flow.output(id))["v"] == expected

    async def test_a_status_reaches_status_nodes(self):
        nodes = [function("node.status({fill: 'red', shape: 'ring', text: 5});"), node("status", "s", to="seen")]
        async with flow_of(nodes) as flow:
            await flow.send("f", {})
            assert await flow.status("f") == {"fill": "red", "shape": "ring", "text": "5"}
            assert (await flow.output("s"))["status"]["source"]["id"] == "f"

    async def test_logs_are_logged(self):
        async with flow_of([function("node.log('a'); node.warn({b: 1}); node.error('c');")]) as flow:
            await flow.send("f", {})
            assert [(line.level, line.text) for line in flow.logs] == [
                ("info", "a"),
                ("warn", "{'b': 1}"),
                ("error", "c"),
            ]


class TestSurroundings:
    async def test_context_is_shared_with_other_nodes_and_languages(self):
        nodes = [
            function("flow.set('n', (flow.get('n') || 0) + 1); return msg;", "a", to="b"),
            function("flow.set('n', flow.get('n') * 10)\nreturn msg", "b", to="c", language="python"),
            function("return {n: flow.get('n')};", "c"),
        ]
        async with flow_of(nodes) as flow:
            await flow.send("a", {})
            await flow.send("a", {})
            assert [msg["n"] for msg in flow.sent("c")] == [10, 110]

    async def test_environment_of_the_flow_and_of_the_node(self):
        tab = {"id": "t", "type": "tab", "label": "Home", "env": [{"name": "LIMIT", "value": "16", "type": "num"}]}
        body = "return {all: [env.get('LIMIT'), env.get('NR_NODE_ID'), env.get('NR_' + 'FLOW_NAME')]};"
        async with flow_of([tab, function(body, z="t")]) as flow:
            await flow.send("f", {})
            assert (await flow.output("f"))["all"] == [16, "f", "Home"]

    @LANGUAGES
    async def test_a_link_call_from_a_body(self, language, count):
        body = (
            "const back = await node.linkcall('double', msg);\nreturn back;"
            if language == "javascript"
            else "return await node.linkcall('double', msg)"
        )
        nodes = [
            function(body, language=language),
            node("link in", "li", name="double", to="d"),
            function("msg.payload *= 2; return msg;", "d", to="lo"),
            node("link out", "lo", mode="return"),
        ]
        async with flow_of(nodes) as flow:
            await flow.send("f", {"payload": 21})
            assert (await flow.output("f"))["payload"] == 42
            assert flow.errors == []

    async def test_a_link_call_without_answer_is_an_error_that_can_be_caught(self):
        body = "try { await node.linkcall('nowhere', msg); } catch (e) { return {text: e.message}; }"
        async with flow_of([function(body)]) as flow:
            await flow.send("f", {})
            assert (await flow.output("f"))["text"] == "target link-in node 'nowhere' not found"

    async def test_several_bodies_of_a_chain_hand_on_what_json_has_no_form_for(self):
        nodes = [
            function(
                "return {b: Buffer.from('é'), d: new Date(5), m: new Map([['k', 1]]), f: x => x + 1};", "a", to="b"
            ),
            function("return {all: [msg.b.toString(), msg.d.getTime(), msg.m.get('k'), msg.f(1)]};", "b"),
        ]
        async with flow_of(nodes) as flow:
            await flow.send("a", {})
            assert (await flow.output("b"))["all"] == ["é", 5, 1, 2]
