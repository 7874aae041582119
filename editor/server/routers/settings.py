"""``/settings``: what an editor has to know of the runtime."""

from __future__ import annotations

from typing import Any

from busway import __version__
from busway.engine.http import Answer
from busway.engine.runtime import Runtime

from ..api import Call, Resource, json_answer

resource = Resource("settings")


@resource.get("/settings", "settings.read")
async def read_settings(call: Call) -> Answer:
    """The runtime's settings as Node-RED's editor and tools expect them. Secrets are never among them."""
    return json_answer(describe(call.runtime))


def describe(runtime: Runtime) -> dict[str, Any]:
    """The settings that may be shown."""
    settings, contexts = runtime.settings, runtime.contexts
    return {
        "httpNodeRoot": settings.http_node_root,
        "version": __version__,
        "context": {"default": contexts.default, "stores": list(contexts.stores)},
        "codeEditor": {"lib": "codemirror", "options": {}},
        "libraries": [],
        "flowFilePretty": settings.flow_file_pretty,
        "flowEncryptionType": _encryption(settings.credential_secret),
        "externalModules": {"palette": {"allowInstall": False, "allowUpload": False}},
        "diagnostics": {"enabled": False, "ui": False},
        "telemetryEnabled": False,
        "runtimeState": {"enabled": True, "ui": True},
        "functionExternalModules": False,
        "functionTimeout": settings.function_timeout,
        "debugMaxLength": settings.debug_max_length,
        "pythonFunctions": settings.python_functions,
        "editorTheme": {"languages": ["en-US"]},
    }


def _encryption(secret: str | bool | None) -> str:
    if secret is False:
        return "disabled"
    return "user" if secret else "system"
