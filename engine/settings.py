"""Settings of a Busway process: ``busway.toml`` in the user directory, then ``BUSWAY_*`` variables, then the command line.

Each class but the last is one section: its docstring is the section's title in ``docs/settings.md``, which is generated
from here (``busway settings --docs``).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import settings_sources as sources
from .errors import suggest
from .http_settings import Folders, Prefix, SwitchSettings
from .security_settings import AuthSettings, CorsSettings, EndpointAuthSettings
from .settings_sources import SettingsError

__all__ = [
    "NODE_RED",
    "SECRETS",
    "Effective",
    "Section",
    "Settings",
    "SettingsError",
    "effective_settings",
    "load_settings",
    "nested_model",
]

NODE_RED = {
    "userDir": "user_dir",
    "flowFile": "flow_file",
    "flowFilePretty": "flow_file_pretty",
    "credentialSecret": "credential_secret",
    "nodesDir": "nodes_dir",
    "uiHost": "host",
    "uiPort": "port",
    "https": "tls_cert",
    "adminAuth": "auth",
    "httpNodeAuth": "http_node_auth",
    "httpNodeCors": "http_node_cors",
    "httpAdminRoot": "http_admin_root",
    "httpNodeRoot": "http_node_root",
    "httpStatic": "http_static",
    "httpStaticRoot": "http_static_root",
    "httpStaticAuth": "http_static_auth",
    "httpStaticCors": "http_static_cors",
    "apiMaxLength": "api_max_length",
    "webSocketKeepAliveTime": "web_socket_keep_alive_time",
    "logging": "log_level",
    "contextStorage": "context_storage",
    "functionGlobalContext": "global_context",
    "exportGlobalContextKeys": "export_global_context",
    "envVarExcludes": "env_excludes",
    "safeMode": "safe_mode",
    "runtimeState": "runtime_state",
    "diagnostics": "diagnostics",
    "paletteCategories": "palette_categories",
    "nodeCloseTimeout": "node_close_timeout",
    "functionExternalModules": "function_external_modules",
    "tlsConfigDisableLocalFiles": "tls_config_disable_local_files",
    "globalFunctionTimeout": "function_timeout",
    "httpRequestTimeout": "http_request_timeout",
    "nodeMessageBufferMaxLength": "node_message_buffer_max_length",
    "debugMaxLength": "debug_max_length",
    "debugStatusLength": "debug_status_length",
}
"""Node-RED's names of settings, for those that come from there."""

SECRETS = frozenset(
    (
        *("credential_secret", "redis_url", "auth", "http_node_auth", "http_static_auth"),
        *("context_storage", "global_context"),
    )
)
"""Settings that are, or may hold, secrets: errors do not repeat their values."""


class Section(BaseModel):
    """Settings that belong together."""

    # Only the class that has all sections is ever validated: building each section's own validator would cost a start time.
    model_config = ConfigDict(extra="forbid", defer_build=True)


class FileSettings(Section):
    """Files"""

    user_dir: Path = Field(
        Path(".busway"),
        description="Folder for flows, credentials, context, custom nodes and the embedded server's data.",
    )
    flow_file: str = Field("flows.json", description="Flow file, relative to the user directory.")
    flow_file_pretty: bool = Field(True, description="Write the flow file with 4-space indentation.")
    credential_secret: str | bool | None = Field(
        None, description="Secret of the credentials file; false stores them in clear; unset generates one."
    )
    nodes_dir: list[Path] = Field(
        default_factory=list, description="More folders with custom nodes, beside `nodes` in the user directory."
    )
    history_length: int = Field(50, ge=0, description="Deploys kept for restore; 0 keeps none.")
    history_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Bytes that the kept deploys may take together; the last is always kept."
    )


