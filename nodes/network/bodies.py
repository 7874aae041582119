"""Request bodies: what becomes the payload, by content type, as Node-RED's http in node does it.

Differences, all towards losing nothing: a text's declared charset is used, a body of no or of an application's type that
is not UTF-8 stays bytes, JSON need not be an object or array, compressed text is unpacked too.
"""

from __future__ import annotations

import codecs
import json
import zlib
from email.message import Message as Mime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from busway.engine.errors import BuswayError
from busway.engine.http import HttpRequest
from busway.engine.http.query import TooDeep, TooManyParameters, nest, parse_form

_BINARY_APPLICATIONS = frozenset({"octet-stream", "cbor", "x-protobuf"})
_AUTO_DETECT = 32 + zlib.MAX_WBITS


class BodyError(BuswayError):
    """A request's body cannot be read; ``status`` and ``code`` are for the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class ContentType(NamedTuple):
    """A ``Content-Type`` header: ``type`` is ``text/plain``, ``main`` and ``sub`` its parts, "" when there is none or it is
    none."""

    type: str
    main: str
    sub: str
    charset: str
    boundary: str


@lru_cache(maxsize=256)
def content_type(header: str) -> ContentType:
    """A header, parsed."""
    parsed = Mime()
    parsed["content-type"] = header
    charset, boundary = (str(parsed.get_param(name, "")) for name in ("charset", "boundary"))
    main, _, sub = header.partition(";")[0].strip().lower().partition("/")
    if not (main and sub) or "/" in sub:
        main = sub = ""
    return ContentType(f"{main}/{sub}", main, sub, charset.lower(), boundary)


def read_body(request: HttpRequest, limit: int, upload: bool = False) -> Any:
    """The body of a request as a value; with ``upload``, a multipart form's files go to ``request.files``.

    ``limit`` is the most bytes that a compressed body may unpack to. Raises BodyError.
    """
    kind = content_type(request.header(b"content-type") or "")
    if kind.type == "application/json":
        return _json(_unpacked(request, limit), kind.charset or "utf-8")
    if kind.type == "application/x-www-form-urlencoded":
        return _form(_unpacked(request, limit), kind.charset)
    if kind.type == "multipart/form-data" and upload:
        fields, request.files = _multipart(request.raw_body, kind.boundary)
        return nest(fields)
    return _raw(request, kind, limit)


def _json(body: bytes, charset: str) -> Any:
    if not charset.startswith("utf-"):
        raise BodyError(415, "unsupported_charset", f"JSON in charset {charset!r}; send it in UTF-8")
    if not body:
        return {}
    try:
        text = body if charset == "utf-8" else body.decode(charset).encode()
        return orjson.loads(text.removeprefix(codecs.BOM_UTF8))
    except (ValueError, LookupError) as error:
        return _json_with_halves(body, charset, error)


def _json_with_halves(body: bytes, charset: str, first: Exception) -> Any:
    """JSON with halves of surrogate pairs in it, which JavaScript takes and strict parsers do not."""
    try:
        if rb"\ud" in body.lower():
            return json.loads(body.decode(charset), parse_constant=_refuse)
    except (ValueError, LookupError, RecursionError):
        pass
    raise BodyError(400, "invalid_json", f"the body is no JSON: {first}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _form(body: bytes, charset: str) -> dict[str, Any]:
    if charset not in ("", "utf-8"):
        raise BodyError(415, "unsupported_charset", f"a form in charset {charset!r}; send it in UTF-8")
    try:
        return parse_form(body.decode("utf-8", "replace"))
    except TooManyParameters as error:
        raise BodyError(413, "too_many_parameters", str(error)) from None
    except TooDeep as error:
        raise BodyError(400, "too_deep", str(error)) from None


def _raw(request: HttpRequest, kind: ContentType, limit: int) -> Any:
    body = request.raw_body
    if kind.main == "text" or kind.sub == "xml" or kind.sub.endswith("+xml"):
        return _text(_unpacked(request, limit), kind.charset)
    if kind.main and (kind.main != "application" or kind.sub in _BINARY_APPLICATIONS):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _text(body: bytes, charset: str) -> str:
    try:
        return body.decode(codecs.lookup(charset or "utf-8").name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _unpacked(request: HttpRequest, limit: int) -> bytes:
    encoding = (request.header(b"content-encoding") or "identity").strip().lower()
    if encoding == "identity":
        return request.raw_body
    if encoding not in ("gzip", "deflate"):
        raise BodyError(415, "unsupported_encoding", f"content encoding {encoding!r}; send it plain, gzip or deflate")
    try:
        return _inflate(request.raw_body, limit, _AUTO_DETECT)
    except zlib.error as error:
        if encoding == "deflate":  # some send it without the zlib header
            return _inflate_bare(request.raw_body, limit)
        raise BodyError(400, "invalid_encoding", f"the body is no {encoding}: {error}") from None


def _inflate_bare(body: bytes, limit: int) -> bytes:
    try:
        return _inflate(body, limit, -zlib.MAX_WBITS)
    except zlib.error as error:
        raise BodyError(400, "invalid_encoding", f"the body is no deflate: {error}") from None


def _inflate(body: bytes, limit: int, bits: int) -> bytes:
    inflater = zlib.decompressobj(bits)
    out = inflater.decompress(body, limit + 1)
    if len(out) > limit:
        raise BodyError(413, "too_large", f"the body unpacks to more than {limit} bytes")
    if not inflater.eof:
        raise zlib.error("it ends too early")
    return out


class _Part:
    """One part of a multipart form under construction."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.name = self.value = b""
        self.data = bytearray()


