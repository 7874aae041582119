"""Folders of files that are served below the flows' endpoints, as Node-RED's httpStatic."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from busway.engine.http import Answer
from busway.engine.http.response import with_charset
from busway.engine.settings import Settings

from .revalidation import has_already, not_modified
from .security_endpoints import BasicAuth, Cors
from .wire import Receive, Scope, Send, header, send_answer, send_pieces

log = logging.getLogger("busway.http")

INDEX = "index.html"
_PIECE = 256 * 1024
_TYPES = mimetypes.MimeTypes()
"""Types by the table of Python: the same on every machine."""
_ADDED = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".webp": "image/webp",
    ".md": "text/markdown",
}
for _ending, _type in _ADDED.items():
    _TYPES.add_type(_type, _ending)


@dataclass(frozen=True)
class File:
    """A file that is there. ``size`` in bytes, ``changed`` in seconds since 1970."""

    path: Path
    size: int
    changed: float

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What an answer with this file says of it."""
        kind = _TYPES.guess_type(self.path.name)[0] or "application/octet-stream"
        return [
            (b"content-type", with_charset(kind, kind.startswith("text/")).encode()),
            (b"content-length", b"%d" % self.size),
            (b"etag", self.tag.encode()),
            (b"last-modified", formatdate(self.changed, usegmt=True).encode()),
            (b"cache-control", b"public, max-age=0"),
            (b"x-content-type-options", b"nosniff"),
        ]

    @property
    def tag(self) -> str:
        """Its weak tag, of size and time."""
        return f'W/"{self.size:x}-{int(self.changed * 1000):x}"'

    def is_known(self, scope: Scope) -> bool:
        """Whether the client has it already. What it says of tags counts more than what it says of times."""
        tags = header(scope, b"if-none-match")
        if tags is not None:
            return has_already(self.tag, tags, header(scope, b"cache-control"))
        since = header(scope, b"if-modified-since")
        try:
            return since is not None and int(self.changed) <= parsedate_to_datetime(since).timestamp()
        except ValueError:
            return False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its content; never more than its size, which the client has been told."""
        left = self.size
        with await asyncio.to_thread(open, self.path, "rb") as file:
            while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
                left -= len(piece)
                yield piece


class StaticFiles:
    """The folders of the settings, in their order. Hidden files, and what links lead to outside of a folder, are not served."""

    def __init__(self, settings: Settings) -> None:
        base = settings.http_static_root.strip("/")
        self._folders = [
            ("/".join(["", *filter(None, (base, one.root.strip("/"))), ""]), (settings.user_dir / one.path).resolve())
            for one in settings.http_static
        ]
        for _, folder in self._folders:
            if not folder.is_dir():
                log.warning("http_static: there is no folder %s", folder)
        self._auth = BasicAuth(settings.http_static_auth) if settings.http_static_auth is not None else None
        self._cors = Cors(settings.http_static_cors) if settings.http_static_cors is not None else None

    async def serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answers if a folder has a file for a path as it came, percent-encoded."""
        plain = _decoded(path)
        if plain is None or not any(_is_below(plain, prefix) for prefix, _ in self._folders):
            return False
        if self._cors is not None:
            if (permission := self._cors.preflight(scope)) is not None:
                await send_answer(send, permission)
                return True
            send = self._cors.dress(scope, send)
        if scope["method"] not in ("GET", "HEAD"):
            return False
        if self._auth is not None and (refused := await self._auth.refusal(scope)) is not None:
            await send_answer(send, refused)
            return True
        return await self._answered(path, plain, scope, receive, send)

    async def _answered(self, path: str, plain: str, scope: Scope, receive: Receive, send: Send) -> bool:
        found = await asyncio.to_thread(self.find, plain)
        if found is None:
            return False
        if found.path.name == INDEX and not plain.endswith(("/", f"/{INDEX}")):
            # Two slashes at the beginning would lead to another host.
            location = f"/{path.strip('/')}/".encode("latin-1")
            await send_answer(send, Answer(301, [(b"location", location), (b"content-length", b"0")], b""))
        elif found.is_known(scope):
            await send_answer(send, not_modified(found.headers()))
        elif scope["method"] == "HEAD":
            await send_answer(send, Answer(200, found.headers(), b""))
        else:
            await send_pieces(send, receive, Answer(200, found.headers(), b"", found.pieces()))
        return True

    def find(self, path: str) -> File | None:
        """The file for a decoded path, of a folder its ``index.html``; None when no folder has one."""
        for prefix, folder in self._folders:
            if _is_below(path, prefix) and (file := _file(folder, path[len(prefix) :])) is not None:
                return file
        return None


def _decoded(path: str) -> str | None:
    """A path without its escapes; None for what names no file that is served."""
    try:
        plain = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None
    is_strange = "\0" in plain or "\\" in plain or any(part.startswith(".") for part in plain.split("/"))
    return None if is_strange else plain


def _is_below(path: str, prefix: str) -> bool:
    return path.startswith(prefix) or path + "/" == prefix


def _file(folder: Path, rest: str) -> File | None:
    try:
        path = folder.joinpath(*PurePosixPath(rest.lstrip("/")).parts).resolve()
        if path.is_dir():
            path = (path / INDEX).resolve()
        elif rest.endswith("/"):
            return None
        found = os.stat(path)
    except (OSError, RuntimeError, ValueError):
        return None
    is_served = path.is_relative_to(folder) and stat.S_ISREG(found.st_mode)
    return File(path, found.st_size, found.st_mtime) if is_served else None
