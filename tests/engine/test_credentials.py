import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.credentials import UNCHANGED, CredentialStore
from busway.engine.errors import ConfigError, CredentialsError

DATA = Path(__file__).parent / "data"
NODE_RED_SECRET = "a secret for tests"
NODE_RED_ENTRIES = {
    "a1b2c3d4e5f60001": {"TOKEN": "tab-token"},
    "a1b2c3d4e5f60002": {"KEY": "template-key"},
    "a1b2c3d4e5f60003": {"user": "inner", "password": "inner-password"},
    "a1b2c3d4e5f60004": {"user": "märz", "password": 'p@ss "wörd" 漢字 😀'},
    "a1b2c3d4e5f60005": {"map": {"API_KEY": "global-key", "has_API_KEY": True}},
    "a1b2c3d4e5f60006": {"password": "bearer-token"},
    "a1b2c3d4e5f60007": {"KEY": "instance-key"},
}
USER = {"user": "text", "password": "password"}

entries = st.dictionaries(
    st.text(max_size=4), st.dictionaries(st.text(max_size=4), st.text(st.characters(), max_size=9))
)


def store(entries=None, secret="secret"):
    made = CredentialStore()
    made.load(None, secret)
    made.replace(entries or {})
    made.changed = False
    return made


def load(data, secret="secret", former=None):
    made = CredentialStore()
    made.load(data, secret, former)
    return made


def node_red_file(content, secret="secret"):
    """A file as Node-RED writes it: any counter block, no fingerprint."""
    block = bytes(range(16))
    stream = Cipher(algorithms.AES(hashlib.sha256(secret.encode()).digest()), modes.CTR(block)).encryptor()
    return json.dumps({"$": block.hex() + base64.b64encode(stream.update(content)).decode()}).encode()


# -- the file --------------------------------------------------------------------------------------------------------


def test_a_file_written_by_node_red_is_read():
    made = load((DATA / "flows_cred.json").read_bytes(), NODE_RED_SECRET)
    assert {id: made.get(id) for id in NODE_RED_ENTRIES} == NODE_RED_ENTRIES
    assert not made.changed


def test_the_test_makes_files_as_node_red_does():
    assert load(node_red_file(b'{"a":{"user":"u"}}')).get("a") == {"user": "u"}


def test_a_wrong_secret_for_node_reds_file_is_told_and_locks_the_store():
    made = CredentialStore()
    with pytest.raises(CredentialsError, match=r"does not fit the secret.*left as it is.*credential_secret"):
        made.load((DATA / "flows_cred.json").read_bytes(), "another secret")
    assert made.get("a1b2c3d4e5f60001") == {}


@settings(deadline=None)
@given(entries)
def test_what_is_written_is_read_back(content):
    assert load(store(content).dump()).dump() == store(content).dump()
    assert all(load(store(content).dump()).get(id) == secrets for id, secrets in content.items())


def test_our_file_has_node_reds_form_and_the_mark_of_a_fingerprint():
    content = json.loads(store({"a": {"user": "u"}}).dump())
    assert list(content) == ["$"]
    block, text = content["$"][:32], content["$"][32:]
    assert block[0] == "F"
    assert len(bytes.fromhex(block)) == 16
    assert len(base64.b64decode(text, validate=True)) == len(b'{"a":{"user":"u"}}')


def test_equal_secrets_give_equal_files_and_others_other_ones():
    one, same, other = store({"a": {"p": "1"}}), store({"a": {"p": "1"}}), store({"a": {"p": "2"}})
    assert one.dump() == same.dump()
    assert one.dump()[:40] != other.dump()[:40]
    assert one.dump() != store({"a": {"p": "1"}}, "another secret").dump()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_of_our_file_goes_unnoticed(place, flip):
    content = {"a": {"password": "1000"}, "b": {"user": "u"}}
    text = json.loads(store(content).dump())["$"]
    raw = bytearray(bytes.fromhex(text[:32]) + base64.b64decode(text[32:]))
    raw[place % len(raw)] ^= flip
    damaged = raw[:16].hex().upper() + base64.b64encode(raw[16:]).decode()
    with pytest.raises(CredentialsError):
        load(json.dumps({"$": damaged}).encode())


