"""The admin API as a whole: what is open, what a reader may do, and that secrets stay here."""

import asyncio
import json
import logging
import re
import secrets

import httpx
import pytest
from websockets.asyncio.client import connect

from busway.editor.server.routers import admin_api
from busway.engine.passwords import hash_password
from busway.engine.storage import FileStorage
from tests.editor.certificates import issue, trusting
from tests.editor.people import API_TOKEN, bearer, guarded, login_form, token_entry, token_of
from tests.editor.serving import TAB, place

ENDPOINTS = admin_api().endpoints
PUBLIC = {
    ("get", "/auth/login"),
    ("post", "/auth/token"),
    ("post", "/auth/revoke"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/debug/view/:file"),
    ("get", "/icons/*"),
    ("get", "/locales/:namespace"),
    ("get", "/resources/:module/*"),
    ("get", "/theme"),
}
"""Routes that answer anybody. None tells anything of flows, data or settings, none changes anything."""
_VALUES = {"id": "n", "module": "node-red", "set": "inject", "library": "local", "type": "flows", "file": "view.html"}


def address(endpoint):
    """A path that the endpoint answers."""
    filled = re.sub(r":(\w+)", lambda found: _VALUES.get(found[1], "x"), endpoint.path)
    return filled.replace("*", "a")


BODIES = {
    "/flows": [TAB],
    "/flows/state": {"state": "stop"},
    "/flow": {"label": "New", "nodes": []},
    "/flow/:id": {"label": "New", "nodes": []},
    "/nodes/:module": {"enabled": False},
    "/nodes/:module/:set": {"enabled": False},
    "/debug/disable": {"nodes": ["n"]},
    "/settings/user": {"dark": True},
}


async def test_without_a_token_nothing_but_the_public_routes_answers(tmp_path):
    assert {(e.method, e.path) for e in ENDPOINTS if not e.permission} == PUBLIC
    async with guarded(tmp_path, place("seen", "n")) as site:
        for endpoint in ENDPOINTS:
            answer = await site.client.request(endpoint.method, address(endpoint), json=BODIES.get(endpoint.path))
            is_open = (endpoint.method, endpoint.path) in PUBLIC - {("post", "/auth/revoke"), ("post", "/auth/token")}
            assert (answer.status_code == 401) is not is_open, endpoint.path


def test_what_changes_something_needs_more_than_reading():
    for endpoint in ENDPOINTS:
        if endpoint.permission:
            verb = "read" if endpoint.method == "get" else "write"
            assert endpoint.permission.endswith(f".{verb}"), endpoint.path


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "audit.jsonl"}


async def test_a_reader_can_change_nothing(tmp_path):
    storage = FileStorage(tmp_path, "flows.json")
    (tmp_path / "flows.json").write_text(json.dumps([TAB, place("debug", "n"), place("seen", "s")]))
    async with guarded(tmp_path, storage=storage) as site:
        token = bearer(await token_of(site, "rudi"))
        site.runtime.contexts.global_().set("a", 1)
        before = files_of(tmp_path), site.runtime.model.revision, site.runtime.state
        nodes = dict(site.runtime.nodes)
        for endpoint in ENDPOINTS:
            if endpoint.method == "get" or not endpoint.permission:
                continue
            answer = await site.client.request(
                endpoint.method, address(endpoint), json=BODIES.get(endpoint.path), headers=token
            )
            assert (answer.status_code, answer.content) == (401, b""), endpoint.path
        assert (files_of(tmp_path), site.runtime.model.revision, site.runtime.state) == before
        assert site.runtime.nodes == nodes
        assert site.runtime.contexts.global_().get("a") == 1


async def test_a_reader_can_read_everything(tmp_path):
    async with guarded(tmp_path, place("seen", "n")) as site:
        token = bearer(await token_of(site, "rudi"))
        for endpoint in ENDPOINTS:
            if endpoint.method == "get":
                answer = await site.client.get(address(endpoint), headers=token)
                assert answer.status_code not in (401, 500), endpoint.path


async def test_methods_that_are_none_of_an_endpoints_open_nothing(tmp_path):
    async with guarded(tmp_path, place("seen", "n")) as site:
        for method in ("HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND"):
            answer = await site.client.request(method, "/flows")
            assert answer.status_code in (401, 404), method


@pytest.mark.parametrize("path", ["/flows/", "/FLOWS", "//flows", "/./flows", "/%66lows", "/flows?x=1", "/x/../flows"])
async def test_spellings_of_a_path_open_nothing(tmp_path, path):
    async with guarded(tmp_path, place("seen", "n")) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split(b" ", 2)[1] in (b"401", b"404")
        assert b'"seen"' not in answer


