"""The guide says what there is, and what it shows works."""

import json
import re
from pathlib import Path

import pytest

from busway.engine.casefile import _CASE_KEYS, _FILE_KEYS, STEPS
from busway.engine.cases import run_file
from busway.engine.matching import _TYPES, MATCHERS
from busway.nodes.ocpp.cases import ACTS, SEES
from busway.testing import RunningFlow

GUIDE = (Path(__file__).parents[2] / "docs" / "flow-tests.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```\w+ (\S+)\n(.*?)```", GUIDE, re.DOTALL))

GREENHOUSE = [
    {"id": "s", "type": "junction", "name": "sensors", "wires": [["f"]]},
    {
        "id": "f",
        "type": "switch",
        "name": "frost?",
        "property": "payload.celsius",
        "rules": [{"t": "lt", "v": "3", "vt": "num"}],
        "wires": [["v"]],
    },
    {
        "id": "v",
        "type": "trigger",
        "op1": "open",
        "op2": "closed",
        "duration": "1",
        "units": "hr",
        "wires": [["valve"]],
    },
    {"id": "valve", "type": "junction", "name": "valve", "wires": []},
]
BACKOFFICE = [
    {"id": "r", "type": "ocpp-config"},
    {"id": "in", "type": "ocpp-in", "server": "r", "filterAction": "BootNotification", "wires": [["boot"]]},
    {
        "id": "boot",
        "type": "change",
        "rules": [
            {"t": "set", "p": "payload", "to": '{"status": "Accepted", "interval": 60}', "tot": "json"},
            {"t": "set", "p": "payload.currentTime", "to": "iso", "tot": "date"},
        ],
        "wires": [["out"]],
    },
    {"id": "out", "type": "ocpp-out", "server": "r", "wires": []},
    {
        "id": "press",
        "type": "inject",
        "name": "reset CP1",
        "props": [
            {"p": "payload", "v": '{"type": "Immediate"}', "vt": "json"},
            {"p": "ocpp", "v": '{"tenant": "operator1", "deviceId": "CP1", "command": "Reset"}', "vt": "json"},
        ],
        "wires": [["command"]],
    },
    {"id": "command", "type": "ocpp-command", "server": "r", "wires": []},
]


@pytest.mark.parametrize(("name", "flow"), [("greenhouse", GREENHOUSE), ("backoffice", BACKOFFICE)])
def test_its_case_files_pass(name, flow, tmp_path):
    placed = [item if item["type"] == "ocpp-config" else {"z": "t", "x": 0, "y": 0, **item} for item in flow]
    (tmp_path / f"{name}.json").write_text(json.dumps([{"id": "t", "type": "tab"}, *placed]))
    path = tmp_path / f"{name}.cases.yaml"
    path.write_text(BLOCKS[path.name])
    assert [str(result) for result in run_file(path) if not result.passed] == []


async def test_its_python_test_passes():
    space = {}
    exec(BLOCKS["test_debounce.py"], space)
    await space["test_of_many_presses_only_the_last_one_counts"]()


def test_it_names_every_step_option_matcher_and_method():
    methods = {name for name in vars(RunningFlow) if not name.startswith("_")} - {"settle", "model_of", "unread_errors"}
    options = {option for options in STEPS.values() for option in options}
    words = {*STEPS, *options, *MATCHERS, *_TYPES, *_CASE_KEYS, *_FILE_KEYS, *ACTS, *SEES, *methods}
    assert {word for word in words if not re.search(rf"(?<!\w){re.escape(word)}\b", GUIDE)} == set()
