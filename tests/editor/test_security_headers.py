"""What browsers are told about our answers."""

import re

import pytest

from busway.editor.server.security_headers import policy_of, with_page_headers
from tests.editor.people import guarded
from tests.editor.serving import served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as running:
        yield running


def policy(answer):
    parts = [part.split() for part in answer.headers["content-security-policy"].split(";")]
    return {name: values for name, *values in parts}


async def test_our_page_runs_nothing_but_its_own_files(site):
    answer = await site.client.get("/debug/view/view.html")
    told = policy(answer)
    assert told["default-src"] == ["'none'"]
    assert told["script-src"] == told["style-src"] == told["connect-src"] == ["'self'"]
    assert told["base-uri"] == told["form-action"] == ["'none'"]
    assert told["frame-ancestors"] == ["'self'"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|javascript:", answer.text)


async def test_the_page_of_the_api_runs_nothing_that_it_does_not_name(site):
    answer = await site.client.get("/docs")
    told = policy(answer)
    scripts = re.findall(r"<script src=\"(https://[^\"]+)\"", answer.text)
    assert set(scripts) <= set(told["script-src"])
    assert "'unsafe-inline'" not in told["script-src"]
    assert "'unsafe-eval'" not in told["script-src"]
    assert "https:" not in told["script-src"]
    assert told["default-src"] == ["'none'"]


async def test_data_is_nothing_that_a_browser_runs(site):
    for path in ("/flows", "/settings", "/openapi.json", "/auth/login", "/health/live", "/nowhere/at/all"):
        answer = await site.client.get(path)
        if path != "/nowhere/at/all":
            assert policy(answer)["default-src"] == ["'none'"]
            assert "sandbox" in policy(answer)
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_refusal_is_no_page_either(tmp_path):
    async with guarded(tmp_path) as site:
        assert "sandbox" in policy(await site.client.get("/flows"))


def test_inline_scripts_are_allowed_by_their_hash():
    html = """<link rel="stylesheet" href="https://a.example/x.css?v=1"><script src="https://a.example/x.js"></script>
    <script>
    run()
    </script><script src='/own.js'></script>"""
    told = policy_of(html)
    assert "script-src 'self' https://a.example/x.js 'sha256-" in told
    assert "style-src 'self' 'unsafe-inline' https://a.example/x.css;" in told


async def test_an_answer_in_parts_is_sent_whole():
    sent = []

    async def send(event):
        sent.append(event)

    forward = with_page_headers(send)
    await forward({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await forward({"type": "http.response.body", "body": b"<scr", "more_body": True})
    await forward({"type": "http.response.body", "body": b"ipt>x</script>"})
    assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b"<script>x</script>"
    assert b"sha256-" in dict(sent[0]["headers"])[b"content-security-policy"]
