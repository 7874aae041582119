"""What of a message a function body is found to touch."""

import pytest

from busway.engine.script.access import analyse


def shown(paths):
    return " ".join(sorted(".".join(path) for path in paths))


def summary(body):
    transfer = analyse(body).transfer
    return None if transfer is None else (shown(transfer.full), shown(transfer.writes))


@pytest.mark.parametrize(
    ("body", "full", "writes"),
    [
        ("return msg;", "", ""),
        ("msg.payload = msg.payload + 1; return msg;", "payload", "payload"),
        ("msg.payload = {status: 'Accepted', at: new Date()}; return msg;", "", "payload"),
        ("return [msg, null];", "", ""),
        ("node.send([null, msg]);", "", ""),
        ("return {payload: msg.payload};", "payload", ""),
        ("msg.ocpp.error = true; return msg;", "", "ocpp.error"),
        ("msg.payload.seq += 1; msg['note'] = 'n'; return msg;", "payload.seq", "note payload.seq"),
        ("const p = msg.payload; p.x = p.y; return msg;", "payload.y", "payload.x"),
        ("const {a, b: {c}} = msg.payload || {}; return {payload: a + c};", "payload.a payload.b.c", ""),
        ("if (msg.payload && msg.payload.id === 'x') return msg;", "", ""),
        ("msg.payload = {}; msg.payload.a = 1; return msg;", "", "payload"),
        ("delete msg.error; delete msg.payload.x; return msg;", "", "error payload.x"),
        ("msg.payload.items.push(1); return msg;", "payload.items", "payload.items"),
        ("let t = 0; for (const s of msg.payload.list) t += s.value; msg.t = t; return msg;", "payload.list", "t"),
        ("msg.x = msg.payload.list.filter(e => e.ok).map(e => e.id); return msg;", "payload.list", "x"),
        ("node.warn(msg.topic); node.error('no', msg); return null;", "topic", ""),
        ("msg.payload = msg.payload.toUpperCase(); return msg;", "payload", "payload"),
        ("const f = () => { msg.count++; }; f(); return msg;", "count", "count"),
        ("return msg.payload.length > 3 ? msg : null;", "payload", ""),
        ("switch (msg.ocpp.action) { case 'Boot': msg.a = 1; } return msg;", "", "a"),
        ("const m = msg; m.payload = 3; return m;", "", "payload"),
        ("flow.set('last', msg.payload); return msg;", "payload", ""),
    ],
)
def test_of_these_bodies_only_parts_of_the_message_cross(body, full, writes):
    assert summary(body) == (full, writes)


@pytest.mark.parametrize(
    "body",
    [
        "return {...msg};",
        "const copy = RED.util.cloneMessage(msg); return copy;",
        "msg[name] = 1; return msg;",
        "return Object.keys(msg);",
        "f(msg); return msg;",
        "msg = {payload: 1}; return msg;",
        "arguments[0].payload = 1; return msg;",
        "eval('msg.payload = 1'); return msg;",
        "with (msg) { payload = 1; } return msg;",
        "setTimeout(() => node.send(msg), 10);",
        "for (const key in msg) node.log(key);",
        "node.warn(msg);",
        "const {payload, ...rest} = msg; return rest;",
        "msg.self = msg; return msg;",
        "return {payload: msg};",
        "flow.set('all', msg);",
        "return await node.linkcall('x', msg);",
        "return msg.payload.map(x => msg);",
        "this is no JavaScript",
    ],
)
def test_what_cannot_be_followed_takes_the_whole_message(body):
    assert summary(body) is None


def test_a_value_that_may_be_changed_under_another_name_crosses_only_if_it_is_single():
    transfer = analyse("const list = flow.get('list'); list[0].x = msg.payload.a; return msg;").transfer
    assert transfer.delicate == {("payload", "a")}


class TestTraits:
    def test_variables_that_are_assigned_without_declaration_are_told(self):
        access = analyse("let a; a = 1; b = 2; for (c of []) d++; function f(e) { e = 1; g = 2; } [h, x.y] = [1, 2];")
        assert access.implicit == {"b", "c", "d", "g", "h"}

    def test_names_from_outside_are_told_however_they_are_shadowed_elsewhere(self):
        access = analyse(
            "{ let flow = 1; use(flow); } global.get('x'); const y = {env, Buffer: 1}; class A { node() {} }"
        )
        assert access.free == {"use", "global", "env"}

    @pytest.mark.parametrize(
        ("body", "is_async"),
        [
            ("await f();", True),
            ("for await (const x of y) {}", True),
            ("const f = async () => { await g(); };", False),
            ("return Promise.resolve(1);", False),
        ],
    )
    def test_a_body_is_asynchronous_where_it_awaits_itself(self, body, is_async):
        assert analyse(body).is_async is is_async
        assert analyse(body).queues

    @pytest.mark.parametrize(
        ("body", "manual"),
        [
            ("node.done();", True),
            ("setTimeout(() => { node.done() }, 1);", True),
            ("// node.done()\nreturn msg;", False),
            ("const s = 'node.done()';", False),
            ("const node = {done() {}}; node.done();", False),
        ],
    )
    def test_a_call_of_node_done_is_found_by_parsing(self, body, manual):
        assert analyse(body).manual_done is manual

    def test_environment_variables_are_known_by_name_unless_the_name_is_computed(self):
        assert analyse("env.get('A'); env.get(\"B\");").environment == {"A", "B"}
        assert analyse("env.get(name);").environment is None
        assert analyse("const e = env; e.get('A');").environment is None

    @pytest.mark.parametrize("body", ["globalThis.x = 1;", "this.x = 1;", "eval('1');", "new Function('x = 1')();"])
    def test_reaching_for_the_global_object_is_told(self, body):
        assert analyse(body).needs_scope

    def test_the_this_of_methods_is_no_global_object(self):
        assert not analyse("class A { f() { return this.x; } } const o = {g() { return this; }};").needs_scope

    def test_taking_methods_off_the_node_is_told(self):
        assert analyse("const {send} = node;").detaches_node
        assert analyse("[1].forEach(node.warn);").detaches_node
        assert not analyse("node.send(msg); node.log(node.id);").detaches_node


def test_a_source_that_nests_too_deeply_to_follow_takes_the_whole_message():
    access = analyse("msg.payload = " + "1 + (" * 3000 + "msg.a" + ")" * 3000 + "; leak = 1; return msg;")
    assert access.transfer is None
    assert access.implicit == {"leak"}
