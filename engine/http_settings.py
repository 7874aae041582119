"""The settings of what is served over HTTP beside the flows' endpoints: folders of files, and parts that can be off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _as_folders(value: Any) -> Any:
    """As Node-RED's httpStatic: one folder's path, or a list of paths and tables."""
    given = [value] if isinstance(value, (str, Path, dict)) else value
    return (
        [{"path": one} if isinstance(one, (str, Path)) else one for one in given] if isinstance(given, list) else given
    )


def _prefix(value: str | bool) -> str | bool:
    if value is True:
        raise ValueError("it is a path such as '/api', or false for off")
    return False if value == "false" else value


Prefix = Annotated[str | bool, AfterValidator(_prefix)]
"""A path prefix; false switches off what is below it."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class SwitchSettings(_Table):
    """A part of the admin API that can be off, as Node-RED's runtimeState and diagnostics."""

    enabled: bool = Field(True, description="Whether the routes answer.")
    ui: bool = Field(True, description="Whether editors show it.")


class FolderSettings(_Table):
    """One folder of files."""

    path: Path = Field(description="The folder, relative to the user directory.")
    root: str = Field("/", description="Path prefix of its files, below `http_static_root`.")


Folders = Annotated[list[FolderSettings], BeforeValidator(_as_folders)]