def test_a_password_flipped_in_place_is_noticed():
    """The attack that counter mode invites: the content stays well-formed JSON."""
    text = json.loads(store({"a": {"limit": "1000"}}).dump())["$"]
    raw = bytearray(base64.b64decode(text[32:]))
    place = b'{"a":{"limit":"1000"}}'.index(b"1000")
    raw[place] ^= ord("1") ^ ord("9")
    with pytest.raises(CredentialsError, match="somebody who does not have it"):
        load(json.dumps({"$": text[:32] + base64.b64encode(raw).decode()}).encode())


def test_a_wrong_secret_for_our_file_is_told():
    with pytest.raises(CredentialsError, match="does not fit the secret"):
        load(store({"a": {"user": "u"}}).dump(), "another secret")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no json", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[]", "no JSON object"),
        (b'{"$": 5}', "no text"),
        (b'{"$": "abc"}', "32 hex digits"),
        (b'{"$": "' + b"0" * 32 + b'%%%"}', "damaged"),
        (b'{"a": "text"}', "node 'a'"),
        (b'{"a": ' + b'{"b":' * 300 + b"1" + b"}" * 301, "nested"),
        (b'{"a": ' + b"[" * 100_000, "damaged"),
        (node_red_file(b"[]"), "does not fit"),
        (node_red_file(b'{"a": 5}'), "does not fit"),
    ],
)
def test_a_file_that_is_none_is_told_and_locks_the_store(data, words):
    made = CredentialStore()
    with pytest.raises(CredentialsError, match=words):
        made.load(data, "secret")
    assert words in made.locked


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps({"$": text}).encode()))
def test_any_content_is_read_or_a_credentials_error(data):
    made = CredentialStore()
    try:
        made.load(data, "secret")
    except CredentialsError:
        assert made.locked
    else:
        assert not made.locked


def test_a_locked_store_is_never_written():
    made = CredentialStore()
    with pytest.raises(CredentialsError):
        made.load(b"damaged", "secret")
    made.prune([])
    assert not made.changed
    for attempt in (made.dump, lambda: made.merge("a", {"user": "u"}, USER), lambda: made.replace({"a": {}})):
        with pytest.raises(CredentialsError, match="damaged"):
            attempt()
    made.load(None, "secret")
    assert made.merge("a", {"user": "u"}, USER) == []


@pytest.mark.parametrize("data", [None, b""])
def test_no_file_is_an_empty_store(data):
    made = load(data)
    assert (made.changed, made.get("a"), made.locked) == (False, {}, "")


def test_an_encrypted_file_needs_a_secret():
    for secret in (None, False):
        with pytest.raises(CredentialsError, match="no secret is set"):
            load(store({"a": {"user": "u"}}).dump(), secret)


def test_without_encryption_the_file_is_in_clear():
    made = store({"a": {"user": "é"}}, secret=False)
    assert json.loads(made.dump()) == {"a": {"user": "é"}}
    assert not load(made.dump(), False).changed


def test_a_file_in_clear_gets_encrypted_when_there_is_a_secret():
    made = load(b'\xef\xbb\xbf{"a": {"user": "u"}}')
    assert made.changed
    assert made.get("a") == {"user": "u"}
    assert "$" in json.loads(made.dump())


def test_an_encrypted_store_without_a_secret_cannot_be_written():
    made = CredentialStore()
    made.merge("a", {"user": "u"}, USER)
    with pytest.raises(CredentialsError, match="credential_secret"):
        made.dump()


@pytest.mark.parametrize("secret", ["new secret", False])
def test_a_file_with_the_former_secret_is_read_and_written_anew(secret):
    made = load(store({"a": {"user": "u"}}, "former").dump(), secret, "former")
    assert made.changed
    assert made.get("a") == {"user": "u"}
    again = load(made.dump(), secret, "former")
    assert not again.changed
    assert again.get("a") == {"user": "u"}


def test_when_neither_secret_fits_it_is_told():
    with pytest.raises(CredentialsError, match="does not fit"):
        load(store({"a": {"user": "u"}}).dump(), "new", "former")


