"""Hashes of passwords: argon2id for new ones; bcrypt, as in Node-RED's settings, is accepted. Both are loaded when first used."""

from __future__ import annotations

import re
from typing import Final

MEMORY: Final = 46 * 1024
"""KiB that one hash takes. Memory and passes are above what OWASP asks for at least."""
PASSES: Final = 2
LANES: Final = 1
LONGEST: Final = 1024
"""Characters of a password; a longer one is wrong without a look at it."""
_FORMAT: Final = re.compile(
    r"\$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{8,}|\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"
)
_BCRYPT_BYTES: Final = 72
"""What bcrypt looks at; Node-RED ignores the rest too."""


def hash_password(password: str) -> str:
    """The text to store for a password. Raises ValueError for an empty one and one of more than 1,024 characters."""
    if not password or len(password) > LONGEST:
        raise ValueError(f"a password has 1 to {LONGEST} characters")
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES).hash(_encoded(password))


def verify_password(password: str, stored: str) -> bool:
    """Whether ``stored`` was made of ``password``. Takes a tenth of a second on purpose: call it in a thread."""
    if len(password) > LONGEST:
        return False
    return _is_bcrypt(password, stored) if stored.startswith("$2") else _is_argon2(password, stored)


def check_hash(stored: str) -> str:
    """``stored`` itself. Raises ValueError when it is no hash, as a password in clear is not; the text does not repeat it."""
    if not _FORMAT.fullmatch(stored):
        raise ValueError("this is no password hash; store what `busway password` prints, never the password itself")
    return stored


def _is_argon2(password: str, stored: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(stored, _encoded(password))
    except (VerificationError, InvalidHashError):
        return False


def _is_bcrypt(password: str, stored: str) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(_encoded(password)[:_BCRYPT_BYTES], stored.encode())
    except ValueError:
        return False


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
