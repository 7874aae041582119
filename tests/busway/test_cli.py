"""The commands that run and end, as a user types them."""

import json
import re
import subprocess
import sys

import pytest

from tests.e2e.flows import flow, node, ocpp_in, ocpp_out
from tests.e2e.program import FLOWS, busway, environment


@pytest.fixture
def flow_file(tmp_path):
    """Writes a flow file: ``flow_file(nodes)`` gives its path."""

    def write(nodes, name="flow.json"):
        file = tmp_path / name
        file.write_text(nodes if isinstance(nodes, str) else json.dumps(nodes))
        return file

    return write


def test_without_a_command_it_says_what_there_is():
    shown = busway("--help").stdout
    assert all(name in shown for name in ("run", "check", "test", "gateway", "simulate", "nodes"))


def test_a_misspelt_command_is_a_sentence():
    run = busway("chekc")
    assert run.returncode == 2
    assert "No such command 'chekc'" in run.stderr
    assert "Traceback" not in run.stderr


# -- check


def test_the_example_flows_have_no_mistakes():
    run = busway("check", FLOWS)
    assert (run.returncode, run.stdout) == (0, "0 finding(s)\n")


def test_check_names_file_node_and_remedy_of_each_mistake(flow_file):
    file = flow_file(
        flow(
            ocpp_in("out", filterAktion="Heartbeat"),
            {**ocpp_out(to="nobody"), "server": "gone"},
            node("chnge", "ch"),
            node("debug", "twice"),
            node("debug", "twice"),
        )
    )
    run = busway("check", file)
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines[:-1])
    said = "\n".join(lines)
    assert "error: id 'twice' is used twice: entry 5 (debug) and entry 6 (debug); give one a new id" in said
    assert "'filterAktion' is not a property; did you mean 'filterAction'?" in said
    assert "its 'server' names the ocpp-config node 'gone', which does not exist" in said
    assert "has the unknown type 'chnge'" in said
    assert "'nobody'" in said
    assert lines[-1] == f"{len(lines) - 1} finding(s)"


def test_check_fails_only_for_errors(flow_file):
    run = busway("check", flow_file(flow(node("from-afar", "x"))))
    assert run.returncode == 0
    assert "warning: from-afar x has the unknown type 'from-afar'" in run.stdout


def test_check_tells_when_stations_would_get_no_answer(flow_file):
    file = flow_file(flow(ocpp_in("log"), node("debug", "log")))
    assert "no wire leads to an ocpp-out, so stations get NotImplemented" in busway("check", file).stdout


def test_check_tells_that_a_node_without_a_position_is_no_part_of_the_flow(flow_file):
    file = flow_file([*flow(), {"id": "log", "type": "debug", "z": "tab", "name": "all", "wires": []}])
    assert "debug log has no position (x and y), so it gets no messages" in busway("check", file).stdout


def test_check_says_where_a_file_stops_being_json(flow_file):
    run = busway("check", flow_file('[\n  {"id": "a",, }\n]'))
    assert run.returncode == 1
    assert "not valid JSON at line 2, column 14" in run.stdout


def test_check_prints_json_for_scripts_and_the_count_for_people(flow_file):
    file = flow_file(flow(node("debug", "redis")))
    run = busway("check", file, "--json")
    (finding,) = json.loads(run.stdout)
    assert finding["file"] == str(file)
    assert (finding["level"], finding["code"], finding["node"]) == ("error", "duplicate-id", "redis")
    assert run.stderr == "1 finding(s)\n"


def test_check_of_a_file_that_is_not_there_is_a_sentence():
    run = busway("check", "nowhere.json")
    assert run.returncode == 2
    assert "Path 'nowhere.json' does not exist" in run.stderr


# -- test


def test_the_cases_of_the_example_flows_pass():
    run = busway("test", FLOWS)
    assert run.returncode == 0, run.stdout
    assert re.search(r"^\d+ passed, 0 failed$", run.stdout, re.MULTILINE)


CASES = """\
flow: flow.json
cases:
  - name: five is doubled
    steps:
      - send: {payload: 5}
        to: double
      - expect: {payload: %s}
        from: double
"""
DOUBLE = flow(node("range", "double", minin="0", maxin="10", minout="0", maxout="20"))


def test_a_case_that_fails_is_told_with_what_came_instead(flow_file, tmp_path):
    flow_file(DOUBLE)
    (tmp_path / "flow.cases.yaml").write_text(CASES % 11)
    run = busway("test", tmp_path)
    assert run.returncode == 1
    assert "five is doubled" in run.stdout
    assert "11" in run.stdout
    assert "10" in run.stdout
    assert "0 passed, 1 failed" in run.stdout


def test_results_of_cases_as_json(flow_file, tmp_path):
    flow_file(DOUBLE)
    (tmp_path / "flow.cases.yaml").write_text(CASES % 10)
    run = busway("test", tmp_path, "--json")
    (result,) = json.loads(run.stdout)
    assert result["passed"] is True
    assert run.returncode == 0


def test_a_case_file_that_cannot_be_read_is_a_sentence_with_its_line(flow_file, tmp_path):
    flow_file(DOUBLE)
    (tmp_path / "flow.cases.yaml").write_text(CASES.replace("expect:", "expct:") % 10)
    run = busway("test", tmp_path)
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert f"{tmp_path}/flow.cases.yaml:7: " in said
    assert "did you mean 'expect'?" in said
    assert "Traceback" not in said


