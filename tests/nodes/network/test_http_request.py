"""Requests to real servers."""

import asyncio
import base64
import hashlib
import json
import re
import socket

import pytest
from aiohttp import web

from busway.engine.model import FlowModel
from busway.nodes.network.http_client import HttpClient
from busway.nodes.network.request_mark import MARK, headers_hash
from tests.editor.serving import TAB, place
from tests.nodes.network.servers import Identity, inspect, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = {("*", "/{path:.*}"): inspect}


async def deploy(site, *more, credentials=None, **properties):
    """An http request node between the test and a node that keeps what comes out; others catch its errors."""
    nodes = [place("http request", "ask", ["out"], **properties), place("seen", "out"), place("seen", "caught")]
    catch = place("catch", "catch", ["caught"], scope=["ask"])
    secrets = {"ask": {"user": "", "password": ""}} | (credentials or {})
    await site.runtime.deploy(FlowModel.parse([TAB, *nodes, catch, *more]), credentials=secrets)
    assert not site.runtime.failed, site.runtime.failed


async def ask(site, **msg):
    site.runtime.receive("ask", msg)
    return await site.node("out").next()


async def caught(site):
    return await site.node("caught").next()


# -- what is asked ------------------------------------------------------------------------------------------------------
async def test_a_get_gives_text_status_headers_and_url(site):
    async def hello(request):
        return web.Response(text="héllo", headers={"X-One": "1"})

    async with serving({("GET", "/t"): hello}) as url:
        await deploy(site, method="GET", url=f"{url}/t", ret="txt")
        msg = await ask(site, payload="not sent", keep=1)
    assert (msg["payload"], msg["statusCode"], msg["responseUrl"]) == ("héllo", 200, f"{url}/t")
    assert (msg["headers"]["x-one"], msg["redirectList"], msg["retry"], msg["keep"]) == ("1", [], 0, 1)
    rest = {name: value for name, value in msg["headers"].items() if name != MARK}
    assert msg["headers"][MARK] == headers_hash(rest)


@pytest.mark.parametrize(
    ("payload", "headers", "body", "kind"),
    [
        ({"a": [1, 2.0]}, {}, '{"a":[1,2]}', "application/json"),
        (["x"], {"content-type": "text/plain"}, '["x"]', "text/plain"),
        ("täxt", {"Content-Type": "text/plain"}, "täxt", "text/plain"),
        (b"bytes", {}, "bytes", None),
        (0, {}, "0", None),
        (True, {}, "true", "application/json"),
        (None, {}, "null", "application/json"),
        (
            {"foo": "1 2&3", "bar": "", "l": ["a", 2], "o": {}},
            {"content-type": "application/x-www-form-urlencoded"},
            "foo=1%202%263&bar=&l=a&l=2&o=",
            "application/x-www-form-urlencoded",
        ),
    ],
)
async def test_the_payload_becomes_the_body_by_its_type(site, payload, headers, body, kind):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="POST", url=url, ret="obj")
        got = (await ask(site, payload=payload, headers=headers))["payload"]
    assert (got["method"], got["body"]) == ("POST", body)
    assert {name.lower(): value for name, value in got["headers"].items()}.get("content-type") == kind


async def test_a_message_without_payload_has_no_body(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="POST", url=url, ret="obj")
        got = (await ask(site))["payload"]
    assert got["body"] == ""
    assert got["headers"]["Content-Length"] == "0"


@pytest.mark.parametrize("method", ["put", "PATCH", "delete", "options", "trace"])
async def test_the_message_may_say_the_method(site, method):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="use", url=url, ret="obj")
        got = (await ask(site, payload="x", method=method))["payload"]
    assert (got["method"], got["body"]) == (method.upper(), "x")


async def test_head_has_no_bodies(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="use", url=url, ret="txt")
        msg = await ask(site, payload="x", method="head")
    assert (msg["payload"], msg["statusCode"]) == ("", 200)


