"""The FastAPI application: documents the admin API, and serves it too."""

import httpx
import pytest

from busway.editor.server.app import create_app
from busway.editor.server.routers import admin_api
from tests.editor.serving import TAB, place, served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path, place("seen", "s")) as running:
        yield running


async def test_every_endpoint_is_documented(site):
    document = (await site.client.get("/openapi.json")).json()
    api = admin_api()
    operations = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert len(operations) == len(api.endpoints)
    flows = document["paths"]["/flows"]["post"]
    assert flows["summary"] == "Deploys flows."
    assert "409" in flows["description"]
    assert flows["x-permission"] == "flows.write"
    inject = document["paths"]["/inject/{id}"]["post"]
    assert [parameter["name"] for parameter in inject["parameters"]] == ["id"]
    assert all(operation["summary"] for methods in document["paths"].values() for operation in methods.values())


async def test_there_is_a_page_for_people(site):
    answer = await site.client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_the_application_serves_what_the_table_serves(site):
    site.runtime.contexts.global_().set("kept", {"a": 5})
    app = create_app(admin_api(), site.runtime)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in (
            "/flows",
            "/context/global?keysOnly",
            "/nodes/node-red/debug",
            "/context/global/kept.a",
            "/nowhere",
        ):
            mine, theirs = await site.client.get(path), await client.get(path)
            assert mine.status_code == theirs.status_code
            assert path == "/nowhere" or mine.content == theirs.content
        answer = await client.post("/flows", json=[TAB], headers={"Node-RED-API-Version": "v2"})
        assert answer.status_code == 400
        assert (await client.post("/flows", json=[TAB], headers={"Origin": "http://evil"})).status_code == 403
        assert (await client.post("/flows", json=[TAB])).status_code == 204
    assert site.runtime.nodes == {}
