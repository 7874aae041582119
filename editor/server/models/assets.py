"""Icons, translations, look and files of modules."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import PHRASE, Contract, Media, Model, Problem

_PICTURE = tuple(Media(type, "The picture.") for type in ("image/svg+xml", "image/png", "image/gif", "image/jpeg"))
_FILE = tuple(
    Media(type, "The file.")
    for type in ("application/octet-stream", "text/css", "text/javascript", "text/html", "application/json")
)


class Theme(Model):
    """Titles and look."""

    page: dict[str, Any] = Field(description="`title` of the page.")
    header: dict[str, Any] = Field(description="`title` in the header.")
    asset: dict[str, Any] = Field(description="Files in place of the editor's own; there are none.")
    themes: list[str] = Field(description="Names of other looks; there are none.")


list_icons = Contract(answers={200: dict[str, list[str]]})
read_icon = Contract(
    path={"rest": "Module and file name, as in `node-red/inject.svg`."}, answers={200: _PICTURE, 403: Problem}
)
read_locale = Contract(path={"namespace": "Name of the catalogue, such as `editor`."}, answers={200: dict[str, Any]})
read_resource = Contract(
    path={"rest": "Path of the file."}, answers={200: (*_FILE, *_PICTURE), 403: Problem, 404: PHRASE}
)
read_theme = Contract(answers={200: Theme})
