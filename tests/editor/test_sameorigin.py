import pytest

from busway.editor.server.sameorigin import is_same_origin


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        (None, "a:1880", True),
        (None, None, True),
        ("http://a:1880", "a:1880", True),
        ("http://A:1880", "a:1880", True),
        ("http://a", "a:80", True),
        ("https://a:443", "a", True),
        ("http://[::1]:1880", "[::1]:1880", True),
        ("http://[::1]", "[::1]:80", True),
        ("http://a:1880", "a:1881", False),
        ("http://b:1880", "a:1880", False),
        ("http://a.evil", "a", False),
        ("https://a", "a:80", False),
        ("null", "null", False),
        ("a:1880", "a:1880", False),
        ("http://[", "a", False),
        ("", "", False),
        ("http://a", None, False),
    ],
)
def test_an_origin_is_compared_with_the_host_that_was_asked(origin, host, same):
    assert is_same_origin(origin, host) is same
