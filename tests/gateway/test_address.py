"""Stations' addresses in URL paths."""

import contextlib
from http import HTTPStatus
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.gateway.address import AddressError, station_of
from busway.nodes.ocpp.streams.gateway_entries import Station

names = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co", "Zl", "Zp", "Zs")), min_size=1, max_size=99
)


@given(names.filter(lambda name: ":" not in name), names)
def test_encoded_names_come_out_as_they_were(tenant, device):
    path = f"/ocpp/{quote(tenant, safe='')}/{quote(device, safe='')}"
    assert station_of(path, "/ocpp") == Station(tenant, device)


@given(st.text())
def test_any_path_is_a_station_or_an_address_error(path):
    with contextlib.suppress(AddressError):
        assert all(station_of(path, "/ocpp"))


def test_query_is_left_aside():
    assert station_of("/a/b?c=/d", "") == Station("a", "b")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", HTTPStatus.NOT_FOUND, "/ocpp/{tenant}/{station}"),
        ("/ocpp", HTTPStatus.NOT_FOUND, "path must be"),
        ("/ocpp/a", HTTPStatus.NOT_FOUND, "path must be"),
        ("/ocpp/a/", HTTPStatus.NOT_FOUND, "path must be"),
        ("/ocpp//b", HTTPStatus.NOT_FOUND, "path must be"),
        ("/ocppx/a/b", HTTPStatus.NOT_FOUND, "path must be"),
        ("/ocpp/a:b/c", HTTPStatus.BAD_REQUEST, "tenant must not hold a colon"),
        ("/ocpp/a/%00", HTTPStatus.BAD_REQUEST, "station holds characters"),
        ("/ocpp/%ff/c", HTTPStatus.BAD_REQUEST, "tenant is not percent-encoded UTF-8"),
        (f"/ocpp/a/{'x' * 256}", HTTPStatus.BAD_REQUEST, "longer than 255"),
    ],
)
def test_other_paths_are_refused_with_the_reason(path, status, text):
    with pytest.raises(AddressError, match=text.replace("{", r"\{")) as caught:
        station_of(path, "/ocpp")
    assert caught.value.status == status