async def test_the_payload_of_a_get_goes_into_the_query_or_the_body(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=f"{url}/q?z=1", ret="obj", paytoqs="query")
        assert (await ask(site, payload={"a": 1, "b": "ö &"}))["payload"]["url"] == "/q?z=1&a=1&b=%C3%B6%20%26"
        site.runtime.receive("ask", {"payload": "text"})
        assert (await caught(site))["error"]["message"] == "Invalid payload"
        await deploy(site, method="GET", url=url, ret="obj", paytoqs="body")
        assert (await ask(site, payload={"a": 1}))["payload"]["body"] == '{"a":1}'
        await deploy(site, method="GET", url=url, ret="obj", paytoqs=True)
        assert (await ask(site, payload=["p"]))["payload"]["url"] == "/?0=p"


async def test_the_url_may_hold_mustache_tags_and_come_from_the_message(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url + "/{{{topic}}}/{{a.b}}", ret="obj")
        assert (await ask(site, topic="x/y", a={"b": 3}))["payload"]["url"] == "/x/y/3"
        await deploy(site, method="GET", url="", ret="obj")
        assert (await ask(site, url=url.removeprefix("http://") + "/m"))["payload"]["url"] == "/m"


async def test_a_url_is_encoded_where_it_has_to_be_and_nowhere_twice(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", ret="obj")
        got = await ask(site, url=f"{url}/ä b?a=b&c[0].T=24,0°|H80%|W%20S#part")
        assert got["payload"]["url"] == "/%C3%A4%20b?a=b&c[0].T=24,0%C2%B0|H80%25|W%20S"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", "No url specified"),
        ("ftp://x/y", "non-http transport requested"),
        ("http://", "RequestError: Invalid URL: there is no host in it"),
        ("http://h:99999/", "RequestError: Invalid URL: Port out of range 0-65535"),
    ],
)
async def test_what_is_no_url_is_an_error(site, url, error):
    await deploy(site, method="GET")
    site.runtime.receive("ask", {"url": url})
    assert (await caught(site))["error"]["message"] == error


# -- headers and cookies ----------------------------------------------------------------------------------------------
async def test_headers_keep_their_spelling_and_those_of_the_node_win(site):
    rows = [
        {"keyType": "Accept", "keyValue": "", "valueType": "application/json", "valueValue": ""},
        {"keyType": "msg", "keyValue": "name", "valueType": "msg", "valueValue": "value"},
        {"keyType": "other", "keyValue": "X-Fixed", "valueType": "other", "valueValue": "f"},
        {"keyType": "other", "keyValue": "X-Env", "valueType": "env", "valueValue": "NR_NODE_ID"},
        {"keyType": "Location", "keyValue": "", "valueType": "other", "valueValue": ""},
    ]
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url, ret="obj", headers=rows)
        given = {"X-CaSe": "1", "accept": "text/html", "location": "x", "X-List": ["a", "b"], "Content-Length": "77"}
        headers = (await ask(site, headers=given, name="X-Dyn", value=5))["payload"]["headers"]
    assert (headers["X-CaSe"], headers["Accept"], headers["X-Dyn"]) == ("1", "application/json", "5")
    assert (headers["X-Fixed"], headers["X-Env"], headers["X-List"]) == ("f", "ask", "a, b")
    assert not {"location", "Content-Length"} & set(headers)


async def test_headers_of_another_request_are_not_sent_on(site):
    headers = {"content-type": "text/plain", "x-a": "1"}
    async with serving(EVERYTHING) as url:
        await deploy(site, method="POST", url=url, ret="obj")
        same = await ask(site, payload={}, headers=headers | {MARK: headers_hash(headers)})
        changed = await ask(site, payload={}, headers=headers | {MARK: "other"})
    assert "x-a" not in same["payload"]["headers"]
    assert same["payload"]["headers"]["Content-Type"] == "application/json"
    assert changed["payload"]["headers"]["x-a"] == "1"
    assert MARK not in changed["payload"]["headers"]


async def test_a_header_that_cannot_be_sent_is_an_error(site):
    await deploy(site, method="GET", url="http://127.0.0.1:1/")
    site.runtime.receive("ask", {"headers": {"x": "a\r\ny: b"}})
    assert "RequestError" in (await caught(site))["error"]["message"]


