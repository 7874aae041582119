"""What one node does wrong is that node's error: the others go on, and so does it with its next message."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.fixtures import programs
from tests.e2e.flows import flow, function, node
from tests.e2e.program import PATIENCE

TIMER = """
from busway import Config, Message, Node

class LateConfig(Config):
    pass

class Late(Node[LateConfig]):
    '''Fails later.'''
    type = "late"
    category = "function"

    def on_message(self, msg: Message) -> Message:
        self.after(0.01, self.fail)
        return msg

    def fail(self) -> None:
        raise ValueError("too late in python")
"""
COUNT = "const n = (flow.get('n') || 0) + 1; flow.set('n', n); msg.payload = { n }; return msg;"
WRONG = {
    "endless": ("while (true) {}", "time"),
    "endless-later": ("await null; while (true) {}", "time"),
    "endless-regexp": ("/^(a+)+$/.test('a'.repeat(40) + 'b'); return msg;", "time"),
    "gigabyte": ("msg.payload = new Uint8Array(1024 * 1024 * 1024); return msg;", "memory"),
    "gigabyte-of-text": (
        "let s = 'x'; while (s.length < 2 ** 30) { s += s; } msg.payload = s; return msg;",
        "too long",
    ),
    "list-without-end": ("const all = []; while (true) { all.push({ all: new Array(1000).fill(1) }); }", "memory"),
    "recursion": ("const f = () => f() + 1; return f();", "stack"),
    "exception": ("throw new Error('on purpose');", "on purpose"),
    "rejection": ("await Promise.reject(new Error('refused'));", "refused"),
    "own-getter": ("msg.payload = { get x() { throw new Error('from a getter'); } }; return msg;", "from a getter"),
}
"""JavaScript bodies and a word of the error that each must give."""
LATER = {
    "timer": "setTimeout(() => { throw new Error('too late'); }, 10); return msg;",
    "interval": "const t = setInterval(() => { clearInterval(t); throw new Error('too late'); }, 10); return msg;",
    "endless-timer": "setTimeout(() => { while (true) {} }, 10); return msg;",
    "async-timer": "setTimeout(async () => { throw new Error('too late'); }, 10); return msg;",
}
"""Bodies that answer and fail afterwards."""


def served(name, *handlers, **properties):
    """An endpoint, its handlers, its answer."""
    first = handlers[0]["id"]
    return [node("http in", f"{name}-in", first, method="get", url=f"/{name}", **properties), *handlers]


def failing_flow():
    nodes = [*served("count", function("count", COUNT, "reply")), node("http response", "reply")]
    for name, (body, _) in WRONG.items():
        nodes += served(name, function(name, body, "reply", timeout=1))
    for name, body in LATER.items():
        nodes += served(name, function(name, body, "reply", timeout=1))
    nodes += served("late", node("late", "late", "reply"))
    nodes += [node("catch", "catch", [["told", "log"]], scope=None), function("told", TOLD, "reply")]
    nodes += [node("debug", "log", active=True, console=True, complete="error")]
    return flow(*nodes)


TOLD = "msg.statusCode = 500; msg.payload = { error: msg.error.message, source: msg.error.source.id }; return msg;"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    nodes = folder / "flow" / "nodes"
    nodes.mkdir(parents=True)
    (nodes / "late.py").write_text(TIMER)
    with programs(folder) as start:
        yield start(failing_flow(), "--no-gateway")


@pytest.fixture
def get(program):
    with httpx.Client(base_url=program.http, timeout=PATIENCE) as client:
        yield client.get


@pytest.mark.parametrize("name", WRONG)
def test_a_function_that_goes_wrong_is_told_to_its_catch_node_and_the_others_go_on(program, get, name):
    before = get("/count").json()["n"]
    for _ in range(2):
        answer = get(f"/{name}")
        assert answer.status_code == 500
        assert answer.json()["source"] == name
        assert WRONG[name][1] in answer.json()["error"]
    assert get("/count").json()["n"] == before + 1
    assert get("/health/ready").status_code == 200


@pytest.mark.parametrize("name", [*LATER, "late"])
def test_an_error_in_a_timer_is_the_nodes_and_nothing_else_stops(program, get, name):
    before, lines = get("/count").json()["n"], len(program.lines)
    assert get(f"/{name}").status_code == 200
    program.wait_for("message: '.*(too late|time)", after=lines)
    program.wait_for(f"id: '{name}'", after=lines)
    assert get("/count").json()["n"] == before + 1
    assert get(f"/{name}").status_code == 200


def test_the_process_did_not_keep_what_its_functions_had_taken(program, get):
    get("/gigabyte")
    get("/list-without-end")
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) // 1024
    assert resident < 600, f"{resident} MB"


def test_setup_code_that_never_ends_keeps_only_its_node_from_starting(start):
    nodes = flow(
        *served("count", function("count", COUNT, "reply")),
        *served("stuck", function("stuck", "return msg;", "reply", initialize="while (true) {}", timeout=1)),
        node("http response", "reply"),
    )
    program = start(nodes, "--no-gateway")
    program.wait_for(r"ERROR .*stuck.*time")
    assert httpx.get(f"{program.http}/count", timeout=PATIENCE).json() == {"n": 1}
