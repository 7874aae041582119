"""The rest of the admin API over real HTTP."""

import json

import pytest

from busway import __version__
from busway.engine.registry import Registry
from tests.editor.serving import do, place, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Accept": "application/json"}


# -- inject ---------------------------------------------------------------------------------------------------------
INJECT = place("inject", "i", ["seen"], props=[{"p": "payload", "v": "own", "vt": "str"}])


async def test_an_inject_node_is_pressed(site):
    await site.deploy(INJECT, place("seen", "seen"))
    answer = await site.client.post("/inject/i")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "OK", "text/plain; charset=utf-8")
    assert (await site.node("seen").next())["payload"] == "own"


async def test_an_inject_node_is_pressed_with_other_properties(site):
    await site.deploy(INJECT, place("seen", "seen"))
    props = [{"p": "topic", "v": "other", "vt": "str"}]
    assert (await site.client.post("/inject/i", json={"__user_inject_props__": props})).status_code == 200
    msg = await site.node("seen").next()
    assert (msg["topic"], "payload" in msg) == ("other", False)
    assert (await site.client.post("/inject/i", json={"__user_inject_props__": 5})).status_code == 400


@pytest.mark.parametrize("id", ["nobody", "seen"])
async def test_what_is_no_inject_node_cannot_be_pressed(site, id):
    await site.deploy(INJECT, place("seen", "seen"))
    answer = await site.client.post(f"/inject/{id}")
    assert (answer.status_code, answer.text) == (404, "Not Found")


# -- debug ----------------------------------------------------------------------------------------------------------
async def test_a_debug_node_is_switched(site):
    await site.deploy(place("debug", "d"), place("seen", "seen"))
    assert (await site.client.post("/debug/d/disable")).status_code == 201
    assert site.node("d").active is False
    assert (await site.client.post("/debug/d/enable")).status_code == 200
    assert site.node("d").active is True


async def test_several_debug_nodes_are_switched(site):
    await site.deploy(place("debug", "d"), place("debug", "e"), place("seen", "seen"))
    answer = await site.client.post("/debug/disable", json={"nodes": ["d", "seen", "nobody"]})
    assert (answer.status_code, answer.text) == (201, "Created")
    assert [site.node(id).active for id in "de"] == [False, True]
    assert (await site.client.post("/debug/enable", json={"nodes": ["d"]})).status_code == 200
    assert (await site.client.post("/debug/disable", json={})).status_code == 400


@pytest.mark.parametrize("path", ["/debug/d/foobar", "/debug/nobody/enable", "/debug/d"])
async def test_what_there_is_not_cannot_be_switched(site, path):
    await site.deploy(place("debug", "d"))
    assert (await site.client.post(path)).status_code == 404


