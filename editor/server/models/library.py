"""``/library``: flows, functions and templates to import from and export to."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from . import Contract, Media, Model, Problem


class Entry(Model):
    """A file of a library; other members are its properties."""

    fn: str = Field(description="Its name.")


class Text(Model):
    """A function or template to keep; other members are its properties, each a text of one line."""

    model_config = ConfigDict(extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, str] = Field(init=False)

    text: str = Field("", description="Its text.")

    def properties(self) -> dict[str, str]:
        """What is kept beside the text."""
        return self.__pydantic_extra__


_PATH = {
    "library": "`local`: the user's own; `examples`: flows that come with Busway, read-only.",
    "type": "`flows`, `functions` or `templates`.",
    "rest": "Folders and name.",
}
_TEXT = Media("text/plain", "The text of a function or template.")

read_entry = Contract(
    path=_PATH, answers={200: (list[str | Entry] | list[Any] | dict[str, Any], _TEXT), 400: Problem, 403: Problem}
)
write_entry = Contract(path=_PATH, body=list[Any] | Text, answers={204: None, 400: Problem, 403: Problem})
