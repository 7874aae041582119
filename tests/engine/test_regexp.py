"""JavaScript's regular expressions: what they find and replace is compared with a JavaScript engine."""

import json

import pytest
import quickjs
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.errors import ValueEvaluationError
from busway.engine.regexp import compile_regexp, compile_replacement, escape

JS = quickjs.Context()
JS.eval("""
function spans(source, flags, text) {
  return JSON.stringify([...text.matchAll(new RegExp(source, flags + 'g'))].map(m => [m.index, ...m].map(x => x ??
  null)));
}
function replaced(source, flags, text, by) { return text.replace(new RegExp(source, flags + 'g'), by); }
""")

PATTERNS = [
    "a",
    "^a",
    "a$",
    "^$",
    ".",
    "a.c",
    r"\d+",
    r"\D",
    r"\w+",
    r"\W",
    r"\s",
    r"\S+",
    r"\bfoo\b",
    r"\Boo",
    "[a-c]+",
    "[^a-c]",
    r"[\d.]+",
    r"[\w-]+",
    r"[^\s]",
    r"[\S]",
    r"[\D]",
    r"[\W]",
    "[^]",
    "[]",
    "[[]",
    "[&&]|[~~]|[||]|[--]",
    r"[\]]",
    r"[\b]",
    r"[a\-c]",
    "(a)|(b)",
    r"(a)?\1b",
    r"(a|b)\1",
    "(?<first>a)(?<second>b?)",
    r"(?<q>['\"]).*?\k<q>",
    r"\k<q>",
    "(?:ab)+",
    "a(?=b)",
    "a(?!b)",
    "(?<=a)b",
    "(?<!a)b",
    "a{2}",
    "a{1,}",
    "a{,2}",
    "a{",
    "{}",
    "a{1,2}?",
    "a*?b",
    r"\/",
    r"\-\.\*",
    r"\x41|\u0042|\103",
    r"\cJ",
    r"\0",
    r"\t|\n|\v|\f|\r",
    r"\A\Z\z\e",
    r"\p{L}",
    "é",
    r"[é-ü]",
    r"\$1",
    "x*",
    "(x)(y)?",
    "]",
    "}",
]
TEXTS = [
    "",
    "a",
    "abc aab bab",
    "A\nb\r\nc\u2028d",
    "foo food oof foo",
    "a.c a-c a\nc",
    "12.5 €٣",
    "[x] {} a{,2} a{ 'q' \"w\" k<q>",
    "é É ü ß",
    "\x00\x08\t\v\f\ufeff\u00a0\x1c\x85",
    "AZze p{L} -.* /",
    "$1 && ~~ || --",
    "xy x xxy",
    "BAC\n",
]


def spans(source, flags, text):
    return [[found.start(), found[0], *found.groups()] for found in compile_regexp(source, flags).finditer(text)]


@pytest.mark.parametrize("source", PATTERNS)
@pytest.mark.parametrize("flags", ["", "i", "m", "s"])
def test_patterns_find_what_they_find_in_javascript(source, flags):
    for text in TEXTS:
        assert spans(source, flags, text) == json.loads(JS.get("spans")(source, flags, text.replace("\x00", ""))) or (
            "\x00" in text  # the engine's binding cuts texts at NUL
        ), text


def test_nul_is_an_ordinary_character():
    assert spans(r"\0", "", "a\x00b") == [[1, "\x00"]]
    assert spans("[^a]", "", "a\x00") == [[1, "\x00"]]


def test_code_points_need_the_unicode_flag():
    assert compile_regexp(r"\u{1F600}", "u").search("a\U0001f600")
    assert compile_regexp(r"^\u{3}$").search("uuu")


@pytest.mark.parametrize("source", ["(", ")", "[", "[a", "*", "a**", "(?<1>a)", "\\", "[\\", "(?<a>x)(?<a>y)", "(?z)"])
def test_what_is_no_pattern_is_told(source):
    with pytest.raises(ValueEvaluationError, match="invalid regular expression /"):
        compile_regexp(source)


def test_an_unknown_flag_is_told():
    with pytest.raises(ValueEvaluationError, match="unknown flag 'q'"):
        compile_regexp("a", "gq")


REPLACEMENTS = [
    "x",
    "",
    "$1",
    "$2",
    "$10",
    "$01",
    "$00",
    "[$&]",
    "$$1",
    "$`|$'",
    "$<first>",
    "$<none>",
    "$",
    "$x",
    r"\1\n\\",
]


@pytest.mark.parametrize("by", REPLACEMENTS)
@pytest.mark.parametrize("source", ["b", "(a)|(b)", "(?<first>a)(b)?", "x*", "(a)(b)(c)?"])
def test_replacements_are_those_of_javascript(source, by):
    for text in ("abc aab bab", "", "xaxb"):
        expected = JS.get("replaced")(source, "", text, by)
        assert compile_regexp(source).sub(compile_replacement(by), text) == expected


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.text(max_size=3))
def test_an_escaped_text_matches_itself_only(text, around):
    pattern = compile_regexp(f"^{escape(text)}$")
    assert pattern.search(text)
    assert bool(pattern.search(text + around)) is (around == "")


@settings(deadline=None)
@given(st.text(alphabet="ab01()[]{}|\\*+?.^$-<>:=!ndwsb,", max_size=10), st.sampled_from(["ab01", "a\nb", "-(a)[b]"]))
def test_what_both_accept_finds_the_same_first(source, text):
    try:
        mine = spans(source, "", text)[:1]
    except ValueEvaluationError:
        return
    try:
        theirs = json.loads(JS.get("spans")(source, "", text))[:1]
    except quickjs.JSException:
        return
    assert mine == theirs
