"""``/flows`` over real HTTP."""

import asyncio
import json

import pytest

from busway.engine.storage import FileStorage
from tests.editor.serving import TAB, place, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

V2 = {"Node-RED-API-Version": "v2"}
EMPTY_REVISION = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def flow(*names):
    return [TAB, *(place("comment", name, name=name) for name in names)]


async def post(site, body, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await site.client.post(
        "/flows", content=json.dumps(body), headers={"content-type": "application/json", **names}
    )


async def test_flows_are_given_as_an_array_or_with_their_revision(site):
    await post(site, [])
    assert (await site.client.get("/flows")).json() == []
    answer = await site.client.get("/flows", headers=V2)
    assert answer.json() == {"flows": [], "rev": EMPTY_REVISION}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_an_array_is_deployed_and_answered_with_nothing(site):
    answer = await post(site, flow("a"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await site.client.get("/flows")).json() == flow("a")
    assert "a" in site.runtime.nodes


async def test_version_2_is_answered_with_the_revision(site):
    first = await post(site, {"flows": flow("a")}, **V2)
    assert first.status_code == 200
    rev = first.json()["rev"]
    assert rev == (await site.client.get("/flows", headers=V2)).json()["rev"]
    second = await post(site, {"flows": flow("b"), "rev": rev}, **V2)
    assert second.status_code == 200


async def test_a_stale_revision_gets_409_and_changes_nothing(site):
    await post(site, flow("mine"))
    answer = await post(site, {"flows": flow("theirs"), "rev": "0" * 64}, **V2)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_mismatch")
    assert (await site.client.get("/flows")).json() == flow("mine")


@pytest.mark.parametrize("mode", ["nodes", "flows", "full", "unheard-of"])
async def test_the_deployment_type_decides_what_restarts(site, mode):
    await post(site, flow("a", "b"))
    before = site.node("a")
    await post(site, flow("a", "c"), Node_RED_Deployment_Type=mode)
    assert (site.node("a") is before) == (mode in ("nodes", "flows"))
    assert "c" in site.runtime.nodes
    assert "b" not in site.runtime.nodes


@pytest.mark.parametrize("method", ["get", "post"])
async def test_other_api_versions_are_refused(site, method):
    answer = await site.client.request(method, "/flows", headers={"Node-RED-API-Version": "v3"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_api_version")


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b'[{"id":', {}, "line 1, column 8"),
        (b"{}", {}, "flows are an array of nodes, this is dict"),
        (b"", {}, "flows are an array"),
        (b"[]", V2, "version v2 is an object"),
        (b'{"flows": 5}', V2, "this is int"),
        (b'[{"type": "tab"}]', {}, "entry 0 (tab): its id is missing"),
        (b"[NaN]", {}, "no JSON"),
        (b"\xff", {}, "no JSON"),
        (b"[" * 100_000, {}, ""),
        (b'{"flows": [], "credentials": 5}', V2, "'credentials' is 5: input should be an object"),
    ],
)
async def test_what_is_no_flow_file_is_refused_with_the_place(site, body, headers, reason):
    await post(site, flow("a"))
    answer = await site.client.post("/flows", content=body, headers={"content-type": "application/json", **headers})
    assert (answer.status_code, answer.json()["code"]) == (400, "unexpected_error")
    assert reason in answer.json()["message"]
    assert (await site.client.get("/flows")).json() == flow("a")


async def test_every_problem_of_a_deploy_is_listed(site):
    twice = [*flow("a"), place("comment", "a"), place("comment", "b"), place("comment", "b")]
    answer = await post(site, twice)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_flows")
    assert len(answer.json()["problems"]) == 2
    assert "'a'" in answer.json()["problems"][0] or " a" in answer.json()["problems"][0]


async def test_nothing_of_a_flow_file_is_lost(site):
    odd = [TAB | {"big": 2**70, "unknown": {"1": None, "0": 1.5}, "half": "\ud800", "text": "é\u2028"}]
    await site.client.post("/flows", content=json.dumps(odd), headers={"content-type": "application/json"})
    assert json.loads((await site.client.get("/flows")).content) == odd


async def test_the_state_is_told_and_changed(site):
    await post(site, flow("a"))
    assert (await site.client.get("/flows/state")).json() == {"state": "start"}
    stopped = await site.client.post("/flows/state", json={"state": "stop"})
    assert (stopped.json(), site.runtime.nodes) == ({"state": "stop"}, {})
    assert (await site.client.get("/health/ready")).status_code == 503
    assert (await site.client.post("/flows/state", json={"state": "start"})).json() == {"state": "start"}
    assert "a" in site.runtime.nodes
    for body in ({"state": "pause"}, {}, []):
        refused = await site.client.post("/flows/state", json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_run_state")


async def test_deploys_at_the_same_time_are_done_one_after_another(site):
    answers = await asyncio.gather(*(post(site, flow(name)) for name in "abcd"))
    assert [answer.status_code for answer in answers] == [204] * 4
    (left,) = site.runtime.nodes
    assert (await site.client.get("/flows")).json() == flow(left)


# -- storage and secrets --------------------------------------------------------------------------------------------
async def test_a_deploy_is_stored_and_can_be_loaded_again(tmp_path):
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        await post(site, flow("a"))
        assert json.loads((tmp_path / "flows.json").read_text()) == flow("a")
        (tmp_path / "flows.json").write_text(json.dumps(flow("b")))
        answer = await post(site, {}, **V2, Node_RED_Deployment_Type="reload")
        assert answer.status_code == 200
        assert (await site.client.get("/flows")).json() == flow("b")


async def test_posted_secrets_reach_neither_the_flow_file_nor_the_answer(tmp_path):
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        nodes = [TAB, place("strange", "s", credentials={"password": "hunter2"})]
        await post(site, nodes)
        assert "credentials" not in (await site.client.get("/flows")).text
        assert "hunter2" not in (tmp_path / "flows.json").read_text() + (tmp_path / "flows_cred.json").read_text()
        assert site.runtime.credentials.get("s") == {"password": "hunter2"}

        await post(site, [TAB, place("strange", "s", credentials={"password": "__PWRD__", "user": "u"})])
        assert site.runtime.credentials.get("s") == {"password": "hunter2", "user": "u"}


async def test_secrets_beside_the_flows_replace_all_others(tmp_path):
    async with served(tmp_path, storage=FileStorage(tmp_path), credential_secret="key") as site:
        nodes = [TAB, place("strange", "s"), place("strange", "r")]
        await post(site, {"flows": nodes, "credentials": {"s": {"a": "1", "b": "2"}, "r": {"a": "3"}}}, **V2)
        encrypted = json.loads((tmp_path / "flows_cred.json").read_text())
        await post(site, {"flows": nodes, "credentials": {"s": {"b": "9"}}}, **V2)
        assert site.runtime.credentials.get("s") == {"b": "9"}
        assert site.runtime.credentials.get("r") == {}

        await post(site, {"flows": nodes, "credentials": encrypted}, **V2)
        assert site.runtime.credentials.get("s") == {"a": "1", "b": "2"}
        assert site.runtime.credentials.get("r") == {"a": "3"}
        wrong = await post(site, {"flows": nodes, "credentials": {"$": "0" * 40}}, **V2)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "unexpected_error")
        assert site.runtime.credentials.get("r") == {"a": "3"}


async def test_flows_that_cannot_be_written_are_not_deployed(tmp_path):
    async with served(tmp_path, storage=FileStorage(tmp_path, "gone/flows.json")) as site:
        (tmp_path / "gone").write_text("a file where a folder has to be")
        answer = await post(site, flow("a"))
        assert (answer.status_code, answer.json()["code"]) == (500, "storage_error")
        assert site.runtime.nodes == {}
