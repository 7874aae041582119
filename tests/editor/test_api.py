"""The admin API's routes for single flows, node sets, libraries, credentials, icons and an editor's settings."""

import json
import re

import pytest
import quickjs

from busway.engine.model import FlowModel
from busway.engine.storage import FileStorage
from tests.editor.serving import TAB, place, served

JSON = {"Accept": "application/json"}
CUSTOM = '''
from typing import Annotated

from busway import Config, Node
from busway.engine.fields import Credential
from busway.engine.node import Field


class AskConfig(Config):
    url: Annotated[str, Credential("text")] = ""
    token: Annotated[str, Credential("password")] = ""
    limit: int = Field({limit}, title="Limit", description="How many </script> at most.")


class Ask(Node[AskConfig]):
    """Asks <b>somebody</b>. **Loudly.**"""

    type = "ask"
'''


@pytest.fixture
async def site(tmp_path):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "ask.py").write_text(CUSTOM.replace("{limit}", "5"))
    async with served(tmp_path, storage=FileStorage(tmp_path)) as running:
        yield running


def ids(site):
    return [item["id"] for item in site.runtime.model.raw]


# -- single flows ---------------------------------------------------------------------------------------------------
async def test_a_flow_is_added_read_replaced_and_removed_while_others_run_on(site):
    await site.deploy(place("seen", "a"))
    running = site.node("a")
    new = {"label": "New", "info": "x", "nodes": [{"id": "n", "type": "seen", "x": 1, "y": 1, "wires": []}]}
    id = (await site.client.post("/flow", json=new)).json()["id"]
    read = (await site.client.get(f"/flow/{id}")).json()
    assert read == {"id": id, "label": "New", "info": "x", "nodes": [{**new["nodes"][0], "z": id}]}
    changed = {"label": "Changed", "nodes": [{"id": "m", "type": "seen", "x": 1, "y": 1, "wires": []}]}
    assert (await site.client.put(f"/flow/{id}", json=changed)).json() == {"id": id}
    assert (ids(site), set(site.runtime.nodes)) == (["t", "a", id, "m"], {"a", "m"})
    assert (await site.client.delete(f"/flow/{id}")).status_code == 204
    assert (ids(site), site.node("a")) == (["t", "a"], running)


async def test_a_replaced_flow_keeps_its_place_among_the_tabs(site):
    tabs = [{"id": name, "type": "tab", "label": name} for name in "abc"]
    await site.client.post("/flows", json=tabs)
    await site.client.put("/flow/b", json={"label": "B", "nodes": []})
    assert [(item["id"], item["label"]) for item in site.runtime.model.raw] == [("a", "a"), ("b", "B"), ("c", "c")]


async def test_an_id_cannot_be_taken_from_another_flow(site):
    await site.deploy(place("seen", "a"))
    taken = {"label": "x", "nodes": [{"id": "a", "type": "seen"}]}
    for answer in (
        await site.client.post("/flow", json=taken),
        await site.client.put("/flow/global", json={"configs": taken["nodes"]}),
    ):
        assert (answer.status_code, "duplicate id" in answer.json()["message"]) == (400, True)
    assert ids(site) == ["t", "a"]


async def test_everything_global_is_read_and_replaced(site):
    inner = {"id": "n", "type": "seen", "z": "s", "x": 1, "y": 1, "wires": []}
    config = {"id": "g", "type": "global-config", "env": []}
    subflow = {"id": "s", "type": "subflow", "name": "S", "in": [], "out": []}
    await site.client.post("/flows", json=[TAB, config, subflow, inner])
    read = (await site.client.get("/flow/global")).json()
    assert read == {"id": "global", "configs": [config], "subflows": [{**subflow, "nodes": [inner], "configs": []}]}
    assert (await site.client.put("/flow/global", json=read)).status_code == 200
    assert sorted(ids(site)) == ["g", "n", "s", "t"]
    await site.client.put("/flow/global", json={})
    assert ids(site) == ["t"]


