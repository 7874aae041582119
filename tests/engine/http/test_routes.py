"""Path patterns as Express 4 understands them; the cases were checked against a running Node-RED."""

import pytest

from busway.engine.errors import ConfigError
from busway.engine.http import HttpRoute, HttpRoutes


def table(*routes):
    found = HttpRoutes()
    removers = [found.add(HttpRoute(method, path, lambda request, response: None)) for method, path in routes]
    return found, removers


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/echo", "/echo", {}),
        ("/echo", "/echo/", {}),
        ("/Case/Path", "/case/PATH", {}),
        ("noslash", "/noslash", {}),
        ("/p/:id/x/:opt?", "/p/12/x", {"id": "12"}),
        ("/p/:id/x/:opt?", "/p/1%2F2/x/y", {"id": "1/2", "opt": "y"}),
        ("/w/*", "/w/a/b%20c", {"0": "a/b c"}),
        ("/w/*/z/*", "/w/a/z/b/c", {"0": "a", "1": "b/c"}),
        (r"/n/:id(\d+)", "/n/12", {"id": "12"}),
        ("/f/:name.:ext", "/f/a.b.c", {"name": "a.b", "ext": "c"}),
        ("/ab?cd", "/acd", {}),
        ("/ab?cd", "/abcd", {}),
        ("/g/(a|b)/z", "/g/b/z", {}),
        ("/r/:a-:b", "/r/1-2-3", {"a": "1-2", "b": "3"}),
        ("/d/:d+", "/d/1/2/3", {"d": "3"}),
        ("/", "/", {}),
        ("/é", "/%C3%A9", {}),
    ],
)
def test_a_path_matches_with_its_parameters(pattern, path, params):
    routes, _ = table(("get", pattern))
    found = routes.match("get", path)
    assert found is not None
    assert found[1] == params


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/echo", "/echo/x"),
        ("/p/:id", "/p/"),
        ("/p/:id", "/p/1/2"),
        (r"/n/:id(\d+)", "/n/ab"),
        ("/a.b", "/axb"),
        ("/s/:d*", "/s/"),
    ],
)
def test_a_path_that_differs_does_not_match(pattern, path):
    assert table(("get", pattern))[0].match("get", path) is None


def test_a_path_that_is_no_pattern_is_refused():
    with pytest.raises(ConfigError, match=r"'/a\(b' is no path pattern.*write it like"):
        HttpRoute("get", "/a(b", lambda request, response: None)


def test_the_first_of_two_equal_routes_answers_and_the_second_follows_when_it_goes():
    routes, (remove_first, remove_second) = table(("get", "/x"), ("get", "/X/"))
    first = routes.match("get", "/x")[0]
    remove_first()
    second = routes.match("get", "/x")[0]
    assert second is not first
    remove_second()
    assert routes.match("get", "/x") is None


def test_patterns_are_tried_in_the_order_they_were_added():
    routes, removers = table(("get", "/:a"), ("get", "/:b"))
    assert routes.match("get", "/1")[1] == {"a": "1"}
    removers[0]()
    assert routes.match("get", "/1")[1] == {"b": "1"}


def test_methods_are_kept_apart_and_head_is_served_by_get():
    routes, _ = table(("get", "/x"), ("post", "/x"), ("delete", "/:any"))
    assert routes.match("put", "/x") is None
    assert routes.match("head", "/x")[0].method == "get"
    assert routes.match("delete", "/x")[0].method == "delete"
    assert routes.methods("/x") == ["GET", "HEAD", "POST", "DELETE"]
    assert routes.methods("/nothing/here") == []
