"""``/settings``: what an editor has to know of the runtime, and what it remembers for its user."""

from __future__ import annotations

from typing import Any

from busway import __version__
from busway.engine.errors import StorageError
from busway.engine.http import Answer
from busway.engine.library import Library
from busway.engine.runtime import Runtime

from ..api import ApiError, Call, Resource, empty_answer, json_answer
from ..user_settings import TooMuch, UserSettings
from .library import libraries

resource = Resource("settings")

_USER_SETTINGS = "user settings"


@resource.get("/settings", "settings.read")
async def read_settings(call: Call) -> Answer:
    """The runtime's settings as Node-RED's editor and tools expect them. Secrets are never among them."""
    return json_answer(describe(call.runtime) | _who(call))


@resource.get("/settings/user", "settings.read")
async def read_user_settings(call: Call) -> Answer:
    """What the editor remembers for the user who asks."""
    try:
        return json_answer(await _user_settings(call).get(call.user_name))
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None


@resource.post("/settings/user", "settings.write")
async def change_user_settings(call: Call) -> Answer:
    """Changes what the editor remembers for the user who asks.

    Objects are merged member by member, null removes a member, anything else replaces the value before.
    """
    from ..models.settings import UserChanges

    call.fits(UserChanges)
    try:
        await _user_settings(call).change(call.user_name, call.json() or {})
    except TooMuch as error:
        raise ApiError(400, "invalid_request", str(error)) from None
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None
    return empty_answer()


def _user_settings(call: Call) -> UserSettings:
    services = call.runtime.services
    if _USER_SETTINGS not in services:
        services[_USER_SETTINGS] = UserSettings(call.runtime.settings.user_dir)
    return services[_USER_SETTINGS]  # type: ignore[no-any-return]


def describe(runtime: Runtime) -> dict[str, Any]:
    """The settings that may be shown."""
    settings, contexts = runtime.settings, runtime.contexts
    return {
        "httpNodeRoot": settings.http_node_root,
        "version": __version__,
        "context": {"default": contexts.default, "stores": list(contexts.stores)},
        "codeEditor": {"lib": "monaco", "options": {}},
        "libraries": [_library(library) for library in libraries(runtime).values()],
        "flowFilePretty": settings.flow_file_pretty,
        "flowEncryptionType": _encryption(settings.credential_secret),
        "externalModules": {"palette": {"allowInstall": False, "allowUpload": False}},
        "diagnostics": settings.diagnostics.model_dump(),
        "telemetryEnabled": False,
        "runtimeState": settings.runtime_state.model_dump(),
        "functionExternalModules": settings.function_external_modules,
        "functionTimeout": settings.function_timeout,
        "tlsConfigDisableLocalFiles": settings.tls_config_disable_local_files,
        "debugMaxLength": settings.debug_max_length,
        "pythonFunctions": settings.python_functions,
        "editorTheme": {"languages": ["en-US"]},
    } | ({"paletteCategories": settings.palette_categories} if settings.palette_categories else {})


def _library(library: Library) -> dict[str, Any]:
    described = {"id": library.id, "label": library.label, "user": False, "icon": library.icon}
    return described | ({"types": list(library.types), "readOnly": True} if library.read_only else {})


def _who(call: Call) -> dict[str, Any]:
    if call.user is None:
        return {}
    user = call.user
    shown = {"anonymous": user.anonymous, "username": user.name, "permissions": list(user.permissions)}
    return {"user": shown}


def _encryption(secret: str | bool | None) -> str:
    if secret is False:
        return "disabled"
    return "user" if secret else "system"
