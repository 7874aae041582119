"""What becomes of a request's body; the cases without a word were checked against a running Node-RED."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.http import HttpRequest
from busway.nodes.network.bodies import BodyError, read_body

LIMIT = 10_000
FORM = "application/x-www-form-urlencoded"


def read(body, content_type=None, upload=False, **headers):
    names = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [(name.encode(), value.encode()) for name, value in names.items() if value is not None]
    request = HttpRequest({"method": "POST", "path": "/", "headers": lines}, body)
    return read_body(request, LIMIT, upload), request


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"", None, ""),
        (b"", "application/json", {}),
        (b'{"a":1}', "application/json", {"a": 1}),
        ('{"a":"é"}'.encode(), "application/json; charset=utf-8", {"a": "é"}),
        ('{"a":"é"}'.encode("utf-16"), "application/json; charset=utf-16", {"a": "é"}),
        (b'\xef\xbb\xbf{"a":1}', "Application/JSON", {"a": 1}),
        (b'{"a":"\\ud800"}', "application/json", {"a": "\ud800"}),
        (b'{"a":1}', "application/vnd.api+json", '{"a":1}'),
        (
            b"a=1&b[c]=2&d[]=3&d[]=4&e=x+y%20z&f",
            FORM,
            {"a": "1", "b": {"c": "2"}, "d": ["3", "4"], "e": "x y z", "f": ""},
        ),
        (b"", FORM, {}),
        ("hello é".encode(), "text/plain", "hello é"),
        (b"\xff", "text/plain", "\ufffd"),
        (b"hi", None, "hi"),
        (b"hi", "application/octet-stream", b"hi"),
        (b"\xa1", "application/cbor", b"\xa1"),
        (b"\x89PNG", "image/png", b"\x89PNG"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"<svg/>", "image/svg+xml", "<svg/>"),
        (b"hi", "application/x-foo", "hi"),
        (b"--x\r\n", "multipart/form-data; boundary=x", b"--x\r\n"),
    ],
)
def test_the_content_type_decides(body, content_type, value):
    assert read(body, content_type)[0] == value


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"5", "application/json", 5),
        (b"\xe9", "text/plain; charset=latin1", "é"),
        (b"\xe9", "text/plain; charset=nonsense", "\ufffd"),
        (b"\xff\x00", None, b"\xff\x00"),
        (b"\xff\xfe", "application/x-foo", b"\xff\xfe"),
        (b"hi", "garbage", "hi"),
    ],
)
def test_nothing_is_lost_where_node_red_loses_it(body, content_type, value):
    assert read(body, content_type)[0] == value


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda data: zlib.compress(data)[2:-4])],
)
def test_compressed_bodies_are_unpacked(encoding, pack):
    assert read(pack(b'{"a":1}'), "application/json", content_encoding=encoding)[0] == {"a": 1}
    assert read(pack(b"hello"), "text/plain", content_encoding=encoding)[0] == "hello"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b'{"a":', "application/json", 400, "no JSON"),
        (b"NaN", "application/json", 400, "no JSON"),
        (b'["\\ud800", NaN]', "application/json", 400, "no JSON"),
        (b"{}", "application/json; charset=iso-8859-1", 415, "send it in UTF-8"),
        (b"\xff", "application/json; charset=utf-999", 400, "no JSON"),
        (b"a=1", f"{FORM}; charset=utf-16", 415, "send it in UTF-8"),
        (b"&".join([b"a=1"] * 1001), FORM, 413, "1001 parameters"),
        (b"a" + b"[b]" * 40 + b"=1", FORM, 400, "deeper than 32"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body, content_type, status, reason):
    with pytest.raises(BodyError, match=reason) as caught:
        read(body, content_type)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("body", "encoding", "status", "reason"),
    [
        (b"{}", "br", 415, "plain, gzip or deflate"),
        (b"{}", "gzip", 400, "no gzip"),
        (b"{}", "deflate", 400, "no deflate"),
        (gzip.compress(b"{}")[:-9], "gzip", 400, "no gzip"),
        (gzip.compress(b" " * (LIMIT + 1)), "gzip", 413, f"more than {LIMIT} bytes"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body, encoding, status, reason):
    with pytest.raises(BodyError, match=reason) as caught:
        read(body, "application/json", content_encoding=encoding)
    assert caught.value.status == status


PART = b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'


def multipart(*parts):
    return b"".join(PART % part for part in parts) + b"--x--\r\n"


def test_a_multipart_form_gives_fields_and_files():
    file = (b"f", b'; filename="a.txt"\r\nContent-Type: text/plain', b"hello\x00\r\n")
    body = multipart((b"x", b"", b"1"), (b"y[z]", b"", "é".encode()), (b"m", b"", b"1"), (b"m", b"", b"2"), file)
    payload, request = read(body, 'multipart/form-data; boundary="x"', upload=True)
    assert payload == {"x": "1", "y": {"z": "é"}, "m": ["1", "2"]}
    assert request.files == [
        {
            "fieldname": "f",
            "originalname": "a.txt",
            "encoding": "7bit",
            "mimetype": "text/plain",
            "buffer": b"hello\x00\r\n",
            "size": 8,
        }
    ]


def test_other_bodies_are_read_as_ever_where_uploads_are_taken():
    payload, request = read(b'{"a":1}', "application/json", upload=True)
    assert (payload, request.files) == ({"a": 1}, None)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"garbage", "multipart/form-data; boundary=x", "no multipart form"),
        (b"garbage", "multipart/form-data", "names no boundary"),
        (multipart((b"x", b"", b"1"))[:-8], "multipart/form-data; boundary=x", "ends too early"),
    ],
)
def test_a_broken_multipart_form_is_refused(body, content_type, reason):
    with pytest.raises(BodyError, match=reason) as caught:
        read(body, content_type, upload=True)
    assert caught.value.status == 400


TYPES = st.sampled_from(
    ["application/json", FORM, "text/plain; charset=utf-7", "multipart/form-data; boundary=x", "a/b"]
)


@given(st.binary(max_size=200), TYPES)
def test_any_body_is_read_or_refused(body, content_type):
    refusal = None
    try:
        read(body, content_type, upload=True)
    except BodyError as error:
        refusal = error.status
    assert refusal in (None, 400, 413, 415)


@given(st.dictionaries(st.text(), st.integers(-(2**63), 2**63) | st.text() | st.none() | st.booleans()))
def test_json_comes_through(value):
    assert read(json.dumps(value).encode(), "application/json")[0] == value