async def test_cookies_are_sent_encoded_and_received(site):
    async def answer(request):
        response = web.json_response(request.headers.get("Cookie"))
        response.headers.add("Set-Cookie", "a=x%20y; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT; HttpOnly")
        response.headers.add("Set-Cookie", "b=2")
        return response

    async with serving({("GET", "/"): answer}) as url:
        await deploy(site, method="GET", url=url, ret="obj")
        given = {"c": "ö;", "d": {"value": "a/b", "encode": False}, "e": None, "f": 1}
        msg = await ask(site, cookies=given, headers={"Cookie": "h=1"})
    assert msg["payload"] == "h=1; c=%C3%B6%3B; d=a/b; f=1"
    assert msg["responseCookies"] == {
        "a": {"value": "x y", "Path": "/", "Expires": "Wed, 21 Oct 2037 07:28:00 GMT"},
        "b": {"value": "2"},
    }
    assert len(msg["headers"]["set-cookie"]) == 2


# -- redirects ----------------------------------------------------------------------------------------------------------
async def test_redirects_are_followed_and_listed_with_their_cookies(site):
    async def away(request):
        response = web.Response(status=302, headers={"Location": "/there?x=1"})
        response.set_cookie("first", "1")
        return response

    async with serving({("POST", "/"): away, **EVERYTHING}) as url:
        await deploy(site, method="POST", url=url, ret="obj")
        msg = await ask(site, payload="body", cookies={"own": "0"})
        got = msg["payload"]
        assert (got["method"], got["url"], got["body"]) == ("GET", "/there?x=1", "")
        assert got["headers"]["Cookie"] == "own=0; first=1"
        assert (msg["responseUrl"], len(msg["redirectList"])) == (f"{url}/there?x=1", 1)
        assert msg["redirectList"][0]["location"] == "/there?x=1"
        assert msg["redirectList"][0]["cookies"]["first"]["value"] == "1"
        still = await ask(site, payload="body", followRedirects=False)
        assert (still["statusCode"], still["headers"]["location"]) == (302, "/there?x=1")


async def test_secrets_do_not_follow_to_another_host(site):
    async with serving(EVERYTHING) as other:

        async def away(request):
            return web.Response(status=307, headers={"Location": f"{other.replace('127.0.0.1', 'localhost')}/x"})

        async with serving({("*", "/"): away}) as url:
            secrets = {"ask": {"user": "u", "password": "p"}}
            await deploy(site, method="PUT", url=url, ret="obj", credentials=secrets)
            got = (await ask(site, payload="kept", cookies={"own": "0"}))["payload"]
    assert (got["method"], got["body"]) == ("PUT", "kept")
    assert not {"Authorization", "Cookie"} & set(got["headers"])


async def test_a_circle_of_redirects_is_an_error(site):
    async def around(request):
        return web.Response(status=301, headers={"Location": "/"})

    async with serving({("GET", "/"): around}) as url:
        await deploy(site, method="GET", url=url)
        msg = await ask(site)
    assert msg["statusCode"] == "ERR_TOO_MANY_REDIRECTS"
    assert (await caught(site))["error"]["code"] == "ERR_TOO_MANY_REDIRECTS"


async def test_a_redirect_to_what_is_not_http_is_an_error(site):
    async def away(request):
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    async with serving({("GET", "/"): away}) as url:
        await deploy(site, method="GET", url=url)
        assert (await ask(site))["statusCode"] in ("ERR_UNSUPPORTED_PROTOCOL", "ERR_INVALID_URL")


# -- authentication -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "sent"),
    [("", "Basic " + base64.b64encode("ü@x:p:w".encode()).decode()), ("bearer", "Bearer p:w")],
)
async def test_user_and_password_are_sent(site, kind, sent):
    async with serving(EVERYTHING) as url:
        secrets = {"ask": {"user": "ü@x", "password": "p:w"}}
        await deploy(site, method="GET", url=url, ret="obj", authType=kind, credentials=secrets)
        assert (await ask(site))["payload"]["headers"]["Authorization"] == sent


async def test_user_and_password_may_stand_in_the_url(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url.replace("://", "://me:s%20x@"), ret="obj")
        msg = await ask(site)
    assert msg["payload"]["headers"]["Authorization"] == "Basic " + base64.b64encode(b"me:s x").decode()
    assert "me" not in msg["responseUrl"]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-512-256"])