async def test_secrets_posted_with_a_flow_are_kept_apart(site):
    node = {"id": "n", "type": "ask", "x": 1, "y": 1, "wires": [], "credentials": {"token": "hush", "url": "u"}}
    id = (await site.client.post("/flow", json={"label": "x", "nodes": [node]})).json()["id"]
    assert site.runtime.credentials.get("n") == {"token": "hush", "url": "u"}
    assert "hush" not in (await site.client.get(f"/flow/{id}")).text
    shown = (await site.client.get("/credentials/ask/n")).json()
    assert shown == {"url": "u", "has_token": True}
    assert (await site.client.get("/credentials/seen/nobody")).json() == {}


async def test_a_body_that_does_not_fit_names_field_and_reason(site):
    answer = await site.client.post("/flow", json={"label": "x", "nodes": [{"id": 5, "type": "seen"}]})
    assert answer.status_code == 400
    assert answer.json() == {
        "code": "unexpected_error",
        "message": "'nodes.0.id' is 5: input should be a valid string",
    }


# -- stopped flows ---------------------------------------------------------------------------------------------------
async def test_stopped_flows_stay_stopped_over_deploys_and_restarts(tmp_path):
    flows = [TAB, place("seen", "a")]
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        await site.client.post("/flows", json=flows)
        assert (await site.client.post("/flows/state", json={"state": "stop"})).json() == {"state": "stop"}
        assert (await site.client.post("/flows", json=[*flows, place("seen", "b")])).status_code == 204
        assert (site.runtime.nodes, len(site.runtime.model.nodes)) == ({}, 2)
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        assert (await site.client.get("/flows/state")).json() == {"state": "stop"}
        await site.client.post("/flows/state", json={"state": "start"})
        assert set(site.runtime.nodes) == {"a", "b"}
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        assert site.runtime.state == "start"


# -- node sets -------------------------------------------------------------------------------------------------------
async def test_a_set_that_is_switched_off_stays_so_until_it_is_switched_on(tmp_path):
    flows = [TAB, place("range", "r")]
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        answer = await site.client.put("/nodes/node-red/range", json={"enabled": False})
        assert (answer.json()["enabled"], answer.json()["types"]) == (False, ["range"])
    async with served(tmp_path, storage=FileStorage(tmp_path)) as site:
        assert (await site.client.get("/nodes/node-red/range", headers=JSON)).json()["enabled"] is False
        types = {found["type"] for found in (await site.client.get("/nodes/types")).json()["types"]}
        assert "range" not in types
        await site.client.post("/flows", json=flows)
        assert site.node("r").type == "unknown"
        await site.client.put("/nodes/node-red/range", json={"enabled": True})
        assert site.node("r").type == "range"


async def test_a_set_in_use_cannot_be_switched_off(site):
    await site.client.post("/flows", json=[TAB, place("range", "r", d=True)])
    for path in ("/nodes/node-red/range", "/nodes/node-red"):
        answer = await site.client.put(path, json={"enabled": False})
        assert (answer.status_code, answer.json()["code"]) == (400, "type_in_use")
        assert "range" in answer.json()["message"]
    unknown = await site.client.put("/nodes/node-red/unknown", json={"enabled": False})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "type_in_use")
    assert not site.runtime.registry.disabled


async def test_clients_are_told_what_is_switched(site):
    async with site.comms() as socket:
        await site.client.put("/nodes/node-red/range", json={"enabled": False})
        told = await socket.next("notification/node/")
        assert (told["topic"], told["data"]["id"]) == ("notification/node/disabled", "node-red/range")
        assert told["data"]["enabled"] is False


async def test_node_files_are_read_again_on_request(site, tmp_path):
    await site.client.post("/flows", json=[TAB, place("ask", "a")])
    assert site.node("a").config.limit == 5
    (tmp_path / "nodes" / "ask.py").write_text(CUSTOM.replace("{limit}", "67"))
    answer = await site.client.post("/nodes", json={"module": "user"})
    assert (answer.status_code, [found["id"] for found in answer.json()["nodes"]]) == (200, ["user/ask"])
    assert site.node("a").config.limit == 67


