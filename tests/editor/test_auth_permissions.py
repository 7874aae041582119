import pytest

from busway.editor.server.permissions import permits, permits_all
from busway.editor.server.users import User, pointless
from busway.engine.security_settings import AuthSettings
from tests.editor.people import guarded, user


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        (["*"], "flows.write", True),
        (["*"], "*", True),
        (["flows.write"], "flows.write", True),
        (["flows.write"], "flows.read", False),
        (["read"], "flows.read", True),
        (["*.read"], "a.b.read", True),
        (["read"], "read", True),
        (["*.read"], "read", True),
        (["read"], "flows.write", False),
        (["read"], "spread", False),
        (["read"], "flows.spread", False),
        (["write"], "flows.write", True),
        (["write"], "flows.read", False),
        (["flows.read", "write"], "nodes.write", True),
        (["read"], "*", False),
        (["flows"], "flows.read", False),
        (["flows.*"], "flows.read", False),
        ([], "flows.read", False),
        ([], "", True),
        ([""], "flows.read", False),
    ],
)
def test_the_rules_are_those_of_node_red(granted, wanted, allowed):
    assert permits(granted, wanted) is allowed


def test_of_several_each_must_be_allowed():
    assert permits_all(["read"], ["flows.read", "nodes.read"])
    assert not permits_all(["read"], ["flows.read", "nodes.write"])


def test_a_scope_and_the_permissions_must_both_allow():
    assert User("a", ("*",), ("flows.read",)).may("flows.read")
    assert not User("a", ("*",), ("flows.read",)).may("flows.write")
    assert not User("a", ("read",), ("*",)).may("flows.write")


def test_a_permission_that_opens_nothing_is_told():
    settings = AuthSettings.model_validate(
        {"users": [user("anna", ["flow.write", "read"])], "default_permissions": ["nodes.read", "*.frob"]}
    )
    assert list(pointless(settings, {"flows.write", "nodes.read"})) == [
        "[auth] anna: permission 'flow.write' opens nothing; did you mean 'flows.write'?",
        "[auth] default_permissions: permission '*.frob' opens nothing",
    ]


async def test_the_log_names_it(tmp_path, caplog):
    async with guarded(tmp_path, auth={"users": [user("anna", ["flow.write", "status.read"])]}):
        assert "'flow.write' opens nothing; did you mean 'flows.write'?" in caplog.text
        assert "status.read" not in caplog.text
