"""Users for tests, with hashes that cost no time."""

import hashlib
import json
from contextlib import asynccontextmanager

from argon2 import PasswordHasher

from tests.editor.serving import served

_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
API_TOKEN = "a-token-that-only-a-program-knows"


def cheap_hash(password):
    return _CHEAP.hash(password)


def user(name, permissions, password=None):
    return {"name": name, "password": cheap_hash(password or f"{name}'s secret"), "permissions": permissions}


def token_entry(permissions):
    return {
        "name": "program",
        "hash": f"sha256:{hashlib.sha256(API_TOKEN.encode()).hexdigest()}",
        "permissions": permissions,
    }


USERS = [user("anna", "*"), user("rudi", "read"), user("flo", ["flows.read", "flows.write"])]


@asynccontextmanager
async def guarded(folder, *nodes, storage=None, auth=(), **given):
    """As ``served``, with users; ``auth`` are further settings of the section."""
    section = {"users": USERS, "tokens": [token_entry(["inject.write"])], **dict(auth)}
    async with served(folder, *nodes, storage=storage, auth=section, **given) as site:
        yield site


def login_form(name, password=None, **changed):
    form = {
        "client_id": "node-red-admin",
        "grant_type": "password",
        "scope": "",
        "username": name,
        "password": password or f"{name}'s secret",
    }
    return {key: value for key, value in (form | changed).items() if value is not None}


async def log_in(site, name, password=None, **changed):
    """The answer to a login."""
    return await site.client.post("/auth/token", json=login_form(name, password, **changed))


async def token_of(site, name):
    answer = await log_in(site, name)
    site.client.cookies.clear()
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def audit_of(folder):
    path = folder / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
