"""Nested query strings; expectations were made with the npm package ``qs`` 6.15, which Express uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.http.query import TooDeep, TooManyParameters, nest, parse_form, parse_query


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1", {"a": ["1"]}),
        ("a[]=", {"a": [""]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a%5B%5D=1&a%5b%5d=2", {"a": ["1", "2"]}),
        ("a[0]=x&a[2]=y", {"a": ["x", "y"]}),
        ("a[100]=1&a[1]=2", {"a": ["2", "1"]}),
        ("a[1001]=5", {"a": {"1001": "5"}}),
        ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        ("a[b][c][d][e][f][g]=1", {"a": {"b": {"c": {"d": {"e": {"f": {"[g]": "1"}}}}}}}),
        ("a[0][b]=1&a[0][c]=2", {"a": [{"b": "1", "c": "2"}]}),
        ("a[][b]=1&a[][b]=2", {"a": [{"b": ["1", "2"]}]}),
        ("a[0]=1&a[0]=2", {"a": [["1", "2"]]}),
        ("a.b=1", {"a.b": "1"}),
        ("a=1&a[b]=2", {"a": ["1", {"b": "2"}]}),
        ("a[b]=2&a=1", {"a": [{"b": "2"}, "1"]}),
        ("a[]=1&a[b]=2", {"a": {"0": "1", "b": "2"}}),
        ("a=1&a[]=2", {"a": ["1", "2"]}),
        ("[a]=1", {"a": "1"}),
        ("a[=1", {"a": {"[": "1"}}),
        ("a]=1", {"a]": "1"}),
        ("a==b", {"a": "=b"}),
        ("a&b", {"a": "", "b": ""}),
        ("&&a=1&", {"a": "1"}),
        ("=x", {}),
        ("a+b=c+d", {"a b": "c d"}),
        ("a%20b=%zz", {"a b": "%zz"}),
        ("a=%E9", {"a": "%E9"}),
        ("a=%C3%A9", {"a": "é"}),
        ("__proto__[x]=1&__proto__=2&a=1", {"a": "1"}),
        ("hasOwnProperty=x", {"hasOwnProperty": "x"}),
    ],
)
def test_a_query_is_parsed_as_express_parses_it(text, values):
    assert parse_query(text) == values


def test_a_query_keeps_its_first_thousand_parameters():
    assert len(parse_query("&".join(f"p{n}=1" for n in range(1500)))) == 1000


def test_a_form_with_too_many_parameters_is_refused():
    with pytest.raises(TooManyParameters, match="1001 parameters"):
        parse_form("&".join(["a=1"] * 1001))


def test_a_form_nests_deeper_than_a_query_but_not_without_limit():
    deep = "a" + "[b]" * 32
    value = parse_form(f"{deep}=1")["a"]
    for _ in range(32):
        value = value["b"]
    assert value == "1"
    with pytest.raises(TooDeep, match="deeper than 32"):
        parse_form(f"{deep}[c]=1")


def test_fields_that_are_decoded_already_are_nested():
    assert nest([("x", "1%"), ("y[z]", "2"), ("m", "1"), ("m", "2")]) == {"x": "1%", "y": {"z": "2"}, "m": ["1", "2"]}


@given(st.text(alphabet="ab[]=&%+5BD0", max_size=60))
def test_any_text_is_parsed_into_texts_lists_and_objects(text):
    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (dict, list)):
                assert type(item) in (dict, list)
                check(item)
            else:
                assert isinstance(item, str)

    check(parse_query(text))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=10), max_size=5))
def test_what_a_browser_encodes_comes_back(values):
    from urllib.parse import urlencode

    assert parse_query(urlencode(values, errors="surrogatepass")) == values
