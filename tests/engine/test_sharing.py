"""Messages at a fork: each branch sees what was sent, whatever the others do to theirs, however few copies are made."""

import asyncio
import copy
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.node import Config, Node
from tests.engine.bench import Bench, node, tab


class Member(Node[Config]):
    """Sets a member of the message, and touches nothing else."""

    type = "member"
    shares = True

    def on_message(self, msg):
        msg[self.id] = self.name
        return msg


class Deep(Node[Config]):
    """Changes a nested value in place."""

    type = "deep"

    def on_message(self, msg):
        msg["payload"]["path"].append(self.id)
        return msg


class Both(Node[Config]):
    """Sends the message to two outputs without a change."""

    type = "both"
    outputs = 2
    shares = True

    def on_message(self, msg):
        return [msg, msg]


class Breaks(Node[Config]):
    """Changes a nested value, then fails."""

    type = "breaks"

    def on_message(self, msg):
        msg["payload"]["path"].append(self.id)
        raise ValueError("broken")


class BreaksSharing(Node[Config]):
    """Fails; it would have left nested values as they are."""

    type = "breaks-sharing"
    shares = True

    def on_message(self, msg):
        raise ValueError("broken")


class Grow(Node[Config]):
    """Lengthens a list in place."""

    type = "grow"

    def on_message(self, msg):
        msg["payload"].append(1)
        return msg


class Quiet(Node[Config]):
    """Notes the payload, which a node that shares should not: to see who has which."""

    type = "quiet"
    shares = True

    def on_message(self, msg):
        self.payload = msg["payload"]


KINDS = (Grow, Member, Deep, Both, Breaks, BreaksSharing)


async def started(bench, *items):
    for cls in KINDS:
        bench.runtime.registry.add(cls)
    await bench.start(tab(), *items)


def message():
    return {"payload": {"path": ["start"], "deep": [{"n": 1}]}, "topic": "t"}


# A tree of nodes: (kind, children of each output). Leaves are sinks.
def trees():
    leaf = st.just(("sink", []))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(
                st.sampled_from(["member", "deep"]), st.lists(st.lists(inner, max_size=4), min_size=1, max_size=1)
            ),
            st.tuples(st.just("both"), st.lists(st.lists(inner, max_size=3), min_size=2, max_size=2)),
        ),
        max_leaves=14,
    )


def build(tree, items, expected, msg):
    """The nodes of a tree, and what reaches each of its sinks when every branch has a copy of its own."""
    kind, outputs = tree
    id = f"n{len(items)}"
    items.append(None)
    if kind == "sink":
        expected[id] = msg
    elif kind == "member":
        msg[id] = ""
    elif kind == "deep":
        msg["payload"]["path"].append(id)
    wires = [[build(child, items, expected, copy.deepcopy(msg)) for child in output] for output in outputs]
    items[int(id[1:])] = node(id, kind, *wires)
    return id


async def delivered(tree):
    """What reached each sink, and what should have."""
    items, expected = [], {}
    root = build(("member", [[tree] * 4]), items, expected, message())
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            await started(bench, *items)
            await bench.send(root, message())
            return {id: [without_id(msg) for msg in bench.got(id)] for id in expected}, expected
        finally:
            await bench.runtime.stop()


def without_id(msg):
    return {key: value for key, value in msg.items() if key != "_msgid"}


@settings(max_examples=100, deadline=None)
@given(trees())
def test_each_branch_sees_what_was_sent_to_it_and_nothing_of_the_others(tree):
    found, expected = asyncio.run(delivered(tree))
    assert found == {id: [msg] for id, msg in expected.items()}


async def test_a_fork_to_nodes_that_leave_nested_values_alone_makes_one_copy_for_them(bench):
    members = [node(f"m{n}", "member", f"s{n}") for n in range(4)]
    sinks = [node(f"s{n}", "quiet") for n in range(4)]
    bench.runtime.registry.add(Quiet)
    await started(bench, node("f", "pass", [m["id"] for m in members]), *members, *sinks)
    await bench.send("f", sent := message())
    payloads = [bench.runtime.nodes[f"s{n}"].payload for n in range(4)]
    assert payloads[0] is sent["payload"]
    assert payloads[1] is payloads[2] is payloads[3] is not payloads[0]


