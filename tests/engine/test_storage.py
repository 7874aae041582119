import gzip
import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from busway.engine.credentials import CredentialStore
from busway.engine.errors import FlowFileError, StorageError
from busway.engine.model import FlowModel
from busway.engine.storage import FileStorage

DATA = Path(__file__).parent / "data"


def flows(*names):
    return FlowModel.parse([{"id": "t", "type": "tab", "label": name} for name in names])


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- load and save ---------------------------------------------------------------------------------------------------


def test_without_files_there_are_no_flows_and_no_credentials(storage, tmp_path):
    model, credentials = storage.load()
    assert (model.raw, credentials) == ([], None)
    assert names(tmp_path) == []


def test_what_is_saved_is_loaded(storage, tmp_path):
    model = flows("é", "two")
    assert storage.save(model, b'{"a":{}}', "me") == model.revision
    loaded, credentials = FileStorage(tmp_path).load()
    assert (loaded.raw, loaded.revision, credentials) == (model.raw, model.revision, b'{"a":{}}')
    assert names(tmp_path) == [".history", "flows.json", "flows_cred.json"]


@pytest.mark.parametrize("pretty", [True, False])
def test_the_file_is_written_as_node_red_does(tmp_path, pretty):
    storage = FileStorage(tmp_path, pretty=pretty)
    model = FlowModel.parse((DATA / "flows.json").read_bytes())
    storage.save(model, None)
    assert (tmp_path / "flows.json").read_bytes() == model.dumps(pretty)


def test_the_user_directory_is_made(tmp_path):
    storage = FileStorage(tmp_path / "new" / "dir")
    storage.save(flows("a"), None)
    assert storage.load()[0].raw == flows("a").raw


def test_credentials_that_did_not_change_are_not_written(storage, tmp_path):
    storage.save(flows("a"), b"one")
    before = (tmp_path / "flows_cred.json").stat().st_mtime_ns
    storage.save(flows("b"), None)
    assert (tmp_path / "flows_cred.json").stat().st_mtime_ns == before
    assert not (tmp_path / ".flows_cred.json.backup").exists()


def test_the_file_before_is_the_backup(storage, tmp_path):
    for name in "abc":
        storage.save(flows(name), name.encode())
    assert (tmp_path / ".flows.json.backup").read_bytes() == flows("b").dumps(True)
    assert (tmp_path / ".flows_cred.json.backup").read_bytes() == b"b"
    assert not [name for name in names(tmp_path) if name.endswith("$$$")]


def test_an_empty_file_is_restored_from_its_backup(storage, tmp_path, caplog):
    storage.save(flows("a"), b"one")
    storage.save(flows("b"), b"two")
    (tmp_path / "flows.json").write_bytes(b"")
    (tmp_path / "flows_cred.json").write_bytes(b"")
    model, credentials = FileStorage(tmp_path).load()
    assert (model.raw, credentials) == (flows("a").raw, b"one")
    assert (tmp_path / "flows.json").read_bytes() == flows("a").dumps(True)
    assert "restored from its backup" in caplog.text


@pytest.mark.parametrize("backup", [None, b""])
def test_an_empty_file_without_a_backup_is_an_empty_flow(storage, tmp_path, backup):
    (tmp_path / "flows.json").write_bytes(b"")
    if backup is not None:
        (tmp_path / ".flows.json.backup").write_bytes(backup)
    assert storage.load()[0].raw == []


def test_a_broken_file_is_told_and_left_as_it_is(storage, tmp_path):
    (tmp_path / "flows.json").write_bytes(b'[{"id": ')
    with pytest.raises(FlowFileError, match=r"flows\.json: not valid JSON at line 1.*repair it or move it away"):
        storage.load()
    (tmp_path / ".flows.json.backup").write_bytes(b"[]")
    with pytest.raises(FlowFileError, match=r"copy \.flows\.json\.backup over it"):
        storage.load()
    assert (tmp_path / "flows.json").read_bytes() == b'[{"id": '


def test_a_broken_file_that_is_replaced_anyhow_stays_in_the_history(storage, tmp_path):
    (tmp_path / "flows.json").write_bytes(b"my work, half edited")
    storage.save(flows("a"), None, "me")
    kept, found = storage.history()
    assert (kept.user, found.user) == ("me", "(changed outside)")
    assert (
        gzip.decompress((tmp_path / ".history" / f"{found.revision}.json.gz").read_bytes()) == b"my work, half edited"
    )
    with pytest.raises(FlowFileError):
        storage.restore(found.revision)


