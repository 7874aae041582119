import subprocess
import sys

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.passwords import check_hash, hash_password, verify_password


def test_a_password_is_hashed_with_argon2id_and_a_salt_of_its_own():
    first, second = hash_password("geheim"), hash_password("geheim")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert check_hash(first) == first
    assert verify_password("geheim", first)
    assert not verify_password("Geheim", first)


@pytest.mark.parametrize("kind", ["$2a$", "$2b$", "$2y$"])
def test_node_reds_bcrypt_is_accepted(kind):
    stored = bcrypt.hashpw(b"geheim", bcrypt.gensalt(4)).decode().replace("$2b$", kind)
    assert check_hash(stored) == stored
    assert verify_password("geheim", stored)
    assert not verify_password("gehe\0im", stored)


def test_bcrypt_looks_at_72_bytes_as_in_node_red():
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert verify_password("x" * 100, stored)
    assert not verify_password("x" * 71, stored)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_but_the_password_fits_whatever_it_is_made_of(password, other):
    from argon2 import PasswordHasher

    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password.encode("utf-8", "surrogatepass"))
    assert verify_password(password, stored)
    assert verify_password(other, stored) == (other == password)


@pytest.mark.parametrize(
    "stored", ["", "geheim", "$argon2id$", "$2b$", "$2b$99$" + "x" * 53, "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ"]
)
def test_what_is_no_hash_fits_nothing(stored):
    assert not verify_password("geheim", stored)


@pytest.mark.parametrize("stored", ["", "geheim", "$argon2id$geheim", "$2b$08$geheim", "$1$geheim", "scrypt$1$geheim"])
def test_what_is_no_hash_is_refused_without_repeating_it(stored):
    with pytest.raises(ValueError, match="busway password") as refused:
        check_hash(stored)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_no_password_and_too_long_a_one_are_not_hashed(password):
    with pytest.raises(ValueError, match="1 to 1024"):
        hash_password(password)
    assert not verify_password(password, "$2b$04$" + "x" * 53)


def test_hashes_are_loaded_when_a_password_is_verified():
    program = (
        "import sys, busway.editor.server.serve\n"
        "print({'argon2', 'bcrypt'} & set(sys.modules))\n"
        "from busway.engine.passwords import hash_password; hash_password('x'); print('argon2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["set()", "True"], done.stderr