class ServerSettings(Section):
    """HTTP"""

    host: str = Field("127.0.0.1", description="Address the HTTP face binds to.")
    port: int = Field(1880, ge=0, le=65535, description="Port of the HTTP face; 0 takes a free one.")
    http_admin_root: Prefix = Field(
        "/", description="Path prefix of the admin API; false switches off all of it but `/health` and `/metrics`."
    )
    http_node_root: Prefix = Field("/", description="Path prefix of the flows' own endpoints; false switches them off.")
    http_static: Folders = Field(
        default_factory=list,
        description="Folders of files to serve below the flows' endpoints: a path, or a list of paths and tables.",
    )
    http_static_root: str = Field("/", description="Path prefix of those files.")
    api_max_length: int = Field(5 * 1024 * 1024, gt=0, description="Largest request body, in bytes.")
    http_response_timeout: float = Field(
        120, gt=0, description="Answer 504 when a flow has not answered a request for so long."
    )
    web_socket_keep_alive_time: float = Field(15, gt=0, description="Seconds between two heartbeats on `/comms`.")


class SecuritySettings(Section):
    """Users and security"""

    insecure: bool = Field(
        False,
        description="Serve an address that others can reach although there are no users; everybody may do everything.",
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Names under which the server may be asked while it has no users, beside localhost and IP addresses.",
    )
    tls_cert: Path | None = Field(
        None,
        description="Certificate chain (PEM) for HTTPS, relative to the user directory; read again when it changes.",
    )
    tls_key: Path | None = Field(
        None, description="Private key (PEM) of the certificate, relative to the user directory."
    )
    auth: AuthSettings = Field(default_factory=AuthSettings, description="Users, tokens and permissions.")
    http_node_auth: EndpointAuthSettings | None = Field(
        None, description="User and password hash for the flows' HTTP endpoints; unset leaves them open."
    )
    http_node_cors: CorsSettings | None = Field(
        None, description="Pages of other origins that may use the flows' HTTP endpoints; unset allows none."
    )
    http_static_auth: EndpointAuthSettings | None = Field(
        None, description="User and password hash for the files of `http_static`; unset leaves them open."
    )
    http_static_cors: CorsSettings | None = Field(
        None, description="Pages of other origins that may load the files of `http_static`; unset allows none."
    )
    runtime_state: SwitchSettings = Field(
        default_factory=SwitchSettings, description="Starting and stopping the flows: `POST /flows/state`."
    )
    diagnostics: SwitchSettings = Field(default_factory=SwitchSettings, description="The report of `/diagnostics`.")
    tls_config_disable_local_files: bool = Field(
        False, description="Refuse tls-config nodes that name files of the server."
    )


class StationSettings(Section):
    """Charging stations and Redis"""

    gateway_host: str = Field("127.0.0.1", description="Address the stations' gateway binds to.")
    gateway_port: int = Field(9220, ge=0, le=65535, description="Port of the stations' gateway.")
    redis_url: str = Field("", description="Redis to use; empty starts the embedded server.")


class LogSettings(Section):
    """Log and metrics"""

    log_level: Literal["error", "warn", "info", "debug", "trace"] = Field(
        "info", description="error, warn, info, debug or trace."
    )
    log_format: Literal["text", "json"] = Field("text", description="text, or json: one object a line.")
    metrics_per_node: bool = Field(
        False, description="Count messages, errors and time of each node for `/metrics`; costs a little per message."
    )


class ContextSettings(Section):
    """Context and environment"""

    context_storage: dict[str, Any] = Field(
        default_factory=dict, description="Context stores by name, as Node-RED's contextStorage; see context.md."
    )
    global_context: dict[str, Any] = Field(
        default_factory=dict, description="Values that the global context starts with."
    )
    export_global_context: bool = Field(
        True, description="List those values among the keys of the global context; they can be read in any case."
    )
    env_excludes: list[str] = Field(default_factory=list, description="Process variables that flows must not see.")


class FlowSettings(Section):
    """Running flows"""

    safe_mode: bool = Field(False, description="Load the flows and do not start them: the next deploy does.")
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


class NodeSettings(Section):
    """Nodes"""

    python_functions: bool = Field(True, description="Whether function nodes may hold Python.")
    function_timeout: float = Field(
        5, ge=0, description="Seconds a JavaScript function may run without a pause, unless the node says less."
    )
    function_external_modules: bool = Field(True, description="Whether function nodes may name modules to load.")
    function_memory: int = Field(
        256 * 1024 * 1024, gt=0, description="Bytes all JavaScript functions together may hold."
    )
    node_message_buffer_max_length: int = Field(
        0, ge=0, description="Messages a collecting node may keep; 0 is no limit."
    )
    http_request_timeout: float = Field(
        120, gt=0, description="How long http request nodes wait for an answer, where the message does not say it."
    )
    palette_categories: list[str] = Field(
        default_factory=list, description="Categories of nodes in the order that editors show them; others follow."
    )
    debug_max_length: int = Field(1000, gt=0, description="Characters or elements of a value shown in the debug panel.")
    debug_status_length: int = Field(32, gt=0, description="Characters of a value shown as a node's status.")


