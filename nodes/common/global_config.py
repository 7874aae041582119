"""The global-config node: environment variables of all flows."""

from __future__ import annotations

from typing import Annotated, Any

from busway.engine.fields import Column, Credential, Hidden, Rows, TypedValue
from busway.engine.node import Config, ConfigNode, Field

VARIABLES = Rows(
    Column("name", "Name"),
    Column(
        "value", "Value", hints=(TypedValue("type", "str", "num", "bool", "json", "bin", "env", "jsonata", "cred"),)
    ),
    name="",
    value="",
    type="str",
)


class GlobalConfigConfig(Config):
    env: Annotated[list[dict[str, Any]], VARIABLES] = Field(
        default_factory=list,
        title="Environment variables",
        description="Variables that every flow can read: a list of `{name, value, type}`.",
    )
    modules: Annotated[dict[str, Any], Hidden()] = Field(
        default_factory=dict, title="Modules", description="Modules that the flows need, by name, with their version."
    )
    map: Annotated[dict[str, Any], Credential("text"), Hidden()] = Field(
        default_factory=dict,
        title="Secret variables",
        description="Values of the variables of type `cred`, by name.",
    )


class GlobalConfig(ConfigNode[GlobalConfigConfig]):
    """Holds the environment variables that all flows can read, and names the modules that the flows need.

    A variable of a group, a subflow or a tab hides one of the same name here; one here hides one of the process.
    """

    type = "global-config"
    label = "global-config"
    in_palette = False
