"""Node-RED's command line client works against Busway as its README says."""

import asyncio
import json
import subprocess
import threading

import pytest

from busway.engine.storage import FileStorage
from tests.e2e.peers import PEERS, node_program
from tests.editor.people import guarded
from tests.editor.serving import place, served

PROGRAM = PEERS / "node_modules" / "node-red-admin" / "node-red-admin.js"
PATIENCE = 30


class Admin:
    """``node-red-admin`` with a folder of its own for target and token."""

    def __init__(self, folder):
        self.folder = folder

    async def __call__(self, *args, answers=()):
        """Runs a command; ``answers`` are pairs of a prompt and what is typed. Gives exit status and output."""
        return await asyncio.to_thread(self._run, args, answers)

    def _run(self, args, answers):
        command = [node_program(), PROGRAM, *args, "--userDir", self.folder]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0) as process:
            killer = threading.Timer(PATIENCE, process.kill)
            killer.start()
            said = b""
            for prompt, answer in answers:
                while prompt.encode() not in said and (some := process.stdout.read(1)):
                    said += some
                process.stdin.write(f"{answer}\n".encode())
            process.stdin.close()
            rest = process.stdout.read()
            killer.cancel()
        return process.returncode, (said + rest).decode()

    async def json(self, *args):
        status, text = await self(*args, "--json")
        assert status == 0, text
        return json.loads(text)


@pytest.fixture
def admin(tmp_path):
    (tmp_path / "cli").mkdir()
    return Admin(tmp_path / "cli")


async def test_sets_are_listed_shown_disabled_and_enabled(admin, tmp_path):
    async with served(tmp_path, place("inject", "i"), storage=None) as site:
        address = f"http://127.0.0.1:{site.port}"
        assert await admin("target", address) == (0, f"Target: {address}\n")
        sets = {found["id"]: found for found in await admin.json("list")}
        assert sets["node-red/range"]["enabled"] is True
        status, table = await admin("list")
        assert (status, "node-red/inject" in table) == (0, True)
        assert (await admin.json("info", "node-red"))["nodes"]
        assert (await admin.json("info", "node-red/range"))["types"] == ["range"]
        assert (await admin.json("disable", "node-red/range"))["enabled"] is False
        assert site.runtime.registry.get("range") is None
        assert (await admin.json("enable", "node-red/range"))["enabled"] is True
        assert site.runtime.registry.get("range") is not None


async def test_what_is_in_use_or_unknown_is_refused_with_the_reason(admin, tmp_path):
    async with served(tmp_path, place("inject", "i")) as site:
        await admin("target", f"http://127.0.0.1:{site.port}")
        for arguments in (
            ("disable", "node-red/inject"),
            ("info", "nothing"),
            ("install", "something"),
            ("remove", "node-red"),
        ):
            status, text = await admin(*arguments)
            assert (status, text.strip() != "") == (1, True), arguments
        assert site.runtime.registry.get("inject") is not None


async def test_a_user_logs_in_and_only_then_may_look(admin, tmp_path):
    async with guarded(tmp_path, storage=FileStorage(tmp_path)) as site:
        await admin("target", f"http://127.0.0.1:{site.port}")
        status, _ = await admin("list")
        assert status == 1
        wrong = [("Username:", "anna"), ("Password:", "wrong")]
        assert (await admin("login", answers=wrong))[0] == 1
        right = [("Username:", "anna"), ("Password:", "anna's secret")]
        status, text = await admin("login", answers=right)
        assert (status, "anna's secret" in text) == (0, False), text
        assert (await admin.json("disable", "node-red/range"))["enabled"] is False


async def test_its_password_hash_is_accepted(admin, tmp_path):
    status, text = await admin("hash-pw", answers=[("Password:", "s3cret")])
    hashed = text[text.index("$") :].strip()
    assert (status, hashed[:4]) == (0, "$2y$")
    users = [{"name": "eva", "password": hashed, "permissions": "*"}]
    async with served(tmp_path, auth={"users": users}) as site:
        await admin("target", f"http://127.0.0.1:{site.port}")
        assert (await admin("login", answers=[("Username:", "eva"), ("Password:", "s3cret")]))[0] == 0
        assert await admin.json("list")
