"""The description of the admin API is complete, and the API keeps what it promises."""

import asyncio
import threading
from concurrent.futures import Future

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from busway.editor.server.openapi import document
from busway.editor.server.routers import admin_api
from busway.engine.storage import FileStorage
from tests.editor.serving import place, served

load_all_checks()


def nothing_fails_inside(context, response, case):
    """503 tells that flows do not run; 500 that nobody thought of something."""
    assert response.status_code != 500, response.text


CHECKS = [nothing_fails_inside, status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIPTION = document(admin_api())
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
WITH_BODY = [(path, method) for path, method in OPERATIONS if "requestBody" in DESCRIPTION["paths"][path][method]]
EXAMPLES = 10
"""Requests made up for each operation, of those that fit their description and of those that do not."""
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A runtime that is served by an event loop of its own."""
    folder = tmp_path_factory.mktemp("api")
    started, ended = Future(), threading.Event()

    async def serve():
        async with served(folder, storage=FileStorage(folder)) as site:
            await site.deploy(place("inject", "i", ["d"]), place("debug", "d"))
            started.set_result(site.port)
            await asyncio.to_thread(ended.wait)

    def run():
        try:
            asyncio.run(serve())
        except BaseException as error:
            started.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield f"http://127.0.0.1:{started.result(60)}"
    ended.set()
    thread.join(60)


def holds(address, path, method, kind):
    """Whether all promises are kept for requests that fit their description, or that do not."""
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method.upper()]

    @hypothesis.settings(SETTINGS)
    @hypothesis.given(case=operation.as_strategy(generation_mode=kind))
    def is_kept(case):
        case.call_and_validate(base_url=address, checks=CHECKS)

    is_kept()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_made_up_request_breaks_a_promise(address, path, method):
    holds(address, path, method, GenerationMode.POSITIVE)


@pytest.mark.parametrize(("path", "method"), WITH_BODY)
def test_no_body_that_does_not_fit_breaks_a_promise(address, path, method):
    holds(address, path, method, GenerationMode.NEGATIVE)


# -- the description ----------------------------------------------------------------------------------------------------
def test_every_route_parameter_and_status_has_a_sentence():
    silent = []
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            silent += [where] * (not operation["summary"].endswith("."))
            silent += [f"{where}: {p['name']}" for p in operation["parameters"] if not p["description"]]
            silent += [f"{where}: {status}" for status, r in operation["responses"].items() if not r["description"]]
    assert silent == []


def test_every_field_has_a_sentence():
    schemas = DESCRIPTION["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description", "").endswith(".")
    ]
    assert silent == []
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_every_operation_has_a_name_of_its_own():
    names = [operation["operationId"] for methods in DESCRIPTION["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) == len(admin_api().endpoints)


def test_what_needs_a_permission_says_which():
    public = {path for path, methods in DESCRIPTION["paths"].items() for o in methods.values() if not o["x-permission"]}
    assert public == {
        *("/auth/login", "/auth/token", "/auth/revoke", "/health/live", "/health/ready", "/debug/view/{file}"),
        *("/icons/{rest}", "/locales/{namespace}", "/resources/{module}/{rest}", "/theme"),
    }
