"""The flows' own endpoints: basic authentication and other origins."""

import base64

import pytest

from busway.engine.settings import SettingsError, load_settings
from tests.editor.people import cheap_hash
from tests.editor.serving import do, place, served

BASIC = {"user": "flow", "password": cheap_hash("flow's secret")}
ORIGIN = "https://app.example"


@do
def greet(msg):
    return msg | {"payload": "hello"}


def endpoint(**response):
    return [
        place("http in", "in", ["f"], method="get", url="/hello"),
        place("http in", "in2", ["f"], method="post", url="/hello"),
        place("do", "f", ["out"], what="greet"),
        place("http response", "out", **response),
    ]


async def test_endpoints_of_flows_may_ask_for_a_password(tmp_path):
    async with served(tmp_path, *endpoint(), http_node_auth=BASIC) as site:
        refused = await site.client.get("/hello")
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"] == 'Basic realm="Authorization Required"'
        for _ in range(2):
            assert (await site.client.get("/hello", auth=("flow", "flow's secret"))).text == "hello"
        assert (await site.client.get("/hello", auth=("flow", "wrong"))).status_code == 401
        assert (await site.client.get("/hello", auth=("wolf", "flow's secret"))).status_code == 401
        assert (await site.client.get("/health/live")).status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic %%", "Basic YWJj", "Basic /w==", "Bearer x", ""])
async def test_what_is_no_password_is_refused(tmp_path, header):
    async with served(tmp_path, *endpoint(), http_node_auth=BASIC) as site:
        assert (await site.client.get("/hello", headers={"Authorization": header})).status_code == 401


async def test_after_five_wrong_passwords_only_one_that_is_known_opens(tmp_path):
    async with served(tmp_path, *endpoint(), http_node_auth=BASIC) as site:
        assert (await site.client.get("/hello", auth=("flow", "flow's secret"))).status_code == 200
        statuses = [(await site.client.get("/hello", auth=("flow", f"wrong{n}"))).status_code for n in range(6)]
        assert statuses == [401] * 5 + [429]
        assert (await site.client.get("/hello", auth=("flow", "flow's secret"))).status_code == 200


async def test_a_password_is_verified_once(tmp_path, monkeypatch):
    async with served(tmp_path, *endpoint(), http_node_auth=BASIC) as site:
        await site.client.get("/hello", auth=("flow", "flow's secret"))
        monkeypatch.setattr("busway.editor.server.login.verify_password", None)
        assert (await site.client.get("/hello", auth=("flow", "flow's secret"))).status_code == 200


async def test_pages_of_named_origins_may_use_endpoints(tmp_path):
    cors = {"origins": [ORIGIN], "credentials": True, "exposed_headers": ["X-Left"]}
    async with served(tmp_path, *endpoint(), http_node_cors=cors) as site:
        answer = await site.client.get("/hello", headers={"Origin": ORIGIN})
        assert answer.text == "hello"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-expose-headers"] == "X-Left"
        other = await site.client.get("/hello", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        assert answer.headers["vary"] == other.headers["vary"] == "Origin"


async def test_a_browser_is_told_what_pages_may_send(tmp_path):
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    async with served(tmp_path, *endpoint(), http_node_cors={"origins": [ORIGIN]}, http_node_auth=BASIC) as site:
        answer = await site.client.options("/hello", headers=asks)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "x-a"
        refused = await site.client.options("/hello", headers=asks | {"Origin": "https://evil.example"})
        assert "access-control-allow-methods" not in refused.headers
        assert (await site.client.options("/nowhere", headers=asks)).status_code == 404


async def test_all_origins_may_be_allowed(tmp_path):
    async with served(tmp_path, *endpoint(), http_node_cors={"origins": ["*"]}) as site:
        answer = await site.client.get("/hello", headers={"Origin": "https://any.example"})
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_flow_that_sets_the_header_itself_is_left_alone(tmp_path):
    nodes = endpoint(headers={"Access-Control-Allow-Origin": "https://own.example"})
    async with served(tmp_path, *nodes, http_node_cors={"origins": ["*"]}) as site:
        answer = await site.client.get("/hello", headers={"Origin": ORIGIN})
        assert answer.headers.get_list("access-control-allow-origin") == ["https://own.example"]


async def test_the_admin_api_stays_closed_to_other_origins(tmp_path):
    async with served(tmp_path, http_node_cors={"origins": ["*"]}) as site:
        answer = await site.client.get("/flows", headers={"Origin": ORIGIN})
        assert "access-control-allow-origin" not in answer.headers
        assert (await site.client.post("/flows", json=[], headers={"Origin": ORIGIN})).status_code == 403


def test_cookies_for_all_origins_are_no_setting(tmp_path):
    with pytest.raises(SettingsError, match="name the origins"):
        load_settings(tmp_path, {"http_node_cors": {"origins": ["*"], "credentials": True}})


def test_a_password_in_clear_is_no_setting(tmp_path):
    encoded = base64.b64encode(b"x").decode()
    for password in ("geheim", encoded, ""):
        with pytest.raises(SettingsError) as refused:
            load_settings(tmp_path, {"http_node_auth": {"user": "u", "password": password}})
        assert "busway password" in str(refused.value)
        assert not password or password not in str(refused.value)
