"""``busway flows``: diff, history, restore, as a user types them."""

import json

import pytest

from busway.engine.model import FlowModel
from busway.engine.storage import FileStorage
from tests.e2e.program import busway
from tests.editor.serving import TAB, place, served

OLD = [TAB, place("seen", "a")]
NEW = [TAB, place("seen", "a", name="x"), place("seen", "b")]


@pytest.fixture
def home(tmp_path):
    """A user directory with two deploys."""
    storage = FileStorage(tmp_path)
    for flows, user in ((OLD, "ada"), (NEW, "bob")):
        storage.save(FlowModel.parse(flows), None, user, "full")
    return tmp_path


def revision(flows):
    return FlowModel.parse(flows).revision


def test_history_lists_the_deploys_newest_first(home):
    shown = busway("flows", "history", "--user-dir", home).stdout.splitlines()
    assert [line.split()[2:5] for line in shown] == [
        [revision(NEW)[:12], "full", "bob"],
        [revision(OLD)[:12], "full", "ada"],
    ]
    assert shown[0].endswith("1 added, 1 changed")
    listed = json.loads(busway("flows", "history", "--user-dir", home, "--json").stdout)
    assert [one["revision"] for one in listed] == [revision(NEW), revision(OLD)]


def test_history_of_a_new_folder_is_empty(tmp_path):
    assert busway("flows", "history", "--user-dir", tmp_path).stdout == "no deploy has been kept yet\n"


def test_diff_takes_revisions_and_files(home, tmp_path):
    file = tmp_path / "other.json"
    file.write_text(json.dumps(OLD))
    for old in (revision(OLD)[:12], file):
        run = busway("flows", "diff", old, "--user-dir", home)
        assert run.returncode == 1
        assert run.stdout.splitlines() == [
            "tab Test",
            "  ~ seen a 'x'",
            '      name: (none) -> "x"',
            "  + seen b",
            "1 added, 1 changed",
        ]
    found = json.loads(busway("flows", "diff", file, revision(NEW), "--user-dir", home, "--json").stdout)
    assert (found["from"], found["to"], found["counts"]["added"]) == (revision(OLD), revision(NEW), 1)


def test_diff_of_the_same_is_status_0(home):
    run = busway("flows", "diff", revision(NEW), "--user-dir", home)
    assert (run.returncode, run.stdout) == (0, "no difference\n")


@pytest.mark.parametrize("command", [("diff", "zz"), ("restore", "zz")])
def test_a_version_that_is_not_there_is_a_sentence(home, command):
    run = busway("flows", *command, "--user-dir", home)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: no kept deploy has a revision that begins with 'zz'")


def test_restore_writes_the_flow_file_and_is_kept_as_a_deploy(home):
    run = busway("flows", "restore", revision(OLD)[:12], "--user-dir", home, "--json")
    assert json.loads(run.stdout)["rev"] == revision(OLD)
    storage = FileStorage(home)
    assert storage.load()[0].raw == OLD
    newest = storage.history()[0]
    assert (newest.revision, newest.user, newest.type) == (revision(OLD), "command line", "restore")


async def test_restore_through_a_running_busway(home):
    import asyncio

    async with served(home, storage=FileStorage(home)) as site:
        url = f"http://127.0.0.1:{site.port}"
        run = await asyncio.to_thread(busway, "flows", "restore", revision(OLD)[:12], "--url", url)
        assert run.stdout == f"restored {revision(OLD)[:12]}: deployed at {url}\n"
        assert set(site.runtime.nodes) == {"a"}
        run = await asyncio.to_thread(busway, "flows", "restore", "zz", "--url", url)
        assert "no kept deploy has a revision that begins with 'zz'" in run.stderr
        assert run.returncode == 1


@pytest.mark.parametrize("url", ["ftp://here", "http://127.0.0.1:1"])
def test_an_address_where_nobody_answers_is_a_sentence(url):
    run = busway("flows", "restore", "zz", "--url", url)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert "Traceback" not in run.stderr
