"""Answers over real HTTP. Expectations were made with Node-RED 5.0.7, differences are named."""

import asyncio
from datetime import UTC, datetime

import pytest

from busway.engine.message import UNDEFINED
from busway.nodes.network.request_mark import MARK, headers_hash
from tests.editor.serving import do, place

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
ANSWER = {}


@do
def answer(msg):
    """Gives the message the properties that the test wants answered."""
    del msg["payload"]
    msg |= {key: value for key, value in ANSWER.items() if value is not UNDEFINED}
    return msg


async def answered(site, query="", status="", node_headers=None, **properties):
    """The answer to a message with these properties, and the errors that there were."""
    nodes = (
        place("http in", "in", ["do"], method="get", url="/x"),
        place("do", "do", ["out"], what="answer"),
        place("http response", "out", statusCode=status, headers=node_headers or {}),
    )
    ANSWER.clear()
    ANSWER.update(properties)
    errors = []
    await site.deploy(*nodes)
    off = site.runtime.events.on("log", lambda line: errors.append(str(line["msg"])))
    found = await site.client.get(f"/x{query}")
    await site.settled()
    off()
    return found, errors


@pytest.mark.parametrize(
    ("payload", "body", "content_type"),
    [
        ("hi", b"hi", HTML),
        ("", b"", HTML),
        ("é", "é".encode(), HTML),
        (5, b"5", HTML),
        (5.0, b"5", HTML),
        (1e21, b"1e+21", HTML),
        (float("nan"), b"NaN", HTML),
        (None, b"null", JSON),
        (UNDEFINED, b"", None),
        ([1, 2], b"[1,2]", JSON),
        ({"a": 1, "c": 5.0}, b'{"a":1,"c":5}', JSON),
        (b"abc", b"abc", "application/octet-stream"),
        ({"b": b"ab"}, b'{"b":{"type":"Buffer","data":[97,98]}}', JSON),
        (datetime(1970, 1, 1, tzinfo=UTC), b'"1970-01-01T00:00:00.000Z"', JSON),
    ],
)
async def test_the_payload_decides_body_and_type(site, payload, body, content_type):
    found, errors = await answered(site, payload=payload)
    assert (found.status_code, found.content, errors) == (200, body, [])
    assert found.headers.get("content-type") == content_type
    assert found.headers["content-length"] == str(len(body))
    assert ("x-content-type-options" in found.headers) == (content_type == JSON)


@pytest.mark.parametrize(("payload", "body"), [(True, b"true"), (False, b"false")])
async def test_true_and_false_are_answered_where_node_red_leaves_the_client_waiting(site, payload, body):
    found, _ = await answered(site, payload=payload)
    assert (found.content, found.headers["content-type"]) == (body, HTML)


@pytest.mark.parametrize(
    ("in_node", "in_message", "status"),
    [
        ("", UNDEFINED, 200),
        ("", 404, 404),
        ("", "418", 418),
        ("", 404.0, 404),
        ("", "abc", 200),
        ("", None, 200),
        ("", 0, 200),
        ("201", 404, 201),
        (202, UNDEFINED, 202),
        ("", 599, 599),
    ],
)
async def test_the_status_is_the_nodes_else_the_messages(site, in_node, in_message, status):
    found, _ = await answered(site, status=in_node, payload="x", statusCode=in_message)
    assert (found.status_code, found.text) == (status, "x")


@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_no_body(site, status):
    found, _ = await answered(site, payload="x", statusCode=status)
    assert (found.status_code, found.content) == (status, b"")
    assert not {"content-type", "content-length", "transfer-encoding"} & set(found.headers)


async def test_resetting_the_content_has_an_empty_body(site):
    found, _ = await answered(site, payload="x", statusCode=205)
    assert (found.status_code, found.headers["content-length"]) == (205, "0")


@pytest.mark.parametrize("status", [100, 600])
async def test_a_status_that_there_is_not_is_an_error_and_gives_500(site, status):
    found, errors = await answered(site, payload="x", statusCode=status)
    assert found.status_code == 500
    assert "no HTTP status code" in errors[0]


@pytest.mark.parametrize(
    ("payload", "given", "content_type"),
    [
        ("x", "text/plain", "text/plain; charset=utf-8"),
        ("x", "application/xml", "application/xml; charset=utf-8"),
        ("x", "image/png; charset=x", "image/png; charset=utf-8"),
        ({"a": 1}, "application/vnd.api+json", "application/vnd.api+json; charset=utf-8"),
        (b"x", "image/png", "image/png"),
        (b"x", "text/csv", "text/csv; charset=utf-8"),
        (b"x", "text/csv; charset=latin1", "text/csv; charset=latin1"),
        ("x", "", HTML),
    ],
)
async def test_a_content_type_gets_its_charset(site, payload, given, content_type):
    found, _ = await answered(site, payload=payload, headers={"Content-Type": given})
    assert found.headers["content-type"] == content_type


async def test_headers_are_sent_as_text(site):
    headers = {"X-N": 5, "X-B": True, "X-L": ["1", "2"], "X-U": "é", "Location": "/there"}
    found, _ = await answered(site, payload="x", headers=headers)
    assert [found.headers[name] for name in ("x-n", "x-b", "x-u", "location")] == ["5", "true", "é", "/there"]
    assert found.headers.get_list("x-l") == ["1", "2"]


