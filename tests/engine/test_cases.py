"""Case files against flows: what passes, and how a failure reads."""

import asyncio
import json

import pytest

from busway.engine.cases import CaseResult, run_cases, run_file

NODES = '''from busway import Config, Field, Node


class DoubleConfig(Config):
    factor: float = Field(2, title="Factor", description="Factor.")


class Double(Node[DoubleConfig]):
    """Multiplies the payload."""

    type = "double"
    outputs = ("result", "rest")

    def on_message(self, msg):
        if msg["payload"] == "bad":
            raise ValueError("cannot")
        self.status(f"got {msg['payload']}", "green")
        msg["payload"] *= self.config.factor
        return {"result": msg}
'''
FLOW = [
    {"id": "t", "type": "tab", "label": "T"},
    {
        "id": "press",
        "type": "inject",
        "name": "start",
        "props": [{"p": "payload", "v": "21", "vt": "num"}],
        "wires": [["d"]],
    },
    {"id": "clock", "type": "inject", "props": [{"p": "payload", "v": "iso", "vt": "date"}], "wires": [["end"]]},
    {"id": "site", "type": "inject", "props": [{"p": "payload", "v": "SITE", "vt": "env"}], "wires": [["end"]]},
    {"id": "d", "type": "double", "name": "double it", "wires": [["wait"], []]},
    {"id": "wait", "type": "delay", "timeout": "3", "timeoutUnits": "hours", "wires": [["end"]]},
    {"id": "end", "type": "junction", "wires": []},
    {"id": "twin1", "type": "junction", "name": "twin", "wires": []},
    {"id": "twin2", "type": "junction", "name": "twin", "wires": []},
]
OUT = "      - expect: {payload: 42}\n        from: d\n"


@pytest.fixture
def run(tmp_path):
    """Runs one case, given by its steps and further lines."""
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "double.py").write_text(NODES)

    def run(steps, more="", flow=FLOW):
        placed = [item if item["type"] == "tab" else {"z": "t", "x": 0, "y": 0, **item} for item in flow]
        (tmp_path / "f.json").write_text(json.dumps(placed))
        (tmp_path / "f.cases.yaml").write_text(f"cases:\n  - name: a case\n{more}    steps:\n{steps}")
        (result,) = run_cases([tmp_path])
        return result

    return run


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        ("      - send: {payload: 21}\n        to: d\n" + OUT, ""),
        ("      - send: {payload: 21}\n        to: double it\n" + OUT, ""),
        ("      - press: start\n" + OUT, ""),
        ("      - press: start\n        props: [{p: payload, v: '4', vt: num}]\n      - expect: {payload: 8}\n        at: wait\n", ""),
        ("      - press: start\n      - expect: {payload: 42}\n        at: end\n        within: 4h\n        after: 3h\n", ""),
        ("      - press: start\n      - expect: {payload: 42}\n        at: end\n", "    within: 1d\n"),
        ("      - press: start\n      - wait: 3h\n      - expect: {}\n        at: end\n        within: 0\n", ""),
        ("      - press: start\n" + OUT + "      - expect_nothing: wait\n        for: 179m\n", ""),
        ("      - press: start\n      - expect_nothing: double it\n        output: rest\n", ""),
        ("      - press: start\n      - expect_status: got 21\n        from: d\n", ""),
        ("      - press: start\n      - expect_status: {fill: green}\n        from: d\n", ""),
        ("      - send: {payload: bad}\n        to: d\n      - expect_error: 'ValueError: cannot'\n", ""),
        ("      - send: {payload: bad}\n        to: d\n      - expect_error: {message: {$regex: cannot}, node: double it}\n", ""),
        ("      - send: {payload: bad}\n        to: d\n      - expect_error: {node: d}\n", ""),
        ("      - press: clock\n      - expect: {payload: '2026-02-03T04:05:06.000Z'}\n        at: end\n", "    clock: 2026-02-03T04:05:06Z\n"),
        ("      - press: site\n      - expect: {payload: north}\n        at: end\n", "    env: {SITE: north}\n"),
        ("      - press: site\n      - expect: {payload: {a: [1]}}\n        at: end\n", "    env: {SITE: {a: [1]}}\n"),
        ("      - press: start\n      - expect: {payload: 5, own: 1}\n        at: wait\n", "    stubs: {double it: {payload: 5, own: 1}}\n"),
        ("      - press: start\n      - expect_nothing: d\n", "    stubs: {d: null}\n"),
        ("      - press: start\n      - expect_error: no luck\n", "    stubs: {d: {$error: no luck}}\n"),
    ],
)  # fmt: skip
def test_a_case_passes(run, steps, more):
    result = run(steps, more)
    assert result.passed, result.failure


