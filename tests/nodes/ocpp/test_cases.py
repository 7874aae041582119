"""Charging stations in case files: the real OCPP nodes, without a Redis."""

import json

import pytest

from busway.engine.cases import run_cases
from busway.nodes.ocpp.cases import PlayedResponses, PlayedWriter
from busway.nodes.ocpp.streams.responses import Responses
from busway.nodes.ocpp.streams.writer import Writer

HANDLER = '''from busway import Node


class Handler(Node):
    """A little back office."""

    type = "handler"
    outputs = 2

    def on_message(self, msg):
        action = msg["ocpp"]["unifiedAction"]
        if action == "BootNotification":
            msg["payload"] = {"status": "Accepted", "interval": 60, "currentTime": "2026-01-01T00:00:00Z"}
        elif action == "Authorize":
            msg["payload"] = {"status": "Blocked"}
        elif action == "Heartbeat":
            raise ValueError("no time")
        elif action == "DataTransfer":
            return [None, {"payload": {"type": "Soft"}, "ocpp": {"tenant": "op", "deviceId": "CP1", "command": "Reset"}}]
        else:
            return None
        return [msg]
'''
FLOW = [
    {"id": "t", "type": "tab", "label": "T"},
    {"id": "r", "type": "ocpp-config"},
    {"id": "in", "type": "ocpp-in", "server": "r", "wires": [["h"]]},
    {"id": "answers", "type": "ocpp-in", "server": "r", "filterAction": "_Response", "wires": [["seen"]]},
    {"id": "h", "type": "handler", "wires": [["out"], ["command"]]},
    {"id": "out", "type": "ocpp-out", "server": "r", "wires": [["answered"]]},
    {"id": "command", "type": "ocpp-command", "server": "r", "wires": [["reply"]]},
    *({"id": id, "type": "junction", "wires": []} for id in ("seen", "answered", "reply")),
]
BOOT_16 = "ocpp: {station: op/CP1, version: '1.6', call: BootNotification, payload: {chargePointVendor: V, chargePointModel: M}}"
BOOT_201 = (
    "ocpp: {station: op/CP2, version: ocpp2.0.1, call: BootNotification, "
    "payload: {reason: PowerUp, chargingStation: {vendorName: V, model: M}}}"
)
TRANSFER = "ocpp: {station: op/CP1, call: DataTransfer, payload: {vendorId: x}}"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "handler.py").write_text(HANDLER)

    def run(*steps):
        placed = [
            item if item["type"] in ("tab", "ocpp-config") else {"z": "t", "x": 0, "y": 0, **item} for item in FLOW
        ]
        (tmp_path / "f.json").write_text(json.dumps(placed))
        lines = "".join(f"      - {step}\n" for step in steps)
        (tmp_path / "f.cases.yaml").write_text(f"cases:\n  - name: x\n    steps:\n{lines}")
        (result,) = run_cases([tmp_path])
        return result

    return run


@pytest.mark.parametrize(
    "steps",
    [
        [
            BOOT_16,
            "expect: {payload: {vendor: V, model: M}, ocpp: {identity: 'op:CP1', version: '1.6', action: BootNotification}}\n"
            "        from: in",
            "expect_ocpp: {station: op/CP1, result: {status: Accepted, interval: 60, currentTime: {$type: timestamp}}}\n"
            "        within: 0",
            "expect: {}\n        from: out",
        ],
        [BOOT_201, "expect_ocpp: {station: op/CP2, result: {status: Accepted}}"],
        [
            "ocpp: {station: op/CP1, call: Authorize, payload: {idTag: A}, id: '77'}",
            "expect_ocpp: {station: op/CP1, id: '77', result: {$exact: {idTagInfo: {status: Blocked}}}}",
        ],
        [
            "ocpp: {station: op/CP2, version: 2.1, call: Authorize, payload: {idToken: {idToken: A, type: ISO14443}}}",
            "expect_ocpp: {station: op/CP2, result: {idTokenInfo: {status: Blocked}}}",
        ],
        [
            "ocpp: {station: op/CP1, call: Heartbeat}",
            "expect_ocpp: {station: op/CP1, error: InternalError}",
            "expect_error: {node: h, message: {$contains: no time}}",
        ],
        [
            "ocpp: {station: op/CP1, call: StatusNotification, payload: {connectorId: 1, status: Available, errorCode: NoError}}",
            "expect_ocpp: {station: op/CP1, error: {code: NotImplemented, description: {$contains: StatusNotification}}}",
        ],
    ],
    ids=["1.6", "2.0.1", "with an id", "2.1", "a failing flow", "an unanswered CALL"],
)
def test_a_station_is_answered_as_through_a_gateway(run, steps):
    result = run(*steps)
    assert result.passed, result.failure


