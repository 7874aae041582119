"""Who can reach the server, and under which names."""

import pytest
from websockets.exceptions import InvalidStatus

from busway.editor.server.security_exposure import KnownHosts, Unprotected, check_exposure, is_loopback
from busway.editor.server.serve import HttpFace
from tests.editor.people import USERS, guarded
from tests.editor.serving import QuietRuntime, served, settings_for


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_an_address_that_others_can_reach_needs_users_or_a_decision(tmp_path, host):
    with pytest.raises(Unprotected, match=r"(?s)users.*\[auth\].*busway\.toml.*--insecure.*insecure = true"):
        check_exposure(settings_for(tmp_path, host=host))
    check_exposure(settings_for(tmp_path, host=host, insecure=True))
    check_exposure(settings_for(tmp_path, host=host, auth={"users": USERS}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"])
def test_this_machine_alone_needs_nothing(tmp_path, host):
    assert is_loopback(host)
    check_exposure(settings_for(tmp_path, host=host))


async def test_the_server_itself_refuses(tmp_path):
    face = HttpFace(QuietRuntime(settings_for(tmp_path, host="0.0.0.0")))
    with pytest.raises(Unprotected):
        await face.start()
    assert face.state == "stopped"


def test_passwords_in_clear_are_warned_of(tmp_path, caplog):
    check_exposure(settings_for(tmp_path, host="0.0.0.0", auth={"users": USERS, "trusted_proxies": ["10.0.0.1"]}))
    assert caplog.text == ""
    check_exposure(settings_for(tmp_path, host="0.0.0.0", auth={"users": USERS}))
    assert "cross the network in clear" in caplog.text


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:1880", True),
        ("[::1]:1880", True),
        ("[::1]", True),
        ("192.168.0.7", True),
        ("localhost:1880", True),
        ("LocalHost", True),
        ("busway.localhost", True),
        ("Station.example:80", True),
        (None, True),
        ("evil.example:1880", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[evil", False),
    ],
)
def test_names_that_a_stranger_may_point_here_are_not_known(host, known):
    hosts = KnownHosts(["station.example"])
    assert hosts.knows(host) is known
    assert hosts.knows(host) is known


async def test_without_users_the_server_is_asked_under_its_own_names_only(tmp_path):
    """A page at evil.example whose name points to 127.0.0.1 is of one origin with the server."""
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    async with served(tmp_path) as site:
        for path in ("/flows", "/settings", "/openapi.json", "/debug/view/view.html"):
            answer = await site.client.get(path, headers={"Host": "evil.example"})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden_host")
        assert (await site.client.post("/flows", json=[], headers=rebound)).status_code == 403
        with pytest.raises(InvalidStatus):
            async with site.comms(origin="http://evil.example", additional_headers={"Host": "evil.example"}):
                pass


async def test_with_users_any_name_will_do(tmp_path):
    async with guarded(tmp_path) as site:
        assert (await site.client.get("/auth/login", headers={"Host": "charging.example"})).status_code == 200
