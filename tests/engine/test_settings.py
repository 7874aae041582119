"""Settings: file, environment, command line; and what a mistake is told."""

import re
from pathlib import Path

import pytest

from busway.engine.settings import NODE_RED, Settings, SettingsError, effective_settings, load_settings
from busway.engine.settings_sources import line_of


def test_later_sources_win(tmp_path, monkeypatch):
    (tmp_path / "busway.toml").write_text('port = 1\nhost = "file"\nlog_level = "warn"\n')
    monkeypatch.setenv("BUSWAY_HOST", "environment")
    monkeypatch.setenv("BUSWAY_LOG_LEVEL", "error")
    settings = load_settings(tmp_path, {"log_level": "debug", "port": None})
    assert (settings.port, settings.host, settings.log_level) == (1, "environment", "debug")
    assert settings.flow_path == tmp_path / "flows.json"


def test_every_setting_knows_where_it_comes_from(tmp_path, monkeypatch):
    file = tmp_path / "busway.toml"
    file.write_text('# a comment\nport = 1\n\n[context_storage.disk]\nmodule = "localfilesystem"\n')
    monkeypatch.setenv("BUSWAY_HOST", "::1")
    monkeypatch.setenv("BUSWAY_USER_DIR", str(tmp_path))
    places = effective_settings(None, {"log_level": "debug", "port": None}).places
    assert places == {
        "port": f"{file}, line 2",
        "context_storage": f"{file}, line 4",
        "host": "BUSWAY_HOST",
        "user_dir": "BUSWAY_USER_DIR",
        "log_level": "--log-level",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", r"busway\.toml, line 1: there is no setting 'prot'; did you mean 'port'\?"),
        ("\n\nuiPort = 1880", r"line 3: there is no setting 'uiPort'; Node-RED's uiPort is 'port' here"),
        ("[auth]\nsession_life = 5", r"line 2: .*'auth.session_life'; did you mean 'session_lifetime'\?"),
        ("port = 70000", r"line 1: setting 'port': .*65535, not 70000"),
        ("host = 'x'\nlog_level = 'loud'", r"line 2: setting 'log_level': .*'info'.*, not 'loud'"),
        ("credential_secret = 5", r"line 1: setting 'credential_secret\.\w+': [^5]*$"),
        ("port = ", r"busway\.toml: not valid TOML: "),
        ("[[auth.users]]\nname = 'a'\n[[auth.users]]\nnam = 'b'", r"line 4: .*'auth.users.1.nam'; did you mean 'name'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, told):
    (tmp_path / "busway.toml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("BUSWAY_PORT", "many", "BUSWAY_PORT: setting 'port': .*integer.*, not 'many'"),
        ("BUSWAY_ENV_EXCLUDES", "[1", "BUSWAY_ENV_EXCLUDES begins like JSON and is none: "),
    ],
)
def test_a_mistake_in_the_environment_is_told_as_one(tmp_path, monkeypatch, name, text, told):
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=told):
        load_settings(tmp_path)


def test_a_mistake_on_the_command_line_names_the_option(tmp_path):
    with pytest.raises(SettingsError, match="--gateway-port: setting 'gateway_port'"):
        load_settings(tmp_path, {"gateway_port": -1})


def test_lists_and_objects_come_from_the_environment_as_json(tmp_path, monkeypatch):
    monkeypatch.setenv("BUSWAY_ENV_EXCLUDES", '["PATH"]')
    monkeypatch.setenv("BUSWAY_CONTEXT_STORAGE", '{"default": {"module": "memory"}}')
    settings = load_settings(tmp_path)
    assert (settings.env_excludes, settings.context_storage) == (["PATH"], {"default": {"module": "memory"}})


def test_a_misspelt_variable_is_told_and_what_a_cluster_makes_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("BUSWAY_PROT", "1")
    monkeypatch.setenv("BUSWAY_SERVICE_HOST_1_TCP_ADDR_X", "10.0.0.1")
    assert effective_settings(tmp_path).strangers == ["BUSWAY_PROT is not a setting; did you mean 'BUSWAY_PORT'?"]


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("port",), 1),
        (("context_storage", "disk"), 4),
        (("context_storage", "disk", "config", "dir"), 6),
        (("context_storage", "other", "module"), None),
        (("quoted key",), 2),
        (("absent",), None),
        (("context_storage",), 4),
    ],
)
def test_the_line_of_a_setting(location, line):
    text = 'port = 1\n"quoted key" = 2\n# port = 3\n[context_storage.disk]\nmodule = "x"\nconfig.dir = "y"\n'
    assert line_of(text, location) == line


def test_names_of_node_red_lead_to_settings_that_exist():
    assert set(NODE_RED.values()) <= set(Settings.model_fields)


def test_every_setting_is_in_one_section():
    names = [name for section in Settings.sections() for name in section.model_fields]
    assert sorted(names) == sorted(Settings.model_fields)


def test_the_document_tells_of_every_name_of_node_red():
    text = (Path(__file__).parents[2] / "docs" / "node-red.md").read_text()
    table = text.partition("## Settings of Node-RED and ours")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    theirs = {name for row in rows for name in re.findall(r"`(\w+)", row[1])}
    ours = {name for row in rows for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", row[2])}
    assert theirs >= NODE_RED.keys()
    parts = {"default_permissions", "session_lifetime", "http_proxy", "https_proxy", "no_proxy"}
    assert ours - parts <= set(Settings.model_fields)
