"""Node-RED's own editor client in front of our API: its page and files, everything else is ours. For tests only."""

import json
import re
from pathlib import Path

from busway.editor.server.asgi import Face
from busway.editor.server.wire import send_answer
from busway.engine.http import Answer
from tests.e2e.peers import PEERS

MODULES = PEERS / "node_modules" / "@node-red"
CLIENT = MODULES / "editor-client"
CATALOGUES = {"node-red": MODULES / "nodes" / "locales" / "en-US" / "messages.json"}
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
}
VALUES = {
    "page.title": "Node-RED's editor on Busway",
    "page.favicon": "favicon.ico",
    "page.tabicon.icon": "red/images/node-red-icon-black.svg",
    "page.tabicon.colour": "#8f0000",
    "asset.vendorMonaco": "vendor/monaco/monaco-bootstrap.js",
    "asset.red": "red/red.min.js",
    "asset.main": "red/main.min.js",
    "cacheBuster": "1",
}


class EditorFace(Face):
    """Our face, with the editor client before it: ``face.__class__ = EditorFace`` puts it there."""

    async def __call__(self, scope, receive, send):
        answer = _file(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await super().__call__(scope, receive, send)
        else:
            await receive()
            await send_answer(send, answer)


def _file(path):
    if path == "/":
        return _answer(_page().encode(), "text/html; charset=utf-8")
    if path.startswith("/locales/"):
        name = path.removeprefix("/locales/")
        file = CATALOGUES.get(name, CLIENT / "locales" / "en-US" / f"{name}.json")
        return _answer(file.read_bytes() if file.is_file() else b"{}", "application/json")
    if path.startswith(("/red/", "/vendor/", "/favicon.ico", "/types/")):
        file = CLIENT / "public" / path[1:]
        return (
            _answer(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream")) if file.is_file() else None
        )
    return None


def _page():
    """The client's own template, filled as far as it is needed."""
    text = (CLIENT / "templates" / "index.mst").read_text()
    text = re.sub(
        r"{{\s*#\s*([\w.]+)\s*}}(.*?){{\s*/\s*\1\s*}}", lambda m: m[2] if m[1] in VALUES else "", text, flags=re.DOTALL
    )
    return re.sub(r"{{{?\s*([\w.]+)\s*}?}}", lambda m: VALUES.get(m[1], ""), text)


def _answer(body, content_type):
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    return Answer(200, headers, body)


def catalogue(name):
    """A message catalogue of the client."""
    return json.loads(Path(CLIENT / "locales" / "en-US" / f"{name}.json").read_text())
