"""Bodies in the forms that browsers send."""

from types import SimpleNamespace
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.network.bodies import read_body
from busway.nodes.network.form_body import form_text, multipart_body

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(NAMES, TEXTS))
def test_what_is_written_as_a_form_is_read_back(values):
    assert dict(parse_qsl(form_text(values), keep_blank_values=True)) == values


def request(body, boundary):
    kind = f"multipart/form-data; boundary={boundary}"
    return SimpleNamespace(header=lambda name: kind if name == b"content-type" else None, raw_body=body, files=None)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.binary()))
def test_files_of_a_multipart_form_are_read_back(files):
    fields = {name: {"value": data, "options": {"filename": f"{name}.bin"}} for name, data in files.items()}
    asked = request(*multipart_body(fields))
    assert read_body(asked, 1 << 20, upload=True) == {}
    assert {file["fieldname"]: file["buffer"] for file in asked.files} == files


def test_names_cannot_break_out_of_their_line():
    body, _ = multipart_body(
        {'a"\r\nX: y': "v", "f": {"value": b"", "options": {"filename": "n", "contentType": "t\r\nX: y"}}}
    )
    assert b"\r\nX: y" not in body


def test_a_list_gives_a_field_several_times():
    body, _ = multipart_body({"l": ["a", "b"]})
    assert body.count(b'name="l"') == 2