@pytest.mark.parametrize(("file", "kind"), [("view.html", "html"), ("view.js", "javascript"), ("view.css", "css")])
async def test_there_is_a_page_that_shows_debug_messages(site, file, kind):
    answer = await site.client.get(f"/debug/view/{file}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"text/{kind}; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text


async def test_the_page_has_no_other_files(site):
    for name in ("other.html", "..%2Fdebug.py", "%2e%2e%2fserve.py"):
        assert (await site.client.get(f"/debug/view/{name}")).status_code == 404


# -- context --------------------------------------------------------------------------------------------------------
async def test_values_of_a_context_are_listed_and_read(site):
    await site.deploy(place("seen", "seen"))
    node = site.node("seen")
    for context in (node.context, node.flow_context, node.global_context):
        context.set("n", {"a": [1, 2], "b": "x"})
        context.set("odd.name", 1) if context is node.context else None
    for where in ("global", "flow/t", "node/seen"):
        listed = (await site.client.get(f"/context/{where}")).json()
        assert listed["memory"]["n"] == {"msg": '{"a":[1,2],"b":"x"}', "format": "Object"}
        assert (await site.client.get(f"/context/{where}/n")).json() == listed["memory"]["n"]
        assert (await site.client.get(f"/context/{where}/n.a[1]")).json() == {"msg": "2", "format": "number"}
        assert (await site.client.get(f"/context/{where}/nothing")).json() == {
            "msg": "(undefined)",
            "format": "undefined",
        }
        names = (await site.client.get(f"/context/{where}?keysOnly")).json()
        assert {"key": "n"} in names["memory"]["keys"]
    inside = (await site.client.get("/context/global/n?keysOnly")).json()
    assert inside == {
        "memory": {"keys": [{"key": "a", "format": "array[2]", "length": 2}, {"key": "b"}], "format": "object"}
    }
    assert (await site.client.get("/context/global/n.a?keysOnly")).json() == {"memory": {"format": "array[2]"}}
    assert (await site.client.get("/context/global/n.b?keysOnly")).json() == {"memory": {"keys": []}}


async def test_a_value_is_deleted(site):
    await site.deploy(place("seen", "seen"))
    context = site.node("seen").global_context
    context.set("gone", {"a": 1, "b": 2})
    answer = await site.client.delete("/context/global/gone.a")
    assert (answer.status_code, context.get("gone")) == (204, {"b": 2})
    await site.client.delete("/context/global/gone")
    assert "gone" not in context.keys()  # noqa: SIM118
    assert (await site.client.delete("/context/node/nobody/x")).status_code == 204
    assert (await site.client.delete("/context/global")).status_code == 404


async def test_a_context_that_there_is_not_is_empty(site):
    for where in ("node/nobody", "flow/nobody", "node/nobody/key"):
        assert (await site.client.get(f"/context/{where}")).json() == {}


async def test_other_stores_are_named(tmp_path):
    stores = {"default": {"module": "memory"}, "disk": {"module": "localfilesystem", "config": {"cache": False}}}
    async with served(tmp_path, context_storage=stores) as site:
        await site.runtime.contexts.global_().aset("k", 5, "disk")
        assert (await site.client.get("/context/global")).json() == {
            "default": {},
            "disk": {"k": {"msg": "5", "format": "number"}},
        }
        assert (await site.client.get("/context/global/k?store=disk")).json() == {
            "msg": "5",
            "format": "number",
            "store": "disk",
        }
        assert (await site.client.get("/context/global?store=disk")).json().keys() == {"disk"}
        unknown = await site.client.get("/context/global?store=tape")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        bad = await site.client.get("/context/global/a..b")
        assert (bad.status_code, bad.json()["code"]) == (400, "unexpected_error")
        assert (await site.client.delete("/context/global/a..b")).status_code == 400


# -- nodes ----------------------------------------------------------------------------------------------------------
async def test_node_sets_are_listed_as_node_red_lists_them(site):
    sets = {found["id"]: found for found in (await site.client.get("/nodes", headers=JSON)).json()}
    assert sets["node-red/http_in"] == {
        "id": "node-red/http_in",
        "name": "http_in",
        "types": ["http in"],
        "enabled": True,
        "local": False,
        "user": False,
        "module": "node-red",
        "version": __version__,
    }
    assert (await site.client.get("/nodes/node-red/http_in", headers=JSON)).json() == sets["node-red/http_in"]
    module = (await site.client.get("/nodes/node-red")).json()
    assert (module["name"], module["version"], module["plugins"]) == ("node-red", __version__, [])
    assert sets["node-red/debug"] in module["nodes"]
    assert (await site.client.get("/nodes/nothing")).status_code == 404
    assert (await site.client.get("/nodes/node-red/nothing")).status_code == 404


async def test_node_types_are_described_for_an_editor(site):
    answer = (await site.client.get("/nodes/types")).json()
    types = {found["type"]: found for found in answer["types"]}
    debug = types["debug"]
    assert (debug["category"], debug["color"], debug["inputs"], debug["outputs"]) == ("common", "#87A980", 1, 0)
    assert debug["button"] == {"side": "right", "action": "toggle"}
    assert debug["help"].startswith("Shows messages in the debug panel")
    assert "\n### Details\n" in debug["help"]
    fields = {field["name"]: field for field in debug["fields"]}
    assert fields["complete"]["widget"] == "typed"
    assert fields["complete"]["typeField"] == "targetType"
    assert debug["schema"]["properties"]["statusType"]["enum"] == ["auto", "counter", "msg", "jsonata"]
    assert set(types) >= {"http in", "http response", "inject", "catch"}


async def test_every_type_can_be_described(site):
    from busway.editor.server.palette import describe_type

    registry = Registry()
    for cls in registry.all():
        found = describe_type(cls, registry.place(cls.type))
        json.dumps(found["schema"])
        assert {field["name"] for field in found["fields"]} >= set(found["references"])


async def test_custom_types_are_listed_and_broken_ones_told(tmp_path):
    folder = tmp_path / "nodes"
    folder.mkdir()
    good = "from busway import Config, Node\n\n\nclass Good(Node[Config]):\n    '''Is good.'''\n\n    type = \"good\"\n"
    (folder / "good.py").write_text(good)
    (folder / "good.md").write_text("More about it.")
    (folder / "bad.py").write_text('import nonsense_module\n\n\nclass Bad:\n    type = "bad"\n')
    async with served(tmp_path) as site:
        answer = (await site.client.get("/nodes/types")).json()
        (described,) = [found for found in answer["types"] if found["type"] == "good"]
        assert (described["kind"], described["help"]) == ("user", "Is good.\n\nMore about it.")
        assert "nonsense_module" in answer["errors"]["bad"]
        sets = {found["id"]: found for found in (await site.client.get("/nodes", headers=JSON)).json()}
        assert sets["user/good"]["user"] is True
        assert "nonsense_module" in sets["user/bad"]["err"]


# -- the rest -------------------------------------------------------------------------------------------------------
async def test_settings_are_told_but_no_secrets(tmp_path):
    async with served(tmp_path, credential_secret="hunter2", http_node_root="/api") as site:
        answer = await site.client.get("/settings")
    found = answer.json()
    assert (found["httpNodeRoot"], found["version"], found["flowEncryptionType"]) == ("/api", __version__, "user")
    assert found["context"] == {"default": "memory", "stores": ["memory"]}
    assert "hunter2" not in answer.text


async def test_node_reds_tools_are_told_that_there_is_no_login(site):
    assert (await site.client.get("/auth/login")).json() == {}


async def test_health_tells_whether_flows_run(site):
    await site.deploy(place("seen", "seen"))
    assert (await site.client.get("/health/live")).json() == {"status": "live"}
    ready = await site.client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "flows": "start", "nodes": 1, "failed": 0})
    high_water, site.runtime.dispatcher.high_water = site.runtime.dispatcher.high_water, -1
    overloaded = await site.client.get("/health/ready")
    site.runtime.dispatcher.high_water = high_water
    assert (overloaded.status_code, overloaded.json()["status"]) == (503, "overloaded")


