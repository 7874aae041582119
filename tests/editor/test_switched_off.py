"""Settings that switch parts of the server off."""

import pytest
from websockets.exceptions import InvalidStatus

from busway.engine.settings import SettingsError, load_settings
from tests.editor.serving import do, place, served


@do
def greet_anyway(msg):
    return msg | {"payload": "hello"}


ENDPOINT = [
    place("http in", "in", ["f"], method="get", url="/hello"),
    place("do", "f", ["out"], what="greet_anyway"),
    place("http response", "out"),
]


async def test_without_the_admin_api_flows_and_health_are_served(tmp_path):
    async with served(tmp_path, *ENDPOINT, http_admin_root=False) as site:
        assert (await site.client.get("/hello")).text == "hello"
        for path in ("/health/ready", "/metrics"):
            assert (await site.client.get(path)).status_code == 200
        for path in ("/flows", "/settings", "/docs", "/openapi.json"):
            assert (await site.client.get(path)).status_code == 404
        assert (await site.client.post("/flows", json=[])).status_code == 404
        with pytest.raises(InvalidStatus):
            async with site.comms():
                pass


async def test_without_the_endpoints_of_flows_the_admin_api_is_served(tmp_path):
    async with served(tmp_path, *ENDPOINT, http_node_root=False) as site:
        assert (await site.client.get("/hello")).status_code == 404
        assert (await site.client.get("/settings")).json()["httpNodeRoot"] is False


def test_a_root_is_a_path_or_false(tmp_path, monkeypatch):
    monkeypatch.setenv("BUSWAY_HTTP_ADMIN_ROOT", "false")
    assert load_settings(tmp_path).http_admin_root is False
    with pytest.raises(SettingsError, match="false for off"):
        load_settings(tmp_path, {"http_node_root": True})


async def test_starting_and_stopping_can_be_switched_off(tmp_path):
    async with served(tmp_path, runtime_state={"enabled": False, "ui": False}) as site:
        assert (await site.client.post("/flows/state", json={"state": "stop"})).status_code == 404
        assert (await site.client.get("/flows/state")).json() == {"state": "start"}
        assert (await site.client.get("/settings")).json()["runtimeState"] == {"enabled": False, "ui": False}


async def test_the_report_can_be_switched_off(tmp_path):
    async with served(tmp_path, diagnostics={"enabled": False}) as site:
        answer = await site.client.get("/diagnostics")
        assert (answer.status_code, answer.json()["code"]) == (403, "diagnostics.disabled")
        assert (await site.client.get("/settings")).json()["diagnostics"] == {"enabled": False, "ui": True}


async def test_modules_of_functions_can_be_switched_off(tmp_path):
    node = place("function", "fn", func="return msg;", libs=[{"var": "os", "module": "os"}])
    async with served(tmp_path, node, function_external_modules=False) as site:
        assert "function_external_modules" in str(site.runtime.failed["fn"])
        await site.deploy(node | {"libs": []})


async def test_files_of_tls_configs_can_be_switched_off(tmp_path):
    tls = {"id": "tls", "type": "tls-config", "ca": "/etc/ssl/ca.pem"}
    async with served(tmp_path, tls, tls_config_disable_local_files=True) as site:
        assert "tls_config_disable_local_files" in str(site.runtime.failed["tls"])


async def test_editors_are_told_the_order_of_categories(tmp_path):
    async with served(tmp_path, palette_categories=["ocpp", "common"]) as site:
        assert (await site.client.get("/settings")).json()["paletteCategories"] == ["ocpp", "common"]
