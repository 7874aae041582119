"""Settings of a Busway process: ``busway.toml`` in the user directory, then ``BUSWAY_*`` variables, then the command line."""

from __future__ import annotations

import os
import tomllib
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BuswayError, suggest


class SettingsError(BuswayError):
    """A setting is unknown or has a value it cannot have; names the setting, where it stands and what would be right."""


class Settings(BaseModel):
    """Everything that can be set, with its default. Durations are seconds unless the name says otherwise."""

    model_config = ConfigDict(extra="forbid")

    user_dir: Path = Field(
        Path(".busway"),
        description="Folder for flows, credentials, context, custom nodes and the embedded server's data.",
    )
    flow_file: str = Field("flows.json", description="Flow file, relative to the user directory.")
    host: str = Field("127.0.0.1", description="Address the HTTP face binds to.")
    port: int = Field(1880, ge=0, le=65535, description="Port of the HTTP face; 0 takes a free one.")
    http_admin_root: str = Field("/", description="Path prefix of the admin API.")
    http_node_root: str = Field("/", description="Path prefix of the flows' own endpoints.")
    api_max_length: int = Field(5 * 1024 * 1024, gt=0, description="Largest request body, in bytes.")
    http_response_timeout: float = Field(
        120, gt=0, description="Answer 504 when a flow has not answered a request for so long."
    )
    gateway_host: str = Field("127.0.0.1", description="Address the stations' gateway binds to.")
    gateway_port: int = Field(9220, ge=0, le=65535, description="Port of the stations' gateway.")
    redis_url: str = Field("", description="Redis to use; empty starts the embedded server.")
    credential_secret: str | bool | None = Field(
        None, description="Secret of the credentials file; false stores them in clear; unset generates one."
    )
    flow_file_pretty: bool = Field(True, description="Write the flow file with 4-space indentation.")
    log_level: Literal["error", "warn", "info", "debug", "trace"] = Field(
        "info", description="error, warn, info, debug or trace."
    )
    context_storage: dict[str, Any] = Field(
        default_factory=dict, description="Context stores by name, as Node-RED's contextStorage."
    )
    global_context: dict[str, Any] = Field(
        default_factory=dict, description="Values that the global context starts with."
    )
    env_excludes: list[str] = Field(default_factory=list, description="Process variables that flows must not see.")
    start_with_unknown_types: bool = Field(
        True,
        description="Start tabs that hold unknown types, with those nodes dead; false starts nothing, as Node-RED.",
    )
    run_queue_high_water: int = Field(200_000, gt=0, description="Queued deliveries above which sources hold back.")
    source_limit: int = Field(1000, gt=0, description="Unsettled messages that one source may have.")
    node_close_timeout: float = Field(15, gt=0, description="How long a node may take to stop.")
    deploy_drain_timeout: float = Field(0.5, ge=0, description="How long a deploy waits for messages under way.")
    stop_drain_timeout: float = Field(10, ge=0, description="How long a shutdown waits for messages under way.")
    slow_handler: float = Field(
        0.5, gt=0, description="A handler that blocks the event loop for so long is named in the log."
    )
    python_functions: bool = Field(True, description="Whether function nodes may hold Python.")
    function_timeout: float = Field(
        5, ge=0, description="Seconds a JavaScript function may run without a pause, unless the node says less."
    )
    function_memory: int = Field(
        256 * 1024 * 1024, gt=0, description="Bytes all JavaScript functions together may hold."
    )
    node_message_buffer_max_length: int = Field(
        0, ge=0, description="Messages a collecting node may keep; 0 is no limit."
    )
    debug_max_length: int = Field(1000, gt=0, description="Characters or elements of a value shown in the debug panel.")
    debug_status_length: int = Field(32, gt=0, description="Characters of a value shown as a node's status.")
    history_length: int = Field(50, ge=0, description="Deploys kept for restore.")

    @property
    def flow_path(self) -> Path:
        """The flow file with its folder."""
        return self.user_dir / self.flow_file


def load_settings(user_dir: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from ``<user_dir>/busway.toml``, the environment and ``overrides`` (the command line), later ones winning.

    Raises SettingsError with the file or variable that is wrong.
    """
    folder = Path(user_dir or os.environ.get("BUSWAY_USER_DIR") or Settings.model_fields["user_dir"].default)
    path = folder / "busway.toml"
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    sources = [
        ("on the command line", given),
        ("in the environment", _from_environment()),
        (f"in {path}", _from_file(path)),
    ]
    merged = ChainMap(*(values for _, values in sources))
    try:
        return Settings.model_validate({**merged, "user_dir": folder})
    except ValidationError as error:
        raise _mistake(error, sources) from None


def _mistake(error: ValidationError, sources: Iterable[tuple[str, Mapping[str, Any]]]) -> SettingsError:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    place = next((f" {place}" for place, values in sources if first["loc"][0] in values), "")
    if first["type"] == "extra_forbidden":
        return SettingsError(f"there is no setting {name!r} (found{place}){suggest(name, Settings.model_fields)}")
    return SettingsError(f"setting {name!r}{place}: {first['msg']}")


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None


def _from_environment() -> dict[str, Any]:
    names = {f"BUSWAY_{name.upper()}": name for name in Settings.model_fields}
    return {names[key]: value for key, value in os.environ.items() if key in names and value != ""}
