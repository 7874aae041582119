"""Where flows live: a flow file and a credentials file in Node-RED's places and formats, and a history of deploys.

In the user directory: ``flows.json``, ``flows_cred.json``, their backups ``.flows.json.backup`` and so on,
``.config.runtime.json``, and ``.history/`` with the kept deploys. All functions block; run them in a thread. They may
be called from several threads.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from busway.engine import jsontext
from busway.engine.errors import FlowFileError, StorageError
from busway.engine.model import FlowModel

log = logging.getLogger("busway.storage")

_GENERATED = "_credentialSecret"
_FOUND = "(changed outside)"
_PUBLIC, _PRIVATE = 0o666, 0o600


@dataclass(frozen=True, slots=True)
class KeptDeploy:
    """A kept deploy: when (ISO 8601, UTC), by whom ("" is unknown), and the revision of the flows."""

    when: str
    user: str
    revision: str


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
        self._unsaved_secret: str | None = None

    # -- flows and credentials -----------------------------------------------------------------------------------------
    def load(self) -> tuple[FlowModel, bytes | None]:
        """The flows, and the content of the credentials file or None. A missing flow file is an empty one.

        A file of 0 bytes, which a crash of the machine leaves, is replaced by its backup. Raises FlowFileError when the
        flow file is none, StorageError when a file cannot be read. Nothing is overwritten then.
        """
        with self._lock:
            return self._load_flows(), self._read_or_restore(self.credentials_path)

    def save(self, model: FlowModel, credentials: bytes | None, user: str = "") -> str:
        """Writes the flows and, unless None, the credentials; keeps the deploy in the history; returns the revision.

        Each file is replaced as a whole or not at all, the one before stays as its backup. A flow file that somebody
        else has changed since is kept in the history before it is replaced. Raises StorageError.
        """
        with self._lock:
            if credentials is not None:
                self._save_credentials(credentials)
            self._keep_foreign()
            content = model.dumps(self.pretty)
            self._replace(self.flow_path, content)
            self._known = _digest(content)
            self._history.add(content, model.revision, user)
            return model.revision

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
        self._known = _digest(content)
        return model

    def _repair_hint(self) -> str:
        backup = _backup(self.flow_path)
        return f"repair it or copy {backup.name} over it" if backup.exists() else "repair it or move it away"

    def _keep_foreign(self) -> None:
        """What stands in the flow file and was neither read nor written by us must not get lost."""
        content = _read(self.flow_path)
        if content and _digest(content) != self._known:
            try:
                revision = FlowModel.parse(content).revision
            except FlowFileError:
                revision = _digest(content)
            self._history.add(content, revision, _FOUND)

    def _credentials_path(self) -> Path:
        name = f"{self.flow_path.stem}_cred{self.flow_path.suffix}"
        at_home = self.user_dir / name
        return at_home if at_home.exists() else self.flow_path.with_name(name)

    def _read_or_restore(self, path: Path) -> bytes | None:
        content = _read(path)
        if content == b"":
            content = _read(_backup(path)) or None
            if content is not None:
                log.warning("%s is empty; restored from its backup", path)
                _write_atomic(path, content)
        return content

    def _replace(self, path: Path, content: bytes, mode: int = _PUBLIC) -> None:
        before = _read(path)
        if before:
            _write_atomic(_backup(path), before, mode)
        _write_atomic(path, content, mode)

    # -- history -------------------------------------------------------------------------------------------------------
    def history(self) -> list[KeptDeploy]:
        """The kept deploys, newest first. Raises StorageError when the history cannot be read."""
        with self._lock:
            return list(reversed(self._history.entries()))

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


class History:
    """Kept deploys: the flows in a file named by revision, and ``index.json`` with who and when, oldest first."""

    def __init__(self, folder: Path, length: int, size: int) -> None:
        self.folder, self.length, self.size = folder, length, size
        self._index = folder / "index.json"

    def add(self, content: bytes, revision: str, user: str) -> None:
        """Keeps a deploy. A history that cannot be written costs a warning, never the deploy."""
        if self.length < 1:
            return
        try:
            self._add(content, KeptDeploy(datetime.now(UTC).isoformat(timespec="milliseconds"), user, revision))
        except StorageError as error:
            log.warning("the deploy is saved but not kept in the history: %s", error)

    def entries(self) -> list[KeptDeploy]:
        """The kept deploys, oldest first."""
        content = _read(self._index)
        try:
            return [KeptDeploy(**entry) for entry in json.loads(content)] if content else []
        except (ValueError, TypeError) as error:
            raise StorageError(f"{self._index} is damaged ({error}); move it away to start a new history") from None

    def content(self, revision: str) -> bytes:
        """The flow file of a kept deploy."""
        known = {entry.revision for entry in self.entries()}
        found = [name for name in known if name.startswith(revision)]
        if len(found) != 1 or not revision:
            what = "no kept deploy has" if not found else f"{len(found)} kept deploys have"
            raise StorageError(f"{what} a revision that begins with {revision!r}; the history lists those there are")
        content = _read(self._path(found[0]))
        if content is None:
            raise StorageError(f"{self._path(found[0])} is missing, so this deploy cannot be restored")
        return content

    def _add(self, content: bytes, deploy: KeptDeploy) -> None:
        _write_atomic(self._path(deploy.revision), content, durable=False)
        kept = self._bounded([*self._entries_or_new(), deploy])
        _write_atomic(self._index, jsontext.kept([asdict(entry) for entry in kept], pretty=True), durable=False)
        wanted = {self._path(entry.revision).name for entry in kept} | {self._index.name}
        for file in self.folder.glob("*.json"):
            if file.name not in wanted:
                file.unlink(missing_ok=True)

    def _entries_or_new(self) -> list[KeptDeploy]:
        try:
            return self.entries()
        except StorageError as error:
            aside = self._index.with_name("index.damaged")
            log.warning("%s; it is now %s", error, aside)
            os.replace(self._index, aside)
            return []

    def _bounded(self, deploys: list[KeptDeploy]) -> list[KeptDeploy]:
        """The newest that fit the bounds, at least one."""
        kept: list[KeptDeploy] = []
        sizes: dict[str, int] = {}
        for deploy in reversed(deploys[-self.length :]):
            sizes[deploy.revision] = _size(self._path(deploy.revision))
            if kept and sum(sizes.values()) > self.size:
                break
            kept.insert(0, deploy)
        return kept

    def _path(self, revision: str) -> Path:
        return self.folder / f"{revision}.json"


# -- files -------------------------------------------------------------------------------------------------------------


def _backup(path: Path) -> Path:
    """Node-RED's name of a file's backup: hidden, except that a hidden file's only has the ending."""
    dot = "" if path.name.startswith(".") else "."
    return path.with_name(f"{dot}{path.name}.backup")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _parse_object(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged ({error}); repair it or copy {_backup(path).name} over it") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} is damaged: it holds no JSON object; repair it")
    return value


def _write_atomic(path: Path, content: bytes, mode: int = _PUBLIC, durable: bool = True) -> None:
    """Replaces a file as a whole: a new one beside it takes the name when it is on disk.

    ``mode`` is for a file that is new; another keeps its own. Of a symbolic link the target is replaced.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{target.name}.$$$")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_new(temporary, content, target, mode, durable)
        os.replace(temporary, target)
        if durable:
            _sync_folder(target.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _write_new(path: Path, content: bytes, model: Path, mode: int, durable: bool) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        if model.exists():
            os.fchmod(file.fileno(), model.stat().st_mode & 0o777)
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the new name as durable as the content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
