"""Programs, servers and stations for the end-to-end tests; what a test starts is stopped behind it."""

import json

import pytest

from tests.e2e.program import Program, eventually, processes_that_mention


@pytest.fixture
def user_dir(tmp_path):
    return tmp_path / "user"


@pytest.fixture
def start(user_dir, tmp_path):
    """Starts ``busway run`` on free ports: ``start(flows, *options)``; ``flows`` is a path or a list of nodes.

    Each is stopped at the end; none may leave a process behind.
    """
    started = []

    def start_program(flows, *options, folder=user_dir, **env):
        if isinstance(flows, list):
            file = tmp_path / "flows" / "flow.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(flows))
            flows = file
        program = Program(
            "run", flows, "--user-dir", folder, "--port", "0", "--gateway-port", "0", *options, cwd=tmp_path, **env
        )
        started.append(program)
        program.wait_for("gateway: " if "--no-gateway" not in options else "nodes run")
        return program

    yield start_program
    for program in started:
        program.stop()
    eventually(lambda: not processes_that_mention(str(tmp_path)))
