"""Cookies in both directions; expectations were made with Express 4 in a running Node-RED."""

from datetime import UTC, datetime

import pytest

from busway.engine.http.cookies import CookieError, clear_cookie, parse_cookies, set_cookie


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("x=1", {"x": "1"}),
        ('x=1; y=j:{"a":1}; z="q%20r"', {"x": "1", "y": {"a": 1}, "z": "q r"}),
        ("a=1; a=2", {"a": "1"}),
        ("a=b=c; nothing; =x", {"a": "b=c", "": "x"}),
        ("j=j:nope", {"j": "j:nope"}),
    ],
)
def test_a_cookie_header_is_parsed(header, values):
    assert parse_cookies(header) == values


@pytest.mark.parametrize(
    ("value", "options", "line"),
    [
        ("1", {}, "a=1; Path=/"),
        (5, {}, "a=5; Path=/"),
        (5.0, {}, "a=5; Path=/"),
        (True, {}, "a=true; Path=/"),
        ("x y;é", {}, "a=x%20y%3B%C3%A9; Path=/"),
        ({"z": 1}, {}, "a=j%3A%7B%22z%22%3A1%7D; Path=/"),
        ("v", {"path": "/p", "domain": "d.com"}, "a=v; Domain=d.com; Path=/p"),
        (
            "v",
            {"httpOnly": True, "secure": True, "sameSite": "lax", "priority": "high", "partitioned": True},
            "a=v; Path=/; HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax",
        ),
        (
            "v",
            {"sameSite": True, "expires": datetime(1970, 1, 2, tzinfo=UTC)},
            "a=v; Path=/; Expires=Fri, 02 Jan 1970 00:00:00 GMT; SameSite=Strict",
        ),
        ("v", {"expires": 86_400_000}, "a=v; Path=/; Expires=Fri, 02 Jan 1970 00:00:00 GMT"),
    ],
)
def test_a_cookie_is_written(value, options, line):
    assert set_cookie("a", value, options) == line


def test_an_age_is_given_in_milliseconds_and_sent_in_both_forms():
    line = set_cookie("a", "v", {"maxAge": "5000"})
    assert line.startswith("a=v; Max-Age=5; Path=/; Expires=")
    assert line.endswith(" GMT")


def test_a_cookie_is_removed_where_it_was_set():
    assert clear_cookie("a", {"path": "/q", "maxAge": 5000}) == "a=; Path=/q; Expires=Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("bad name", {}, "no cookie name"),
        ("a", {"sameSite": "bogus"}, "sameSite is 'bogus'; it can be"),
        ("a", {"signed": True}, "signed cookies need a secret"),
        ("a", {"path": "/x\r\nSet-Cookie: b=1"}, "path is"),
        ("a", {"domain": "a;b"}, "domain is"),
        ("a", {"maxAge": "soon"}, "maxAge is 'soon'"),
    ],
)
def test_what_no_cookie_can_have_is_refused(name, options, reason):
    with pytest.raises(CookieError, match=reason):
        set_cookie(name, "v", options)
