"""A runtime with its files: start, deploy, secrets, reload, stop."""

import json
from typing import Annotated

import pytest

from busway.engine.errors import CredentialsError, FlowFileError
from busway.engine.fields import Credential
from busway.engine.node import Config, Field, Node
from busway.engine.registry import Registry
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings
from busway.engine.storage import FileStorage
from tests.engine.bench import Pass, Sink, model, node, tab


class Pass2(Pass):
    """Hands on, keeps no journal."""

    type = "pass"

    def start(self):
        return None

    def stop(self):
        return None


class Keeper(Sink):
    """Keeps what it gets, keeps no journal."""

    type = "sink"

    def start(self):
        self.got = []

    def stop(self):
        return None


class LoginConfig(Config):
    password: Annotated[str, Credential("password")] = Field("", title="Password", description="The password.")


class Login(Node[LoginConfig]):
    """Has a secret."""

    type = "login"


@pytest.fixture
async def make(tmp_path):
    started = []

    def make(secret="s3cret", **more):
        settings = Settings(
            user_dir=tmp_path, credential_secret=secret, stop_drain_timeout=0.05, deploy_drain_timeout=0.05, **more
        )
        runtime = Runtime(settings, Registry(), FileStorage(tmp_path))
        for cls in (Pass2, Keeper, Login):
            runtime.registry.add(cls)
        started.append(runtime)
        return runtime

    yield make
    for runtime in started:
        await runtime.stop()


async def test_a_deploy_is_stored_and_started_again_next_time(make, tmp_path):
    runtime = make()
    await runtime.start()
    revision = await runtime.deploy(model(tab(), node("a", "pass")), "full", user="ada")
    assert json.loads((tmp_path / "flows.json").read_text())[1]["id"] == "a"
    assert [(kept.user, kept.revision) for kept in FileStorage(tmp_path).history()] == [("ada", revision)]
    again = make()
    await again.start()
    assert set(again.nodes) == {"a"}
    assert again.model.revision == revision


async def test_posted_secrets_reach_the_node_and_never_the_flow_file(make, tmp_path):
    runtime = make()
    await runtime.start()
    await runtime.deploy(model(tab(), node("l", "login")), "full", credentials={"l": {"password": "pw"}})
    assert runtime.nodes["l"].config.password == "pw"
    assert "pw" not in (tmp_path / "flows.json").read_text()
    await runtime.deploy(model(tab(), node("l", "login", name="new")), "nodes")
    assert runtime.nodes["l"].config.password == "pw"
    again = make()
    await again.start()
    assert again.nodes["l"].config.password == "pw"


async def test_with_a_wrong_secret_nodes_run_without_theirs_and_the_file_stays(make, tmp_path):
    runtime = make()
    await runtime.start()
    await runtime.deploy(model(tab(), node("l", "login")), "full", credentials={"l": {"password": "pw"}})
    kept = (tmp_path / "flows_cred.json").read_bytes()
    other = make(secret="another")
    await other.start()
    assert other.nodes["l"].config.password == ""
    await other.deploy(model(tab(), node("l", "login", name="new")), "nodes")
    with pytest.raises(CredentialsError):
        await other.deploy(model(tab(), node("l", "login")), "nodes", credentials={"l": {"password": "x"}})
    assert (tmp_path / "flows_cred.json").read_bytes() == kept


async def test_secrets_of_deleted_nodes_are_dropped(make):
    runtime = make()
    await runtime.start()
    await runtime.deploy(model(tab(), node("l", "login")), "full", credentials={"l": {"password": "pw"}})
    await runtime.deploy(model(tab()), "full")
    assert runtime.credentials.get("l") == {}


async def test_reload_takes_what_is_in_the_file(make, tmp_path):
    runtime = make()
    await runtime.start()
    (tmp_path / "flows.json").write_bytes(model(tab(), node("a", "pass")).dumps())
    await runtime.deploy(None, "reload")
    assert set(runtime.nodes) == {"a"}


async def test_a_flow_file_that_is_none_stops_the_start_and_stays(make, tmp_path):
    (tmp_path / "flows.json").write_text("[{]")
    with pytest.raises(FlowFileError, match=r"flows\.json"):
        await make().start()
    assert (tmp_path / "flows.json").read_text() == "[{]"


async def test_flows_can_be_stopped_and_started(make):
    runtime = make()
    await runtime.start(model(tab(), node("a", "pass")))
    await runtime.stop_flows()
    assert (runtime.state, runtime.nodes) == ("stop", {})
    await runtime.start_flows()
    assert (runtime.state, set(runtime.nodes)) == ("start", {"a"})


async def test_a_missing_type_stops_everything_only_where_that_is_wanted(make):
    runtime = make(start_with_unknown_types=False)
    told = []
    runtime.events.on("notification", told.append)
    await runtime.start(model(tab(), node("a", "pass"), node("q", "quux")))
    assert runtime.nodes == {}
    assert ("runtime-state", {"state": "stop", "error": "missing-types", "types": ["quux"]}) in told


async def test_every_deploy_tells_what_the_editor_waits_for(make):
    runtime = make()
    await runtime.start()
    told = []
    runtime.events.on("notification", told.append)
    revision = await runtime.deploy(model(tab(), node("a", "pass")), "nodes")
    assert [name for name, _ in told] == ["runtime-state", "runtime-state", "runtime-deploy"]
    assert told[-1][1] == {"revision": revision}


async def test_context_of_nodes_that_vanish_is_deleted(make):
    runtime = make()
    await runtime.start(model(tab(), node("a", "pass"), node("b", "pass")))
    for id in "ab":
        runtime.nodes[id].context.set("k", 1)
    await runtime.deploy(model(tab(), node("a", "pass")), "nodes")
    assert runtime.contexts.node("a", "t").get("k") == 1
    assert not runtime.contexts.node("b", "t").get("k")
