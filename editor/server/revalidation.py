"""Answers that a client has already: weak entity tags and 304, as Express answers (RFC 9110, sections 8.8.3 and 13.1.2)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from busway.engine.http import Answer

Headers = Sequence[tuple[bytes, bytes]]

LARGEST = 16 * 1024 * 1024
"""Bytes of an answer above which no tag is made: the event loop would stand still for it too long."""
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)")
_LEFT_OUT = frozenset({b"content-type", b"content-length"})


def entity_tag(body: bytes) -> str:
    """The weak tag of a body: its length and a digest."""
    digest = hashlib.sha1(body, usedforsecurity=False).digest()
    return f'W/"{len(body):x}-{base64.b64encode(digest).decode()[:27]}"'


def has_already(tag: str, if_none_match: str | None, cache_control: str | None) -> bool:
    """Whether a client names what it has in ``If-None-Match`` and this is among it; ``no-cache`` asks for it all the same."""
    if if_none_match is None or (cache_control is not None and _NO_CACHE.search(cache_control)):
        return False
    known = (one.strip().removeprefix("W/") for one in if_none_match.split(","))
    return if_none_match.strip() == "*" or tag.removeprefix("W/") in known


def not_modified(headers: Headers) -> Answer:
    """304 with the headers of the answer that it stands for."""
    return Answer(304, [line for line in headers if line[0] not in _LEFT_OUT], b"")


def revalidated(answer: Answer, if_none_match: str | None, cache_control: str | None) -> Answer:
    """An answer to GET with its tag, or 304. What comes in pieces, is huge or is no success stays as it is."""
    if answer.status != 200 or answer.chunks is not None or len(answer.body) > LARGEST:
        return answer
    tag = entity_tag(answer.body)
    headers = [*answer.headers, (b"etag", tag.encode())]
    if has_already(tag, if_none_match, cache_control):
        return not_modified(headers)
    return answer._replace(headers=headers)
