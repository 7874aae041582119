"""Reading files, and writing them so that a crash leaves the old content or the new one."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import StorageError

PUBLIC = 0o666


def read(path: Path) -> bytes | None:
    """The content of a file, None when there is none. Raises StorageError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def write_atomic(path: Path, content: bytes, mode: int = PUBLIC, durable: bool = True) -> None:
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