async def test_pages_of_other_origins_change_nothing_whatever_token_they_have(tmp_path):
    async with guarded(tmp_path, place("seen", "n")) as site:
        token = bearer(await token_of(site, "anna"))
        for endpoint in ENDPOINTS:
            if endpoint.method != "get":
                for origin in ("http://evil.example", "null"):
                    headers = token | {"Origin": origin}
                    answer = await site.client.request(endpoint.method, address(endpoint), headers=headers)
                    assert answer.status_code == 403, endpoint.path


@pytest.mark.parametrize(
    "path",
    [
        "/library/local/flows/..%2f..%2fsessions.json",
        "/library/local/flows/%2e%2e/%2e%2e/sessions.json",
        "/library/local/flows/../../sessions.json",
        "/library/local/..%2f../sessions.json",
        "/icons/node-red/..%2f..%2f..%2fsessions.json",
        "/icons/..%2f..%2fsessions.json",
        "/resources/node-red/..%2f..%2fsessions.json",
        "/locales/..%2f..%2fsessions.json",
        "/debug/view/..%2f..%2fsessions.json",
    ],
)
async def test_paths_lead_to_no_file_outside(tmp_path, path):
    async with guarded(tmp_path) as site:
        token = await token_of(site, "anna")
        assert b'"sessions"' in (tmp_path / "sessions.json").read_bytes()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b'"sessions"' not in answer
        assert b"fingerprint" not in answer


async def test_secrets_never_leave_the_server(tmp_path, caplog):
    """Plants every kind of secret, then looks into each answer, each frame of ``/comms``, the log and the audit log."""
    caplog.set_level(logging.DEBUG)
    planted = {name: f"planted-{name}-{secrets.token_hex(8)}" for name in ("password", "credential", "secret", "wrong")}
    pair = issue(tmp_path, "tls")
    stored = hash_password(planted["password"])
    options = {
        "auth": {
            "users": [{"name": "anna", "password": stored, "permissions": "*"}],
            "tokens": [token_entry("*")],
        },
        "http_node_auth": {"user": "flow", "password": stored},
        "credential_secret": planted["secret"],
        "tls_cert": pair[0].name,
        "tls_key": pair[1].name,
    }
    request = place("http request", "n", url="http://127.0.0.1:9", authType="basic")
    flows = [TAB, request | {"credentials": {"user": "u", "password": planted["credential"]}}]
    storage = FileStorage(tmp_path, "flows.json")
    async with (
        guarded(tmp_path, storage=storage, **options) as site,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{site.port}", verify=trusting(pair[0])) as client,
        connect(f"wss://127.0.0.1:{site.port}/comms", ssl=trusting(pair[0])) as socket,
    ):
        await client.post("/auth/token", json=login_form("anna", planted["wrong"]))
        token = (await client.post("/auth/token", json=login_form("anna", planted["password"]))).json()["access_token"]
        await socket.send(json.dumps({"auth": token}))
        frames = [await asyncio.wait_for(socket.recv(), 5)]
        await socket.send('{"subscribe": "#"}')
        headers = bearer(token)
        deployed = await client.post("/flows", json=flows, headers=headers)
        assert deployed.status_code == 204, deployed.text
        assert site.runtime.credentials.get("n")["password"] == planted["credential"]
        answers = [
            await client.get(address(endpoint), headers=headers) for endpoint in ENDPOINTS if endpoint.method == "get"
        ]
        answers += [await client.get(path, headers=headers) for path in ("/openapi.json", "/docs", "/flows", "/flow/t")]
        answers += [await client.get("/credentials/http request/n", headers=headers)]
        refused = await client.post("/flows", json=[{"id": 5}], headers=headers)
        revs = [found for found in (await client.get("/history", headers=headers)).json() if isinstance(found, dict)]
        answers += [refused, *[await client.get(f"/history/{one.get('rev')}", headers=headers) for one in revs]]
        await client.post("/inject/n", headers=headers)
        site.face.comms.publish("debug", {"end": True})
        while '"end":true' not in frames[-1]:
            frames.append(await asyncio.wait_for(socket.recv(), 5))
        hashes = re.findall(r"[0-9a-f]{64}", (tmp_path / "sessions.json").read_text())
        key = json.loads((tmp_path / "sessions.json").read_text())["key"]
    key_text = pair[1].read_text().splitlines()[1]
    forbidden = [*planted.values(), stored, token, API_TOKEN, token_entry("*")["hash"][7:], key_text, key, *hashes]
    seen = "\n".join([*(answer.text for answer in answers), *map(str, frames), caplog.text])
    seen += (tmp_path / "audit.jsonl").read_text() + (tmp_path / "flows.json").read_text()
    seen += "\n".join(str(answer.headers) for answer in answers)
    assert len(answers) > 30
    assert [text for text in forbidden if text in seen] == []
    assert [name for name in ("sessions.json", "audit.jsonl") if (tmp_path / name).stat().st_mode & 0o077] == []