def test_a_repeated_call_does_not_run_the_flow_twice(run):
    boot = BOOT_16.replace("call:", "id: '5', call:")
    once = [boot, "expect: {}\n        at: h", "expect_ocpp: {station: op/CP1, id: '5', result: {}}"]
    assert run(*once, boot, "expect_ocpp: {station: op/CP1, id: '5', result: {}}").passed
    assert "nothing reached h" in run(*once, boot, "expect: {}\n        at: h").failure


def test_a_command_reaches_the_station_in_its_version_and_its_answer_the_flow(run):
    result = run(
        BOOT_16,
        TRANSFER,
        "expect_ocpp: {station: op/CP1, result: {status: Accepted}}",
        "expect_ocpp: {station: op/CP1, call: Reset, payload: {type: Soft}}",
        "ocpp: {station: op/CP1, result: {status: Accepted}}",
        "expect: {payload: {status: Accepted}, ocpp: {command: Reset, error: false}}\n        from: command",
        "expect: {ocpp: {messageType: result}}\n        at: seen",
        "expect_ocpp: {station: op/CP1, error: NotImplemented}",
    )
    assert result.passed, result.failure


def test_a_station_may_refuse_a_command(run):
    steps = [TRANSFER, "expect_ocpp: {station: op/CP1, call: Reset}", "ocpp: {station: op/CP1, error: NotSupported}"]
    result = run(*steps, "expect: {ocpp: {error: true, errorCode: NotSupported}}\n        from: command")
    assert result.passed, result.failure


def test_a_command_without_an_answer_times_out(run):
    steps = [TRANSFER, "expect_ocpp: {station: op/CP1, call: Reset}"]
    expected = "expect: {payload: null, ocpp: {errorCode: Timeout}}\n        from: command\n        after: 30s\n        within: 31s"
    result = run(*steps, expected)
    assert result.passed, result.failure


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("ocpp: {station: CP1, call: Heartbeat}", "'CP1' is not tenant/device, such as operator1/CP1"),
        ("ocpp: {call: Heartbeat}", "ocpp needs 'station'"),
        ("ocpp: {station: op/CP1, calls: Heartbeat}", "did you mean 'call'"),
        ("ocpp: {station: op/CP1, call: Heartbeat, result: {}}", "this one call and result"),
        ("ocpp: {station: op/CP1, payload: {}}", "this one none"),
        ("ocpp: {station: op/CP1, version: '3.0', call: Heartbeat}", "3.0"),
        ("ocpp: {station: op/CP1, result: {}}", "has got no command that it could answer"),
        ("ocpp: {station: op/CP1, error: {reason: x}}", "no command"),
        ("expect_ocpp: {station: op/CP1, result: {}}", "nothing came within 10 s"),
        ("expect_ocpp: {station: op/CP1, status: Accepted}", "cannot say 'status'"),
    ],
)
def test_a_step_that_cannot_be_done_says_why(run, step, message):
    result = run(step)
    assert not result.passed
    assert message in result.failure


@pytest.mark.parametrize(("real", "played"), [(Writer, PlayedWriter), (Responses, PlayedResponses)])
def test_whatever_nodes_may_ask_of_redis_is_played(real, played):
    offered = {name for name in vars(real) if not name.startswith("_")}
    assert offered - set(vars(played)) == set()


def test_a_wrong_answer_is_told_by_its_place(run):
    result = run(BOOT_16, "expect_ocpp: {station: op/CP1, result: {status: Pending}}")
    assert 'result.status: expected "Pending", got "Accepted"' in result.failure


def test_a_flow_without_ocpp_nodes_has_no_stations(tmp_path):
    (tmp_path / "f.json").write_text('[{"id":"t","type":"tab"}]')
    (tmp_path / "f.cases.yaml").write_text(f"cases:\n  - name: x\n    steps:\n      - {BOOT_16}\n")
    (result,) = run_cases([tmp_path])
    assert "no ocpp-config node" in result.failure