def test_flows_that_somebody_else_wrote_meanwhile_can_be_restored(storage, tmp_path):
    storage.save(flows("ours"), None, "me")
    (tmp_path / "flows.json").write_bytes(flows("theirs").dumps())
    storage.save(flows("ours again"), None, "me")
    assert [deploy.user for deploy in storage.history()] == ["me", "(changed outside)", "me"]
    assert storage.restore(flows("theirs").revision).raw == flows("theirs").raw


def test_the_flows_before_the_first_deploy_are_kept_once(storage, tmp_path):
    (tmp_path / "flows.json").write_bytes(flows("by hand").dumps())
    storage.load()
    storage.save(flows("next"), None, "me")
    assert [deploy.user for deploy in storage.history()] == ["me", "(changed outside)"]
    again = FileStorage(tmp_path)
    again.load()
    again.save(flows("last"), None, "me")
    assert [deploy.user for deploy in storage.history()] == ["me", "me", "(changed outside)"]


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "flows.json").mkdir()
    with pytest.raises(StorageError, match=r"flows\.json cannot be read: Is a directory"):
        FileStorage(tmp_path).load()


def test_a_failed_write_is_told_and_leaves_the_file_as_it_was(storage, tmp_path):
    storage.save(flows("a"), None)
    (tmp_path / "flows.json.$$$").mkdir()
    with pytest.raises(StorageError, match=r"flows\.json cannot be written: Is a directory"):
        storage.save(flows("b"), None)
    assert storage.load()[0].raw == flows("a").raw


def test_a_rest_of_an_interrupted_write_is_no_obstacle(storage, tmp_path):
    (tmp_path / "flows.json.$$$").write_bytes(b"half")
    storage.save(flows("a"), None)
    assert storage.load()[0].raw == flows("a").raw
    assert not (tmp_path / "flows.json.$$$").exists()


# -- places ----------------------------------------------------------------------------------------------------------


def test_the_flow_file_may_be_elsewhere_and_takes_its_credentials_along(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    storage = FileStorage(home, elsewhere / "main.flow")
    storage.save(flows("a"), b"secrets")
    assert names(elsewhere) == ["main.flow", "main_cred.flow"]
    assert names(home) == [".history"]


def test_credentials_in_the_user_directory_come_first(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    (home / "flows_cred.json").write_bytes(b"at home")
    assert FileStorage(home, elsewhere / "flows.json").load()[1] == b"at home"


def test_a_symbolic_link_stays_one(tmp_path):
    target = tmp_path / "repository" / "flows.json"
    target.parent.mkdir()
    target.write_bytes(b"[]")
    home = tmp_path / "home"
    home.mkdir()
    (home / "flows.json").symlink_to(target)
    FileStorage(home).save(flows("a"), b"secrets")
    assert (home / "flows.json").is_symlink()
    assert FlowModel.parse(target.read_bytes()).raw == flows("a").raw
    assert names(target.parent) == ["flows.json"]


def test_secrets_are_for_the_owner_only_and_other_files_keep_their_mode(storage, tmp_path):
    (tmp_path / "flows.json").write_bytes(b"[]")
    (tmp_path / "flows.json").chmod(0o664)
    storage.secret(None)
    storage.save(flows("a"), b"one")
    storage.save(flows("b"), b"two")
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)}
    for name in ("flows_cred.json", ".flows_cred.json.backup", ".config.runtime.json"):
        assert modes[name] == 0o600
    assert modes["flows.json"] == 0o664


# -- history ---------------------------------------------------------------------------------------------------------


def test_every_deploy_is_kept_with_who_and_when_newest_first(storage):
    begin = datetime.now(UTC)
    for name in "abc":
        storage.save(flows(name), None, f"user {name}")
    kept = storage.history()
    assert [(deploy.user, deploy.revision) for deploy in kept] == [
        (f"user {name}", flows(name).revision) for name in "cba"
    ]
    times = [datetime.fromisoformat(deploy.when) for deploy in kept]
    assert times == sorted(times, reverse=True)
    assert abs((times[-1] - begin).total_seconds()) < 60


