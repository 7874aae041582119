"""The page of debug messages in a browser, on a server with users."""

import shutil

from playwright.async_api import async_playwright

from tests.editor.people import guarded
from tests.editor.serving import until

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


async def test_it_asks_who_looks_and_then_shows_messages(tmp_path):
    async with guarded(tmp_path) as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"http://127.0.0.1:{site.port}/debug/view/view.html")
        await page.get_by_label("Name").fill("rudi")
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("Invalid resource owner credentials").wait_for()
        assert len(complaints) == 1  # the browser notes the answer 403
        await page.get_by_label("Password").fill("rudi's secret")
        await page.get_by_role("button", name="Log in").click()
        await until(lambda: site.face.comms.clients)
        site.face.comms.publish("debug", {"id": "n", "msg": "hello browser", "format": "string[13]"})
        await page.get_by_text("hello browser").wait_for()
        await page.reload()
        await until(lambda: len(site.face.comms.clients) == 1)
        assert await page.locator("#login").is_hidden()
        assert len(complaints) == 1
        await browser.close()
