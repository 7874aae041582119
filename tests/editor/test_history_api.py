"""``/history`` over real HTTP."""

import gzip
import json
from hashlib import sha256

import pytest

from busway.engine.storage import FileStorage
from tests.editor.serving import TAB, place, served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path, storage=FileStorage(tmp_path, history_length=3)) as running:
        yield running


async def deployed(site, *nodes, kind="full"):
    headers = {"Node-RED-API-Version": "v2", "Node-RED-Deployment-Type": kind}
    answer = await site.client.post("/flows", json={"flows": [TAB, *nodes]}, headers=headers)
    assert answer.status_code == 200
    return answer.json()["rev"]


async def test_every_deploy_is_listed_with_what_it_changed(site):
    first = await deployed(site, place("seen", "a"))
    second = await deployed(site, place("seen", "a", name="x"), place("seen", "b"), kind="nodes")
    answer = (await site.client.get("/history")).json()
    assert answer["current"] == second
    assert [(one["revision"], one["type"], one["changes"]) for one in answer["deploys"]] == [
        (second, "nodes", {"added": 1, "changed": 1}),
        (first, "full", {"added": 1, "tabs": 1}),
    ]


async def test_one_deploy_is_shown_with_its_flows_and_its_difference(site):
    await deployed(site, place("seen", "a"))
    rev = await deployed(site, place("seen", "a", name="x"))
    shown = (await site.client.get(f"/history/{rev[:10]}")).json()
    assert (shown["revision"], shown["flows"]) == (rev, [TAB, place("seen", "a", name="x")])
    assert shown["diff"]["sections"][0]["parts"][0]["properties"] == [{"name": "name", "after": "x"}]


async def test_two_versions_are_compared(site):
    one = await deployed(site, place("seen", "a"))
    other = await deployed(site)
    await deployed(site, place("seen", "c"))
    there = (await site.client.get(f"/history/{one}/diff/{other}")).json()
    assert there["counts"] == {"added": 0, "removed": 1, "changed": 0, "moved": 0, "rewired": 0}
    now = (await site.client.get(f"/history/{one}/diff/current")).json()
    assert {part["id"]: part["change"] for part in now["sections"][0]["parts"]} == {"a": "removed", "c": "added"}


async def test_a_deploy_is_restored_and_that_is_a_deploy(site):
    old = await deployed(site, place("seen", "a"))
    await deployed(site, place("seen", "b"))
    answer = await site.client.post(f"/history/{old[:12]}/restore", headers={"Node-RED-Deployment-Type": "nodes"})
    assert (answer.status_code, answer.json()) == (200, {"rev": old})
    assert set(site.runtime.nodes) == {"a"}
    newest = (await site.client.get("/history")).json()["deploys"][0]
    assert (newest["revision"], newest["type"]) == (old, "nodes")


async def test_a_restore_of_somebody_who_believes_something_else_runs_is_a_conflict(site):
    old = await deployed(site)
    await deployed(site, place("seen", "b"))
    answer = await site.client.post(f"/history/{old}/restore", json={"rev": old})
    assert (answer.status_code, answer.json()["code"]) == (409, "version_mismatch")
    assert set(site.runtime.nodes) == {"b"}


@pytest.mark.parametrize("path", ["/history/ffff", "/history/zz/diff/current", "/history/current/diff/zz"])
async def test_a_revision_that_is_not_kept_is_404(site, path):
    await deployed(site)
    answer = await site.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "no kept deploy has" in answer.json()["message"]


async def test_a_damaged_history_is_told_and_hinders_nothing_else(site, tmp_path):
    rev = await deployed(site)
    (tmp_path / ".history" / f"{rev}.json.gz").write_bytes(b"broken")
    answer = await site.client.get(f"/history/{rev}")
    assert (answer.status_code, answer.json()["code"]) == (500, "storage_error")
    assert "is damaged" in answer.json()["message"]
    await deployed(site, place("seen", "a"))


async def test_secrets_are_in_no_part_of_the_history(site, tmp_path):
    rev = await deployed(site, {**place("seen", "a"), "credentials": {"password": "PLANTED"}})
    await deployed(site)
    said = [await site.client.get(path) for path in ("/history", f"/history/{rev}", f"/history/{rev}/diff/current")]
    assert [answer.status_code for answer in said] == [200, 200, 200]
    assert not any("PLANTED" in answer.text for answer in said)
    assert not any(b"PLANTED" in gzip.decompress(file.read_bytes()) for file in (tmp_path / ".history").glob("*.gz"))


async def test_who_deployed_is_kept(tmp_path):
    token = {"name": "robot", "hash": f"sha256:{sha256(b'secret').hexdigest()}", "permissions": "*"}
    async with served(tmp_path, storage=FileStorage(tmp_path), auth={"tokens": [token]}) as site:
        assert (await site.client.get("/history")).status_code == 401
        site.client.headers["authorization"] = "Bearer secret"
        rev = await deployed(site, place("seen", "a"))
        await site.client.post(f"/history/{rev}/restore")
        kept = (await site.client.get("/history")).json()["deploys"]
        assert [one["user"] for one in kept] == ["robot", "robot"]


async def test_a_runtime_in_memory_has_no_history(tmp_path):
    async with served(tmp_path) as site:
        assert (await site.client.get("/history")).status_code == 404


async def test_a_reload_is_a_deploy_too(site, tmp_path):
    await deployed(site)
    (tmp_path / "flows.json").write_text(json.dumps([TAB, place("seen", "by-hand")]))
    await site.client.post("/flows", headers={"Node-RED-Deployment-Type": "reload"})
    newest = (await site.client.get("/history")).json()["deploys"][0]
    assert (newest["type"], newest["changes"]) == ("reload", {"added": 1})
