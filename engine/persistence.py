"""The stored side of a runtime: flows and secrets read and written together, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from .configure import credentials_of
from .credentials import CredentialStore
from .errors import CredentialsError
from .model import FlowModel
from .registry import Registry
from .settings import Settings
from .storage import FileStorage

log = logging.getLogger("busway.persistence")


class Persistence:
    """Flows and secrets of a runtime; without a storage they live in memory only."""

    def __init__(self, storage: FileStorage | None, settings: Settings, registry: Registry) -> None:
        self.storage, self.settings, self.registry = storage, settings, registry
        self.credentials = CredentialStore()
        if storage is None:
            self.credentials.load(None, False)

    async def load(self) -> FlowModel | None:
        """The stored flows, or None without a storage.

        Secrets that cannot be read are reported; the flows start without them, and their file is not overwritten.
        Raises FlowFileError, StorageError.
        """
        if self.storage is None:
            return None
        model, secrets = await asyncio.to_thread(self.storage.load)
        secret, former = self.storage.secret(self.settings.credential_secret), self.storage.former_secret()
        try:
            self.credentials.load(secrets, secret, former)
        except CredentialsError as error:
            log.error("%s: %s; nodes run without their secrets", self.storage.credentials_path, error)
        return model

    def merged(self, model: FlowModel, posted: Mapping[str, Mapping[str, Any]]) -> CredentialStore:
        """A copy of the secrets with those posted with a deploy taken over, and without those of nodes that are gone."""
        store = self.credentials.copy()
        for id, secrets in posted.items():
            type = _type_of(model, id)
            ignored = store.merge(id, secrets, self._declared(type), type)
            if ignored:
                log.warning("node %s (%s): its type declares no credentials %s; ignored", id, type, ", ".join(ignored))
        if not store.locked:
            store.prune(_ids(model))
        return store

    async def save(self, model: FlowModel, credentials: CredentialStore, user: str) -> None:
        """Writes the flows, and the secrets if they changed. Raises StorageError; nothing changes then."""
        if self.storage is not None:
            secrets = credentials.dump() if credentials.changed else None
            await asyncio.to_thread(self.storage.save, model, secrets, user)
            if secrets is not None and self.settings.credential_secret is not None:
                self.storage.forget_generated_secret()
            credentials.changed = False
        self.credentials = credentials

    def _declared(self, type: str) -> dict[str, str] | None:
        cls = self.registry.get(type)
        return credentials_of(cls.config_class) if cls is not None else None


def _type_of(model: FlowModel, id: str) -> str:
    definition = model.find(id)
    if definition is not None:
        return definition.type
    return "subflow" if id in model.subflows else "tab" if id in model.tabs else "group"


def _ids(model: FlowModel) -> set[str]:
    return {str(item["id"]) for item in model.raw}