def test_a_deploy_is_restored_by_its_revision_or_the_beginning_of_it(storage):
    storage.save(flows("a"), None)
    storage.save(flows("b"), None)
    revision = flows("a").revision
    assert storage.restore(revision).raw == storage.restore(revision[:10]).raw == flows("a").raw
    assert storage.load()[0].raw == flows("b").raw


@pytest.mark.parametrize("revision", ["zzz", ""])
def test_an_unknown_revision_is_told(storage, revision):
    storage.save(flows("a"), None)
    with pytest.raises(StorageError, match=f"begins with {revision!r}"):
        storage.restore(revision)


def test_an_ambiguous_beginning_is_told(storage):
    models = [flows(str(index)) for index in range(17)]
    first_digits = [model.revision[0] for model in models]
    shared = next(digit for digit in first_digits if first_digits.count(digit) > 1)
    for model in [model for model in models if model.revision[0] == shared][:2]:
        storage.save(model, None)
    with pytest.raises(StorageError, match="2 kept deploys have"):
        storage.restore(shared)


def test_the_history_is_bounded_in_number(tmp_path):
    storage = FileStorage(tmp_path, history_length=3)
    for index in range(6):
        storage.save(flows(str(index)), None)
    assert [deploy.revision for deploy in storage.history()] == [flows(str(index)).revision for index in (5, 4, 3)]
    assert len(names(tmp_path / ".history")) == 4


def test_the_history_is_bounded_in_bytes_but_keeps_the_last(tmp_path):
    size = len(gzip.compress(flows("0").dumps(True), 1))
    storage = FileStorage(tmp_path, history_bytes=2 * size + 1)
    for index in range(4):
        storage.save(flows(str(index)), None)
    assert [deploy.revision for deploy in storage.history()] == [flows(str(index)).revision for index in (3, 2)]
    storage = FileStorage(tmp_path, history_bytes=1)
    storage.save(flows("9"), None)
    assert [deploy.revision for deploy in storage.history()] == [flows("9").revision]


def test_the_same_flows_deployed_again_take_no_more_room(storage, tmp_path):
    for name in "aba":
        storage.save(flows(name), None)
    assert len(storage.history()) == 3
    assert len(list((tmp_path / ".history").glob("*.json.gz"))) == 2


def test_the_history_can_be_switched_off(tmp_path):
    storage = FileStorage(tmp_path, history_length=0)
    storage.save(flows("a"), None)
    assert storage.history() == []
    assert names(tmp_path) == ["flows.json"]


@pytest.mark.parametrize("content", [b"broken", b"[5]", b'{"a": 1}', b'[{"when": "x"}]'])
def test_a_damaged_history_is_told_put_aside_and_hinders_no_deploy(storage, tmp_path, content, caplog):
    storage.save(flows("a"), None)
    index = tmp_path / ".history" / "index.json"
    index.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        storage.history()
    storage.save(flows("b"), None, "me")
    assert [deploy.user for deploy in storage.history()] == ["me"]
    assert (tmp_path / ".history" / "index.damaged").read_bytes() == content
    assert "damaged" in caplog.text


def test_a_history_that_cannot_be_written_hinders_no_deploy(storage, tmp_path, caplog):
    (tmp_path / ".history").write_text("a file in its way")
    assert storage.save(flows("a"), None) == flows("a").revision
    assert storage.load()[0].raw == flows("a").raw
    assert "not kept in the history" in caplog.text


def test_what_a_crash_left_in_the_history_is_swept_away_by_the_next_deploy(storage, tmp_path):
    storage.save(flows("a"), None)
    history = tmp_path / ".history"
    (history / "0123.json.gz").write_bytes(b"written, not in the index yet")
    (history / "4567.json.gz.$$$").write_bytes(b"half")
    again = FileStorage(tmp_path)
    assert [deploy.revision for deploy in again.history()] == [flows("a").revision]
    again.load()
    again.save(flows("b"), None)
    kept = {f"{flows(name).revision}.json.gz" for name in "ab"}
    assert set(names(history)) == {"index.json", *kept}


def test_the_history_is_for_the_owner_only(storage, tmp_path):
    storage.save(flows("a"), None)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / ".history").iterdir()}
    assert modes == {0o600}