async def test_clients_are_told_of_new_node_files(site, tmp_path):
    (tmp_path / "nodes" / "beg.py").write_text(CUSTOM.replace("{limit}", "1").replace('"ask"', '"beg"'))
    async with site.comms() as socket:
        await site.client.post("/nodes", json={"module": "user"})
        told = await socket.next("notification/node/added")
        assert [found["id"] for found in told["data"]] == ["user/beg"]


async def test_packages_are_neither_installed_nor_removed_and_the_answer_says_how(site):
    install = await site.client.post("/nodes", json={"module": "busway-sun"})
    assert (install.status_code, "pip install" in install.json()["message"]) == (400, True)
    loaded = await site.client.post("/nodes", json={"module": "node-red"})
    assert (loaded.status_code, loaded.json()["code"]) == (400, "module_already_loaded")
    remove = await site.client.delete("/nodes/user")
    assert (remove.status_code, "folder of nodes" in remove.json()["message"]) == (400, True)


# -- forms for Node-RED's editor ---------------------------------------------------------------------------------------
async def test_every_type_has_a_form_a_definition_and_help(site):
    page = (await site.client.get("/nodes")).text
    types = {found["type"] for found in (await site.client.get("/nodes/types")).json()["types"]} - {"do", "seen"}
    for mark in (r'data-template-name="([^"]+)"', r'data-help-name="([^"]+)"', r'registerType\("([^"]+)"'):
        assert set(re.findall(mark, page)) >= types
    assert page.count("<script") == page.count("</script>")
    assert "<!-- --- [red-module:node-red/range] --- -->" in page


async def test_a_form_has_an_input_for_each_property(site):
    page = (await site.client.get("/nodes/user/ask")).text
    assert re.search(r'<input type="text" id="node-input-url"', page)
    assert re.search(r'<input type="password" id="node-input-token"', page)
    assert re.search(r'<input type="number" step="any" id="node-input-limit"', page)
    (definition,) = re.findall(r'registerType\("ask", buswayNode\((.*)\)\);', page)
    described = json.loads(definition)
    assert described["credentials"] == {"url": {"type": "text"}, "token": {"type": "password"}}
    assert [field["name"] for field in described["fields"]] == ["name", "limit"]


async def test_what_a_module_says_cannot_break_out_of_its_script(site):
    page = (await site.client.get("/nodes/user/ask")).text
    assert "How many &lt;/script&gt; at most." in page
    assert "Asks &lt;b&gt;somebody&lt;/b&gt;. <strong>Loudly.</strong>" in page


EDITOR = """
var window = globalThis, types = {};
var RED = {
    nodes: {registerType: function (type, definition) { types[type] = definition; }},
    validators: {number: function () { return function () { return true; }; }}
};
"""


async def test_the_definitions_run_in_an_editor(site):
    page = (await site.client.get("/nodes")).text
    engine = quickjs.Context()
    engine.eval(EDITOR)
    for script in re.findall(r'<script type="text/javascript">(.*?)</script>', page, re.DOTALL):
        engine.eval(script)
    told = json.loads(engine.eval("JSON.stringify(types)"))
    assert set(told) >= {"inject", "debug", "switch", "ask", "ocpp-config"}
    assert told["ocpp-config"]["category"] == "config"
    assert told["debug"]["button"] == {"toggle": "active"}
    assert told["ask"]["defaults"] == {"name": {"value": ""}, "limit": {"value": 5}}
    assert told["switch"]["defaults"]["rules"]["value"] == [{"t": "eq", "v": "", "vt": "str"}]
    assert engine.eval("types.range.label.call({name: 'mine'})") == "mine"
    assert engine.eval("types.range.label.call({})") == "range"