# -- what a deploy posts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ({}, {"user": "u", "password": "p"}),
        ({"user": "v"}, {"user": "v", "password": "p"}),
        ({"password": UNCHANGED}, {"user": "u", "password": "p"}),
        ({"user": UNCHANGED}, {"user": UNCHANGED, "password": "p"}),
        ({"user": ""}, {"password": "p"}),
        ({"password": " \t\n"}, {"user": "u"}),
        ({"user": None}, {"password": "p"}),
        ({"user": "", "password": ""}, {}),
        ({"user": 0}, {"user": 0, "password": "p"}),
    ],
)
def test_posted_fields_keep_replace_or_delete(posted, expected):
    made = store({"a": {"user": "u", "password": "p"}})
    assert made.merge("a", posted, USER) == []
    assert made.get("a") == expected
    assert made.changed == (expected != {"user": "u", "password": "p"})


def test_fields_that_the_type_does_not_declare_are_ignored_and_named():
    made = store()
    assert made.merge("a", {"user": "u", "token": "t"}, USER) == ["token"]
    assert made.get("a") == {"user": "u"}
    assert made.merge("b", {"user": "u"}, {}) == ["user"]
    assert made.get("b") == {}


@pytest.mark.parametrize("node_type", ["", "tab", "group", "some unknown type"])
def test_without_a_declaration_every_field_goes_and_absent_ones_stay(node_type):
    made = store({"a": {"A": "1", "B": "2", "C": "3"}})
    assert made.merge("a", {"A": UNCHANGED, "B": "", "D": "4"}, None, node_type) == []
    assert made.get("a") == {"A": "1", "C": "3", "D": "4"}


@pytest.mark.parametrize("node_type", ["subflow", "subflow:abc"])
def test_fields_that_a_subflow_no_longer_has_are_deleted(node_type):
    made = store({"a": {"A": "1", "B": "2"}})
    made.merge("a", {"A": UNCHANGED, "C": "3"}, None, node_type)
    assert made.get("a") == {"A": "1", "C": "3"}


def test_global_config_has_a_map_of_its_own():
    made = store({"a": {"map": {"KEPT": "1", "has_KEPT": True, "GONE": "2", "has_GONE": True}}})
    posted = {"KEPT": UNCHANGED, "has_KEPT": True, "NEW": "3", "has_NEW": True, "EMPTY": ""}
    made.merge("a", {"map": posted}, None, "global-config")
    assert made.get("a") == {"map": {"KEPT": "1", "has_KEPT": True, "NEW": "3", "has_NEW": True}}
    assert made.changed


@pytest.mark.parametrize("posted", [{}, {"map": None}, {"map": [1]}])
def test_global_config_without_names_has_none(posted):
    made = store({"a": {"map": {"A": "1"}}})
    made.merge("a", posted, None, "global-config")
    assert made.get("a") == {"map": {}}


@pytest.mark.parametrize("posted", [None, "text", [1], 5])
def test_posted_credentials_that_are_no_object_are_an_error_that_names_the_node(posted):
    with pytest.raises(ConfigError, match="node a"):
        store().merge("a", posted, USER)


def test_secrets_of_nodes_that_are_gone_are_dropped():
    made = store({"a": {"user": "u"}, "b": {"user": "v"}})
    made.prune({"a", "b", "c"})
    assert not made.changed
    made.prune({"a"})
    assert made.changed
    assert (made.get("a"), made.get("b")) == ({"user": "u"}, {})


def test_a_full_set_replaces_all():
    made = store({"a": {"user": "u"}})
    made.replace({"a": {"user": "u"}})
    assert not made.changed
    made.replace({"b": {"user": "v"}})
    assert made.changed
    assert (made.get("a"), made.get("b")) == ({}, {"user": "v"})
    with pytest.raises(CredentialsError, match="node 'c'"):
        made.replace({"c": "text"})


def test_neither_a_copy_nor_an_answer_leads_back_into_the_store():
    made = store({"a": {"user": "u"}})
    other = made.copy()
    other.merge("a", {"user": "v"}, USER)
    made.get("a")["user"] = "w"
    assert (made.get("a"), made.changed) == ({"user": "u"}, False)
    assert (other.get("a"), other.changed) == ({"user": "v"}, True)
    assert load(other.dump()).get("a") == {"user": "v"}
