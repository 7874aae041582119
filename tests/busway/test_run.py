"""The programs that run until they are told to stop: their parts, how they start and stop, what they say when they cannot."""

import json
import os
import re
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest
import redis

from tests.e2e.fixtures import written
from tests.e2e.flows import delay, flow, node, press
from tests.e2e.program import FLOWS, PATIENCE, Program, busway, eventually, processes_that_mention

DEBUG = node("debug", "log", console=True, complete="payload", active=True)
TICK = flow(press("tick", "log", once=True, payload="tock", payloadType="str"), DEBUG)
SLOW_ANSWER = flow(
    node("http in", "ask", [["log", "wait"]], method="get", url="/slow"),
    DEBUG,
    delay("wait", 1, "answer"),
    node("http response", "answer"),
)
NODE = """
from busway import Config, Message, Node

class ShoutConfig(Config):
    pass

class Shout(Node[ShoutConfig]):
    '''Shouts.'''
    type = "shout"
    category = "function"

    def on_message(self, msg: Message) -> Message:
        msg["payload"] = "{word}"
        return msg
"""


@pytest.fixture
def busy_port():
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def run_until_end(user_dir):
    """Runs ``busway run`` with options that keep it from starting."""

    def run(flows, *options):
        return busway("run", flows, "--user-dir", user_dir, *options)

    return run


def test_all_parts_start_and_stop_and_leave_nothing_behind(start, user_dir):
    program = start(TICK)
    program.wait_for("tock")
    assert httpx.get(f"{program.http}/health/ready").status_code == 200
    with redis.from_url(program.redis_url) as client:
        assert client.ping()
    assert processes_that_mention(f"{user_dir}/redis")
    assert program.stop() == 0
    assert program.lines[-1].endswith("stopped")
    assert processes_that_mention(str(user_dir)) == []
    assert program.errors() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_waits_for_what_is_under_way(start, number):
    program = start(SLOW_ANSWER, "--no-gateway")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{program.http}/slow", timeout=PATIENCE)))
    asking.start()
    program.wait_for(r"\[debug log\]")
    program.interrupt(number)
    asking.join(PATIENCE)
    assert program.ended() == 0
    assert [answer.status_code for answer in answers] == [200]


def test_without_a_gateway_there_is_no_redis(start, user_dir):
    program = start(TICK, "--no-gateway")
    program.wait_for("tock")
    assert "gateway: " not in program.log
    assert not (user_dir / "redis").exists()


def test_headless_it_only_runs_flows(start):
    program = start(TICK, "--no-gateway", "--no-http")
    program.wait_for("tock")
    assert "HTTP face" not in program.log
    assert not listens(program)


def listens(program):
    """Whether the process listens on a TCP port."""
    inodes = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"}
    links = [os.readlink(name) for name in Path(f"/proc/{program.process.pid}/fd").iterdir()]
    return any(link == f"socket:[{inode}]" for link in links for inode in inodes)


def test_a_given_redis_is_used_and_no_other_started(start, user_dir, redis_server):
    program = start(TICK, "--redis", redis_server.url)
    assert "embedded" not in program.log
    assert not (user_dir / "redis").exists()
    assert program.stop() == 0


def test_without_a_flow_file_it_starts_with_those_in_the_user_directory(user_dir, start, tmp_path):
    user_dir.mkdir()
    (user_dir / "flows.json").write_text(json.dumps(TICK))
    program = start(None, "--no-gateway")
    program.wait_for("tock")


def test_a_flow_file_that_is_not_there_is_told_and_written_by_the_first_deploy(start, tmp_path):
    program = start(tmp_path / "new.json", "--no-gateway")
    program.wait_for(r"new\.json is not there")
    assert httpx.post(f"{program.http}/flows", json=TICK).status_code == 204
    program.wait_for("tock")
    assert '"tick"' in (tmp_path / "new.json").read_text()


