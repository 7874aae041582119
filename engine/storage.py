"""Where flows live: a flow file and a credentials file in Node-RED's places and formats, and a history of deploys.

In the user directory: ``flows.json``, ``flows_cred.json``, their backups ``.flows.json.backup`` and so on,
``.config.runtime.json``, and ``.history/`` with the kept deploys. All functions block; run them in a thread. They may
be called from several threads.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import jsontext
from .errors import FlowFileError, StorageError
from .files import PUBLIC, read, write_atomic
from .history import History, KeptDeploy, counts
from .model import FlowModel, without_secrets

if TYPE_CHECKING:
    from .settings import Settings

log = logging.getLogger("busway.storage")

_GENERATED = "_credentialSecret"
_FOUND = "(changed outside)"
_PRIVATE = 0o600


class FileStorage:
    """Flows in files.

    ``flow_file`` is relative to ``user_dir`` or absolute. ``pretty`` writes it with indentation. The last
    ``history_length`` deploys are kept, fewer where they take more than ``history_bytes``.
    """

    def __init__(
        self,
        user_dir: str | Path,
        flow_file: str | Path = "flows.json",
        pretty: bool = True,
        history_length: int = 50,
        history_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.user_dir = Path(user_dir)
        self.flow_path = self.user_dir / flow_file
        self.credentials_path = self._credentials_path()
        self.config_path = self.user_dir / ".config.runtime.json"
        self.pretty = pretty
        self._history = History(self.user_dir / ".history", history_length, history_bytes)
        self._lock = threading.RLock()
        self._known: str | None = None
        self._in_file = self._last = FlowModel.parse([])
        self._kept: str | None = None
        self._unsaved_secret: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> FileStorage:
        """The storage that settings describe."""
        bounds = (settings.history_length, settings.history_bytes)
        return cls(settings.user_dir, settings.flow_file, settings.flow_file_pretty, *bounds)

    # -- flows and credentials -----------------------------------------------------------------------------------------
    def load(self) -> tuple[FlowModel, bytes | None]:
        """The flows, and the content of the credentials file or None. A missing flow file is an empty one.

        A file of 0 bytes, which a crash of the machine leaves, is replaced by its backup. Raises FlowFileError when the
        flow file is none, StorageError when a file cannot be read. Nothing is overwritten then.
        """
        with self._lock:
            return self._load_flows(), self._read_or_restore(self.credentials_path)

    def save(self, model: FlowModel, credentials: bytes | None, user: str = "", type: str = "") -> str:
        """Writes the flows and, unless None, the credentials; keeps the deploy in the history; returns the revision.

        Each file is replaced as a whole or not at all, the one before stays as its backup. A flow file that is not in the
        history, because somebody else wrote it, is kept there before it is replaced. Raises StorageError.
        """
        with self._lock:
            if credentials is not None:
                self._save_credentials(credentials)
            self._keep_replaced()
            content = model.dumps(self.pretty)
            self._replace(self.flow_path, content)
            self._known, self._in_file = _digest(content), model
            self._keep(model, content, user, type)
            return model.revision

    def keep(self, model: FlowModel, user: str = "", type: str = "") -> None:
        """Keeps a deploy in the history whose flows need not be written: they were read from the file."""
        with self._lock:
            self._keep(model, model.dumps(self.pretty), user, type)

    def _keep(self, model: FlowModel, content: bytes, user: str, type: str) -> None:
        before, self._last, self._kept = self._last, model, model.revision
        if not self._history.length:
            return
        safe = without_secrets(model.raw)
        if safe is not model.raw:
            content = jsontext.kept(safe, self.pretty)
        self._history.add(content, KeptDeploy(_now(), user, model.revision, type, counts(before, model)))

    def _save_credentials(self, content: bytes) -> None:
        """A new generated secret is on disk before what is encrypted with it."""
        if self._unsaved_secret is not None:
            self.update_config({_GENERATED: self._unsaved_secret})
            self._unsaved_secret = None
        self._replace(self.credentials_path, content, _PRIVATE)

    def _load_flows(self) -> FlowModel:
        content = self._read_or_restore(self.flow_path)
        if content is None:
            return FlowModel.parse([])
        try:
            model = FlowModel.parse(content)
        except FlowFileError as error:
            raise FlowFileError(f"{self.flow_path}: {error}; {self._repair_hint()}") from None
        if self._known is None:
            self._last = model
        self._known, self._in_file = _digest(content), model
        return model

    def _repair_hint(self) -> str:
        backup = _backup(self.flow_path)
        return f"repair it or copy {backup.name} over it" if backup.exists() else "repair it or move it away"

    def _keep_replaced(self) -> None:
        """What stands in the flow file and is not the last deploy of the history must not get lost."""
        content = read(self.flow_path)
        kept = self._kept if self._kept is not None else self._history.newest()
        if not content or (_digest(content) == self._known and self._in_file.revision == kept):
            return
        try:
            model = FlowModel.parse(content)
        except FlowFileError:
            self._history.add(content, KeptDeploy(_now(), _FOUND, _digest(content)))
            return
        if model.raw and model.revision != kept:
            self._keep(model, content, _FOUND, "")

    def _credentials_path(self) -> Path:
        name = f"{self.flow_path.stem}_cred{self.flow_path.suffix}"
        at_home = self.user_dir / name
        return at_home if at_home.exists() else self.flow_path.with_name(name)

    def _read_or_restore(self, path: Path) -> bytes | None:
        content = read(path)
        if content == b"":
            content = read(_backup(path)) or None
            if content is not None:
                log.warning("%s is empty; restored from its backup", path)
                write_atomic(path, content)
        return content

    def _replace(self, path: Path, content: bytes, mode: int = PUBLIC) -> None:
        before = read(path)
        if before:
            write_atomic(_backup(path), before, mode)
        write_atomic(path, content, mode)

    # -- history -------------------------------------------------------------------------------------------------------
    def history(self) -> list[KeptDeploy]:
        """The kept deploys, newest first. Raises StorageError when the history cannot be read."""
        with self._lock:
            return list(reversed(self._history.entries()))

    def deploy(self, revision: str) -> tuple[KeptDeploy, KeptDeploy | None]:
        """The last deploy of a revision, given whole or by its beginning, and the one before it. Raises StorageError."""
        with self._lock:
            return self._history.find(revision)

    def restore(self, revision: str) -> FlowModel:
        """The flows of a kept deploy, by its revision or the beginning of it, for a deploy of them. Nothing is written.

        Raises StorageError when no kept deploy, or more than one, has such a revision, FlowFileError when it is none of
        ours and no flow file.
        """
        with self._lock:
            return FlowModel.parse(self._history.content(revision))

    # -- runtime configuration and secret ------------------------------------------------------------------------------
    def config(self) -> dict[str, Any]:
        """The runtime's own settings that outlive it, {} without any. Raises StorageError when they are damaged."""
        with self._lock:
            content = self._read_or_restore(self.config_path)
            return _parse_object(content, self.config_path) if content else {}

    def update_config(self, changes: Mapping[str, Any]) -> None:
        """Sets the given members of the runtime configuration; None removes one. Raises StorageError."""
        with self._lock:
            config = self.config() | dict(changes)
            kept = {key: value for key, value in config.items() if value is not None}
            self._replace(self.config_path, jsontext.kept(kept, pretty=True), _PRIVATE)

    def secret(self, setting: str | bool | None = None) -> str | Literal[False]:
        """The secret of the credentials file: the setting's, False for a file in clear, or with None a generated one.

        A generated secret is Node-RED's ``_credentialSecret`` in the runtime configuration. A new one is written there
        with the first credentials that need it.
        """
        if setting is False or isinstance(setting, str):
            return setting
        generated = self.former_secret() or self._unsaved_secret
        if generated is None:
            generated = self._unsaved_secret = secrets.token_hex(32)
        return generated

    def former_secret(self) -> str | None:
        """The generated secret, which the credentials file may still be written with after one has been set."""
        generated = self.config().get(_GENERATED)
        return generated if isinstance(generated, str) else None

    def forget_generated_secret(self) -> None:
        """Removes the generated secret: call it when the credentials have been saved with a secret that was set."""
        if self.former_secret() is not None:
            self.update_config({_GENERATED: None})


# -- files -------------------------------------------------------------------------------------------------------------


def _backup(path: Path) -> Path:
    """Node-RED's name of a file's backup: hidden, except that a hidden file's only has the ending."""
    dot = "" if path.name.startswith(".") else "."
    return path.with_name(f"{dot}{path.name}.backup")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parse_object(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged ({error}); repair it or copy {_backup(path).name} over it") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} is damaged: it holds no JSON object; repair it")
    return value
