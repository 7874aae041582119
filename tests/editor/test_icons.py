import re
from xml.dom import minidom

import pytest

from busway.editor.server import icons
from busway.engine.registry import Registry
from tests.editor.serving import place

pytestmark = pytest.mark.asyncio(loop_scope="module")
NODE_RED = {
    *(
        "alert",
        "arrow-in",
        "batch",
        "bridge",
        "bridge-dash",
        "cog",
        "comment",
        "db",
        "debug",
        "envelope",
        "feed",
        "file",
    ),
    *("file-in", "file-out", "function", "hash", "inject", "join", "light", "link-call", "link-out", "link-return"),
    *(
        "mouse",
        "parser-csv",
        "parser-html",
        "parser-json",
        "parser-xml",
        "parser-yaml",
        "range",
        "serial",
        "sort",
        "split",
    ),
    *("status", "subflow", "swap", "switch", "template", "timer", "trigger", "watch", "white-globe"),
}


async def test_every_icon_that_a_node_names_is_there():
    for cls in Registry().all():
        if cls.icon:
            assert icons.closest(cls.icon) != icons.DEFAULT, f"{cls.type} names {cls.icon}"


async def test_node_reds_names_are_known():
    assert icons.names() >= NODE_RED


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ("inject.svg", "inject"),
        ("rbe.png", "rbe"),
        ("node-red/debug.svg", "debug"),
        ("font-awesome/fa-bolt", "bolt"),
        ("fa-sign-in", "sign-in"),
        ("font-awesome/fa-lightbulb-o", "light"),
        ("font-awesome/fa-no-such-thing", "arrow-in"),
        ("", "arrow-in"),
        ("../../../etc/passwd", "arrow-in"),
    ],
)
async def test_the_closest_icon_is_found(asked, ours):
    assert icons.closest(asked) == ours


async def test_all_icons_are_drawn_alike_and_run_nothing():
    for name in icons.names():
        text = icons.read(name).decode()
        root = minidom.parseString(text).documentElement
        assert (root.tagName, root.getAttribute("viewBox")) == ("svg", "0 0 24 24"), name
        assert root.childNodes, name
        assert set(re.findall(r'(?:fill|stroke|color)="([^"]+)"', text)) <= {"none", "currentColor", "#fff"}, name
        assert set(re.findall(r"<(\w+)", text)) <= {"svg", "path", "circle", "rect"}, name


async def test_they_are_served_and_listed(site):
    await site.deploy(place("seen", "s"))
    listed = (await site.client.get("/icons")).json()
    assert "inject.svg" in listed["node-red"]
    for path, name in (
        ("node-red/inject.svg", "inject"),
        ("font-awesome/fa-bolt.svg", "bolt"),
        ("x/y.png", "arrow-in"),
    ):
        answer = await site.client.get(f"/icons/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert answer.content == icons.read(name)
