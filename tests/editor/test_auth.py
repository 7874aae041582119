"""Logging in and out, and what a token is good for."""

import json
import stat
import time
from types import SimpleNamespace

import bcrypt
import pytest

from busway.editor.server.routers.auth import DEVICE_COOKIE
from busway.editor.server.sessions import MOST_PER_USER, Sessions
from tests.editor.people import API_TOKEN, USERS, audit_of, bearer, guarded, log_in, login_form, token_of, user
from tests.editor.serving import TAB, place, served


@pytest.fixture
async def site(tmp_path):
    async with guarded(tmp_path, place("seen", "s")) as running:
        running.folder = tmp_path
        yield running


async def test_without_users_nobody_has_to_log_in(tmp_path):
    async with served(tmp_path) as site:
        assert (await site.client.get("/auth/login")).json() == {}
        assert (await log_in(site, "anna")).status_code == 404
        assert (await site.client.post("/auth/revoke", json={"token": "x"})).status_code == 404
        assert not (tmp_path / "audit.jsonl").exists()


async def test_it_says_what_a_login_asks_for(site):
    asked = (await site.client.get("/auth/login")).json()
    assert asked["type"] == "credentials"
    assert [(prompt["id"], prompt["type"]) for prompt in asked["prompts"]] == [
        ("username", "text"),
        ("password", "password"),
    ]


async def test_a_login_gives_a_token_that_opens_what_the_user_may(site):
    answer = await log_in(site, "anna")
    body = answer.json()
    assert (answer.status_code, body["expires_in"], body["token_type"]) == (200, 604800, "Bearer")
    assert len(body["access_token"]) == 172
    assert answer.headers["cache-control"] == "no-store"
    allowed = bearer(body["access_token"])
    assert (await site.client.get("/flows", headers=allowed)).status_code == 200
    assert (await site.client.post("/flows", json=[TAB], headers=allowed)).status_code == 204


async def test_a_form_logs_in_as_well(site):
    assert (await site.client.post("/auth/token", data=login_form("anna"))).status_code == 200


async def test_without_a_token_there_is_a_challenge(site):
    answer = await site.client.get("/flows")
    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Users"'


async def test_a_token_that_is_none_is_told_so(site):
    answer = await site.client.get("/flows", headers=bearer("nonsense"))
    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Users", error="invalid_token"'


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "bearer\tx", "", "Bearer \xff"])
async def test_other_headers_are_no_token(site, header):
    answer = await site.client.get("/flows", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


async def test_a_user_without_the_permission_gets_an_empty_401(site):
    answer = await site.client.post("/flows", json=[TAB], headers=bearer(await token_of(site, "rudi")))
    assert (answer.status_code, answer.content) == (401, b"")
    assert "www-authenticate" not in answer.headers


async def test_a_body_is_not_read_before_it_is_known_who_sends_it(site):
    answer = await site.client.post("/flows", content=b"x" * 6_000_000)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"password": "wrong"}, 403, "invalid_grant"),
        ({"username": "nobody"}, 403, "invalid_grant"),
        ({"username": "n" * 5000}, 403, "invalid_grant"),
        ({"password": "n" * 5000}, 403, "invalid_grant"),
        ({"grant_type": "magic"}, 501, "unsupported_grant_type"),
        ({"grant_type": None}, 501, "unsupported_grant_type"),
        ({"username": None}, 400, "invalid_request"),
        ({"password": ""}, 400, "invalid_request"),
        ({"password": 5}, 400, "invalid_request"),
        ({"scope": ["flows.read"]}, 400, "invalid_request"),
    ],
)
async def test_a_wrong_login_is_told_in_the_words_of_oauth(site, changed, status, error):
    answer = await site.client.post("/auth/token", json=login_form("anna") | changed)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_wrong_password_is_told_as_node_red_tells_it(site):
    assert (await log_in(site, "anna", "wrong")).json() == {
        "error": "invalid_grant",
        "error_description": "Invalid resource owner credentials",
    }