def test_what_was_deployed_runs_again_after_a_restart(start, tmp_path):
    file = written(tmp_path, [])
    first = start(file, "--no-gateway")
    assert httpx.post(f"{first.http}/flows", json=TICK).status_code == 204
    assert first.stop() == 0
    second = start(file, "--no-gateway")
    second.wait_for("tock")


def test_a_custom_node_beside_the_flow_is_used_and_reloaded_when_its_file_changes(start, tmp_path):
    folder = tmp_path / "flow" / "nodes"
    folder.mkdir(parents=True)
    (folder / "shout.py").write_text(NODE.replace("{word}", "first"))
    flows = flow(press("tick", "shout", repeat="0.2", once=True), node("shout", "shout", "log"), DEBUG)
    program = start(flows, "--no-gateway")
    program.wait_for("first")
    (folder / "shout.py").write_text(NODE.replace("{word}", "second"))
    program.wait_for("custom nodes changed: shout")
    program.wait_for("second")


def test_a_busy_http_port_is_told_and_nothing_is_left_running(run_until_end, busy_port, tmp_path, user_dir):
    run = run_until_end(written(tmp_path, TICK), "--port", busy_port, "--gateway-port", "0")
    assert run.returncode == 1
    assert f"cannot listen on 127.0.0.1:{busy_port}: Address already in use; choose another --port" in run.stderr
    assert processes_that_mention(str(user_dir)) == []


def test_a_busy_gateway_port_is_told_and_nothing_is_left_running(run_until_end, busy_port, tmp_path, user_dir):
    run = run_until_end(written(tmp_path, TICK), "--port", "0", "--gateway-port", busy_port)
    assert run.returncode == 1
    assert re.search(f"cannot listen on 127.0.0.1:{busy_port}: .*address already in use", run.stderr)
    assert processes_that_mention(str(user_dir)) == []


def test_a_user_directory_that_is_in_use_is_told_with_who_uses_it(start, run_until_end, tmp_path):
    program = start(TICK)
    run = run_until_end(written(tmp_path, TICK), "--port", "0", "--gateway-port", "0")
    assert run.returncode == 1
    assert f"is in use by process {program.process.pid}" in run.stderr


def test_a_flow_file_that_cannot_be_read_is_told_and_kept(run_until_end, tmp_path):
    file = tmp_path / "broken.json"
    file.write_text('[{"id": ')
    run = run_until_end(file, "--no-gateway", "--port", "0")
    assert run.returncode == 1
    assert f"{file}: not valid JSON at line 1, column 9" in run.stderr
    assert file.read_text() == '[{"id": '


def test_a_redis_that_cannot_be_reached_is_told(run_until_end, tmp_path):
    run = run_until_end(written(tmp_path, TICK), "--port", "0", "--gateway-port", "0", "--redis", "redis://127.0.0.1:1")
    assert run.returncode == 1
    assert "cannot start: Redis cannot be reached: " in run.stderr
    assert "127.0.0.1:1" in run.stderr


def test_the_gateway_alone_shares_its_redis_with_simulated_stations_and_flows(start, redis_server, tmp_path):
    gateway = Program("gateway", "--redis", redis_server.url, "--port", "0", cwd=tmp_path)
    address = gateway.wait_for(r"gateway: (ws://127.0.0.1:[1-9]\d*/ocpp)")[1]
    flows = start(FLOWS / "charging-backoffice.json", "--redis", redis_server.url, "--no-gateway")
    stations = Program("simulate", "--url", address, "--count", "2", "--duration", "60", cwd=tmp_path)
    stations.wait_for("BootNotification")
    with redis_server.client() as client:
        eventually(lambda: client.hget("ws:conn:demo:SIM-001", "protocol") == "ocpp1.6")
    assert [program.stop() for program in (stations, gateway, flows)] == [0, 0, 0]


def test_simulated_stations_end_after_their_time(tmp_path):
    run = busway("simulate", "--url", "ws://127.0.0.1:1/ocpp", "--count", "1", "--duration", "0.2", cwd=tmp_path)
    assert run.returncode == 0
    assert "SIM-001 is offline" in run.stderr
