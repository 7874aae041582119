"""``/settings``: what an editor has to know of the runtime, and what it remembers for its user."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from . import Contract, Model, Problem


class Stores(Model):
    """The context stores."""

    default: str = Field(description="The store of values that name none.")
    stores: list[str] = Field(description="All stores.")


class LibraryInfo(Model):
    """A library that editors import from and export to."""

    id: str = Field(description="Its name in `/library/...`.")
    label: str = Field(description="Its title: a key of the editor's message catalogue, or text.")
    icon: str = Field(description="Its icon.")
    user: bool = Field(description="Whether it can be configured in the editor.")
    types: list[str] | None = Field(None, description="What it holds; absent: everything.")
    readOnly: bool | None = Field(None, description="Whether nothing can be kept in it.")


class UserInfo(Model):
    """Who asks."""

    anonymous: bool = Field(description="Whether nobody has logged in.")
    username: str = Field(description="The user's name.")
    permissions: list[str] | str = Field(description="What the user may do: `*`, `read`, `flows.write`, ...")


class Switches(Model):
    """Whether a part of the editor works."""

    enabled: bool = Field(description="Whether the routes answer.")
    ui: bool = Field(description="Whether the editor shows it.")


class Settings(Model):
    """The settings that may be shown, under Node-RED's names."""

    httpNodeRoot: str | bool = Field(description="Path prefix of the flows' own endpoints; false: they are off.")
    version: str = Field(description="Version of Busway.")
    user: UserInfo | None = Field(None, description="Who asks; absent while there are no users.")
    context: Stores = Field(description="Where nodes keep values.")
    codeEditor: dict[str, Any] = Field(description="Which editor of source code Node-RED's editor uses.")
    libraries: list[LibraryInfo] = Field(description="The libraries.")
    flowFilePretty: bool = Field(description="Whether the flow file is indented.")
    flowEncryptionType: Literal["disabled", "system", "user"] = Field(
        description="Whether the credentials file is in clear, or encrypted with a generated or a given secret."
    )
    externalModules: dict[str, Any] = Field(description="What may be installed from the editor: nothing.")
    diagnostics: Switches = Field(description="Whether `/diagnostics` answers.")
    telemetryEnabled: bool = Field(description="Always false: nothing is sent anywhere.")
    runtimeState: Switches = Field(description="Whether flows can be started and stopped.")
    functionExternalModules: bool = Field(description="Whether functions may name modules to load.")
    functionTimeout: float = Field(description="Seconds that a function may run.")
    tlsConfigDisableLocalFiles: bool = Field(description="Whether TLS configurations may not name files.")
    debugMaxLength: int = Field(description="Characters or elements of a value in the debug panel.")
    pythonFunctions: bool = Field(description="Whether functions may be written in Python.")
    paletteCategories: list[str] | None = Field(
        None, description="Categories of nodes in their order; absent: the editor's own."
    )
    editorTheme: dict[str, Any] = Field(description="Look of Node-RED's editor, and `languages`.")


class UserChanges(Model):
    """Changes of what the editor remembers; any members."""


read_settings = Contract(answers={200: Settings})
read_user_settings = Contract(answers={200: dict[str, Any], 500: Problem})
change_user_settings = Contract(body=UserChanges, answers={204: None, 500: Problem})