@pytest.mark.parametrize("client", [{"client_id": "strange"}, {"client_id": None}, {"client_secret": "x"}])
async def test_another_client_is_unauthorized(site, client):
    answer = await log_in(site, "anna", **client)
    assert (answer.status_code, answer.text) == (401, "Unauthorized")


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null"])
async def test_a_body_that_is_no_object_is_no_client(site, body):
    assert (await site.client.post("/auth/token", content=body)).status_code == 401


async def test_a_body_that_is_no_json_is_told(site):
    assert (await site.client.post("/auth/token", content=b"{")).status_code == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    deep = "a" + "[a]" * 40 + "=1"
    assert (await site.client.post("/auth/token", content=deep, headers=form)).status_code == 400


async def test_a_scope_narrows_what_a_token_is_good_for(site):
    answer = await log_in(site, "anna", scope="flows.read status.read")
    allowed = bearer(answer.json()["access_token"])
    assert (await site.client.get("/flows", headers=allowed)).status_code == 200
    assert (await site.client.get("/nodes", headers=allowed)).status_code == 401
    assert (await site.client.post("/flows", json=[TAB], headers=allowed)).status_code == 401


async def test_a_scope_beyond_the_permissions_is_refused(site):
    assert (await log_in(site, "rudi", scope="*")).status_code == 403
    assert (await log_in(site, "rudi", scope="flows.read")).status_code == 200


async def test_node_reds_hash_is_accepted(tmp_path):
    known = {
        "name": "nora",
        "password": bcrypt.hashpw(b"from Node-RED", bcrypt.gensalt(4)).decode(),
        "permissions": "*",
    }
    async with guarded(tmp_path, auth={"users": [known]}) as site:
        assert (await log_in(site, "nora", "from Node-RED")).status_code == 200
        assert (await log_in(site, "nora", "from elsewhere")).status_code == 403


async def test_a_token_of_the_settings_needs_no_login(site):
    allowed = bearer(API_TOKEN)
    assert (await site.client.post("/inject/nobody", headers=allowed)).status_code == 404
    assert (await site.client.get("/flows", headers=allowed)).status_code == 401


async def test_visitors_may_do_what_the_default_says(tmp_path):
    async with guarded(tmp_path, auth={"default_permissions": ["flows.read"]}) as site:
        assert (await site.client.get("/flows")).status_code == 200
        assert (await site.client.get("/flows", headers=bearer("nonsense"))).status_code == 200
        refused = await site.client.post("/flows", json=[TAB])
        assert (refused.status_code, refused.content) == (401, b"")
        assert (
            await site.client.post("/flows", json=[TAB], headers=bearer(await token_of(site, "flo")))
        ).status_code == 204


async def test_logging_out_ends_the_token(site):
    token, other = await token_of(site, "anna"), await token_of(site, "anna")
    answer = await site.client.post("/auth/revoke", json={"token": token}, headers=bearer(token))
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await site.client.get("/flows", headers=bearer(token))).status_code == 401
    assert (await site.client.get("/flows", headers=bearer(other))).status_code == 200


async def test_logging_out_needs_a_valid_token(site):
    token = await token_of(site, "anna")
    assert (await site.client.post("/auth/revoke", json={"token": token})).status_code == 401
    assert (await site.client.post("/auth/revoke", json={}, headers=bearer(token))).status_code == 200
    assert (await site.client.get("/flows", headers=bearer(token))).status_code == 200


async def test_a_login_outlives_a_restart_and_its_token_is_not_stored(tmp_path):
    async with guarded(tmp_path) as site:
        token = await token_of(site, "anna")
    stored = tmp_path / "sessions.json"
    assert token not in stored.read_text()
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    async with guarded(tmp_path) as site:
        assert (await site.client.get("/flows", headers=bearer(token))).status_code == 200


async def test_a_new_password_ends_the_logins_of_the_old_one(tmp_path):
    async with guarded(tmp_path) as site:
        tokens = [await token_of(site, name) for name in ("anna", "rudi")]
    changed = [user("anna", "*", "another"), *USERS[1:]]
    async with guarded(tmp_path, auth={"users": changed}) as site:
        answers = [await site.client.get("/flows", headers=bearer(token)) for token in tokens]
    assert [answer.status_code for answer in answers] == [401, 200]


