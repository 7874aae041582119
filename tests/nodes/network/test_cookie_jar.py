"""Cookies over redirects."""

from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.network.cookie_jar import CookieJar, described


def jar(url, *lines):
    found = CookieJar()
    found.take(url, lines)
    return found


def test_cookies_go_back_to_their_host_only():
    found = jar("http://a.test/x", "k=v")
    assert found.header("http://a.test:81/y") == "k=v"
    assert found.header("http://b.a.test/") == found.header("http://b.test/") == ""


def test_a_domain_takes_in_what_is_below_but_nobody_sets_cookies_for_others():
    assert jar("http://b.a.test/", "k=v; Domain=.a.test").header("http://c.a.test/") == "k=v"
    assert jar("http://b.a.test/", "k=v; Domain=c.test", "l=w; Domain=test").header("http://c.test/") == ""


def test_path_and_secure_are_kept_to():
    found = jar("https://a.test/", "k=v; Path=/in", "s=1; Secure")
    assert found.header("https://a.test/in/x") == "k=v; s=1"
    assert found.header("https://a.test/inner") == "s=1"
    assert found.header("http://a.test/in") == "k=v"


def test_a_cookie_may_be_replaced_and_removed():
    found = jar("http://a.test/", "k=1", "k=2", "m=1", "m=; Max-Age=0", "e=1")
    found.take("http://a.test/", ["e=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "z=1; Expires=nonsense"])
    assert found.header("http://a.test/") == "k=2; z=1"


def test_descriptions_keep_the_spelling_of_attributes():
    assert described(['a="x%20y"; Path=/; HttpOnly', "nothing", "=x"]) == {"a": {"value": "x y", "Path": "/"}}


@given(st.lists(st.text(max_size=30)))
def test_no_line_breaks_the_jar(lines):
    found = jar("http://a.test/", *lines)
    found.header("http://a.test/")
    described(lines)
