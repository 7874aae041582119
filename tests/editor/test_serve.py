"""The life of the HTTP face."""

import asyncio
import socket
import subprocess
import sys

import httpx
import pytest

from busway.editor.server.serve import CannotListen, HttpFace
from busway.engine.model import FlowModel
from tests.editor.serving import QuietRuntime, do, place, served, settings_for, until


async def test_requests_wait_until_the_flows_are_loaded(tmp_path):
    runtime = QuietRuntime(settings_for(tmp_path))
    face = HttpFace(runtime)
    assert face.state == "stopped"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await face.start()}") as client:
        assert face.state == "starting"
        early = asyncio.create_task(client.get("/flows"))
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
        assert not early.done()
        await runtime.start(FlowModel.parse([{"id": "t", "type": "tab"}]))
        assert (await early).json() == [{"id": "t", "type": "tab"}]
        assert face.state == "ready"
        assert (await client.get("/health/ready")).status_code == 200
    await face.stop()
    await runtime.stop()
    assert face.state == "stopped"


async def test_requests_do_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("busway.editor.server.asgi.START_PATIENCE", 0.01)
    face = HttpFace(QuietRuntime(settings_for(tmp_path)))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await face.start()}") as client:
        answer = await client.get("/flows")
    await face.stop()
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "starting", "1")


async def test_it_is_ready_too_when_flows_cannot_be_started(tmp_path):
    async with served(tmp_path, start_with_unknown_types=False) as site:
        await site.client.post("/flows", json=[{"id": "t", "type": "tab"}, place("strange", "s")])
        assert site.runtime.state == "stop"
        assert len((await site.client.get("/flows")).json()) == 2
        assert (await site.client.get("/health/ready")).status_code == 503


async def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        face = HttpFace(QuietRuntime(settings_for(tmp_path, port=port)))
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}.*choose another --port"):
            await face.start()


async def test_an_address_that_is_none_is_named(tmp_path):
    face = HttpFace(QuietRuntime(settings_for(tmp_path, host="no such host")))
    with pytest.raises(CannotListen, match="'no such host' is no address to listen on"):
        await face.start()


async def test_what_is_under_way_is_answered_before_it_stops(tmp_path):
    delay = place("delay", "d", ["out"], pauseType="delay", timeout="0.3", timeoutUnits="seconds")
    nodes = place("http in", "in", ["d"], method="get", url="/x"), delay, place("http response", "out")
    async with served(tmp_path, *nodes) as site, httpx.AsyncClient(base_url=site.client.base_url) as client:
        request = asyncio.create_task(client.get("/x?a=1"))
        await until(lambda: site.runtime.dispatcher.origins)
        await site.face.drain()
        assert site.face.state == "draining"
        refused = await site.client.get("/x")
        assert (refused.status_code, refused.json()["message"]) == (503, "the server is stopping")
        await site.face.stop()
        assert (await request).json() == {"a": "1"}


async def test_sockets_are_closed_when_it_stops(tmp_path):
    async with served(tmp_path) as site, site.comms() as client:
        await client.subscribe("x")
        await asyncio.wait_for(site.face.stop(), 5)
        await asyncio.wait_for(client.socket.wait_closed(), 5)
        assert not site.runtime.events.heard("debug")
        assert not site.runtime.events.heard("status")


@do
def crash(msg):
    raise ValueError("boom")


async def test_a_client_that_goes_away_leaves_nothing_behind(tmp_path):
    delay = place("delay", "d", ["out"], pauseType="delay", timeout="0.2", timeoutUnits="seconds")
    nodes = place("http in", "in", ["d"], method="get", url="/x"), delay, place("http response", "out")
    async with served(tmp_path, *nodes) as site:
        with pytest.raises(httpx.ReadTimeout):
            await site.client.get("/x", timeout=0.05)
        assert await site.runtime.dispatcher.drained(5)
        assert site.node("in")._waiting == 0
        assert (await site.client.get("/x")).status_code == 200


def test_neither_starting_nor_serving_loads_the_web_framework(tmp_path):
    program = f"""
import asyncio, sys, urllib.request
from pathlib import Path
from busway.editor.server.serve import HttpFace
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

async def main():
    runtime = Runtime(Settings(user_dir=Path({str(tmp_path)!r}), port=0))
    face = HttpFace(runtime)
    port = await face.start()
    await runtime.start()
    def get(path):
        return urllib.request.urlopen(f"http://127.0.0.1:{{port}}{{path}}").status
    assert await asyncio.to_thread(get, "/flows") == 200
    heavy = {{"fastapi", "starlette", "websockets", "networkx", "cryptography", "redis", "jinja2"}}
    print(sorted(heavy & set(sys.modules)))
    assert await asyncio.to_thread(get, "/openapi.json") == 200
    print("fastapi" in sys.modules)
    await face.stop()
    await runtime.stop()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["[]", "True"], done.stderr