# -- libraries ---------------------------------------------------------------------------------------------------------
async def test_entries_are_kept_with_their_properties(site, tmp_path):
    body = {"text": "return msg;\n", "name": "Twice", "outputs": "2"}
    assert (await site.client.post("/library/local/functions/math/twice.js", json=body)).status_code == 204
    assert (tmp_path / "lib/functions/math/twice.js").read_text() == "// name: Twice\n// outputs: 2\nreturn msg;\n"
    assert (await site.client.get("/library/local/functions")).json() == ["math"]
    listed = (await site.client.get("/library/local/functions/math/")).json()
    assert listed == [{"fn": "twice.js", "name": "Twice", "outputs": "2"}]
    assert (await site.client.get("/library/local/functions/math/twice.js")).text == "return msg;\n"


async def test_flows_are_kept_as_they_are(site):
    flows = [{"id": "1", "type": "tab", "big": 12345678901234567890, "text": "ü"}]
    await site.client.post("/library/local/flows/a", content=json.dumps(flows))
    assert (await site.client.get("/library/local/flows/")).json() == [{"fn": "a.json"}]
    assert (await site.client.get("/library/local/flows/a.json")).json() == flows


async def test_the_examples_can_be_read_and_deployed_but_not_changed(site):
    listed = (await site.client.get("/library/examples/flows")).json()
    names = [entry["fn"] for entry in listed if isinstance(entry, dict)]
    assert "http-api.json" in names
    FlowModel.parse((await site.client.get("/library/examples/flows/http-api.json")).content)
    refused = await site.client.post("/library/examples/flows/http-api.json", json=[])
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "path", ["..%2Fx", "a/..%2F..%2F..%2Fflows.json", "%2e%2e/x", "..%5Cx", ".hidden", "a%00b", "link/x"]
)
async def test_paths_that_lead_out_of_a_library_are_refused(site, tmp_path, path):
    (tmp_path / "lib" / "flows").mkdir(parents=True)
    (tmp_path / "lib" / "flows" / "link").symlink_to("/etc")
    for answer in (
        await site.client.get(f"/library/local/flows/{path}"),
        await site.client.post(f"/library/local/flows/{path}", json=[]),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


# -- an editor's memory ------------------------------------------------------------------------------------------------
async def test_what_an_editor_remembers_is_merged_and_outlives_the_process(tmp_path):
    async with served(tmp_path) as site:
        await site.client.post("/settings/user", json={"view": {"zoom": 1, "grid": True}, "old": 1})
        await site.client.post("/settings/user", json={"view": {"zoom": 2, "grid": None}, "old": None})
    async with served(tmp_path) as site:
        assert (await site.client.get("/settings/user")).json() == {"view": {"zoom": 2}}
        too_much = await site.client.post("/settings/user", json={"x": "y" * 300_000})
        assert (too_much.status_code, too_much.json()["code"]) == (400, "invalid_request")


# -- icons and files -----------------------------------------------------------------------------------------------------
async def test_an_icon_that_there_is_not_is_an_arrow(site):
    answer = await site.client.get("/icons/nothing/at-all.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_modules_bring_icons_and_files_of_their_own(site, tmp_path):
    for folder, name in (("icons", "ask.svg"), ("resources", "ask.css")):
        (tmp_path / "nodes" / folder).mkdir()
        (tmp_path / "nodes" / folder / name).write_text("content")
    assert (await site.client.get("/icons")).json()["user"] == ["ask.svg"]
    assert (await site.client.get("/icons/user/ask.svg")).text == "content"
    resource = await site.client.get("/resources/user/ask.css")
    assert (resource.text, resource.headers["content-type"]) == ("content", "text/css; charset=utf-8")
    for path in ("/resources/user/..%2Fask.py", "/icons/user/..%2Fask.py", "/resources/user/nothing"):
        answer = await site.client.get(path)
        assert answer.status_code in (403, 404) or answer.text.startswith("<svg")
        assert "class Ask" not in answer.text


async def test_the_report_tells_nothing_secret(tmp_path):
    async with served(tmp_path, credential_secret="hunter2") as site:
        report = await site.client.get("/diagnostics")
    assert report.json()["runtime"]["flows"] == {"state": "start", "started": True}
    assert "hunter2" not in report.text
    assert str(tmp_path) not in report.text
