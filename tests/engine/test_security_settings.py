import pytest

from busway.engine.settings import SettingsError, load_settings

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo"
USER = {"name": "anna", "password": HASH, "permissions": "*"}


def auth_of(tmp_path, **auth):
    return load_settings(tmp_path, {"auth": auth}).auth


def test_without_users_tokens_and_visitors_nothing_is_checked(tmp_path):
    assert not load_settings(tmp_path).auth.is_used
    assert not auth_of(tmp_path, session_lifetime=5).is_used
    assert auth_of(tmp_path, users=[USER]).is_used
    assert auth_of(tmp_path, tokens=[{"name": "a", "hash": "sha256:" + "0" * 64, "permissions": []}]).is_used
    assert auth_of(tmp_path, default_permissions=[]).is_used


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("*", ["*"]),
        ("read", ["read"]),
        (["flows.read", "*.write"], ["flows.read", "*.write"]),
        ("udp-ports.read", ["udp-ports.read"]),
        ([], []),
    ],
)
def test_permissions_are_one_or_a_list(tmp_path, given, kept):
    assert auth_of(tmp_path, users=[USER | {"permissions": given}]).users[0].permissions == kept


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"users": [USER | {"password": "geheim"}]}, r"auth\.users\.0\.password.*busway password"),
        ({"users": [USER | {"permissions": "raed"}]}, r"auth\.users\.0\.permissions.*'raed' is no permission"),
        ({"users": [USER | {"permissions": 5}]}, r"auth\.users\.0\.permissions"),
        ({"users": [USER, USER]}, "'anna' is there twice"),
        ({"users": [{"name": "anna"}]}, r"auth\.users\.0\.password"),
        ({"users": [USER | {"pasword": "geheim"}]}, r"auth\.users\.0\.pasword"),
        ({"tokens": [{"name": "a", "hash": "geheim", "permissions": "*"}]}, r"auth\.tokens\.0\.hash.*password --token"),
        ({"session_lifetime": 0}, r"auth\.session_lifetime"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_the_secret(tmp_path, auth, told):
    with pytest.raises(SettingsError, match=told) as refused:
        auth_of(tmp_path, **auth)
    assert "geheim" not in str(refused.value)
    assert HASH not in str(refused.value)


def test_hashes_are_not_shown(tmp_path):
    assert HASH not in repr(load_settings(tmp_path, {"auth": {"users": [USER]}}))
