"""Icons, translations, look and files of modules: what Node-RED's editor loads beside the nodes themselves."""

from __future__ import annotations

from pathlib import Path

from busway.engine.http import Answer
from busway.engine.registry import Registry

from .. import icons
from ..api import ApiError, Call, Resource, body_answer, json_answer, phrase_answer
from ..node_sets import CORE, USER, module_of

resource = Resource("assets")

_TYPES = {
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".gif": b"image/gif",
    ".jpg": b"image/jpeg",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".html": b"text/html; charset=utf-8",
}
_PICTURES = (".svg", ".png", ".gif", ".jpg")
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
]
"""A picture opened as a page runs nothing."""


@resource.get("/icons", "nodes.read")
async def list_icons(call: Call) -> Answer:
    """The file names of all icons, by module."""
    folders = _icon_folders(call.runtime.registry)
    return json_answer({module: names for module, folder in folders.items() if (names := _pictures(folder))})


@resource.get("/icons/*", "")
async def read_icon(call: Call) -> Answer:
    """An icon by module and file name, or by `font-awesome/<name>`.

    Where there is none the closest of ours, in the end an arrow.
    """
    module, _, name = call.params["0"].rpartition("/")
    folder = _icon_folders(call.runtime.registry).get(module)
    file = _file_in(folder, name) if folder is not None else None
    if file is None or file.suffix not in _PICTURES:
        return _picture(icons.read(call.params["0"]), _TYPES[".svg"])
    return _picture(file.read_bytes(), _TYPES[file.suffix])


@resource.get("/locales/:namespace", "")
async def read_locale(call: Call) -> Answer:
    """The texts of a message catalogue of Node-RED's editor. There are none here: clients bring their own."""
    return json_answer({})


@resource.get("/resources/:module/*", "")
async def read_resource(call: Call) -> Answer:
    """A file that a module of nodes brings for its forms, from the folder `resources` beside its nodes."""
    folder = _folders(call.runtime.registry).get(call.params["module"])
    file = _file_in(folder / "resources", call.params["0"]) if folder is not None else None
    if file is None:
        return phrase_answer(404)
    return body_answer(file.read_bytes(), _TYPES.get(file.suffix, b"application/octet-stream"))


@resource.get("/theme", "")
async def read_theme(call: Call) -> Answer:
    """Titles and look for Node-RED's editor."""
    return json_answer({"page": {"title": "Busway"}, "header": {"title": "Busway"}, "asset": {}, "themes": []})


# -- files --------------------------------------------------------------------------------------------------------------
def _folders(registry: Registry) -> dict[str, Path]:
    """Where the modules that are not built in have their files."""
    places = [place for type in registry.types() if (place := registry.place(type)) is not None]
    found = {module_of(place): place.path.parent for place in places if place.kind != "core" and place.path is not None}
    return {USER: registry.folders[0], **found} if registry.folders else found


def _icon_folders(registry: Registry) -> dict[str, Path]:
    return {CORE: icons.ICONS} | {module: folder / "icons" for module, folder in _folders(registry).items()}


def _pictures(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*") if file.suffix in _PICTURES)


def _file_in(folder: Path, path: str) -> Path | None:
    """A file in a folder; None when there is none. Raises ApiError 403 when the path leads out of it."""
    if "\0" in path:
        raise ApiError(403, "forbidden", f"{path!r} is no path")
    root = folder.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root):
        raise ApiError(403, "forbidden", f"{path!r} leads out of its folder")
    return file if file.is_file() else None


def _picture(body: bytes, content_type: bytes) -> Answer:
    answer = body_answer(body, content_type)
    return answer._replace(headers=[*answer.headers, *_SAFE])
