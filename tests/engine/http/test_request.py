import pytest

from busway.engine.http import HttpRequest
from busway.engine.message import compile_get


def request(headers=(), **scope):
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    base = {
        "method": "GET",
        "path": "/p/1/2",
        "raw_path": b"/p/1%2F2",
        "query_string": b"a=1&b%5Bc%5D=2",
        "headers": lines,
        "client": ("10.0.0.7", 5000),
        "scheme": "http",
        "http_version": "1.1",
    }
    return HttpRequest(base | scope, b"", {"id": "1/2"}, "/p/:id")


def test_it_has_the_properties_that_express_gives_a_request():
    headers = [("host", "north.api.example.com:1880"), ("cookie", "x=1"), ("x-requested-with", "XMLHttpRequest")]
    found = request(headers).script_view()
    assert found["url"] == found["originalUrl"] == "/p/1%2F2?a=1&b%5Bc%5D=2"
    assert found["path"] == "/p/1%2F2"
    assert found["query"] == {"a": "1", "b": {"c": "2"}}
    assert found["params"] == {"id": "1/2"}
    assert found["cookies"] == {"x": "1"}
    assert found["hostname"] == "north.api.example.com"
    assert found["subdomains"] == ["api", "north"]
    assert found["ip"] == found["connection"]["remoteAddress"] == "10.0.0.7"
    assert (found["protocol"], found["secure"], found["xhr"], found["ips"]) == ("http", False, True, [])
    assert (found["method"], found["httpVersion"], found["baseUrl"]) == ("GET", "1.1", "")
    assert found["route"] == {"path": "/p/:id"}
    assert "files" not in found


def test_headers_are_joined_as_node_js_joins_them():
    lines = [("X-A", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2"), ("host", "one"), ("host", "two")]
    found = request([(name.lower(), value) for name, value in lines])
    assert found.headers == {"x-a": "1, 2", "cookie": "a=1; b=2", "host": "one"}
    assert found.get("X-A") == "1, 2"
    assert found.get("Referrer") is None


@pytest.mark.parametrize(("host", "name"), [("[::1]:1880", "[::1]"), ("127.0.0.1:1880", "127.0.0.1"), ("a.b", "a.b")])
def test_the_host_is_given_without_its_port(host, name):
    found = request([("host", host)])
    assert found.hostname == name
    assert found.subdomains == []


def test_property_paths_reach_into_it():
    msg = {"req": request([("host", "h")])}
    assert compile_get("req.query.b.c")(msg) == "2"
    assert compile_get("req.headers.host")(msg) == "h"
