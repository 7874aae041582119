"""The stored side of a runtime: flows and secrets read and written together, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any

from .configure import credentials_of
from .credentials import CredentialStore
from .errors import CredentialsError
from .model import FlowModel
from .registry import Registry
from .settings import Settings
from .storage import FileStorage

log = logging.getLogger("busway.persistence")

_STATE, _DISABLED = "runtimeFlowState", "disabledTypes"


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

    # -- what outlives the process beside the flows ---------------------------------------------------------------------
    async def is_held(self) -> bool:
        """Whether the flows were stopped on purpose (Node-RED's ``runtimeFlowState``)."""
        return (await self._config()).get(_STATE) == "stop"

    async def hold(self, held: bool) -> None:
        """Remembers whether the flows are stopped on purpose."""
        await self._keep({_STATE: "stop" if held else "start"})

    async def disabled_types(self) -> list[str]:
        """The node types that are switched off."""
        found = (await self._config()).get(_DISABLED)
        return [type for type in found if isinstance(type, str)] if isinstance(found, list) else []

    async def keep_disabled_types(self, types: Collection[str]) -> None:
        """Remembers the node types that are switched off."""
        await self._keep({_DISABLED: sorted(types) or None})

    async def _config(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.storage.config) if self.storage is not None else {}

    async def _keep(self, changes: Mapping[str, Any]) -> None:
        if self.storage is not None:
            await asyncio.to_thread(self.storage.update_config, changes)

    # -- deploys ----------------------------------------------------------------------------------------------------------
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

    async def keep(self, model: FlowModel, user: str, mode: str) -> None:
        """Notes a deploy of stored flows in the history."""
        if self.storage is not None:
            await asyncio.to_thread(self.storage.keep, model, user, mode)

    async def save(self, model: FlowModel, credentials: CredentialStore, user: str, mode: str = "") -> None:
        """Writes the flows, and the secrets if they changed. Raises StorageError; nothing changes then."""
        if self.storage is not None:
            secrets = credentials.dump() if credentials.changed else None
            await asyncio.to_thread(self.storage.save, model, secrets, user, mode)
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
