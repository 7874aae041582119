"""``busway password``: hashes of passwords and tokens, for ``[auth]`` in ``busway.toml``."""

from __future__ import annotations

import hashlib
import secrets
import sys

import click

from .engine.errors import BuswayError
from .engine.passwords import hash_password


def ask() -> str:
    """The password: asked for twice on a terminal, else the first line of what is piped in. Raises BuswayError."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Again", err=True))
    return sys.stdin.readline().rstrip("\r\n")


def hashed(password: str) -> str:
    """The hash of a password. Raises BuswayError when it is empty or too long."""
    try:
        return hash_password(password)
    except ValueError as error:
        raise BuswayError(str(error)) from None


def new_token() -> list[str]:
    """What to print for a new token: the token, which is not kept anywhere, and its hash."""
    token = secrets.token_urlsafe(32)
    return [f"token: {token}", f"hash:  sha256:{hashlib.sha256(token.encode()).hexdigest()}"]
