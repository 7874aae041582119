"""What an editor remembers for each user: kept in one file of the user directory, in Node-RED's place and form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from busway.engine import files, jsontext
from busway.engine.errors import StorageError

FILE = ".config.users.json"
ANONYMOUS = "_"
"""The name under which the settings of nobody in particular are kept."""
_PRIVATE = 0o600
_LARGEST = 256 * 1024

Settings = dict[str, Any]


class TooMuch(StorageError):
    """A user's settings would be larger than what an editor has to remember."""


class UserSettings:
    """Settings by user name. Changes are merged one after the other."""

    def __init__(self, user_dir: Path) -> None:
        self._path = user_dir / FILE
        self._lock = asyncio.Lock()

    async def get(self, user: str) -> Settings:
        """The settings of a user, {} without any. Raises StorageError."""
        return (await asyncio.to_thread(self._read)).get(user or ANONYMOUS, {})

    async def change(self, user: str, changes: Mapping[str, Any]) -> None:
        """Merges changes into a user's settings: objects member by member, None removes. Raises StorageError, TooMuch."""
        async with self._lock:
            every = await asyncio.to_thread(self._read)
            every[user or ANONYMOUS] = changed = merged(every.get(user or ANONYMOUS, {}), changes)
            if jsontext.too_deep(changed) or len(jsontext.kept(changed)) > _LARGEST:
                raise TooMuch(
                    f"the settings of a user may have {_LARGEST} bytes and no more than {jsontext.MAX_DEPTH} levels"
                )
            await asyncio.to_thread(files.write_atomic, self._path, jsontext.kept(every, pretty=True), _PRIVATE)

    def _read(self) -> dict[str, Settings]:
        content = files.read(self._path)
        try:
            every = json.loads(content) if content else {}
        except (ValueError, RecursionError) as error:
            raise StorageError(f"{self._path} is damaged ({error}); repair it or move it away") from None
        if not isinstance(every, dict):
            raise StorageError(f"{self._path} is damaged: it holds no JSON object; repair it or move it away")
        return {name: found for name, found in every.items() if isinstance(found, dict)}


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """``old`` with changes: objects are merged member by member, None removes, anything else replaces."""
    result = dict(old)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result
