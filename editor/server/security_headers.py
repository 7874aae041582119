"""What browsers are told about our answers: where a page may load from, and that nothing is to be guessed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from .wire import Send

Header = tuple[bytes, bytes]

_SHARED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
DATA_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
"""For answers that are no page. Opened in a window all the same, such as a file of the library, they run nothing."""
_PAGE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'self'",
}
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(r"<(?:script|link)\b[^>]*?\b(src|href)=[\"'](https://[^\"']+)", re.IGNORECASE)


def page_headers(policy: str = "") -> list[Header]:
    """The headers of a page of ours; ``policy`` replaces the usual one: everything from this server, nothing inline."""
    text = policy or _written(_PAGE)
    return [(b"content-security-policy", text.encode()), (b"x-frame-options", b"SAMEORIGIN"), *_SHARED]


def policy_of(html: str) -> str:
    """The policy of a page made by a library: its own scripts by their hash, and the very files that it names elsewhere."""
    inline = [_hash(body) for attributes, body in _SCRIPT.findall(html) if "src=" not in attributes and body]
    named = [(kind, _bare(url)) for kind, url in _SOURCE.findall(html)]
    scripts = [url for kind, url in named if kind.lower() == "src"]
    others = [url for kind, url in named if kind.lower() == "href"]
    return _written(
        _PAGE
        | {
            "script-src": _list("'self'", *scripts, *inline),
            "style-src": _list("'self'", "'unsafe-inline'", *others),
            "img-src": _list("'self'", "data:", *others),
        }
    )


def with_page_headers(send: Send) -> Send:
    """A ``send`` that adds the headers to what is written through it: those of its policy to a page, to data those of data."""
    start: MutableMapping[str, Any] = {}
    body = bytearray()

    async def forward(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            start.update(event)
            return
        body.extend(event.get("body", b""))
        if event.get("more_body", False):
            return
        is_page = any(name == b"content-type" and value.startswith(b"text/html") for name, value in start["headers"])
        added = page_headers(policy_of(body.decode())) if is_page else list(DATA_HEADERS)
        await send({**start, "headers": [*start["headers"], *added]})
        await send({"type": "http.response.body", "body": bytes(body)})

    return forward


def with_data_headers(headers: Iterable[Header]) -> list[Header]:
    """The headers of an answer of the API, with those of data unless it brings a policy of its own."""
    given = list(headers)
    return given if any(name == b"content-security-policy" for name, _ in given) else [*given, *DATA_HEADERS]


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _list(*sources: str) -> str:
    return " ".join(dict.fromkeys(sources))


def _written(policy: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())