def test_a_stub_gives_its_answers_one_after_the_other_and_the_last_again(run):
    steps = "".join("      - press: start\n" for _ in range(3))
    steps += "".join(f"      - expect: {{payload: {n}}}\n        at: wait\n" for n in (1, 2, 2))
    result = run(steps, "    stubs: {d: [{payload: 1}, {payload: 2}]}\n")
    assert result.passed, result.failure


@pytest.mark.parametrize(
    ("steps", "more", "message"),
    [
        ("      - press: nobody\n", "", "node 'nobody': no node has that name or id"),
        ("      - press: strat\n", "", "did you mean 'start'"),
        ("      - press: twin\n", "", "node 'twin': 2 nodes have that name; use an id: twin1, twin2"),
        ("      - press: end\n", "", "node 'end' has no button to press"),
        ("      - send: 5\n        to: d\n", "", "a message is a mapping such as {payload: 1}, this is 5"),
        ("      - expect: {}\n        from: d\n        output: ugly\n", "", "has no output 'ugly'"),
        (OUT, "", "d sent nothing to output 0 within 10 s"),
        ("      - press: start\n      - expect: {}\n        at: end\n", "", "nothing reached end within 10 s"),
        ("      - press: start\n      - expect: {}\n        at: end\n        within: 4h\n        after: 210m\n", "", "came after 10800 s already"),
        ("      - press: start\n      - expect_nothing: d\n", "", "'d' sent 1 message(s); the first is"),
        ("      - send: {payload: bad}\n        to: d\n", "", "uncaught error of d: ValueError: cannot"),
        ("      - send: {payload: bad}\n        to: d\n" + OUT, "", "uncaught error of d: ValueError: cannot"),
        ("      - expect_error: boom\n", "", "there was no further error within 10 s"),
        ("      - press: start\n      - expect: {payload: {$typ: 1}}\n        at: d\n", "", "did you mean '$type'"),
        ("      - wait: 1\n", "    stubs: {nobody: null}\n", "stub 'nobody': no node has that name or id"),
        ("      - wait: 1\n", "    stubs: {d: 5}\n", "the stub for 'd' is 5; write a mapping"),
    ],
)  # fmt: skip
def test_a_case_fails_with_a_sentence(run, steps, more, message):
    result = run(steps, more)
    assert not result.passed
    assert message in result.failure


def test_a_difference_is_told_with_file_line_step_place_and_what_came(run, tmp_path):
    result = run("      - press: start\n      - expect: {payload: 43, topic: {$any: true}}\n        from: d\n")
    first, *rest = result.failure.splitlines()
    assert first == f"{tmp_path / 'f.cases.yaml'}:5: step 2 (expect): not as expected:"
    assert rest[:2] == ["  payload: expected 43, got 42", "  topic: expected any value, but it is not there"]
    assert '"payload": 42' in rest[2]
    assert str(result).splitlines()[0] == f"FAIL {tmp_path / 'f.cases.yaml'}:2: a case"


def test_a_node_that_cannot_start_fails_the_case(run):
    flow = [*FLOW, {"id": "broken", "type": "double", "factor": "much", "wires": []}]
    result = run("      - press: start\n" + OUT, flow=flow)
    assert not result.passed
    assert "'factor' is 'much'" in result.failure


def test_a_flow_that_cannot_be_read_fails_the_case(run, tmp_path):
    (tmp_path / "g.cases.yaml").write_text("flow: nowhere.json\ncases:\n  - {name: x, steps: []}\n")
    (result,) = run_file(tmp_path / "g.cases.yaml")
    assert "nowhere.json cannot be read" in result.failure


def test_a_case_file_that_is_wrong_is_a_result_too(tmp_path):
    (tmp_path / "bad.cases.yaml").write_text("cases: 5")
    (result,) = run_cases([tmp_path])
    assert not result.passed
    assert "bad.cases.yaml:1:" in result.failure


def test_each_case_begins_anew_and_what_one_changes_does_not_show_in_the_next(run, tmp_path):
    run("      - wait: 0\n")
    steps = "[{press: start}, {expect: {payload: 42}, from: d}]"
    (tmp_path / "f.cases.yaml").write_text(
        f"cases:\n  - {{name: a, steps: {steps}}}\n  - {{name: b, steps: {steps}}}\n"
    )
    results = run_file(tmp_path / "f.cases.yaml")
    assert [(result.name, result.passed) for result in results] == [("a", True), ("b", True)]


def test_hours_of_a_flow_take_no_time_and_are_told(run):
    result = run("      - press: start\n      - expect: {payload: 42}\n        at: end\n        within: 4h\n")
    assert result.elapsed == pytest.approx(10_800)
    assert result.seconds < 2


def test_results_are_data_too():
    result = CaseResult("f", "n", 1, True, "", 0.5, 2)
    assert json.loads(json.dumps(result.as_dict())) == result.as_dict()
    assert str(result) == "ok   f:1: n"


async def test_a_server_runs_cases_in_a_thread(run):
    result = await asyncio.to_thread(run, "      - press: start\n" + OUT)
    assert result.passed, result.failure