async def test_an_endpoint_that_fails_says_so_and_the_server_stays_up(site, caplog):
    def broken():
        raise RuntimeError("the disk is on fire")

    dumps, site.runtime.model.dumps = site.runtime.model.dumps, broken
    answer = await site.client.get("/flows")
    site.runtime.model.dumps = dumps
    assert (answer.status_code, answer.json()) == (500, {"code": "unexpected_error", "message": "the disk is on fire"})
    assert "GET /flows failed" in caplog.text
    assert (await site.client.get("/flows")).status_code == 200


# -- who may ask ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 204),
        ("http://127.0.0.1:{port}", 204),
        ("http://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
        ("garbage", 403),
    ],
)
async def test_pages_of_other_origins_may_not_change_anything(site, origin, status):
    headers = {"Origin": origin.format(port=site.port)} if origin else {}
    answer = await site.client.post("/flows", json=[], headers=headers)
    assert answer.status_code == status
    assert (await site.client.get("/flows", headers=headers)).status_code == 200


async def test_a_default_port_need_not_be_named(site):
    headers = {"Host": "localhost", "Origin": "https://localhost:443"}
    assert (await site.client.post("/flows", json=[], headers=headers)).status_code == 204


async def test_flows_endpoints_are_open_to_other_origins(site):
    @do
    def ok(msg):
        return msg | {"payload": "ok"}

    nodes = place("http in", "in", ["f"], method="post", url="/x"), place("do", "f", ["out"], what="ok")
    await site.deploy(*nodes, place("http response", "out"))
    assert (await site.client.post("/x", headers={"Origin": "http://evil.example"})).text == "ok"
