"""Requests that start flows, over real HTTP."""

import asyncio
import json

import pytest

from busway.engine.http import HttpResponse
from tests.editor.serving import do, place, served, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@do
def show(msg):
    """Answers with what the node was given."""
    payload = msg["payload"]
    shown = {"bytes": payload.hex()} if isinstance(payload, bytes) else payload
    msg["payload"] = {"payload": shown, "req": msg["req"].script_view() | {"body": None}}
    return msg


@do
def fail_with_detail(msg):
    raise ValueError("secret detail")


@do
def forget(msg):
    return None


def endpoint(method="get", url="/x", to="show", id="in", **properties):
    return place("http in", id, [to], method=method, url=url, **properties)


SHOW = (place("do", "show", ["out"], what="show"), place("http response", "out"))


async def raw(site, text):
    """Sends bytes as they are and reads until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(text)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def test_a_get_request_gives_its_query(site):
    await site.deploy(endpoint(url="/p/:id/*"), *SHOW)
    answer = await site.client.get("/p/7/a%2Fb?a=1&b[c]=2&b[d]=3", headers={"Cookie": "k=v", "X-Case": "Kept"})
    got = answer.json()
    assert got["payload"] == {"a": "1", "b": {"c": "2", "d": "3"}}
    assert got["req"]["params"] == {"id": "7", "0": "a/b"}
    assert (got["req"]["cookies"], got["req"]["headers"]["x-case"]) == ({"k": "v"}, "Kept")
    assert (got["req"]["method"], got["req"]["ip"]) == ("GET", "127.0.0.1")
    assert got["req"]["url"] == "/p/7/a%2Fb?a=1&b[c]=2&b[d]=3"


async def test_the_message_has_an_id_the_request_and_the_way_back(site):
    await site.deploy(endpoint(to="seen"), place("seen", "seen"))
    request = asyncio.create_task(site.client.get("/x"))
    msg = await site.node("seen").next()
    assert list(msg) == ["_msgid", "req", "res", "payload"]
    assert len(msg["_msgid"]) == 16
    assert isinstance(msg["res"], HttpResponse)
    msg["res"].send("by hand")
    assert (await request).text == "by hand"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
async def test_other_methods_give_the_body(site, method):
    await site.deploy(endpoint(method), *SHOW)
    answer = await site.client.request(method.upper(), "/x?q=1", json={"a": [1, 2]})
    assert answer.json()["payload"] == {"a": [1, 2]}
    assert answer.json()["req"]["query"] == {"q": "1"}
    assert (await site.client.request(method.upper(), "/x")).json()["payload"] == ""


async def test_a_body_may_come_in_chunks(site):
    await site.deploy(endpoint("post"), *SHOW)

    async def chunks():
        yield b'{"a":'
        await asyncio.sleep(0.01)
        yield b"1}"

    answer = await site.client.post("/x", content=chunks(), headers={"content-type": "application/json"})
    assert answer.json()["payload"] == {"a": 1}


async def test_files_are_taken_in_where_the_node_says_so(site):
    await site.deploy(endpoint("post", upload=True), *SHOW)
    answer = await site.client.post("/x", files={"f": ("a.txt", b"hi", "text/plain")}, data={"k": "v"})
    got = answer.json()
    assert got["payload"] == {"k": "v"}
    assert got["req"]["files"][0]["originalname"] == "a.txt"
    assert got["req"]["files"][0]["buffer"] == {"type": "Buffer", "data": [104, 105]}


async def test_a_body_is_left_as_it_is_where_the_node_says_so(site):
    await site.deploy(endpoint("post", skipBodyParsing=True), *SHOW)
    assert (await site.client.post("/x", json={})).json()["payload"] == {"bytes": b"{}".hex()}


async def test_a_body_that_cannot_be_read_starts_no_flow(site):
    await site.deploy(endpoint("post", to="seen"), place("seen", "seen"))
    answer = await site.client.post("/x", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert site.node("seen").messages == []


async def test_a_head_request_is_answered_without_its_body(site):
    await site.deploy(endpoint(), *SHOW)
    answer = await site.client.head("/x")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


async def test_an_options_request_lists_the_methods(site):
    await site.deploy(endpoint(), endpoint("post", id="in2"), *SHOW)
    answer = await site.client.options("/x")
    assert (answer.status_code, answer.headers["allow"]) == (200, "GET,HEAD,POST")
    assert (await site.client.put("/x")).status_code == 404


async def test_a_request_that_no_flow_takes_gets_404(site):
    await site.deploy(endpoint(), *SHOW)
    answer = await site.client.get("/nowhere")
    assert (answer.status_code, answer.json()) == (
        404,
        {"code": "not_found", "message": "nothing answers GET /nowhere"},
    )


async def test_the_endpoint_is_there_as_long_as_the_node(site):
    await site.deploy(endpoint(), *SHOW)
    await site.deploy(endpoint(url="/y"), *SHOW)
    assert (await site.client.get("/x")).status_code == 404
    assert (await site.client.get("/y")).status_code == 200
    await site.deploy(endpoint(url="/y", d=True), *SHOW, mode="nodes")
    assert (await site.client.get("/y")).status_code == 404


async def test_a_node_without_a_path_says_so_and_has_no_endpoint(site):
    lines = []
    off = site.runtime.events.on("log", lines.append)
    await site.deploy(endpoint(url=""), *SHOW)
    off()
    assert [(line["id"], line["msg"]) for line in lines] == [("in", "missing path")]


async def test_the_admin_api_cannot_be_hidden_by_a_flow(site):
    await site.deploy(endpoint(url="/*"), *SHOW)
    assert (await site.client.get("/anything")).status_code == 200
    assert (await site.client.get("/flows/of/mine")).status_code == 200
    assert isinstance((await site.client.get("/flows")).json(), list)


# -- requests that are not answered ---------------------------------------------------------------------------------
async def test_a_request_that_the_flow_drops_gets_504_at_once(site):
    await site.deploy(endpoint(to="f"), place("do", "f", what="forget"))
    answer = await asyncio.wait_for(site.client.get("/x"), 2)
    assert (answer.status_code, answer.json()["code"]) == (504, "no_response")


async def test_a_request_to_a_node_without_wires_gets_504_at_once(site):
    await site.deploy(place("http in", "in", method="get", url="/x"))
    assert (await asyncio.wait_for(site.client.get("/x"), 2)).status_code == 504


async def test_an_error_that_nobody_catches_gives_500_without_its_details(site):
    await site.deploy(endpoint(to="f"), place("do", "f", what="fail_with_detail"))
    answer = await asyncio.wait_for(site.client.get("/x"), 2)
    assert (answer.status_code, answer.json()["code"]) == (500, "flow_failed")
    assert "secret" not in answer.text


async def test_an_error_that_is_caught_can_be_answered(site):
    await site.deploy(
        endpoint(to="f"),
        place("do", "f", what="fail_with_detail"),
        place("catch", "c", ["out"], scope=None),
        place("http response", "out", statusCode="502"),
    )
    assert (await site.client.get("/x")).status_code == 502


async def test_a_flow_may_keep_the_response_and_answer_later(site):
    kept = []

    @do
    def keep(msg):
        kept.append(msg["res"])

    await site.deploy(endpoint(to="k"), place("do", "k", what="keep"))
    request = asyncio.create_task(site.client.get("/x"))
    await until(lambda: kept)
    await site.settled()
    await asyncio.sleep(0.05)
    assert not request.done()
    kept.pop().send("late")
    assert (await request).text == "late"


async def test_a_held_message_keeps_the_request_open(site):
    delay = place("delay", "d", ["out"], pauseType="delay", timeout="0.2", timeoutUnits="seconds")
    await site.deploy(endpoint(to="d"), delay, place("http response", "out"))
    assert (await site.client.get("/x?a=1")).json() == {"a": "1"}


async def test_a_request_that_waits_when_its_flow_is_restarted_gets_500(site):
    delay = place("delay", "d", ["out"], pauseType="delay", timeout="30", timeoutUnits="seconds")
    await site.deploy(endpoint(to="d"), delay, place("http response", "out"))
    request = asyncio.create_task(site.client.get("/x"))
    await until(lambda: site.runtime.dispatcher.origins)
    await site.deploy(endpoint(to="d"), delay, place("http response", "out"))
    assert (await asyncio.wait_for(request, 5)).status_code == 500


async def test_a_second_answer_is_an_error_of_the_second_node(site):
    errors = []
    off = site.runtime.events.on("log", errors.append)
    await site.deploy(
        place("http in", "in", ["a", "b"], method="get", url="/x"),
        place("http response", "a"),
        place("http response", "b"),
    )
    assert (await site.client.get("/x")).status_code == 200
    await site.settled()
    off()
    assert [(line["id"], line["level"]) for line in errors] == [("b", 20)]
    assert "already been answered" in str(errors[0]["msg"])


# -- bounds ---------------------------------------------------------------------------------------------------------
async def test_a_flow_that_never_answers_is_given_up(tmp_path):
    kept = []

    @do
    def keep_for_ever(msg):
        kept.append(msg)

    async with served(
        tmp_path, endpoint(to="k"), place("do", "k", what="keep_for_ever"), http_response_timeout=0.1
    ) as site:
        answer = await site.client.get("/x")
        assert answer.status_code == 504
        assert "within 0.1 seconds" in answer.json()["message"]


async def test_bounds_hold(tmp_path):
    delay = place("delay", "d", ["out"], pauseType="delay", timeout="0.3", timeoutUnits="seconds")
    nodes = endpoint("post", to="d"), delay, place("http response", "out")
    async with served(tmp_path, *nodes, source_limit=2, api_max_length=1000) as site:
        answers = await asyncio.gather(*(site.client.post("/x", content=b"a") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 503]
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert (refused.headers["retry-after"], refused.json()["code"]) == ("1", "overloaded")
        assert (await site.client.post("/x", content=b"a")).status_code == 200

        large = await site.client.post("/x", content=b"a" * 1001)
        assert (large.status_code, large.json()["code"]) == (413, "too_large")

        async def chunks():
            for _ in range(3):
                yield b"a" * 500

        assert (await site.client.post("/x", content=chunks())).status_code == 413
        site.runtime.dispatcher.high_water = -1
        assert (await site.client.post("/x", content=b"a")).headers["retry-after"] == "1"


async def test_the_endpoints_have_a_root_of_their_own(tmp_path):
    roots = {"http_node_root": "/api/", "http_admin_root": "admin"}
    async with served(tmp_path, endpoint(url="/flows"), *SHOW, **roots) as site:
        assert (await site.client.get("/api/flows?a=1")).json()["payload"] == {"a": "1"}
        assert isinstance((await site.client.get("/admin/flows")).json(), list)
        assert (await site.client.get("/flows")).status_code == 404
        assert (await site.client.get("/apiflows")).status_code == 404


async def test_what_is_no_http_is_refused_and_the_server_stays_up(site):
    await site.deploy(endpoint("post"), *SHOW)
    assert (await raw(site, b"NONSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400")
    gone = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc"
    _reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(gone)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    answer = await site.client.post("/x", content=json.dumps({"a": 1}), headers={"content-type": "application/json"})
    assert answer.json()["payload"] == {"a": 1}
