"""The mark on headers from an http request node; hashes were made with the npm package ``hash-sum`` 2.0."""

import pytest

from busway.nodes.network.request_mark import MARK, headers_hash, set_by_flow


@pytest.mark.parametrize(
    ("headers", "hash"),
    [
        ({}, "59322f29"),
        ({"a": "1"}, "5e4582e8"),
        ({"content-type": "text/plain; charset=utf-8", "x": "é€😀"}, "08050730"),
        ({"set-cookie": ["a=1", "b=2"], "n": 5, "b": True, "z": None, "f": 1.5}, "eacca12c"),
        ({"o": {"a": [1, [2]]}}, "1c8867aa"),
    ],
)
def test_the_hash_is_that_of_node_red(headers, hash):
    assert headers_hash(headers) == hash


def test_the_order_of_headers_does_not_matter():
    assert headers_hash({"a": "1", "b": "2"}) == headers_hash({"b": "2", "a": "1"})


def test_headers_as_the_http_request_node_gave_them_are_not_sent_on():
    headers = {"content-type": "text/plain", "x": "1"}
    assert set_by_flow({**headers, MARK: headers_hash(headers)}) == {}


def test_headers_that_a_flow_changed_are_sent_on_without_the_mark():
    headers = {"content-type": "text/plain", MARK: headers_hash({"content-type": "text/html"})}
    assert set_by_flow(headers) == {"content-type": "text/plain"}
    assert set_by_flow({"x": "1"}) == {"x": "1"}
