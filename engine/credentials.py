"""The secrets of nodes, in Node-RED's credentials file.

The file is ``{"$": "<32 hex digits><base64>"}``: AES-256 in counter mode, key = SHA-256 of the secret, the hex digits
are the initial counter block; or, with encryption switched off, the plain ``{node id: {field: value}}``.

That format knows no integrity: whoever can write the file can flip bits of a password unseen. We add it without leaving
the format. Our counter block is no random number but a keyed fingerprint of the content (a synthetic IV, as in AES-SIV,
from a key of its own), and begins with a capital ``F``, which Node-RED, writing lower-case digits, never does. Node-RED
reads it like any block, and ``$`` stays the only member, which Node-RED demands where it changes the secret. When we
read such a file, a fingerprint that does not fit is a wrong secret or a tampered file, for certain. A file of Node-RED
has no fingerprint: what gives a wrong secret away there is that the content is no JSON. So somebody who knows this can
still pass a tampered file off as Node-RED's; that is the price of reading those.

When a file cannot be read the store stays locked: it gives no secrets, takes none, and cannot be written over the file.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from busway.engine import jsontext
from busway.engine.errors import ConfigError, CredentialsError

Secrets = dict[str, Any]
Secret = str | Literal[False] | None
"""Text; False for a file in clear; None when no secret is at hand, which is enough as long as there is no file."""

UNCHANGED = "__PWRD__"
"""What an editor posts in place of a password that it was never shown and that stays as it is."""

_BLOCK = 16
_MARK = "F"
_HEX_BLOCK = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


class CredentialStore:
    """Secrets by node id, and the file they come from and go to. Not for use from several threads.

    ``changed`` tells that the file is out of date: write ``dump()`` then, and only then.
    """

    def __init__(self) -> None:
        self.changed = False
        self.locked = ""
        self._secret: Secret = None
        self._entries: dict[str, Secrets] = {}

    def load(self, data: bytes | None, secret: Secret, former: str | None = None) -> None:
        """Takes the content of a credentials file in place of all that was there; None or empty means no file.

        ``former`` is the secret that was used before ``secret``, if the file may still be written with it; the store is
        then changed, so that the file gets rewritten. Raises CredentialsError when neither fits, the file was tampered
        with, or it is no credentials file; the store is empty and locked afterwards.
        """
        self.locked, self.changed, self._secret, self._entries = "", False, secret, {}
        try:
            self._entries, self.changed = _read(data, secret, former) if data else ({}, False)
        except CredentialsError as error:
            self.locked = str(error)
            raise

    def get(self, node_id: str) -> Secrets:
        """The secrets of a node, {} when it has none. Inside a subflow instance ask with the template node's id."""
        return dict(self._entries.get(node_id, {}))

    def merge(
        self, node_id: str, posted: Mapping[str, Any], declared: Mapping[str, str] | None = None, node_type: str = ""
    ) -> list[str]:
        """Takes over the ``credentials`` of a posted node, by the rules of Node-RED's deploy.

        ``declared`` maps the type's fields to "text" or "password"; None for a type that declares nothing because it is
        unknown, or a tab, group or subflow: any field goes. ``node_type`` singles out those with rules of their own
        (``subflow...``: fields that are not posted are deleted; ``global-config``: all under ``map``).
        An absent field stays, UNCHANGED keeps a password, blank text deletes, anything else replaces.
        Returns the fields that were ignored as the type does not declare them. Raises ConfigError when ``posted`` is no
        object, CredentialsError when the store is locked.
        """
        self._check_unlocked()
        if not isinstance(posted, Mapping):
            raise ConfigError(f"node {node_id}: its credentials are {posted!r}, they have to be an object of fields")
        if node_type == "global-config":
            self._put(node_id, {"map": _merge_map(self.get(node_id).get("map"), posted.get("map"))})
            return []
        kept = self.get(node_id)
        if node_type.startswith("subflow"):
            kept = {field: value for field, value in kept.items() if field in posted}
        taken = {field: value for field, value in posted.items() if declared is None or field in declared}
        self._put(node_id, _merge_fields(kept, taken, declared))
        return [field for field in posted if field not in taken]

    def replace(self, entries: Mapping[str, Secrets]) -> None:
        """Takes a full set of secrets in place of all that was there. Raises as :meth:`merge`."""
        self._check_unlocked()
        checked = _check_entries(dict(entries))
        self.changed |= checked != self._entries
        self._entries = checked

    def prune(self, ids: Collection[str]) -> None:
        """Drops the secrets of all nodes but ``ids``, those of the flow file."""
        gone = self._entries.keys() - set(ids)
        self.changed |= bool(gone)
        self._entries = {id: secrets for id, secrets in self._entries.items() if id not in gone}

    def copy(self) -> CredentialStore:
        """An independent copy: merge a deploy into it, and keep it only if the deploy is accepted."""
        return copy.deepcopy(self)

    def dump(self) -> bytes:
        """The content of the file. Raises CredentialsError when the store is locked or has no secret to encrypt with.

        Equal secrets give equal content.
        """
        self._check_unlocked()
        text = jsontext.kept(self._entries)
        if self._secret is False:
            return text
        if self._secret is None:
            raise CredentialsError("the credentials cannot be encrypted without a secret; set credential_secret")
        return json.dumps({"$": _encrypt(text, self._secret)}).encode()

    def _put(self, node_id: str, secrets: Secrets) -> None:
        if secrets != self._entries.get(node_id, {}):
            self._entries[node_id] = secrets
            self.changed = True

    def _check_unlocked(self) -> None:
        if self.locked:
            raise CredentialsError(f"credentials cannot be changed: {self.locked}")


