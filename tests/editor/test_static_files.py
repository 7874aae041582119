"""Folders of files below the flows' endpoints."""

import asyncio
import os
from email.utils import formatdate

import pytest

from tests.editor.people import cheap_hash
from tests.editor.serving import do, place, served

SECRET = "what nobody may read"
AUTH = {"user": "reader", "password": cheap_hash("files")}


async def raw_get(port, path):
    """The answer to a path that clients would tidy up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@do
def answer_as_flow(msg):
    return msg | {"payload": "flow"}


@pytest.fixture
def folder(tmp_path):
    """What is served stands in ``public``; beside it a secret."""
    public = tmp_path / "public"
    (public / "sub" / "deep").mkdir(parents=True)
    for name, text in {
        "index.html": "<p>home",
        "app.js": "run()",
        "font.woff2": "f",
        "a b.txt": "space",
        ".env": "hidden",
        "sub/index.html": "<p>sub",
        "sub/data.json": "{}",
        "big.bin": "x" * 700_000,
    }.items():
        (public / name).write_text(text)
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "public-secret").mkdir()
    (tmp_path / "public-secret" / "x.txt").write_text(SECRET)
    (public / "link.txt").symlink_to(tmp_path / "secret.txt")
    (public / "out").symlink_to(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/", "<p>home", "text/html; charset=utf-8"),
        ("/app.js", "run()", "text/javascript; charset=utf-8"),
        ("/font.woff2", "f", "font/woff2"),
        ("/a%20b.txt", "space", "text/plain; charset=utf-8"),
        ("/sub/", "<p>sub", "text/html; charset=utf-8"),
        ("/sub/data.json", "{}", "application/json; charset=utf-8"),
        ("/big.bin", "x" * 700_000, "application/octet-stream"),
    ],
)
async def test_files_are_served_with_their_type(folder, path, content, kind):
    async with served(folder, http_static="public") as site:
        answer = await site.client.get(path)
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, content, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        head = await site.client.head(path)
        assert (head.headers["content-length"], head.content) == (str(len(content)), b"")


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/..%2f..%2fsecret.txt", "/..%5csecret.txt"),
        *("/../public-secret/x.txt", "/%2e%2e%2fpublic-secret/x.txt", "//etc/passwd", "/%2fetc/passwd"),
        *("/.env", "/%2eenv", "/link.txt", "/out/secret.txt", "/a%00.txt", "/%ff", "/sub/deep", "/sub/deep/"),
        *("/nothing", "/app.js/", "/app.js/x", "/" + "a" * 5000, "/index.html/../../secret.txt"),
    ],
)
async def test_nothing_else_is_served(folder, path):
    async with served(folder, http_static="public") as site:
        answer = await raw_get(site.port, path)
        assert SECRET.encode() not in answer
        assert answer.startswith(b"HTTP/1.1 404 ")


async def test_what_a_client_has_is_not_sent_again(folder):
    os.utime(folder / "public" / "app.js", (1_700_000_000.5, 1_700_000_000.5))
    async with served(folder, http_static="public") as site:
        first = await site.client.get("/app.js")
        assert first.headers["last-modified"] == formatdate(1_700_000_000, usegmt=True)
        for given, status in (
            ({"If-None-Match": first.headers["etag"]}, 304),
            ({"If-Modified-Since": first.headers["last-modified"]}, 304),
            ({"If-Modified-Since": formatdate(1_600_000_000, usegmt=True)}, 200),
            ({"If-Modified-Since": "yesterday"}, 200),
            ({"If-None-Match": '"x"', "If-Modified-Since": first.headers["last-modified"]}, 200),
        ):
            answer = await site.client.get("/app.js", headers=given)
            assert (answer.status_code, answer.text) == (status, "run()" if status == 200 else "")
        (folder / "public" / "app.js").write_text("changed()")
        changed = await site.client.get("/app.js", headers={"If-None-Match": first.headers["etag"]})
        assert changed.text == "changed()"


async def test_a_folder_is_asked_with_its_slash_and_never_leads_to_another_host(folder):
    async with served(folder, http_static="public") as site:
        answer = await site.client.get("/sub")
        assert (answer.status_code, answer.headers["location"]) == (301, "/sub/")
        assert b"\r\nlocation: /sub/\r\n" in await raw_get(site.port, "//sub")


async def test_flows_and_the_admin_api_come_first(folder):
    (folder / "public" / "hello").write_text("file")
    (folder / "public" / "flows").write_text("file")
    nodes = [
        place("http in", "in", ["f"], method="get", url="/hello"),
        place("do", "f", ["out"], what="answer_as_flow"),
        place("http response", "out"),
    ]
    async with served(folder, *nodes, http_static="public") as site:
        assert (await site.client.get("/hello")).text == "flow"
        assert (await site.client.get("/flows")).json()[0]["id"] == "t"
        assert (await site.client.post("/app.js")).status_code == 404


async def test_several_folders_have_prefixes_of_their_own(folder):
    folders = [{"path": "public/sub", "root": "/data/"}, str(folder / "public")]
    async with served(folder, http_static=folders, http_static_root="/files") as site:
        assert (await site.client.get("/files/data/data.json")).text == "{}"
        assert (await site.client.get("/files/app.js")).text == "run()"
        for path in ("/app.js", "/filesapp.js", "/files-/app.js"):
            assert (await site.client.get(path)).status_code == 404


async def test_files_may_ask_for_a_password(folder):
    async with served(folder, http_static="public", http_static_auth=AUTH) as site:
        assert (await site.client.get("/app.js")).status_code == 401
        assert (await site.client.get("/nothing")).status_code == 401
        assert (await site.client.get("/app.js", auth=("reader", "files"))).text == "run()"


async def test_pages_of_named_origins_may_load_files(folder):
    origin = {"Origin": "https://app.example"}
    async with served(folder, http_static="public", http_static_cors={"origins": ["https://app.example"]}) as site:
        assert (await site.client.get("/app.js", headers=origin)).headers["access-control-allow-origin"]
        asked = await site.client.options("/app.js", headers=origin | {"Access-Control-Request-Method": "GET"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "https://app.example")


async def test_a_folder_that_is_not_there_is_told(folder, caplog):
    async with served(folder, http_static="missing") as site:
        assert (await site.client.get("/app.js")).status_code == 404
    assert f"there is no folder {folder / 'missing'}" in caplog.text
