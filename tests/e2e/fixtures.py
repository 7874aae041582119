"""Fixtures that run the real program; conftest modules import them."""

import contextlib
import json

import pytest

from tests.e2e.program import Program, eventually, processes_that_mention
from tests.e2e.servers import RedisServer


@pytest.fixture
def user_dir(tmp_path):
    return tmp_path / "user"


@pytest.fixture
def start(tmp_path):
    """Starts ``busway run``: see :func:`programs`."""
    with programs(tmp_path) as start_program:
        yield start_program


@contextlib.contextmanager
def programs(folder):
    """Starts ``busway run`` on free ports, its user directory in ``folder``: ``start(flows, *options)``.

    ``flows`` is a path, a list of nodes, or None. Each program is stopped at the end; none may leave a process behind.
    """
    started = []
    user_dir = folder / "user"

    def start_program(flows, *options, **env):
        file = [written(folder, flows) if isinstance(flows, list) else flows] if flows is not None else []
        options = ["--user-dir", user_dir, "--port", "0", "--gateway-port", "0", *options]
        program = Program("run", *file, *options, cwd=folder, **env)
        started.append(program)
        program.wait_for("nodes run" if "--no-gateway" in options else "gateway: ")
        return program

    try:
        yield start_program
    finally:
        for program in started:
            program.stop()
    eventually(lambda: not processes_that_mention(str(user_dir)))


@pytest.fixture
def redis_server(tmp_path):
    """A Redis of the test's own."""
    server = RedisServer(tmp_path / "own-redis").start()
    yield server
    server.kill()


def written(folder, nodes):
    """A flow file with these nodes."""
    file = folder / "flow" / "flow.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(nodes))
    return file
