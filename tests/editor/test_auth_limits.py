"""How often somebody may try to log in."""

import asyncio
import threading
import time

import pytest

from busway.editor.server.login import (
    _WAITING,
    EVERYWHERE,
    PER_ADDRESS,
    PER_USER,
    WINDOW,
    Attempts,
    Login,
    TooManyTries,
    Try,
    network_of,
)
from busway.editor.server.users import Users
from busway.engine.passwords import hash_password, verify_password
from busway.engine.security_settings import AuthSettings
from tests.editor.people import API_TOKEN, USERS, audit_of, bearer, guarded, log_in, token_of, user
from tests.editor.serving import until

KEY = b"k" * 32


@pytest.fixture
def login():
    return Login(Users(AuthSettings.model_validate({"users": USERS})), KEY)


@pytest.fixture
def clock(monkeypatch):
    """Lets time pass: ``clock(seconds)``."""
    passed = [0.0]
    monkeypatch.setattr("busway.editor.server.login.time.monotonic", lambda: 1e6 + passed[0])
    return lambda seconds: passed.__setitem__(0, passed[0] + seconds)


async def tried(login, password="wrong", name="anna", address="10.0.0.1", device=""):
    try:
        user = await login.check(Try(name, password, address, device))
    except TooManyTries:
        return "refused"
    return "in" if user else "wrong"


async def test_after_five_wrong_passwords_a_user_has_to_wait(login, clock):
    assert [await tried(login) for _ in range(PER_USER)] == ["wrong"] * PER_USER
    assert await tried(login, "anna's secret") == "refused"
    clock(WINDOW - 1)
    assert await tried(login, "anna's secret") == "refused"
    clock(2)
    assert await tried(login, "anna's secret") == "in"


async def test_a_right_password_ends_the_count(login):
    for _ in range(3):
        assert [await tried(login) for _ in range(PER_USER - 1)] == ["wrong"] * (PER_USER - 1)
        assert await tried(login, "anna's secret") == "in"


async def test_tries_from_elsewhere_do_not_shut_a_user_out(login):
    for _ in range(PER_USER + 1):
        await tried(login, address="10.6.6.6")
    assert await tried(login, "anna's secret", address="10.6.6.6") == "refused"
    assert await tried(login, "anna's secret", address="10.0.0.1") == "in"


async def test_one_address_cannot_try_one_name_after_another(login, clock):
    results = [await tried(login, name=f"name{number}") for number in range(PER_ADDRESS + 1)]
    assert results == ["wrong"] * PER_ADDRESS + ["refused"]
    assert await tried(login, "rudi's secret", "rudi") == "refused"
    assert await tried(login, "rudi's secret", "rudi", "10.0.0.2") == "in"


async def test_many_addresses_cannot_shut_out_a_browser_that_is_known(login):
    device = login.device("anna")
    results = [await tried(login, address=f"10.1.{number}.1") for number in range(EVERYWHERE + 1)]
    assert results[-2:] == ["wrong", "refused"]
    assert await tried(login, "anna's secret", address="10.9.9.9") == "refused"
    assert await tried(login, "anna's secret", address="10.9.9.9", device=device) == "in"
    assert await tried(login, "rudi's secret", "rudi", address="10.9.9.9") == "in"


async def test_a_known_browser_has_a_limit_of_its_own(login):
    device = login.device("anna")
    assert [await tried(login, device=device) for _ in range(PER_USER + 1)][-1] == "refused"
    assert await tried(login, "anna's secret", device=device) == "refused"
    assert await tried(login, "anna's secret", device=login.device("anna")) == "in"


async def test_a_cookie_is_good_for_its_user_and_its_server_only(login):
    other = Login(login._users, b"o" * 32)
    for device in (login.device("rudi"), other.device("anna"), "x.y", ".", "", "é.ü"):
        assert not login._is_known(Try("anna", "", "10.0.0.1", device))
    assert login._is_known(Try("anna", "", "10.0.0.1", login.device("anna")))


async def test_a_burst_is_counted_before_its_passwords_are_checked(login):
    results = await asyncio.gather(*(tried(login) for _ in range(12)))
    assert sorted(results) == ["refused"] * (12 - PER_USER) + ["wrong"] * PER_USER


async def test_what_waits_for_a_check_is_bounded_but_for_known_browsers(login):
    async with login._slot:
        strangers = [tried(login, name=f"n{number}", address=f"10.2.{number}.1") for number in range(_WAITING + 5)]
        known = tried(login, "anna's secret", device=login.device("anna"))
        waiting = asyncio.gather(*strangers, known)
        await until(lambda: login._waiting == _WAITING + 1)
    assert await waiting == ["wrong"] * _WAITING + ["refused"] * 5 + ["in"]


