"""Which proxy a URL is reached through."""

import pytest

from busway.nodes.network.proxies import environment_proxy, is_excluded


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("rule", "url", "excluded"),
    [
        ("a.test", "http://a.test/x", True),
        ("a.test", "http://b.a.test/", False),
        (".a.test", "http://b.a.test/", True),
        ("*.a.test", "https://b.a.test/", True),
        ("*.a.test", "https://a.test/", False),
        ("a.test:80", "http://A.test/", True),
        ("a.test:80", "https://a.test/", False),
        ("x, a.test y", "http://a.test/", True),
        ("*", "http://a.test/", True),
        ("", "http://a.test/", False),
        ("[::1]", "http://[::1]:8/", True),
        ("[::1]:8", "http://[::1]:8/", True),
    ],
)
def test_rules_name_hosts(rule, url, excluded):
    assert is_excluded(url, [rule]) is excluded


def test_the_environment_names_proxies_by_scheme(monkeypatch):
    monkeypatch.setenv("http_proxy", "one:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://two:2")
    monkeypatch.setenv("no_proxy", "home")
    assert environment_proxy("http://a/") == "http://one:1"
    assert environment_proxy("ws://a/") == "http://one:1"
    assert environment_proxy("https://a/") == environment_proxy("wss://a/") == "http://two:2"
    assert environment_proxy("http://home/") is None


def test_without_proxies_everything_is_reached_directly(monkeypatch):
    assert environment_proxy("http://a/") is None
    monkeypatch.setenv("ALL_PROXY", "http://any:1")
    assert environment_proxy("https://a/") == "http://any:1"
