"""Every route of the admin API asked of Node-RED and of Busway, with the same flows: status and shape of the answers.

Where they differ on purpose the row says why, by the key of a paragraph in ``docs/node-red.md``.
"""

import asyncio
import json
import re
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio

from busway.engine.storage import FileStorage
from tests.e2e.peers import node_red
from tests.e2e.program import ROOT
from tests.editor.serving import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = ROOT / "docs" / "node-red.md"
FLOWS = [
    {"id": "t", "type": "tab", "label": "T", "disabled": False, "info": "about", "env": []},
    {"id": "t2", "type": "tab", "label": "Second"},
    {"id": "g", "type": "group", "z": "t", "name": "G", "nodes": ["i"], "x": 1, "y": 1, "w": 10, "h": 10},
    {"id": "i", "type": "inject", "z": "t", "g": "g", "x": 1, "y": 1, "props": [{"p": "payload"}], "wires": [["d"]]},
    {"id": "d", "type": "debug", "z": "t", "x": 2, "y": 2, "active": True, "wires": []},
    {"id": "lo", "type": "link out", "z": "t", "x": 3, "y": 3, "links": ["li"], "mode": "link", "wires": []},
    {"id": "li", "type": "link in", "z": "t", "x": 4, "y": 4, "links": ["lo"], "wires": [["d"]]},
    {"id": "gc", "type": "global-config", "env": []},
    {"id": "sf", "type": "subflow", "name": "S", "in": [], "out": [], "env": []},
    {"id": "sd", "type": "debug", "z": "sf", "x": 1, "y": 1, "wires": []},
]
ON = {"enabled": True, "ui": True}
JSON, HTML, V2 = {"Accept": "application/json"}, {"Accept": "text/html"}, {"Node-RED-API-Version": "v2"}


@dataclass
class Row:
    """One request. ``differs``: key of the reason in the document; then ``ours`` and ``theirs`` are the two statuses (None:
    only the shapes differ). ``ignore``: members whose shape is not compared."""

    method: str
    path: str
    body: object = None
    headers: dict = field(default_factory=dict)
    differs: str = ""
    ours: int | None = None
    theirs: int | None = None
    ignore: tuple = ()
    content: bytes | None = None
    is_map: bool = False
    """The names of the answer's members are not compared."""
    eventually: bool = False
    """Node-RED answers before the file is on the disk: it is asked until it finds it."""

    def __str__(self):
        text = f"{self.method} {self.path}"
        text += f" {json.dumps(self.body)[:40]}" if self.body is not None else ""
        return text + "".join(f" {value}" for value in self.headers.values())


def put(path, body, **more):
    return Row("PUT", path, body, **more)


def post(path, body=None, **more):
    return Row("POST", path, body, **more)


def get(path, headers=None, **more):
    return Row("GET", path, headers=headers or {}, **more)


def delete(path, **more):
    return Row("DELETE", path, **more)