# -- nodes


def test_nodes_list_gives_every_type_with_what_it_does():
    run = busway("nodes", "list")
    lines = {line.split("  ")[0]: line for line in run.stdout.splitlines()}
    assert run.returncode == 0
    assert run.stderr == ""
    types = {line[11:27].strip() for line in run.stdout.splitlines()}
    assert {"inject", "debug", "change", "switch", "function", "template", "ocpp-in", "http in", "link call"} <= types
    assert all(len(line) > 30 for line in lines.values())


def test_nodes_list_as_json_is_sorted_by_category():
    rows = json.loads(busway("nodes", "list", "--json").stdout)
    assert rows == sorted(rows, key=lambda row: (row["category"], row["type"]))
    assert {"type", "category", "summary"} <= rows[0].keys()


def test_nodes_show_prints_help_and_properties():
    shown = busway("nodes", "show", "range").stdout
    assert "Maps a number from one range to another." in shown
    assert re.search(r"^  action +'scale'", shown, re.MULTILINE)


def test_nodes_show_as_json_has_each_property_with_its_default():
    found = json.loads(busway("nodes", "show", "ocpp-in", "--json").stdout)
    assert {field["name"]: field["default"] for field in found["properties"]}["blockTimeout"] == 5000
    assert (found["inputs"], found["outputs"]) == (0, 1)


def test_an_unknown_type_is_a_sentence_with_the_nearest_one():
    run = busway("nodes", "show", "rnge")
    assert run.returncode == 1
    assert run.stderr == "Error: there is no node type 'rnge'; did you mean 'range'?\n"


def test_a_node_of_the_user_that_cannot_be_imported_is_named_and_the_others_are_listed(tmp_path):
    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "torn.py").write_text('import nowhere\n\nclass Torn:\n    type = "torn"\n')
    run = busway("nodes", "list", "--user-dir", tmp_path)
    assert "inject" in run.stdout
    assert "broken: torn:" in run.stderr
    assert "No module named 'nowhere'" in run.stderr
    shown = busway("nodes", "show", "torn", "--user-dir", tmp_path)
    assert shown.returncode == 1
    assert "No module named 'nowhere'" in shown.stderr


def test_a_new_node_works_at_once_and_its_test_passes(tmp_path):
    made = busway("nodes", "new", "my node", "--user-dir", tmp_path)
    assert made.returncode == 0
    assert made.stdout.splitlines() == [f"wrote {tmp_path}/nodes/{name}.py" for name in ("my_node", "test_my_node")]
    assert busway("nodes", "show", "my node", "--user-dir", tmp_path).stdout.startswith("my node  (function;")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "nodes/test_my_node.py"]
    run = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_a_new_node_never_overwrites_an_old_one(tmp_path):
    busway("nodes", "new", "mine", "--user-dir", tmp_path)
    again = busway("nodes", "new", "mine", "--user-dir", tmp_path)
    assert again.returncode == 1
    assert again.stderr == f"Error: {tmp_path}/nodes/mine.py exists already; choose another name or remove it\n"


@pytest.mark.parametrize("name", ["My", "1st", "../escape", "a/b", ""])
def test_a_name_that_cannot_be_a_node_is_refused(tmp_path, name):
    run = busway("nodes", "new", name, "--user-dir", tmp_path)
    assert run.returncode == 1
    assert f"{name!r} cannot be a node type" in run.stderr
    assert list(tmp_path.iterdir()) == []


# -- settings


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("prot = 3", "no setting .prot..*did you mean .port.?"),
        ("port = 'abc'", "setting 'port'.*integer"),
        ("port = 99999", "setting 'port'.*65535"),
        ("port = ", "busway.toml: not valid TOML"),
        ("log_level = 'loud'", "setting 'log_level'.*'info'"),
    ],
)
def test_a_wrong_setting_is_a_sentence_and_nothing_starts(tmp_path, toml, expected):
    (tmp_path / "busway.toml").write_text(toml)
    run = busway("run", "--user-dir", tmp_path, "--no-gateway")
    assert run.returncode == 1
    assert re.search(expected, run.stderr)
    assert run.stderr.startswith("Error: ")
    assert "Traceback" not in run.stderr


def test_a_wrong_variable_is_a_sentence(tmp_path):
    run = busway("run", "--user-dir", tmp_path, BUSWAY_GATEWAY_PORT="many")
    assert run.returncode == 1
    assert "setting 'gateway_port'" in run.stderr


def test_an_address_that_others_can_reach_needs_a_decision(tmp_path):
    run = busway("run", "--user-dir", tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert run.returncode == 1
    assert "--insecure" in run.stderr
    assert "[auth]" in run.stderr


def test_settings_of_the_gateway_that_do_not_fit_are_a_sentence():
    run = busway("gateway", "--redis", "redis://127.0.0.1:1", "--profile", "2")
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert "security profile 2 needs tls_cert and tls_key" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_redis_that_does_not_answer_is_a_sentence():
    run = busway("gateway", "--redis", "redis://127.0.0.1:1")
    assert run.returncode == 1
    assert re.match(r"Error: Redis cannot be reached: .*127.0.0.1:1", run.stderr)
