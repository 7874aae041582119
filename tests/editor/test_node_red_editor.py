"""Node-RED's own editor client on our API, in Chromium: flows drawn, an inject pressed, a deploy, a conflict."""

import asyncio
import json
import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from busway.engine.storage import FileStorage
from tests.e2e.peers import node_program
from tests.editor.node_red_editor import EditorFace, catalogue
from tests.editor.serving import place, served, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENCE = 20_000
TESTS = [{"t": "eq", "v": "1", "vt": "str"}]
RULES = [{"t": "set", "p": "topic", "pt": "msg", "to": "x", "tot": "str"}]
FLOWS = [
    {"id": "t", "type": "tab", "label": "Shop"},
    {
        **place("inject", "i", ["c"], name="press", props=[{"p": "payload"}], payload="hello", payloadType="str"),
        "x": 150,
        "y": 100,
    },
    {**place("change", "c", ["d"], name="", rules=RULES), "x": 350, "y": 100},
    {**place("switch", "s", [], name="", rules=TESTS), "x": 350, "y": 260},
    {
        **place("debug", "d", name="out", active=True, tosidebar=True, complete="payload", targetType="msg"),
        "x": 550,
        "y": 100,
    },
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield found
        await found.close()


class Editor:
    """The page, and what it complained of."""

    def __init__(self, site, page):
        self.site, self.page = site, page
        self.complaints = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(request.url))

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url')}")

    async def open(self):
        await self.page.goto(f"http://127.0.0.1:{self.site.port}/")
        await self.page.locator("#d").wait_for()
        await expect(self.page.locator("#i .red-ui-flow-node-button-disabled")).to_have_count(0, timeout=PATIENCE)

    async def drag(self, id, down):
        box = await self.page.locator(f"#{id}").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        await self.page.mouse.move(x, y)
        await self.page.mouse.down()
        await self.page.mouse.move(x, y + down, steps=8)
        await self.page.mouse.up()

    async def deploy(self):
        await self.page.locator("#red-ui-header-button-deploy").click()

    def notice(self, text):
        return self.page.locator(".red-ui-notification", has_text=text)


@pytest_asyncio.fixture(loop_scope="module")
async def editor(browser, tmp_path):
    await asyncio.to_thread(node_program)
    (tmp_path / "flows.json").write_text(json.dumps(FLOWS))
    async with served(tmp_path, storage=FileStorage(tmp_path, "flows.json")) as site:
        site.face.face.__class__ = EditorFace
        page = await browser.new_page(viewport={"width": 1400, "height": 900})
        found = Editor(site, page)
        await found.open()
        yield found
        await page.close()


async def test_flows_and_palette_are_drawn(editor):
    page = editor.page
    for id, label in (("i", "press"), ("c", "set msg.topic"), ("d", "out")):
        await expect(page.locator(f"#{id}")).to_contain_text(label)
    assert await page.locator(".red-ui-flow-link").count() == 2
    types = await page.evaluate("RED.nodes.registry.getNodeTypes()")
    assert {"inject", "debug", "function", "switch", "http in", "ocpp-in"} <= set(types)
    assert await page.locator('#i image[*|href$="icons/node-red/inject.svg"]').count() == 1
    assert editor.complaints == []


async def test_an_inject_is_pressed_and_the_debug_message_seen(editor):
    await editor.page.locator("#i .red-ui-flow-node-button-button").click()
    message = editor.page.locator(".red-ui-debug-msg")
    await expect(message).to_contain_text("hello", timeout=PATIENCE)
    await expect(message).to_contain_text("out")
    await expect(message).to_contain_text("msg.payload : string[5]")
    assert editor.complaints == []


async def test_a_status_is_shown_under_its_node(editor):
    editor.site.node("c").status("at work", "green", "dot")
    await expect(editor.page.locator("#c .red-ui-flow-node-status-label")).to_have_text("at work", timeout=PATIENCE)
    assert editor.complaints == []


async def test_a_node_is_edited_in_its_form(editor):
    page = editor.page
    await page.locator("#c").dblclick()
    await page.locator("#node-input-name").fill("renamed")
    await page.locator("#node-dialog-ok").click()
    await expect(page.locator("#c")).to_contain_text("renamed", timeout=PATIENCE)
    await editor.deploy()
    await until(lambda: editor.site.runtime.model.nodes["c"].name == "renamed")
    assert editor.site.runtime.model.nodes["c"].raw["rules"] == RULES
    assert editor.complaints == []


async def test_a_form_hides_fields_and_names_choices(editor):
    page = editor.page
    await page.locator("#c").dblclick()
    await expect(page.locator("#node-input-name")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#node-input-reg")).to_have_count(0)
    await page.locator("#node-dialog-ok").click()
    await page.locator("#i").dblclick()
    await expect(page.locator("#node-input-onceDelay")).to_be_hidden(timeout=PATIENCE)
    await page.locator("#node-input-once").check()
    await expect(page.locator("#node-input-onceDelay")).to_be_visible(timeout=PATIENCE)
    assert editor.complaints == []


async def test_a_switch_has_an_output_for_each_rule(editor):
    page = editor.page
    await page.locator("#s").dblclick()
    rules = page.locator("#busway-input-rules")
    await expect(rules).to_be_visible(timeout=PATIENCE)
    await rules.fill(json.dumps([*TESTS, {"t": "else"}]))
    await page.locator("#node-dialog-ok").click()
    await expect(page.locator("#s .red-ui-flow-port-output")).to_have_count(2, timeout=PATIENCE)
    assert editor.complaints == []


async def test_a_deploy_is_accepted(editor):
    await editor.drag("c", 100)
    await editor.deploy()
    await expect(editor.notice(catalogue("editor")["deploy"]["successfulDeploy"])).to_be_visible(timeout=PATIENCE)
    raw = editor.site.runtime.model.nodes["c"].raw
    assert raw["y"] > 150
    assert raw["rules"] == RULES
    assert editor.complaints == []


async def test_what_somebody_else_deployed_is_told_and_a_conflict_shown(editor):
    await editor.drag("c", 100)
    flows = (await editor.site.client.get("/flows")).json()
    flows[1]["name"] = "other"
    assert (await editor.site.client.post("/flows", json=flows)).status_code == 204
    texts = catalogue("editor")["deploy"]["confirm"]
    await expect(editor.notice(texts["backgroundUpdate"])).to_be_visible(timeout=PATIENCE)
    assert editor.complaints == []
    await editor.deploy()
    await expect(editor.notice(texts["conflict"].partition("<")[0])).to_be_visible(timeout=PATIENCE)
    assert editor.site.runtime.model.nodes["i"].name == "other"
    assert ["409" in complaint for complaint in editor.complaints] == [True]