ROWS = [
    # flows
    get("/flows"),
    get("/flows", V2),
    get("/flows", {"Node-RED-API-Version": "v3"}),
    post("/flows", FLOWS),
    post("/flows", {"flows": FLOWS}, headers=V2),
    post("/flows", {"flows": FLOWS, "rev": "stale"}, headers=V2),
    post("/flows", {}),
    post("/flows", FLOWS, headers={"Node-RED-Deployment-Type": "nodes"}),
    post("/flows", FLOWS, headers={"Node-RED-Deployment-Type": "flows"}),
    post("/flows", [], headers={"Node-RED-Deployment-Type": "reload"}),
    Row("POST", "/flows", content=b"{bad", headers={"Content-Type": "application/json"}, differs="bad-json"),
    get("/flows/state"),
    post("/flows/state", {"state": "stop"}),
    get("/flows/state"),
    post("/flows/state", {"state": "start"}),
    post("/flows/state", {"state": "pause"}),
    post("/flows/state", {}),
    # single flows
    get("/flow/t"),
    get("/flow/t2"),
    get("/flow/global", differs="users", ignore=("_users",)),
    get("/flow/nothing"),
    post("/flow", {"label": "N", "nodes": [{"id": "n1", "type": "debug", "x": 1, "y": 1, "wires": []}]}),
    post("/flow", {"label": "N"}),
    post("/flow", {"label": "N", "nodes": [{"id": "i", "type": "inject"}]}),
    post("/flow", {"label": "N", "nodes": [{"id": "q", "type": "tab"}]}),
    post("/flow", []),
    put("/flow/t2", {"label": "renamed", "nodes": [], "info": "x"}),
    get("/flow/t2"),
    put("/flow/t2", {"label": "bare"}),
    put("/flow/nothing", {"label": "x", "nodes": []}),
    put(
        "/flow/t2",
        {"label": "x", "nodes": [{"id": "i", "type": "debug"}]},
        differs="duplicate-id",
        ours=400,
        theirs=200,
    ),
    post("/flows", FLOWS),
    put("/flow/global", {"configs": [], "subflows": []}),
    get("/flow/global"),
    delete("/flow/global"),
    delete("/flow/nothing"),
    delete("/flow/t2"),
    post("/flows", FLOWS),
    # nodes
    get("/nodes", JSON, ignore=("err",)),
    get("/nodes", HTML),
    get("/nodes", {"Accept": "*/*"}),
    get("/nodes/node-red", differs="module", ignore=("local", "user")),
    get("/nodes/nothing"),
    get("/nodes/node-red/inject", JSON),
    get("/nodes/node-red/inject", HTML),
    get("/nodes/node-red/nothing", JSON),
    get("/nodes/node-red/nothing", HTML),
    put("/nodes/node-red/inject", {}),
    put("/nodes/node-red/inject", {"enabled": False}),
    put("/nodes/node-red/range", {"enabled": False}, differs="set-info", ignore=("version",)),
    get("/nodes/node-red/range", JSON),
    put("/nodes/node-red/range", {"enabled": True}, differs="set-info", ignore=("loaded",)),
    put("/nodes/node-red", {"enabled": False}),
    put("/nodes/node-red", {}),
    put("/nodes/nothing", {"enabled": True}, differs="missing-set", ours=404, theirs=400),
    put("/nodes/node-red/nothing", {"enabled": True}, differs="missing-set", ours=404, theirs=400),
    post("/nodes", {}),
    post("/nodes", {"module": "../evil"}, differs="install", ours=400, theirs=404),
    delete("/nodes/node-red"),
    delete("/nodes/nothing"),
    get("/nodes/messages?lng=en-US", is_map=True),
    get("/nodes/node-red/inject/messages?lng=en-US"),
    # icons, translations, files
    get("/icons", is_map=True),
    get("/icons/node-red/inject.svg"),
    get("/icons/node-red/nothing.svg"),
    get("/icons/nothing/nothing.svg"),
    get("/locales/editor?lng=en-US", differs="catalogues", ignore=("*",)),
    get("/locales/nothing"),
    get("/resources/node-red/nothing"),
    get("/plugins", HTML),
    get("/plugins", JSON),
    get("/plugins/messages"),
    get("/plugins/nothing"),
    get("/plugins/nothing/set", differs="plugin-set", ours=404, theirs=200),
    # context
    get("/context/global"),
    get("/context/global?keysOnly"),
    get("/context/global?store=nothing"),
    get("/context/global/nothing"),
    get("/context/global/nothing?keysOnly"),
    get("/context/flow/t"),
    get("/context/flow/nothing", differs="flow-context", ignore=("*",)),
    get("/context/node/i"),
    get("/context/node/nothing"),
    delete("/context/global/nothing"),
    delete("/context/node/nothing/key"),
    delete("/context/global"),
    # actions
    post("/inject/i"),
    post("/inject/i", {"__user_inject_props__": [{"p": "payload", "v": "1", "vt": "num"}]}),
    post("/inject/i", {"__user_inject_props__": 5}, differs="bodies", ours=400, theirs=200),
    post("/inject/nothing"),
    post("/inject/d", differs="inject-others", ours=404, theirs=200),
    post("/debug/d/disable"),
    post("/debug/d/enable"),
    post("/debug/i/enable"),
    post("/debug/nothing/enable"),
    post("/debug/d/other"),
    post("/debug/disable", {"nodes": ["d"]}),
    post("/debug/enable", {"nodes": ["d"]}),
    post("/debug/enable", {}, differs="bodies"),
    get("/debug/view/view.html"),
    # settings, credentials
    get("/settings", differs="settings", ignore=("*",)),
    get("/settings/user"),
    post("/settings/user", {"a": {"b": 1, "c": 2}}),
    post("/settings/user", {"a": {"b": None, "d": [1]}}),
    get("/settings/user"),
    post("/settings/user", [], differs="bodies", ours=400, theirs=204),
    get("/credentials/inject/i"),
    get("/credentials/tab/t"),
    get("/credentials/nothing/nothing"),
    # library
    get("/library/local/flows"),
    get("/library/local/flows/"),
    post("/library/local/flows/a/b", [{"id": "1", "type": "tab"}]),
    get("/library/local/flows/a/b.json", eventually=True),
    get("/library/local/flows/"),
    get("/library/local/flows/a"),
    get("/library/local/flows/a/nothing"),
    post("/library/local/functions/f.js", {"text": "return msg;", "name": "N", "outputs": "1"}),
    post("/library/local/functions/g.js", {"text": "return msg;", "outputs": 1}),
    get("/library/local/functions/f.js", eventually=True),
    get("/library/local/functions/"),
    get("/library/local/templates/"),
    get("/library/local/nothing/"),
    get("/library/nothing/flows/"),
    get("/library/local/flows/..%2Fx"),
    post("/library/local/flows/..%2Fx", []),
    get("/library/examples/flows/", differs="examples", ignore=("*",)),
    # the rest
    get("/diagnostics", differs="diagnostics", ignore=("*",)),
    get("/theme", differs="theme", ignore=("*",)),
    get("/projects"),
    get("/auth/login"),
]


