import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.masking import MASK, Masker, is_secret_name

SECRET = "s3cr3t-v4lue"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "dbPassword",
        "access_token",
        "Authorization",
        "X-Api-Key",
        "set-cookie",
        "clientSecret",
        "token",
    ],
)
def test_properties_with_these_names_are_hidden(name):
    assert is_secret_name(name)
    assert Masker().masked({"a": [{name: "x"}]}) == {"a": [{name: MASK}]}


@pytest.mark.parametrize("name", ["idToken", "tokens_left", "payload", "pass", "secretary", "keyboard"])
def test_names_that_only_resemble_them_are_not(name):
    assert not is_secret_name(name)


def test_empty_secrets_are_shown_as_empty():
    assert Masker().masked({"password": "", "token": None}) == {"password": "", "token": None}


def test_credentials_in_use_are_hidden_wherever_they_stand():
    masker = Masker([SECRET, "ab"])
    value = {
        "url": f"https://h/?k={SECRET}",
        "list": [SECRET],
        "bytes": SECRET.encode(),
        SECRET: 1,
        "short": "ab",
        "cab": "cabin",
    }
    shown = masker.masked(value)
    assert shown["url"] == f"https://h/?k={MASK}"
    assert shown["list"] == [MASK]
    assert shown["bytes"] == MASK.encode()
    assert (shown["short"], shown["cab"]) == (MASK, "cabin")
    assert SECRET not in str(shown)


@pytest.mark.parametrize(
    "text",
    [
        '{"user": "me", "password": "hunter22"}',
        "user=me&password=hunter22&x=1",
        "Authorization: Bearer hunter22.hunter22",
        "sent Basic hunter22== to the server",
        "mqtts://me:hunter22@broker:8883",
        "{'token': 'hunter22'}",
        "db_password=hunter22",
    ],
)
def test_secrets_in_texts_are_hidden(text):
    shown = Masker().text(text)
    assert "hunter22" not in shown
    assert MASK in shown


def test_a_text_without_secrets_stays():
    text = "the password was wrong, ask for a token; https://example.org/a:b@c"
    assert Masker([SECRET]).text(text) == text


@given(st.text("x", max_size=60), st.integers(1, 80))
def test_no_part_of_a_secret_is_shown_at_the_cut(before, limit):
    shown = Masker([SECRET], limit=limit).text(before + SECRET + "y" * 40)
    assert not any(SECRET[:length] in shown for length in range(3, len(SECRET) + 1))


def test_what_is_large_is_cut():
    masker = Masker(limit=10, budget=1000)
    assert masker.masked("x" * 50) == "x" * 10 + "..."
    assert masker.masked(list(range(50)))[-1] == "... 40 more"
    shown = masker.masked({f"k{n}": [{"v": m} for m in range(9)] for n in range(1000)})
    assert len(json.dumps(shown)) < 3000  # the budget, and what JSON adds
    assert shown["..."].endswith("more")


def test_cycles_and_opaque_things_do_no_harm():
    value = {"handle": object(), "error": ValueError(f"bad {SECRET}"), "none": None, "bin": b"\xff" * 2000}
    value["self"] = value
    shown = Masker([SECRET]).masked(value)
    assert shown["handle"] == "[object]"
    assert shown["error"] == f"bad {MASK}"
    assert len(shown["bin"]) == 1000
    assert shown["none"] is None
