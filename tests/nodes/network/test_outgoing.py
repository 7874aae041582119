"""URLs and headers of requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.network.digest import read_challenges
from busway.nodes.network.outgoing import Headers, clean_url, split_user, with_query


@given(st.text())
def test_a_clean_url_stays_as_it_is(text):
    url = clean_url(f"http://h/{text}")
    assert url.isascii()
    assert clean_url(url) == url


def test_names_of_hosts_are_written_for_the_wire():
    assert clean_url("HTTP://bücher.test:8/ü?ü#ü") == "http://xn--bcher-kva.test:8/%C3%BC?%C3%BC"


@pytest.mark.parametrize("url", ["http://", "http:///x", "http://h:x/", "http://[::1/"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValueError):  # noqa: PT011 (the texts are the library's)
        clean_url(url)


def test_user_and_password_are_taken_out_and_decoded():
    assert split_user("http://a%40b:c:d@h:1/p?q") == ("http://h:1/p?q", "a@b:c:d")
    assert split_user("http://h/@") == ("http://h/@", "")


@pytest.mark.parametrize(
    ("url", "want"),
    [("http://h", "http://h?a=1"), ("http://h?", "http://h?a=1"), ("http://h?b", "http://h?b&a=1"),
     ("http://h?b&#f", "http://h?b&a=1#f")],
)  # fmt: skip
def test_a_query_is_added_to(url, want):
    assert with_query(url, {"a": 1}) == want


def test_headers_are_found_in_any_spelling_and_removed_by_nothing():
    headers = Headers()
    headers.set("X-A", "1")
    headers.set("x-a", ["2", 3.0])
    headers.set("X-B", "1")
    headers.set("x-b", "")
    assert list(headers.lines()) == [("x-a", "2"), ("x-a", "3")]
    assert headers.get("X-A") == "2"


@given(st.lists(st.text()))
def test_no_challenge_breaks_the_reader(lines):
    read_challenges([*lines, *(f"Digest {line}" for line in lines)])


def test_the_first_challenge_that_can_be_answered_is_taken():
    found = read_challenges(
        ['Basic realm="x"', 'Digest realm="a", nonce="1", algorithm=NEW', 'Digest realm="a\\"b", nonce=2']
    )
    assert found.members == {"realm": 'a"b', "nonce": "2"}
