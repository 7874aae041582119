"""The plugin in a pytest of its own, as an author of flows would run it."""

import os
import subprocess
import sys

import pytest

FLOW = """[
  {"id": "t", "type": "tab"},
  {"id": "j", "type": "junction", "z": "t", "x": 0, "y": 0, "wires": []},
  {"id": "redis", "type": "ocpp-config"},
  {"id": "in", "type": "ocpp-in", "server": "redis", "z": "t", "x": 0, "y": 0, "wires": [["j"]]}
]"""
CASES = """
cases:
  - name: what goes in comes out
    steps:
      - send: {payload: 1}
        to: j
      - expect: {payload: 1}
        from: j
  - name: a station is heard
    steps:
      - ocpp: {station: op/CP1, call: Heartbeat}
      - expect: {ocpp: {action: Heartbeat}}
        at: j
  - name: it cannot double
    steps:
      - send: {payload: 1}
        to: j
      - expect: {payload: 2}
        from: j
"""


@pytest.fixture
def run_pytest(tmp_path):
    (tmp_path / "flow.json").write_text(FLOW)

    def run(cases, *options):
        (tmp_path / "flow.cases.yaml").write_text(cases)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "busway.pytest_plugin",
            "-p",
            "no:cacheprovider",
            *options,
            ".",
        ]
        # Without autoload it is the same whether busway is installed or only checked out.
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_each_case_is_a_test_and_a_failure_reads_as_one_sentence_with_its_differences(run_pytest):
    code, output = run_pytest(CASES, "-v")
    assert code == 1, output
    assert "flow.cases.yaml::what goes in comes out PASSED" in output
    assert "flow.cases.yaml::a station is heard PASSED" in output
    assert "flow.cases.yaml::it cannot double FAILED" in output
    assert "flow.cases.yaml:18: step 2 (expect): not as expected:\n  payload: expected 2, got 1" in output
    assert "Traceback" not in output


def test_a_case_can_be_chosen_by_its_name(run_pytest):
    code, output = run_pytest(CASES, "-q", "-k", "comes")
    assert code == 0, output
    assert "1 passed, 2 deselected" in output


def test_a_case_file_that_is_wrong_is_told_with_its_line(run_pytest):
    code, output = run_pytest("cases:\n  - nam: x\n", "-q")
    assert code == 2, output
    assert "flow.cases.yaml:2: a case cannot say 'nam'; did you mean 'name'?" in output