@pytest.mark.parametrize("name", ["content-length", "transfer-encoding", "connection"])
async def test_headers_that_follow_from_the_body_are_the_servers(site, name):
    found, errors = await answered(site, payload="xyz", headers={name: "500"})
    assert (found.text, found.headers["content-length"], errors) == ("xyz", "3", [])


async def test_headers_of_the_node_win(site):
    headers = {"x-node": "m", "X-Other": "1", "Content-Type": "text/csv"}
    node_headers = {"X-Node": "cfg", "content-type": "text/plain"}
    found, _ = await answered(site, payload="x", headers=headers, node_headers=node_headers)
    assert [found.headers[name] for name in ("x-node", "x-other", "content-type")] == [
        "cfg",
        "1",
        "text/plain; charset=utf-8",
    ]


async def test_headers_from_an_http_request_node_are_not_sent_on_unless_they_changed(site):
    headers = {"content-type": "text/csv", "x-from": "elsewhere"}
    found, _ = await answered(site, payload="x", headers=headers | {MARK: headers_hash(headers)})
    assert "x-from" not in found.headers
    assert found.headers["content-type"] == HTML
    found, _ = await answered(site, payload="x", headers=headers | {MARK: headers_hash({})})
    assert found.headers["x-from"] == "elsewhere"
    assert MARK not in found.headers


@pytest.mark.parametrize("headers", [{"X-A": "a\nb"}, {"bad name": "a"}, {"X-A": "€"}, {"X-A": "a\r\nX-B: c"}])
async def test_a_header_that_cannot_be_sent_is_an_error(site, headers):
    found, errors = await answered(site, payload="x", headers=headers)
    assert found.status_code == 500
    assert "header" in errors[0]


async def test_cookies_are_set_and_removed(site):
    cookies = {
        "a": "x y",
        "b": {"value": "v", "path": "/p", "httpOnly": True},
        "c": None,
        "d": {"value": None, "path": "/q"},
        "e": 5,
    }
    found, _ = await answered(site, payload="x", cookies=cookies, headers={"set-cookie": "z=1"})
    assert found.headers.get_list("set-cookie") == [
        "z=1",
        "a=x%20y; Path=/",
        "b=v; Path=/p; HttpOnly",
        "c=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "d=; Path=/q; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "e=5; Path=/",
    ]


@pytest.mark.parametrize("cookies", [{"bad name": "1"}, {"a": {"value": "v", "sameSite": "bogus"}}, {"a": {}}])
async def test_a_cookie_that_cannot_be_set_is_an_error(site, cookies):
    found, errors = await answered(site, payload="x", cookies=cookies)
    assert found.status_code == 500
    assert "cookie" in errors[0]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?callback=foo", b"/**/ typeof foo === 'function' && foo({\"a\":1});"),
        ("?callback=foo&callback=bar", b"/**/ typeof foo === 'function' && foo({\"a\":1});"),
        ("?callback=", b'{"a":1}'),
        ("?callback[x]=1", b'{"a":1}'),
    ],
)
async def test_a_callback_in_the_query_makes_it_jsonp(site, query, body):
    found, _ = await answered(site, query, payload={"a": 1})
    assert found.content == body
    kind = "text/javascript; charset=utf-8" if b"typeof" in body else JSON
    assert found.headers["content-type"] == kind
    assert found.headers["x-content-type-options"] == "nosniff"


async def test_what_cannot_be_json_is_an_error(site):
    found, errors = await answered(site, payload={"a": object()})
    assert found.status_code == 500
    assert "no JSON form" in errors[0]


async def test_a_message_without_a_response_is_warned_of(site):
    warnings = []
    await site.deploy(place("http response", "out"))
    off = site.runtime.events.on("log", warnings.append)
    for msg in ({"payload": "x"}, {"payload": "x", "res": None}, {"payload": "x", "res": {"fake": 1}}):
        site.runtime.receive("out", msg)
    await site.settled()
    off()
    assert [(line["msg"], line["level"]) for line in warnings] == [("No response object", 30)] * 3


async def test_a_status_code_that_is_none_keeps_the_node_from_starting(site):
    from busway.engine.model import FlowModel

    flow = [{"id": "t", "type": "tab"}, place("http response", "out", statusCode="fine")]
    await site.runtime.deploy(FlowModel.parse(flow))
    assert "it is a number from 200 to 599, or empty" in str(site.runtime.failed["out"])


async def pieces():
    for piece in ("täxt ", b"bytes ", {"a": 1.0}):
        yield piece


@pytest.mark.parametrize("payload", [pieces, lambda: iter(["täxt ", b"bytes ", {"a": 1.0}])])
async def test_what_comes_piece_by_piece_is_sent_so(site, payload):
    found, errors = await answered(site, payload=payload(), headers={"content-type": "text/event-stream"})
    assert found.content == 'täxt bytes {"a":1}\n'.encode()
    assert found.headers["transfer-encoding"] == "chunked"
    assert found.headers["content-type"].startswith("text/event-stream")
    assert errors == []


async def test_pieces_end_when_the_client_goes_away(site):
    ended = asyncio.Event()

    async def endless():
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    await answered(site)
    ANSWER["payload"] = endless()
    async with site.client.stream("GET", "/x") as answer:
        assert await anext(answer.aiter_text()) != ""
    await asyncio.wait_for(ended.wait(), 5)
