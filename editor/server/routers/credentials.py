"""``/credentials``: which secrets a node has; passwords never leave the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from busway.engine.configure import credentials_of
from busway.engine.http import Answer

from ..api import Call, Resource, json_answer

resource = Resource("credentials")


@resource.get("/credentials/:type/:id", "credentials.read")
async def read_credentials(call: Call) -> Answer:
    """The secrets of a node: those declared as text in clear, of all others `has_<name>`, whether there is one.

    Of tabs, groups and subflows only `has_<name>`. A node that there is not has none.
    """
    type, secrets = call.params["type"], call.runtime.credentials.get(call.params["id"])
    if type == "global-config":
        return json_answer({"map": _names(secrets.get("map"))} if secrets else {})
    cls = call.runtime.registry.get(type)
    if cls is None:
        return json_answer({f"has_{name}": True for name in secrets})
    return json_answer(_shown(credentials_of(cls.config_class), secrets) if secrets else {})


def _shown(declared: Mapping[str, str], secrets: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: secrets.get(name, "") for name, kind in declared.items() if kind == "text"}
    return texts | {f"has_{name}": bool(secrets.get(name)) for name, kind in declared.items() if kind != "text"}


def _names(values: Any) -> dict[str, bool]:
    """Which variables of the global environment have a secret value."""
    return {name: True for name in values if name.startswith("has_")} if isinstance(values, dict) else {}
