"""The log as JSON: one object a line."""

import json
import logging
import sys

import pytest

from busway.engine.errors import ScriptError
from busway.log_format import JsonFormatter, set_up_logging
from tests.e2e.program import Process
from tests.engine.bench import Bench, node, tab

RECORD = {"name": "busway.node", "level": logging.ERROR, "pathname": "", "lineno": 1, "args": (), "exc_info": None}


def formatted(msg="said %s", args=("this",), exc_info=None, **extra):
    record = logging.LogRecord(**{**RECORD, "msg": msg, "args": args, "exc_info": exc_info})
    record.__dict__.update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_time_level_logger_and_message():
    line = formatted("one\ntwo ü %s", ("\ud800",))
    assert line.pop("time")[10:].endswith("Z")
    assert line == {"level": "error", "logger": "busway.node", "message": "one\ntwo ü \ud800"}


def test_an_exception_is_told_with_its_stack():
    try:
        raise ValueError("no such thing")
    except ValueError:
        line = formatted(exc_info=sys.exc_info())
    told = line["exception"]
    assert (told["type"], told["message"]) == ("ValueError", "no such thing")
    assert told["stack"].startswith("Traceback")
    assert "test_log_format.py" in told["stack"]


def test_the_stack_of_a_script_is_its_own():
    line = formatted(raised=ScriptError("oops", stack="at line 3"))
    assert line["exception"] == {"type": "ScriptError", "message": "oops", "stack": "at line 3"}


async def test_what_a_node_says_names_the_node(tmp_path, caplog):
    bench = Bench(tmp_path)
    await bench.start(tab(), node("n", name="my node"))
    caplog.set_level(logging.ERROR, "busway.node")
    await bench.send("n", {"raise": KeyError("gone")})
    await bench.runtime.stop()
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert line["node"] == {"id": "n", "type": "pass", "name": "my node", "flow": "t"}
    assert line["exception"]["type"] == "KeyError"
    assert "my node" in line["message"]


@pytest.fixture
def own_logging():
    """Logging of this process is put back as it was."""
    root, ours = logging.getLogger(), logging.getLogger("busway")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.mark.usefixtures("own_logging")
def test_text_is_the_default(capsys):
    set_up_logging("info")
    logging.getLogger("busway.x").info("hello")
    logging.getLogger("busway.x").debug("not told")
    logging.getLogger("other").info("not told")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(" INFO    busway.x: hello")


def test_every_line_of_a_run_is_an_object(tmp_path):
    flow = {"id": "f", "type": "function", "z": "t", "x": 1, "y": 1, "func": "not javascript", "wires": [[]]}
    (tmp_path / "flows.json").write_text(json.dumps([tab(), flow]))
    options = ("--user-dir", tmp_path, "--port", "0", "--no-gateway", "--log-format", "json")
    program = Process([sys.executable, "-m", "busway", "run", *options])
    try:
        program.wait_for('"message": "flows: ')
    finally:
        assert program.stop() == 0
    lines = [json.loads(line) for line in program.lines]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    [failed] = [line for line in lines if line.get("node", {}).get("id") == "f"]
    assert (failed["level"], failed["node"]["flow"]) == ("error", "t")
