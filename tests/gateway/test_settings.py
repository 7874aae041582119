"""Settings: defaults, and what is refused."""

import pytest
from pydantic import ValidationError

from busway.gateway.passwords import hash_password
from busway.gateway.settings import GatewaySettings


def test_defaults_bind_to_this_machine_and_ask_for_no_password():
    settings = GatewaySettings()
    assert (settings.host, settings.port, settings.security_profile, settings.scheme) == ("127.0.0.1", 9220, 0, "ws")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"prot": 1}, "prot"),
        ({"port": 70_000}, "65535"),
        ({"security_profile": 4}, "security_profile"),
        ({"security_profile": 2}, "security profile 2 needs tls_cert and tls_key"),
        ({"tls_cert": "a"}, "tls_cert and tls_key belong together"),
        ({"security_profile": 3, "tls_cert": "a", "tls_key": "b"}, "needs tls_ca"),
        ({"passwords": {"a:b": "in clear"}}, "hash_password"),
        ({"protocols": ["ocpp1.5"]}, "ocpp1.6"),
        ({"protocols": []}, "protocols"),
        ({"path": "ocpp"}, "path"),
    ],
)
def test_wrong_settings_are_named(given, text):
    with pytest.raises(ValidationError, match=text):
        GatewaySettings(**given)


def test_hashes_of_passwords_are_taken():
    stored = hash_password("secret")
    assert GatewaySettings(passwords={"acme:CP1": stored}).passwords == {"acme:CP1": stored}