class Settings(
    NodeSettings,
    FlowSettings,
    ContextSettings,
    LogSettings,
    StationSettings,
    SecuritySettings,
    ServerSettings,
    FileSettings,
):  # sections in the order of the documentation, last first: so pydantic collects the fields
    """Everything that can be set, with its default. Durations are seconds unless the name says otherwise."""

    model_config = ConfigDict(extra="forbid", defer_build=False)
    file_name: ClassVar[str] = "busway.toml"

    @property
    def flow_path(self) -> Path:
        """The flow file with its folder."""
        return self.user_dir / self.flow_file

    @classmethod
    def sections(cls) -> list[type[Section]]:
        """The classes of the sections, in the order of the documentation."""
        return [base for base in reversed(cls.__bases__) if issubclass(base, Section)]


@dataclass(frozen=True)
class Effective:
    """Settings with where each comes from: ``places`` names those that are not the default.

    ``strangers`` are sentences about variables that look like misspelt settings.
    """

    settings: Settings
    places: Mapping[str, str]
    strangers: list[str]


def load_settings(user_dir: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from ``<user_dir>/busway.toml``, the environment and ``overrides`` (the command line), later ones winning.

    Raises SettingsError with the file or variable that is wrong.
    """
    return effective_settings(user_dir, overrides).settings


def effective_settings(user_dir: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Effective:
    """As :func:`load_settings`, with the source of each."""
    names = Settings.model_fields
    given = sources.command_line({**(overrides or {}), "user_dir": user_dir})
    variables = sources.environment(names)
    folder = Path(user_dir or variables.values.get("user_dir") or names["user_dir"].default)
    found = [given, variables, sources.file(folder / Settings.file_name)]
    try:
        settings = Settings.model_validate({**ChainMap(*(dict(one.values) for one in found)), "user_dir": folder})
    except ValidationError as error:
        raise _mistake(error, found) from None
    places = {name: one.place((name,)) for one in reversed(found) for name in one.values}
    return Effective(settings, places, sources.strangers(names))


def _mistake(error: ValidationError, found: list[sources.Source]) -> SettingsError:
    mistakes = error.errors(include_url=False)
    # What is misspelt comes first: it explains what is missing.
    first = next((one for one in mistakes if one["type"] == "extra_forbidden"), mistakes[0])
    location = first["loc"]
    name = ".".join(str(part) for part in location)
    place = next((one.place(location) for one in found if location[0] in one.values), "the defaults")
    if first["type"] == "extra_forbidden":
        return SettingsError(f"{place}: there is no setting {name!r}{_meant(location)}")
    return SettingsError(f"{place}: setting {name!r}: {first['msg'].removeprefix('Value error, ')}{_given(first)}")


def _meant(location: sources.Location) -> str:
    name = str(location[-1])
    known = NODE_RED.get(name)
    if known:
        return f"; Node-RED's {name} is {known!r} here"
    return suggest(name.lower(), Settings.model_fields if len(location) == 1 else _fields_around(location))


def _fields_around(location: sources.Location) -> set[str]:
    """The names that stand beside the last part of a location, inside of nested settings."""
    model: type[BaseModel] | None = Settings
    for part in location[:-1]:
        if model is not None and isinstance(part, str) and part in model.model_fields:
            model = nested_model(model.model_fields[part].annotation)
    return set(model.model_fields) if model is not None else set()


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's type leads to: itself, in a list, or optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := nested_model(inner))), None)


def _given(mistake: Any) -> str:
    """What was given instead, of what cannot be a secret."""
    value, name = mistake["input"], mistake["loc"][0]
    is_open = isinstance(value, (int, float, str)) and name not in SECRETS
    return f", not {value!r:.80}" if is_open else ""