def _merge_fields(kept: Secrets, posted: Mapping[str, Any], declared: Mapping[str, str] | None) -> Secrets:
    merged = dict(kept)
    for field, value in posted.items():
        if value == UNCHANGED and (declared is None or declared[field] == "password"):
            continue
        if value is None or (isinstance(value, str) and not value.strip()):
            merged.pop(field, None)
        else:
            merged[field] = value
    return merged


def _merge_map(kept: Any, posted: Any) -> Secrets:
    """global-config: ``{NAME: value, has_NAME: true}``; names that are not posted go, UNCHANGED keeps the value."""
    old, new = (value if isinstance(value, Mapping) else {} for value in (kept, posted))
    merged: Secrets = {}
    for name, value in new.items():
        if name.startswith("has_") or not value:
            continue
        source = old if value == UNCHANGED and name in old else new
        merged |= {key: source[key] for key in (name, f"has_{name}") if key in source}
    return merged


# -- the file ----------------------------------------------------------------------------------------------------------


def _read(data: bytes, secret: Secret, former: str | None) -> tuple[dict[str, Secrets], bool]:
    """The entries of a file, and whether it should be written anew."""
    content = _parse(data)
    if "$" not in content:
        return _check_entries(content), secret is not False and bool(content)
    if not isinstance(content["$"], str):
        raise CredentialsError("the credentials file is damaged: its '$' is no text; restore it from a backup")
    if secret is not False and secret is not None:
        try:
            return _decrypt(content["$"], secret), False
        except CredentialsError:
            if former is None:
                raise
    if former is not None:
        return _decrypt(content["$"], former), True
    raise CredentialsError(
        "the credentials file is encrypted but no secret is set; set credential_secret to its secret"
    )


def _parse(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CredentialsError(f"the credentials file is damaged ({error}); restore it from a backup") from None
    if not isinstance(content, dict):
        raise CredentialsError("the credentials file holds no JSON object; restore it from a backup")
    return content


def _check_entries(content: dict[str, Any]) -> dict[str, Secrets]:
    for id, secrets in content.items():
        if not isinstance(secrets, dict):
            raise CredentialsError(
                f"the credentials of node {id!r} are no object of fields; restore the file or remove them"
            )
    if jsontext.too_deep(content):
        raise CredentialsError("the credentials are nested too deep; restore the file from a backup")
    return content


def _encrypt(text: bytes, secret: str) -> str:
    block = _fingerprint(text, secret)
    return block.hex().upper() + base64.b64encode(_cipher(text, secret, block)).decode()


def _decrypt(text: str, secret: str) -> dict[str, Secrets]:
    if not _HEX_BLOCK.match(text):
        raise CredentialsError(
            "the credentials file is damaged: it does not begin with 32 hex digits; restore a backup"
        )
    block = bytes.fromhex(text[: 2 * _BLOCK])
    try:
        plain = _cipher(base64.b64decode(text[2 * _BLOCK :], validate=True), secret, block)
    except binascii.Error as error:
        raise CredentialsError(f"the credentials file is damaged ({error}); restore it from a backup") from None
    if text.startswith(_MARK) and not hmac.compare_digest(block, _fingerprint(plain, secret)):
        raise _wrong_secret("or the file was changed by somebody who does not have it")
    try:
        return _check_entries(_parse(plain))
    except CredentialsError:
        raise _wrong_secret("or the file is damaged") from None


def _wrong_secret(otherwise: str) -> CredentialsError:
    remedy = "the file is left as it is: set credential_secret to the secret it was written with, or restore a backup"
    return CredentialsError(f"the credentials file does not fit the secret, {otherwise}; {remedy}")


def _fingerprint(text: bytes, secret: str) -> bytes:
    """The first 16 bytes of a keyed digest; four bits are given up so that it always begins with the mark."""
    key = hmac.digest(_key(secret), b"busway credentials fingerprint", "sha256")
    digest = hmac.digest(key, text, "sha256")
    return bytes([digest[0] | 0xF0]) + digest[1:_BLOCK]


def _cipher(data: bytes, secret: str, block: bytes) -> bytes:
    """Counter mode: the same for both directions."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    stream = Cipher(algorithms.AES(_key(secret)), modes.CTR(block)).encryptor()
    return stream.update(data) + stream.finalize()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