@pytest.mark.parametrize("kind", ["breaks", "breaks-sharing"])
async def test_a_catch_node_gets_the_message_as_the_node_left_it_and_the_others_do_not(bench, kind):
    await started(
        bench,
        node("f", "pass", ["m1", "m2", "m3"]),
        node("m1", "member", "x"),
        node("m2", "member", ["b", "d"]),
        node("m3", "member", "y"),
        node("b", kind),
        node("d", "deep", "z"),
        node("c", "catch", "e", scope=None, uncaught=False),
        *(node(id, "sink") for id in "exyz"),
    )
    await bench.send("f", message())
    [caught] = bench.got("e")
    caught["payload"]["path"].append("e")
    assert caught["payload"]["path"] == (["start", "b", "e"] if kind == "breaks" else ["start", "e"])
    assert [bench.got(id)[0]["payload"]["path"] for id in "xyz"] == [["start"], ["start"], ["start", "d"]]


async def test_what_waits_for_a_node_that_a_deploy_restarts_is_its_own(bench):
    nodes = (node("f", "pass", ["m1", "m2", "m3"]), *(node(f"m{n}", "member", f"d{n}") for n in (1, 2, 3)))
    rest = (*(node(f"d{n}", "deep", "x") for n in (1, 2, 3)), node("x", "sink"))
    await started(bench, *nodes, *rest)
    bench.runtime.receive("f", message())
    await bench.deploy(*nodes, *(item | {"name": "other"} if item["id"] == "d2" else item for item in rest))
    await bench.settle()
    assert sorted(payload["path"] for payload in bench.payloads("x")) == [["start", f"d{n}"] for n in (1, 2, 3)]


def rule(**more):
    return {"t": "set", "p": "a", "pt": "msg", "to": "1", "tot": "str"} | more


@pytest.mark.parametrize(
    ("type", "properties", "shares"),
    [
        ("junction", {}, True),
        ("change", {"rules": [rule(), rule(t="delete"), rule(tot="json", to="[1]")]}, True),
        ("change", {"rules": [rule(), rule(p="a.b")]}, False),
        ("change", {"rules": [rule(p="a[msg.b]")]}, False),
        ("change", {"rules": [rule(tot="msg", to="payload")]}, False),
        ("change", {"rules": [rule(pt="flow")]}, False),
        ("change", {"rules": [rule(tot="jsonata", to="payload")]}, False),
        ("change", {"rules": [rule(t="move", to="b", tot="msg")]}, False),
        ("change", {"rules": [rule(t="change", to="b", fromt="str", **{"from": "a"})]}, False),
        ("switch", {"rules": [{"t": "eq", "v": "a", "vt": "str"}], "property": "payload"}, True),
        ("switch", {"rules": [{"t": "eq", "v": "", "vt": "prev"}], "property": "payload"}, False),
        ("switch", {"rules": [{"t": "tail", "v": "1"}], "property": "payload"}, False),
        ("switch", {"rules": [{"t": "eq", "v": "a", "vt": "str"}], "property": "payload", "repair": True}, False),
        ("function", {"func": "msg.payload = {a: msg.payload.b}; return msg;"}, True),
        ("function", {"func": "flow.set('a', msg.payload); return msg;"}, True),
        ("function", {"func": "msg.payload.a = 1; return msg;"}, False),
        ("function", {"func": "node.send(msg);"}, False),
        ("function", {"func": "RED.util.setMessageProperty(msg, 'a.b', 1); return msg;"}, False),
        ("function", {"func": "await 1; return msg;"}, False),
        ("function", {"func": "setTimeout(() => { msg.a = 1 }, 1); return msg;"}, False),
        ("function", {"func": "f(msg); return msg;"}, False),
        ("function", {"func": "return msg", "language": "python"}, False),
    ],
)
async def test_only_nodes_that_cannot_change_nested_values_share_them(bench, type, properties, shares):
    await bench.start(tab(), node("n", type, "x", **properties), node("x", "sink"))
    assert bench.runtime.ports["n"].shares is shares


async def test_a_node_that_somebody_watches_shares_nothing(bench):
    await bench.start(tab(), node("n", "junction", "x"), node("x", "sink"))
    port = bench.runtime.ports["n"]
    port.on_done(lambda msg: None)
    assert not port.shares
    port.on_done(None)
    assert port.shares
    untap = port.tap(lambda msg: None)
    assert not port.shares
    untap()
    assert port.shares


async def test_a_body_that_lists_messages_shares_nothing_with_them(bench):
    body = "flow.set('kept', msg.payload); msg.payload = msg.payload.path; return [msg, {payload: msg.payload}];"
    functions = [node(f"f{n}", "function", "d1", "d2", func=body, outputs=2) for n in range(3)]
    await started(
        bench,
        node("s", "pass", [f["id"] for f in functions]),
        *functions,
        *(node(id, "grow", "x") for id in ("d1", "d2")),
        node("x", "sink"),
    )
    await bench.send("s", message())
    assert bench.payloads("x") == [["start", 1]] * 6