def test_secrets_in_a_flow_file_do_not_reach_the_history(storage, tmp_path):
    item = {"id": "n", "type": "x", "z": "t", "credentials": {"password": "PLANTED"}}
    tab = {"id": "t", "type": "tab", "env": [{"name": "KEY", "type": "cred", "value": "PLANTED"}]}
    (tmp_path / "flows.json").write_text(json.dumps([tab, item]))
    storage.load()
    storage.save(flows("a"), None)
    [found] = [deploy for deploy in storage.history() if deploy.user == "(changed outside)"]
    assert storage.restore(found.revision).raw == [
        {"id": "t", "type": "tab", "env": [{"name": "KEY", "type": "cred"}]},
        {"id": "n", "type": "x", "z": "t"},
    ]


def test_a_kept_deploy_that_somebody_removed_is_told(storage, tmp_path):
    storage.save(flows("a"), None)
    (tmp_path / ".history" / f"{flows('a').revision}.json.gz").unlink()
    with pytest.raises(StorageError, match="is missing"):
        storage.restore(flows("a").revision)


def test_saves_from_several_threads_are_all_kept(tmp_path):
    storage = FileStorage(tmp_path)
    threads = [threading.Thread(target=storage.save, args=(flows(str(index)), None)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {deploy.revision for deploy in storage.history()} == {flows(str(index)).revision for index in range(8)}
    assert storage.load()[0].revision == storage.history()[0].revision


# -- runtime configuration and secret --------------------------------------------------------------------------------


def test_the_runtime_configuration_keeps_what_others_wrote(storage, tmp_path):
    (tmp_path / ".config.runtime.json").write_text('{"instanceId": "x", "telemetryEnabled": false}')
    storage.update_config({"runtimeFlowState": "stop"})
    assert storage.config() == {"instanceId": "x", "telemetryEnabled": False, "runtimeFlowState": "stop"}
    storage.update_config({"instanceId": None})
    assert json.loads((tmp_path / ".config.runtime.json").read_text()) == {
        "telemetryEnabled": False,
        "runtimeFlowState": "stop",
    }
    assert json.loads((tmp_path / ".config.runtime.json.backup").read_text())["instanceId"] == "x"


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_runtime_configuration_is_told_and_left_as_it_is(storage, tmp_path, content):
    (tmp_path / ".config.runtime.json").write_bytes(content)
    for attempt in (storage.config, lambda: storage.update_config({"a": 1}), storage.secret):
        with pytest.raises(StorageError, match=r"config\.runtime\.json is damaged"):
            attempt()
    assert (tmp_path / ".config.runtime.json").read_bytes() == content


def test_a_generated_secret_is_stored_with_the_first_credentials(storage, tmp_path):
    secret = storage.secret(None)
    assert len(bytes.fromhex(secret)) == 32
    assert storage.secret(None) == secret
    assert storage.config() == {}
    storage.save(flows("a"), None)
    assert storage.config() == {}
    storage.save(flows("a"), b"one")
    assert storage.config() == {"_credentialSecret": secret}
    assert FileStorage(tmp_path).secret(None) == secret


def test_a_secret_that_is_set_wins_over_the_generated_one_which_is_the_former_then(storage):
    storage.update_config({"_credentialSecret": "generated"})
    assert storage.secret(None) == "generated"
    assert storage.secret("mine") == "mine"
    assert storage.secret(False) is False
    assert storage.former_secret() == "generated"
    storage.forget_generated_secret()
    assert storage.former_secret() is None
    assert storage.config() == {}


def test_setting_a_secret_later_moves_the_credentials_to_it(storage, tmp_path):
    credentials = CredentialStore()
    credentials.load(None, storage.secret(None))
    credentials.merge("a", {"user": "u"}, {"user": "text"})
    storage.save(flows("a"), credentials.dump())

    later = FileStorage(tmp_path)
    credentials.load(later.load()[1], later.secret("mine"), later.former_secret())
    assert credentials.changed
    later.save(flows("a"), credentials.dump())
    later.forget_generated_secret()

    last = FileStorage(tmp_path)
    credentials.load(last.load()[1], last.secret("mine"), last.former_secret())
    assert (credentials.get("a"), credentials.changed) == ({"user": "u"}, False)
