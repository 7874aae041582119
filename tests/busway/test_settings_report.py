"""``busway settings``, and the page of the documentation that is made from the settings."""

import json

import pytest

from busway.engine.settings import Settings, effective_settings
from busway.settings_report import docs, report
from tests.e2e.program import ROOT, busway


def rows(effective):
    return {row["name"]: row for row in report(effective)}


def test_the_page_about_settings_is_the_one_made_from_them():
    assert (ROOT / "docs" / "settings.md").read_text() == docs(), "run: busway settings --docs > docs/settings.md"


def test_the_page_names_every_setting_with_its_default():
    page = docs()
    assert all(f"\n| `{name}` | " in page for name in Settings.model_fields)
    assert "| `port` | integer | `1880` |" in page
    assert '| `log_format` | `text`, `json` | `"text"` |' in page
    assert "| `auth.users[].name` | text | required |" in page


def test_the_command_shows_value_and_source_of_each(tmp_path):
    (tmp_path / "busway.toml").write_text('port = 1234\nenv_excludes = ["HOME"]\n')
    run = busway("settings", "--user-dir", tmp_path, "--json", BUSWAY_HOST="::1", BUSWAY_PROT="1")
    shown = {row["name"]: (row["value"], row["source"]) for row in json.loads(run.stdout)}
    assert shown["port"] == (1234, f"{tmp_path / 'busway.toml'}, line 1")
    assert shown["env_excludes"] == (["HOME"], f"{tmp_path / 'busway.toml'}, line 2")
    assert shown["host"] == ("::1", "BUSWAY_HOST")
    assert shown["user_dir"] == (str(tmp_path), "--user-dir")
    assert shown["log_level"] == ("info", "default")
    assert run.stderr == "BUSWAY_PROT is not a setting; did you mean 'BUSWAY_PORT'?\n"
    text = busway("settings", "--user-dir", tmp_path).stdout.splitlines()
    assert f"port                            1234   ({tmp_path / 'busway.toml'}, line 1)" in text


@pytest.mark.parametrize(
    ("toml", "name"),
    [
        ('credential_secret = "PLANTED"', "credential_secret"),
        ('redis_url = "redis://me:PLANTED@host/0"', "redis_url"),
        ('[context_storage.a]\nmodule = "redis"\nconfig.url = "redis://:PLANTED@host"', "context_storage"),
        ('[global_context.shop]\npassword = "PLANTED"', "global_context"),
    ],
)
def test_secrets_are_masked(tmp_path, toml, name):
    (tmp_path / "busway.toml").write_text(toml)
    row = rows(effective_settings(tmp_path))[name]
    assert row["value"]
    assert "PLANTED" not in json.dumps(row)
    assert row["source"] != "default"


def test_hashes_of_tokens_are_masked(tmp_path):
    (tmp_path / "busway.toml").write_text(
        f'[[auth.tokens]]\nname = "robot"\nhash = "sha256:{"ab" * 32}"\npermissions = "read"\n'
    )
    [token] = rows(effective_settings(tmp_path))["auth"]["value"]["tokens"]
    assert (token["name"], token["permissions"]) == ("robot", ["read"])
    assert "ab" not in token["hash"]