class Both:
    """The two runtimes."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs

    async def ask(self, row):
        options = {"headers": row.headers}
        if row.content is not None:
            options["content"] = row.content
        elif row.body is not None:
            options["json"] = row.body
        ours = await self.ours.request(row.method, row.path, **options)
        theirs = await self.theirs.request(row.method, row.path, **options)
        for _ in range(200 if row.eventually else 0):
            if theirs.status_code == 200:
                break
            await asyncio.sleep(0.02)
            theirs = await self.theirs.request(row.method, row.path, **options)
        return ours, theirs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    async with (
        node_red(folder / "node-red", FLOWS, disableEditor=False, runtimeState=ON, diagnostics=ON) as (
            _process,
            address,
        ),
        httpx.AsyncClient(base_url=address, timeout=20) as theirs,
        served(folder / "busway", storage=FileStorage(folder / "busway")) as site,
    ):
        pair = Both(site.client, theirs)
        for answer in await pair.ask(post("/flows", FLOWS)):
            assert answer.status_code == 204
        yield pair


def shape_of_map(value, ignore):
    return sorted({json.dumps(shape(item, ignore), sort_keys=True) for item in value.values() if item != []})


def shape(value, ignore=()):
    """What kind of value it is, all the way down: of a list the kinds of its elements, of an object the kinds of its members."""
    if isinstance(value, dict):
        return "any" if "*" in ignore else {k: shape(v, ignore) for k, v in value.items() if k not in ignore}
    if isinstance(value, list):
        kinds = {json.dumps(shape(item, ignore), sort_keys=True) for item in value}
        return "any" if "*" in ignore else ["list of", *sorted(kinds)]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def body_shape(answer, row):
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind != "application/json":
        return kind, bool(answer.text.strip())
    return kind, (shape_of_map if row.is_map else shape)(answer.json(), row.ignore)


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_both_answer_alike(both, row):
    ours, theirs = await both.ask(row)
    expected = (row.ours or theirs.status_code, row.theirs or theirs.status_code)
    assert (ours.status_code, theirs.status_code) == expected, (ours.text, theirs.text)
    if row.ours is None and theirs.status_code < 400:
        assert body_shape(ours, row) == body_shape(theirs, row)
    elif ours.status_code >= 400 and ours.headers.get("content-type", "").startswith("application/json"):
        assert ours.json().keys() >= {"code", "message"}
    if row.method == "GET" and ours.status_code == theirs.status_code == 200:
        assert ours.headers["etag"].startswith('W/"')
        assert theirs.headers.get("etag", 'W/"').startswith('W/"'), "files of its library have none"


@pytest.mark.parametrize("path", ["/flows", "/flow/t", "/flows/state", "/nodes", "/settings/user", "/auth/login"])
async def test_both_tell_clients_what_they_have_already(both, path):
    for site in (both.ours, both.theirs):
        tag = (await site.get(path, headers=JSON)).headers["etag"]
        for given, status in ((tag, 304), (f'"other", {tag[2:]}', 304), ("*", 304), ('W/"other"', 200), ("", 200)):
            answer = await site.get(path, headers=JSON | {"If-None-Match": given})
            assert (answer.status_code, answer.headers["etag"]) == (status, tag), given
            assert "content-type" not in answer.headers or status == 200
        asked = JSON | {"If-None-Match": tag, "Cache-Control": "max-age=0, no-cache"}
        assert (await site.get(path, headers=asked)).status_code == 200
        assert (await site.head(path, headers=JSON | {"If-None-Match": tag})).status_code == 304


async def test_the_same_bytes_have_the_same_tag(both):
    ours, theirs = await both.ask(get("/flows/state"))
    assert (ours.content, ours.headers["etag"]) == (theirs.content, theirs.headers["etag"])


async def test_the_document_lists_every_difference():
    listed = set(re.findall(r"^- `([\w-]+)`: .{20,}", DOCUMENT.read_text(), re.MULTILINE))
    assert listed == {row.differs for row in ROWS if row.differs}
