"""Hashes of passwords, and the memory of checked ones."""

import asyncio

import pytest

from busway.gateway import passwords
from busway.gateway.passwords import PasswordStore, check_format, hash_password, verify_password
from busway.nodes.ocpp.streams.gateway_entries import Station

CP1 = Station("acme", "CP1")


@pytest.mark.parametrize("password", ["secret", "ä€", b"\x00\xff:", ""])
def test_password_fits_its_hash_and_no_other(password):
    stored = hash_password(password)
    assert verify_password(password, stored)
    assert not verify_password("other", stored)
    assert check_format(stored) == stored


def test_hashes_of_one_password_differ():
    assert hash_password("secret") != hash_password("secret")


@pytest.mark.parametrize(
    "stored",
    ["", "secret", "scrypt$1$2", "scrypt$x$8$1$AAAA$AAAA", "scrypt$16384$8$1$%%$AAAA", "bcrypt$1$1$1$AA==$AA=="],
)
def test_text_that_is_no_hash_is_told_with_the_remedy(stored):
    with pytest.raises(ValueError, match="hash_password"):
        verify_password("secret", stored)
    with pytest.raises(ValueError, match="hash_password"):
        check_format(stored)


class Lookup:
    """Hashes as they are found in Redis."""

    def __init__(self, **found):
        self.found = found

    async def __call__(self, station):
        return self.found.get(station.device)


async def test_right_password_costs_no_second_hashing(monkeypatch):
    store = PasswordStore({}, Lookup(CP1=hash_password("secret")))
    assert await store.check(CP1, b"secret")
    monkeypatch.setattr(passwords, "_scrypt", lambda *_: pytest.fail("hashed again"))
    assert await store.check(CP1, b"secret")


async def test_remembered_password_ends_with_its_hash():
    lookup = Lookup(CP1=hash_password("old"))
    store = PasswordStore({}, lookup)
    assert await store.check(CP1, b"old")
    lookup.found["CP1"] = hash_password("new")
    assert not await store.check(CP1, b"old")
    assert await store.check(CP1, b"new")
    del lookup.found["CP1"]
    assert not await store.check(CP1, b"new")


async def test_wrong_password_is_wrong_again_after_the_right_one():
    store = PasswordStore({"acme:CP1": hash_password("secret")}, Lookup())
    assert await store.check(CP1, b"secret")
    assert not await store.check(CP1, b"Secret")


async def test_station_without_a_password_and_a_broken_hash_admit_nobody():
    store = PasswordStore({}, Lookup(CP1="secret"))
    assert not await store.check(CP1, b"secret")
    assert not await store.check(Station("acme", "other"), b"")


async def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(passwords, "_REMEMBERED", 2)
    monkeypatch.setattr(passwords, "_matches", lambda password, stored: True)
    store = PasswordStore({}, Lookup(**{f"CP{number}": "x" for number in range(5)}))
    checks = (store.check(Station("acme", f"CP{number}"), b"") for number in range(5))
    assert all(await asyncio.gather(*checks))
    assert len(store._right) == 2
