"""Settings: file, environment, command line; and what a mistake is told."""

import pytest

from busway.engine.settings import SettingsError, load_settings


def test_later_sources_win(tmp_path, monkeypatch):
    (tmp_path / "busway.toml").write_text('port = 1\nhost = "file"\nlog_level = "warn"\n')
    monkeypatch.setenv("BUSWAY_HOST", "environment")
    monkeypatch.setenv("BUSWAY_LOG_LEVEL", "error")
    settings = load_settings(tmp_path, {"log_level": "debug", "port": None})
    assert (settings.port, settings.host, settings.log_level) == (1, "environment", "debug")
    assert settings.flow_path == tmp_path / "flows.json"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", r"no setting 'prot' \(found in .*busway.toml\); did you mean 'port'"),
        ("port = 70000", "'port' in .*busway.toml: .*65535"),
        ("log_level = 'loud'", "'log_level' in .*: .*'info'"),
        ("port = ", "not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, told):
    (tmp_path / "busway.toml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        load_settings(tmp_path)


def test_a_mistake_in_the_environment_is_told_as_one(tmp_path, monkeypatch):
    monkeypatch.setenv("BUSWAY_PORT", "many")
    with pytest.raises(SettingsError, match="setting 'port' in the environment: "):
        load_settings(tmp_path)