async def test_digest_challenges_are_answered(site, algorithm, cut):
    def digest(text):
        if cut and algorithm == "SHA-512-256":
            return hashlib.sha512(text.encode()).hexdigest()[:64]
        name = {"SHA-256": "sha256", "SHA-512-256": "sha512_256"}.get(algorithm, "md5")
        return hashlib.new(name, text.encode()).hexdigest()

    async def guarded(request):
        given = request.headers.get("Authorization")
        if given is None:
            challenge = f'Digest realm="r, s", qop="auth,auth-int", nonce="n", algorithm={algorithm}, opaque="o"'
            refusal = web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
            refusal.headers.add("WWW-Authenticate", challenge)
            return refusal
        found = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        who = digest("me:r, s:secret")
        if algorithm.endswith("-sess"):
            who = digest(f"{who}:n:{found['cnonce']}")
        what = digest(f"GET:{request.raw_path}")
        wanted = digest(f"{who}:n:{found['nc']}:{found['cnonce']}:auth:{what}")
        return web.Response(status=200 if (found["response"], found["opaque"]) == (wanted, "o") else 401)

    async with serving({("GET", "/d"): guarded}) as url:
        secrets = {"ask": {"user": "me", "password": "secret"}}
        await deploy(site, method="GET", url=f"{url}/d?q=1", authType="digest", credentials=secrets)
        assert (await ask(site))["statusCode"] == 200


# -- forms ----------------------------------------------------------------------------------------------------------------
async def test_multipart_forms_carry_fields_and_files(site):
    async def form(request):
        got = await request.post()
        files = {k: [v.filename, v.content_type, v.file.read().hex()] for k, v in got.items() if hasattr(v, "file")}
        return web.json_response({"files": files, "fields": {k: v for k, v in got.items() if isinstance(v, str)}})

    async with serving({("POST", "/"): form}) as url:
        await deploy(site, method="POST", url=url, ret="obj")
        payload = {
            "file": {"value": b"\x00\x01", "options": {"filename": 'a"b.txt', "contentType": "image/png"}},
            "text": "täxt",
            "number": 5,
            "object": {"a": 1},
        }
        got = (await ask(site, payload=payload, headers={"content-type": "multipart/form-data"}))["payload"]
    assert got["files"] == {"file": ["a%22b.txt", "image/png", "0001"]}
    assert got["fields"] == {"text": "täxt", "number": "5", "object": '{"a":1}'}


async def test_an_http_in_node_reads_what_an_http_request_node_uploads(site):
    accept = place("http in", "in", ["files"], method="post", url="/up", upload=True)
    respond = place("http response", "reply")
    keep = place("change", "files", ["reply"], rules=[
        {"t": "set", "p": "payload", "pt": "msg", "to": "req.files", "tot": "msg"}])  # fmt: skip
    address = f"http://127.0.0.1:{site.port}/up"
    await deploy(site, accept, keep, respond, method="POST", url=address, ret="obj")
    payload = {"f": {"value": b"hi", "options": {"filename": "f.bin"}}}
    [found] = (await ask(site, payload=payload, headers={"content-type": "multipart/form-data"}))["payload"]
    assert (found["fieldname"], found["originalname"], found["size"]) == ("f", "f.bin", 2)
    assert found["buffer"] == {"type": "Buffer", "data": [104, 105]}


# -- answers --------------------------------------------------------------------------------------------------------------
async def test_the_body_becomes_what_is_asked_for(site):
    async def body(request):
        return web.Response(body=b'{"a":1', headers={"Content-Encoding": "x"})

    async def nothing(request):
        return web.Response(status=204)

    async with serving({("GET", "/bad"): body, ("GET", "/none"): nothing, ("GET", "/x"): inspect}) as url:
        await deploy(site, method="GET", ret="bin")
        assert (await ask(site, url=f"{url}/bad"))["payload"] == b'{"a":1'
        await deploy(site, method="GET", ret="obj")
        assert (await ask(site, url=f"{url}/bad"))["payload"] == '{"a":1'
        assert (await ask(site, url=f"{url}/none"))["payload"] == {}
        lost = await ask(site, url=f"{url}/nowhere")
    assert (lost["statusCode"], lost["payload"]) == (404, "404: Not Found")


