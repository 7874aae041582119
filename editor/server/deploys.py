"""A deploy that somebody posts: checked, its secrets taken out, made the running one; what goes wrong as an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from busway.engine.credentials import CredentialStore
from busway.engine.errors import (
    ConfigError,
    CredentialsError,
    DeployError,
    FlowFileError,
    RevisionMismatch,
    StorageError,
)
from busway.engine.http.payload import json_bytes
from busway.engine.model import FlowModel, take_credentials
from busway.engine.runtime import Mode, Runtime

from .api import ApiError, Call

Secrets = dict[str, dict[str, Any]]


async def deploy(
    call: Call, mode: Mode, flows: list[Any], rev: str | None = None, posted: Mapping[str, Any] | None = None
) -> str:
    """Makes posted flows the running ones; returns their revision.

    Secrets inside the nodes change the stored ones; those ``posted`` beside the flows replace them all. With mode ``reload``
    the stored flows are taken instead. Raises ApiError: 409 for another revision, 400 for what is wrong with the flows.
    """
    runtime = call.runtime
    try:
        credentials = _replacement(runtime, flows, posted) | take_credentials(flows)
        model = FlowModel.parse(flows) if mode != "reload" else None
        return await asyncio.shield(runtime.deploy(model, mode, rev, call.user_name, credentials))
    except RevisionMismatch as error:
        raise ApiError(409, "version_mismatch", str(error)) from None
    except DeployError as error:
        raise ApiError(400, "invalid_flows", str(error), problems=error.problems) from None
    except (FlowFileError, ConfigError, CredentialsError) as error:
        raise ApiError(400, "unexpected_error", str(error)) from None
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None


def _replacement(runtime: Runtime, flows: list[Any], posted: Mapping[str, Any] | None) -> Secrets:
    """Secrets posted beside the flows replace all others: what the flows' nodes have and they lack is deleted."""
    if posted is None:
        return {}
    ids = [item["id"] for item in flows if isinstance(item, dict) and isinstance(item.get("id"), str)]
    given = _decrypted(runtime, posted, ids) if "$" in posted else posted
    blank = {id: dict.fromkeys(runtime.credentials.get(id), "") for id in ids}
    return {id: blank[id] | _object(id, given.get(id, {})) for id in ids if blank[id] or id in given}


def _object(id: str, secrets: Any) -> dict[str, Any]:
    if isinstance(secrets, dict):
        return secrets
    raise ApiError(400, "unexpected_error", f"the credentials of node {id!r} are no object of fields")


def _decrypted(runtime: Runtime, posted: Mapping[str, Any], ids: list[str]) -> Secrets:
    """The secrets of an encrypted set, which was made with the runtime's own secret."""
    storage = runtime.persistence.storage
    secret = storage.secret(runtime.settings.credential_secret) if storage is not None else None
    store = CredentialStore()
    store.load(json_bytes(dict(posted)), secret)
    return {id: secrets for id in ids if (secrets := store.get(id))}