async def test_passwords_are_checked_beside_the_event_loop(login, monkeypatch):
    threads = []

    def watched(password, stored):
        threads.append(threading.current_thread())
        return verify_password(password, stored)

    monkeypatch.setattr("busway.editor.server.login.verify_password", watched)
    assert await tried(login, "anna's secret") == "in"
    assert await tried(login, name="nobody") == "wrong"
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_counts_are_bounded(monkeypatch):
    monkeypatch.setattr("busway.editor.server.login._REMEMBERED", 10)
    attempts = Attempts()
    for number in range(100):
        attempts.add((str(number),))
    assert len(attempts._times) == 10
    assert [attempts.count((str(number),)) for number in (0, 99)] == [0, 1]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("a socket", "a socket"),
        ("", ""),
    ],
)
def test_addresses_of_one_host_count_together(address, network):
    assert network_of(address) == network


# -- over HTTP ------------------------------------------------------------------------------------------------------
async def test_the_limit_is_told_as_node_red_tells_it(tmp_path):
    async with guarded(tmp_path) as site:
        for _ in range(PER_USER):
            assert (await log_in(site, "anna", "wrong")).status_code == 403
        for _ in range(3):
            answer = await log_in(site, "anna")
            assert answer.status_code == 500
            assert answer.json() == {
                "error": "server_error",
                "error_description": "Too many login attempts. Wait 10 minutes and try again",
            }
        assert (await log_in(site, "rudi")).status_code == 200
    results = [entry["result"] for entry in audit_of(tmp_path) if entry["who"] == "anna"]
    assert results == ["wrong name or password"] * PER_USER + ["too many tries"]


async def test_a_browser_that_was_in_is_not_shut_out_by_others_at_its_address(tmp_path):
    async with guarded(tmp_path) as site:
        await log_in(site, "anna")
        cookies = dict(site.client.cookies)
        site.client.cookies.clear()
        for _ in range(PER_USER + 1):
            last = await log_in(site, "anna", "wrong")
        assert last.status_code == 500
        site.client.cookies.update(cookies)
        assert (await log_in(site, "anna")).status_code == 200


async def test_the_client_behind_a_trusted_proxy_is_the_one_that_counts(tmp_path):
    async with guarded(tmp_path, auth={"trusted_proxies": ["127.0.0.1"]}) as site:
        for _ in range(PER_USER + 1):
            site.client.headers["X-Forwarded-For"] = "1.2.3.4, 10.6.6.6"
            last = await log_in(site, "anna", "wrong")
        assert last.status_code == 500
        site.client.headers["X-Forwarded-For"] = "10.6.6.6, 10.0.0.1"
        assert (await log_in(site, "anna")).status_code == 200
    assert {entry["from"] for entry in audit_of(tmp_path)} == {"10.6.6.6", "10.0.0.1"}


async def test_nobody_else_can_say_where_he_comes_from(tmp_path):
    async with guarded(tmp_path) as site:
        for number in range(PER_USER + 1):
            site.client.headers["X-Forwarded-For"] = f"10.3.3.{number}"
            last = await log_in(site, "anna", "wrong")
        assert last.status_code == 500


async def test_ten_thousand_tries_do_not_slow_others(tmp_path):
    """With hashes that cost what real ones cost."""
    users = [{**USERS[0], "password": hash_password("anna's secret")}, user("rudi", "read")]
    async with guarded(tmp_path, auth={"users": users, "tokens": [_reader()]}) as site:
        quiet = await _slowest_of(site, 30)
        flood = asyncio.create_task(_flood(site, 10_000))
        loud = await _slowest_of(site, 200)
        statuses = await flood
    assert statuses == {403: PER_ADDRESS, 500: 10_000 - PER_ADDRESS}
    assert loud < max(0.15, 20 * quiet), (quiet, loud)
    assert len(audit_of(tmp_path)) < 100


def _reader():
    import hashlib

    return {
        "name": "reader",
        "hash": f"sha256:{hashlib.sha256(API_TOKEN.encode()).hexdigest()}",
        "permissions": "read",
    }


async def _slowest_of(site, count):
    """The 95th percentile of the time that another user's requests take, in seconds."""
    times = []
    for _ in range(count):
        before = time.perf_counter()
        answer = await site.client.get("/flows", headers=bearer(API_TOKEN))
        times.append(time.perf_counter() - before)
        assert answer.status_code == 200
    return sorted(times)[int(count * 0.95)]


async def _flood(site, count):
    """Tries over raw connections, 8 at a time; returns how often each status came."""
    statuses, names = {}, iter(range(count))

    async def tries():
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for number in names:
            body = (
                b'{"client_id":"node-red-admin","grant_type":"password","scope":"*","username":"u%d","password":"x"}'
                % number
            )
            head = (
                b"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            writer.write(head % len(body) + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            status = int(answer.split(b" ", 2)[1])
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(tries() for _ in range(8)))
    return statuses


async def test_tokens_work_while_logins_are_refused(tmp_path):
    async with guarded(tmp_path) as site:
        token = await token_of(site, "anna")
        for _ in range(PER_USER + 1):
            await log_in(site, "anna", "wrong")
        assert (await site.client.get("/flows", headers=bearer(token))).status_code == 200
