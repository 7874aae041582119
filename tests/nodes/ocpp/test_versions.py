"""Spellings of OCPP versions and of error codes by version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.nodes.ocpp.codes import CODES, code_for
from busway.nodes.ocpp.versions import SPELLINGS, SUBPROTOCOLS, VERSIONS, VersionError, canonical


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.6", "1.6"),
        ("1.6J", "1.6"),
        ("ocpp1.6", "1.6"),
        ("OCPP1.6J", "1.6"),
        ("2.0", "2.0.1"),
        ("2.0.1", "2.0.1"),
        ("Ocpp2.0.1", "2.0.1"),
        ("OCPP 2.0.1", "2.0.1"),
        ("2.1", "2.1"),
        ("ocpp2.1", "2.1"),
    ],
)
def test_spellings_are_recognised(text, version):
    assert canonical(text) == version


@pytest.mark.parametrize("text", ["", "1.5", "2.0.2", "V201", "ocpp"])
def test_other_texts_are_refused_by_name(text):
    with pytest.raises(VersionError, match=repr(text)):
        canonical(text)


def test_near_misses_get_a_hint():
    with pytest.raises(VersionError, match=r"did you mean 'ocpp2\.0\.1'"):
        canonical("ocp2.0.1")


@given(st.text())
def test_any_text_is_a_version_or_refused(text):
    try:
        assert canonical(text) in VERSIONS
    except VersionError:
        assert text.lower() not in SPELLINGS


def test_subprotocols_are_spellings_of_their_version():
    assert {canonical(name): name for name in SUBPROTOCOLS.values()} == SUBPROTOCOLS


@pytest.mark.parametrize(
    ("version", "code", "spelled"),
    [
        ("1.6", "FormatViolation", "FormationViolation"),
        ("1.6", "OccurrenceConstraintViolation", "OccurenceConstraintViolation"),
        ("1.6", "RpcFrameworkError", "FormationViolation"),
        ("1.6", "MessageTypeNotSupported", "NotSupported"),
        ("2.0.1", "FormationViolation", "FormatViolation"),
        ("2.1", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("ocpp2.0.1", "RpcFrameworkError", "RpcFrameworkError"),
        ("1.6", "NotImplemented", "NotImplemented"),
        ("1.6", "Nonsense", "GenericError"),
        ("2.0.1", "Nonsense", "GenericError"),
    ],
)
def test_error_codes_are_spelled_as_the_version_has_them(version, code, spelled):
    assert code_for(version, code) == spelled


def test_every_code_becomes_one_that_the_version_has():
    everything = {code for codes in CODES.values() for code in codes}
    assert all(code_for(version, code) in CODES[version] for version in VERSIONS for code in everything)
