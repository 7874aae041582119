"""Libraries of flows, functions and templates."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.library import ForbiddenPath, Library, LibraryError, examples, local_library
from busway.engine.model import FlowModel

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)
LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return local_library(tmp_path_factory.mktemp("user"))


@given(
    text=TEXT, properties=st.dictionaries(st.from_regex(r"[a-zA-Z]\w{0,5}", fullmatch=True).filter(str.isascii), LINE)
)
def test_what_is_kept_comes_back(library, text, properties):
    if text.startswith("// "):
        text = "\n" + text
    library.put("functions", "some/entry.js", text, properties)
    assert library.get("functions", "some/entry.js") == text
    assert library.get("functions", "some") == [{**properties, "fn": "entry.js"}]


@given(path=st.lists(st.sampled_from(["..", ".", "a", "", "/", "\\", "\0", "~", "b.json"]), max_size=6).map("/".join))
def test_no_path_leads_out_of_a_library(tmp_path_factory, path):
    folder = tmp_path_factory.mktemp("out")
    (folder / "secret.json").write_text("[]")
    library = Library("x", folder / "lib", "", "")
    with contextlib.suppress(ForbiddenPath, LibraryError):
        library.put("flows", path, "[]", {})
    outside = [
        file for file in folder.rglob("*") if file.is_file() and not file.is_relative_to(folder / "lib" / "flows")
    ]
    assert outside == [folder / "secret.json"]


def test_an_empty_library_has_no_entries_and_says_what_is_missing(tmp_path):
    library = local_library(tmp_path)
    assert library.get("flows", "") == library.get("flows", "/") == []
    with pytest.raises(LibraryError, match="no entry 'x'"):
        library.get("flows", "x")
    with pytest.raises(LibraryError, match="Unknown library type: cats"):
        library.get("cats", "")


def test_properties_are_single_lines_with_plain_names(library):
    with pytest.raises(LibraryError, match="more than one line"):
        library.put("functions", "f", "", {"name": "a\nb"})
    with pytest.raises(LibraryError, match="is no name"):
        library.put("functions", "f", "", {"a: b": "c"})


def test_a_folder_cannot_be_overwritten(library):
    library.put("templates", "folder/entry", "x", {})
    with pytest.raises(LibraryError, match="is a folder"):
        library.put("templates", "folder", "x", {})


def test_the_examples_are_flows(tmp_path):
    library = examples()
    entries = [entry["fn"] for entry in library.get("flows", "") if isinstance(entry, dict)]
    assert len(entries) >= 4
    for name in entries:
        assert FlowModel.parse(library.get("flows", name)).tabs
    with pytest.raises(ForbiddenPath, match="read-only"):
        library.put("flows", "x", "[]", {})