async def test_a_compressed_body_is_handed_over_as_it_is(site):
    async def compressed(request):
        assert "Accept-Encoding" not in request.headers
        return web.Response(body=b"\x1f\x8b-raw", headers={"Content-Encoding": "gzip"})

    async with serving({("GET", "/"): compressed}) as url:
        await deploy(site, method="GET", url=url, ret="bin")
        assert (await ask(site))["payload"] == b"\x1f\x8b-raw"


async def test_connections_are_kept_where_the_node_says_so(site):
    seen = []

    async def port(request):
        seen.append(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async with serving({("GET", "/"): port}) as url:
        for persist in (True, False):
            await deploy(site, method="GET", url=url, persist=persist)
            await ask(site)
            await ask(site)
    assert seen[0] == seen[1]
    assert seen[2] != seen[3]


# -- failures -------------------------------------------------------------------------------------------------------------
def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def test_a_refused_connection_goes_to_catch_nodes_and_on(site):
    url = f"http://127.0.0.1:{closed_port()}/"
    await deploy(site, method="GET", url=url)
    msg = await ask(site, payload="x")
    text = f"RequestError: connect ECONNREFUSED {url[7:-1]}"
    assert (msg["statusCode"], msg["payload"]) == ("ECONNREFUSED", f"{text} : {url}")
    error = (await caught(site))["error"]
    assert (error["message"], error["code"]) == (text, "ECONNREFUSED")


async def test_errors_may_go_to_catch_nodes_only(site):
    await deploy(site, method="GET", url=f"http://127.0.0.1:{closed_port()}/", senderr=True)
    site.runtime.receive("ask", {"payload": "x"})
    assert (await caught(site))["payload"] == "x"
    await site.settled()
    assert site.node("out").messages == []


async def test_a_server_that_does_not_answer_in_time_is_given_up(site):
    async def slow(request):
        await asyncio.Event().wait()

    async with serving({("GET", "/"): slow}) as url:
        await deploy(site, method="GET", url=url)
        msg = await ask(site, requestTimeout=30)
        assert (msg["statusCode"], msg["payload"]) == ("ETIMEDOUT", f"TimeoutError: Timeout awaiting 'request' : {url}")
        assert (await caught(site))["error"]["message"] == "no response from server"


@pytest.mark.parametrize("given", ["x", -4, 0])
async def test_a_timeout_that_is_none_is_warned_of(site, given):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url)
        lines = []
        off = site.runtime.events.on("log", lambda entry: lines.append((entry["level"], str(entry["msg"]))))
        await ask(site, requestTimeout=given)
        off()
    assert [(level, text[:22]) for level, text in lines] == [(30, "msg.requestTimeout is ")]


async def raw_server(answer):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"", "ECONNRESET"), (b"nonsense\r\n\r\n", "HPE_INVALID_RESPONSE"),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "HPE_INVALID_RESPONSE")],
)  # fmt: skip
async def test_a_broken_answer_is_an_error_with_a_code(site, answer, code):
    server, url = await raw_server(answer)
    async with server:
        await deploy(site, method="GET", url=url)
        assert (await ask(site))["statusCode"] == code


async def test_an_unknown_host_is_an_error(site):
    await deploy(site, method="GET", url="http://no-such-host.invalid/")
    assert (await ask(site))["statusCode"] == "ENOTFOUND"


async def test_the_request_under_way_is_shown_and_so_is_a_failure(site):
    statuses = []
    await deploy(site, method="GET", url=f"http://127.0.0.1:{closed_port()}/")
    off = site.runtime.events.on("status", lambda told: statuses.append(told[1]))
    await ask(site)
    off()
    assert [status.get("text") for status in statuses] == ["requesting", "ECONNREFUSED"]
    assert statuses[1]["fill"] == "red"


async def test_a_message_is_held_until_the_answer_is_there(site):
    release = asyncio.Event()

    async def wait(request):
        await release.wait()
        return web.Response()

    async with serving({("GET", "/"): wait}) as url:
        await deploy(site, method="GET", url=url)
        settled = []
        node = site.node("ask")
        with node.origin(settled.append):
            site.runtime.dispatcher.deliver(node.port, {"payload": 1}, origin_of())
        for _ in range(20):
            await asyncio.sleep(0)
        assert settled == []
        release.set()
        await site.node("out").next()
        await site.settled()
    assert len(settled) == 1
    assert settled[0].errors == []