class _FormReader:
    """Collects what the multipart parser calls back with."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.ended = False

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": lambda: self.parts.append(_Part()),
            "on_part_data": lambda data, start, end: self.parts[-1].data.extend(data[start:end]),
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_end": self._end,
        }

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].value += data[start:end]

    def _end_header(self) -> None:
        part = self.parts[-1]
        part.headers[part.name.decode("latin-1").lower()] = part.value.decode("utf-8", "replace")
        part.name = part.value = b""

    def _end(self) -> None:
        self.ended = True


def _multipart(body: bytes, boundary: str) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser

    if not boundary:
        raise BodyError(400, "invalid_multipart", "the content type of the multipart form names no boundary")
    reader = _FormReader()
    try:
        parser = MultipartParser(boundary.encode("latin-1"), reader.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, UnicodeEncodeError) as error:
        raise BodyError(400, "invalid_multipart", f"the body is no multipart form: {error}") from None
    if not reader.ended:
        raise BodyError(400, "invalid_multipart", "the multipart form ends too early")
    return _sorted_out(reader.parts)


def _sorted_out(parts: list[_Part]) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """Fields and files, the files with the names that Node.js' multer gives."""
    fields: list[tuple[str, str]] = []
    files: list[dict[str, Any]] = []
    for part in parts:
        name, filename = _disposition(part.headers.get("content-disposition", ""))
        data = bytes(part.data)
        if filename is None:
            fields.append((name, data.decode("utf-8", "replace")))
            continue
        files.append(
            {
                "fieldname": name,
                "originalname": filename,
                "encoding": part.headers.get("content-transfer-encoding", "7bit"),
                "mimetype": part.headers.get("content-type", "application/octet-stream"),
                "buffer": data,
                "size": len(data),
            }
        )
    return fields, files


def _disposition(header: str) -> tuple[str, str | None]:
    from python_multipart.multipart import parse_options_header

    options = parse_options_header(header.encode())[1]
    filename = options.get(b"filename")
    name = options.get(b"name", b"").decode("utf-8", "replace")
    return name, None if filename is None else filename.decode("utf-8", "replace")
