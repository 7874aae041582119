"""A process that dies in the middle: what it had taken comes again, what it had answered does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("slow_flow.py")
COUNT = int(os.environ.get("BUSWAY_CRASH_CALLS", "200"))
START = {"idTag": "A", "connectorId": 1, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


@pytest.fixture
def start(server):
    """Starts the process; all of them are ended after the test."""
    running = []

    def start():
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[3])}
        running.append(subprocess.Popen([sys.executable, str(SCRIPT), server.url], env=environment))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def answers(server):
    """Message id -> frames, of all stations."""
    found = {}
    for station in range(20):
        for frame in server.frames(device=f"d{station}"):
            found.setdefault(frame[1], []).append(frame)
    return found


async def test_every_call_is_answered_once_though_the_process_was_killed(server, start, until):
    for number in range(COUNT):
        server.call("StartTransaction", START, id=f"m{number}", device=f"d{number % 20}")
    first = start()
    await until(lambda: COUNT // 5 < len(answers(server)) < COUNT, 20)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(10)
    before = answers(server)
    assert len(before) < COUNT
    start()
    await until(lambda: len(answers(server)) == COUNT and server.pending() == 0, 20)
    after = answers(server)
    assert {id: frames for id, frames in after.items() if id in before} == before
    assert {len(frames) for frames in after.values()} == {1}
    transactions = [frames[0][2]["transactionId"] for frames in after.values()]
    assert len(set(transactions)) == COUNT