def origin_of():
    from busway.engine.origin import ORIGIN

    return ORIGIN.get()


async def test_a_request_is_measured_for_who_listens(site):
    measured = []
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url)
        off = site.runtime.events.on("metric", measured.append)
        await ask(site)
        off()
    assert [m["event"] for m in measured] == ["node.http request.duration.millis", "node.http request.size.bytes"]
    assert all(m["value"] > 0 for m in measured)


# -- TLS ------------------------------------------------------------------------------------------------------------------
async def test_certificates_are_checked_unless_the_message_says_no(site, tmp_path):
    server = Identity("localhost")
    async with serving(EVERYTHING, server.server_context(tmp_path)) as url:
        await deploy(site, method="GET", url=url, ret="obj")
        assert (await ask(site))["statusCode"] == "CERT_INVALID"
        assert (await ask(site, rejectUnauthorized=False))["statusCode"] == 200
        assert (await ask(site, rejectUnauthorized="false"))["statusCode"] == 200


async def test_a_tls_config_brings_the_authority_and_our_certificate(site, tmp_path):
    authority = Identity("authority")
    server, client = Identity("localhost", authority), Identity("client", authority)
    cert, key = client.files(tmp_path, "secret")
    ca, _ = authority.files(tmp_path)
    tls = {"id": "tls", "type": "tls-config", "name": "", "cert": cert, "key": key, "ca": ca}
    async with serving(EVERYTHING, server.server_context(tmp_path, clients=authority)) as url:
        bare = url.removeprefix("https://")
        secrets = {"tls": {"passphrase": "secret"}}
        await deploy(site, tls, method="GET", url=bare, ret="obj", tls="tls", credentials=secrets)
        msg = await ask(site)
    assert (msg["statusCode"], msg["responseUrl"]) == (200, f"{url}/")


async def test_a_tls_config_that_does_not_exist_fails_the_node(site):
    model = FlowModel.parse([TAB, place("http request", "ask", url="x", tls="gone")])
    await site.runtime.deploy(model)
    assert "tls refers to 'gone'" in str(site.runtime.failed["ask"])


# -- proxies --------------------------------------------------------------------------------------------------------------
async def proxied(requests):
    """A proxy that answers requests itself and notes their first lines and credentials."""

    async def talk(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        who = re.search(r"Proxy-Authorization: Basic (\S+)", head, re.IGNORECASE)
        requests.append((head.split("\r\n")[0], base64.b64decode(who[1]).decode() if who else None))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nproxy")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_proxy_node_is_used_with_its_user_except_for_its_exceptions(site):
    requests = []
    server, address = await proxied(requests)
    proxy = {"id": "px", "type": "http proxy", "url": address, "noproxy": ["127.0.0.1"]}
    async with server, serving(EVERYTHING) as url:
        secrets = {"px": {"username": "me", "password": "s:x"}}
        await deploy(site, proxy, method="GET", ret="txt", proxy="px", credentials=secrets)
        msg = await ask(site, url="http://example.test:81/a?b")
        assert msg["payload"] == "proxy"
        assert json.loads((await ask(site, url=url))["payload"])["url"] == "/"
    assert requests == [("GET http://example.test:81/a?b HTTP/1.1", "me:s:x")]


async def test_the_environments_proxy_is_used(site, monkeypatch):
    requests = []
    server, address = await proxied(requests)
    monkeypatch.setenv("http_proxy", address.replace("://", "://u:p@"))
    monkeypatch.setenv("no_proxy", "other.test")
    async with server:
        await deploy(site, method="GET", ret="txt")
        assert (await ask(site, url="http://example.test/"))["payload"] == "proxy"
    assert requests == [("GET http://example.test/ HTTP/1.1", "u:p")]


async def test_connections_are_closed_with_the_runtime(site):
    async with serving(EVERYTHING) as url:
        await deploy(site, method="GET", url=url, persist=True)
        await ask(site)
        client = HttpClient.of(site.runtime)
        session = client._sessions[True]
        await client.aclose()
        assert session.closed
        assert (await ask(site))["statusCode"] == 200
