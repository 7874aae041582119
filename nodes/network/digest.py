"""HTTP digest authentication (RFC 7616, and RFC 2069 where a server offers no ``qop``)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

_MEMBER = re.compile(r'([a-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
_UNQUOTED = frozenset({"algorithm", "qop", "nc"})
_NONCE_COUNT = "00000001"

Digest = Callable[[str], str]


class Challenge(NamedTuple):
    """What a server asks for. ``digests`` are the functions that its algorithm's name may mean, the likeliest first."""

    members: dict[str, str]
    digests: tuple[Digest, ...]


def read_challenges(headers: list[str]) -> Challenge | None:
    """The first digest challenge that can be answered, out of all ``WWW-Authenticate`` lines."""
    for line in headers:
        scheme, _, rest = line.strip().partition(" ")
        if scheme.lower() != "digest":
            continue
        members = {name.lower(): _text(quoted, bare) for name, quoted, bare in _MEMBER.findall(rest)}
        digests = _digests(members.get("algorithm", "MD5"))
        if members.get("nonce") and "realm" in members and digests:
            return Challenge(members, digests)
    return None


def authorization(
    challenge: Challenge, digest: Digest, user: str, password: str, method: str, target: str, cnonce: str = ""
) -> str:
    """The ``Authorization`` header for a request of ``target`` (path and query)."""
    asked = challenge.members
    realm, nonce, algorithm = asked["realm"], asked["nonce"], asked.get("algorithm", "")
    qop = "auth" if "auth" in re.split(r"[\s,]+", asked.get("qop", "")) else ""
    cnonce = cnonce or secrets.token_hex(16)
    who = digest(f"{user}:{realm}:{password}")
    if algorithm.lower().endswith("-sess"):
        who = digest(f"{who}:{nonce}:{cnonce}")
    what = digest(f"{method}:{target}")
    between = f"{nonce}:{_NONCE_COUNT}:{cnonce}:{qop}" if qop else nonce
    members = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    members |= {"response": digest(f"{who}:{between}:{what}"), "algorithm": algorithm, "qop": qop}
    members |= {"nc": _NONCE_COUNT if qop else "", "opaque": asked.get("opaque", "")}
    members["cnonce"] = cnonce if qop or algorithm.lower().endswith("-sess") else ""
    return "Digest " + ", ".join(_member(name, value) for name, value in members.items() if value)


def _member(name: str, value: str) -> str:
    if name in _UNQUOTED:
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _text(quoted: str, bare: str) -> str:
    return bare or re.sub(r"\\(.)", r"\1", quoted)


def _digests(algorithm: str) -> tuple[Digest, ...]:
    name = algorithm.lower().removesuffix("-sess")
    if name == "md5":
        return (_hash("md5"),)
    if name == "sha-256":
        return (_hash("sha256"),)
    if name == "sha-512-256":  # some servers cut SHA-512 short, which is not the SHA-512/256 that the RFC means
        return _hash("sha512_256"), lambda text: _hash("sha512")(text)[:64]
    return ()


def _hash(name: str) -> Digest:
    return lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