async def test_a_user_who_is_gone_is_out(tmp_path):
    async with guarded(tmp_path) as site:
        token = await token_of(site, "rudi")
    async with guarded(tmp_path, auth={"users": USERS[:1]}) as site:
        assert (await site.client.get("/flows", headers=bearer(token))).status_code == 401


async def test_fewer_permissions_count_for_logins_that_there_are(tmp_path):
    async with guarded(tmp_path) as site:
        token = await token_of(site, "anna")
    less = [{**USERS[0], "permissions": "read"}]
    async with guarded(tmp_path, auth={"users": less}) as site:
        assert (await site.client.get("/flows", headers=bearer(token))).status_code == 200
        assert (await site.client.post("/flows", json=[TAB], headers=bearer(token))).status_code == 401


async def test_a_login_ends_after_its_lifetime(tmp_path, monkeypatch):
    async with guarded(tmp_path, auth={"session_lifetime": 3600}) as site:
        token = await token_of(site, "anna")
        for later, status in ((3599, 200), (3601, 401)):
            clock = SimpleNamespace(time=lambda later=later: time.time() + later)
            monkeypatch.setattr("busway.editor.server.sessions.time", clock)
            assert (await site.client.get("/flows", headers=bearer(token))).status_code == status


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"sessions": 5}', b'{"sessions": {"a": {}}}', b"\xff", b'{"key": "%"}']
)
async def test_a_damaged_file_of_logins_makes_everybody_log_in_again(tmp_path, content, caplog):
    (tmp_path / "sessions.json").write_bytes(content)
    async with guarded(tmp_path) as site:
        assert (await log_in(site, "anna")).status_code == 200
    assert "everybody has to log in again" in caplog.text
    assert json.loads((tmp_path / "sessions.json").read_text())["sessions"]


async def test_a_login_that_cannot_be_stored_lasts_as_long_as_the_process(site, caplog):
    (site.folder / "sessions.json").mkdir()
    token = await token_of(site, "anna")
    assert (await site.client.get("/flows", headers=bearer(token))).status_code == 200
    assert "logins end with this process" in caplog.text


async def test_a_users_sessions_are_bounded(tmp_path):
    sessions = Sessions(tmp_path, 100, lambda name: "f")
    first = await sessions.create("anna", "c", ["*"])
    other = await sessions.create("rudi", "c", ["*"])
    for _ in range(MOST_PER_USER):
        last = await sessions.create("anna", "c", ["*"])
    assert len(sessions) == MOST_PER_USER + 1
    assert [sessions.get(token) is not None for token in (first, other, last)] == [False, True, True]


async def test_a_browser_that_has_logged_in_is_known_again(site):
    cookie = (await log_in(site, "anna")).headers["set-cookie"]
    assert cookie.startswith(f"{DEVICE_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_who_does_what_is_recorded(site):
    token = await token_of(site, "anna")
    await log_in(site, "anna", "wrong")
    await site.client.post("/flows", json=[TAB], headers=bearer(token))
    await site.client.post("/flows", json=5, headers=bearer(token))
    await site.client.get("/flows", headers=bearer(token))
    await site.client.post("/flows", json=[TAB], headers=bearer(await token_of(site, "rudi")))
    await site.client.post("/auth/revoke", json={"token": token}, headers=bearer(token))
    entries = audit_of(site.folder)
    assert [(entry["event"], entry["who"], entry["result"]) for entry in entries] == [
        ("auth.login", "anna", "ok"),
        ("auth.login", "anna", "wrong name or password"),
        ("flows.write", "anna", "ok"),
        ("flows.write", "anna", "failed"),
        ("auth.login", "rudi", "ok"),
        ("permission.fail", "rudi", "forbidden"),
        ("auth.revoke", "anna", "ok"),
    ]
    assert entries[2] | {"time": ""} == {
        "time": "",
        "event": "flows.write",
        "who": "anna",
        "from": "127.0.0.1",
        "result": "ok",
        "method": "POST",
        "path": "/flows",
        "status": 204,
    }
