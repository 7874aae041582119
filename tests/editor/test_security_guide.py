"""What the guide to security shows works."""

import asyncio
import re
import tomllib
from pathlib import Path

import httpx
import pytest

from busway.editor.server import audit, login, security
from busway.engine.environment import ProcessEnvironment
from busway.engine.message import UNDEFINED
from busway.engine.settings import load_settings
from tests.editor.certificates import issue, trusting
from tests.editor.people import bearer, log_in
from tests.editor.serving import TAB, place, served

GUIDE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
USERS = tomllib.loads(BLOCKS["busway.toml"])


async def run(script, folder):
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    return out.decode()


@pytest.mark.parametrize("name", ["busway.toml", "https.toml", "endpoints.toml"])
def test_its_settings_are_settings(tmp_path, name):
    (tmp_path / "busway.toml").write_text(BLOCKS[name])
    assert load_settings(tmp_path)


async def test_its_users_and_its_token_can_do_what_it_says(tmp_path):
    async with served(tmp_path, place("inject", "n"), **USERS) as site:
        anna = (await log_in(site, "anna", "correct horse battery staple")).json()["access_token"]
        operator = (await log_in(site, "operator", "plug in and charge")).json()["access_token"]
        program = "a token that was printed once"
        for token, press, deploy in ((operator, 200, 401), (program, 401, 204), (anna, 404, 204)):
            assert (await site.client.post("/inject/n", headers=bearer(token))).status_code == press
            assert (await site.client.post("/flows", json=[TAB], headers=bearer(token))).status_code == deploy


async def test_its_commands_run(tmp_path):
    async with served(tmp_path, **USERS) as site:
        out = await run(BLOCKS["login.sh"].replace("1880", str(site.port)), tmp_path)
        assert '"type":"tab"' in out
        assert len(site.face.guard.sessions) == 0
        await log_in(site, "anna", "wrong")
    assert (await run(BLOCKS["audit.sh"], tmp_path)).split("\t")[1:] == [
        *("anna", "127.0.0.1", "auth.login"),
        "wrong name or password\n",
    ]


async def test_its_https_serves(tmp_path):
    issue(tmp_path, "tls")
    settings = tomllib.loads(BLOCKS["https.toml"])
    async with served(tmp_path, **settings) as site, httpx.AsyncClient(verify=trusting(tmp_path / "tls.crt")) as client:
        assert (await client.get(f"https://127.0.0.1:{site.port}/health/live")).status_code == 200


async def test_its_user_of_endpoints_is_let_in(tmp_path):
    nodes = place("http in", "in", ["out"], method="get", url="/x"), place("http response", "out")
    async with served(tmp_path, *nodes, **tomllib.loads(BLOCKS["endpoints.toml"])) as site:
        assert (await site.client.get("/x")).status_code == 401
        right = ("stations", "correct horse battery staple")
        answer = await site.client.get("/x", auth=right, headers={"Origin": "https://app.example.com"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-credentials"] == "true"


def test_its_numbers_are_those_of_the_code():
    assert (login.PER_USER, login.PER_ADDRESS, login.EVERYWHERE, login.WINDOW) == (5, 50, 100, 600)
    assert (audit.REFUSALS, audit.LARGEST) == (20, 5 * 1024 * 1024)
    assert (security.AUTH_PATIENCE, security.MOST_STRANGERS) == (10, 200)


def test_flows_do_not_see_the_secret_of_the_credentials(monkeypatch):
    monkeypatch.setenv("BUSWAY_CREDENTIAL_SECRET", "s")
    monkeypatch.setenv("STATION", "CP1")
    environment = ProcessEnvironment()
    assert environment.get("BUSWAY_CREDENTIAL_SECRET") is UNDEFINED
    assert environment.get("$parent.BUSWAY_CREDENTIAL_SECRET") is UNDEFINED
    assert environment.get("STATION") == "CP1"
