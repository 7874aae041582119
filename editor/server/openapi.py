"""The OpenAPI description of the admin API, made of its table of endpoints and their contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter

from busway import __version__

from .api import Api, Endpoint
from .models import Contract, Media, Problem, Shape

Json = dict[str, Any]

_PARAMETER = re.compile(r":(\w+)")
_REFERENCE = "#/components/schemas/{model}"
_MEANINGS = {
    200: "Done.",
    201: "Done.",
    204: "Done; there is nothing to say.",
    304: "It is still what `If-None-Match` names.",
    400: "Refused: `message` tells what is wrong and what would be right.",
    401: "A user has to log in, or the token does not permit this.",
    403: "Not allowed to this caller, or not from a page of another origin.",
    404: "There is no such thing.",
    409: "Somebody else has changed it meanwhile.",
    413: "The body is longer than the setting `api_max_length` allows.",
    500: "It failed in the server; `message` tells why.",
    503: "Too much is under way, or the flows are being started; try again later.",
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Tags of answers that the client has: the `ETag` of such, separated by commas, or `*`.",
    "schema": {"type": "string"},
}
_TAGGED = {"headers": {"ETag": {"description": "Weak tag of the answer.", "schema": {"type": "string"}}}}
_PATH = {
    "id": "Id of a node, flow or context.",
    "type": "A node type.",
    "module": "Name of a module of nodes; `node-red` is the built-in one.",
    "set": "Name of a set of node types within its module.",
    "rest": "The rest of the path; may hold slashes.",
}


def document(api: Api) -> Json:
    """The description: every route and field with a sentence, every status it may answer with."""
    schemas, definitions = _schemas(api)
    paths: Json = {}
    for endpoint in api.endpoints:
        paths.setdefault(template(endpoint.path), {})[endpoint.method] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Busway",
            "version": __version__,
            "summary": "The admin API of a Busway runtime, compatible with Node-RED's.",
        },
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def template(path: str) -> str:
    """A path of the table as OpenAPI writes it."""
    return _PARAMETER.sub(r"{\1}", path).replace("*", "{rest}")


def operation_id(endpoint: Endpoint) -> str:
    """A name for programs, from method and path."""
    return re.sub(r"\W+", "_", f"{endpoint.method}{template(endpoint.path)}").strip("_")


# -- schemas ------------------------------------------------------------------------------------------------------------
def _shapes(contract: Contract) -> Iterator[Shape]:
    for shape in (contract.body, Problem, *contract.answers.values()):
        yield from shape if isinstance(shape, tuple) else (shape,)


def _schemas(api: Api) -> tuple[Json, Json]:
    """The schema of every shape by its name, and the definitions that they refer to."""
    shapes = {
        repr(shape): shape
        for endpoint in api.endpoints
        for shape in _shapes(endpoint.contract)
        if shape is not None and not isinstance(shape, Media)
    }
    inputs = [(name, "validation", TypeAdapter(shape)) for name, shape in shapes.items()]
    found, common = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)  # type: ignore[arg-type]
    return {str(name): schema for (name, _mode), schema in found.items()}, common.get("$defs", {})


def _content(shape: Shape, schemas: Json) -> Json:
    content: Json = {}
    for one in shape if isinstance(shape, tuple) else (shape,):
        if isinstance(one, Media):
            content[one.type] = {"schema": {"type": "string", "description": one.description}}
        elif one is not None:
            content["application/json"] = {"schema": schemas[repr(one)]}
    return content


# -- operations ---------------------------------------------------------------------------------------------------------
def _operation(endpoint: Endpoint, schemas: Json) -> Json:
    contract = endpoint.contract
    operation: Json = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "description": endpoint.description,
        "tags": [endpoint.resource],
        "x-permission": endpoint.permission,
        "parameters": [*_path_parameters(endpoint, contract), *_query_and_headers(contract)],
        "responses": _responses(endpoint, contract, schemas),
    }
    if _is_tagged(endpoint, contract):
        operation["parameters"].append(_IF_NONE_MATCH)
        operation["responses"]["200"] |= _TAGGED
    if endpoint.permission:
        operation["security"] = [{"token": []}, {}]
    if contract.body is not None:
        operation["requestBody"] = {
            "required": contract.body_required,
            "content": _content(contract.body, schemas),
        }
    return operation


def _is_tagged(endpoint: Endpoint, contract: Contract) -> bool:
    """Whether clients can ask for it on the condition that they do not have it already."""
    return endpoint.method == "get" and 200 in contract.answers


def _responses(endpoint: Endpoint, contract: Contract, schemas: Json) -> Json:
    """The statuses of the contract, and those that any endpoint of its kind may answer with."""
    common: dict[int, Shape] = {503: Problem}
    if endpoint.permission:
        common[401] = None
    if _is_tagged(endpoint, contract):
        common[304] = None
    if endpoint.method != "get":
        common[403] = Problem
    if contract.body is not None:
        common |= {400: Problem, 413: Problem}
    return {
        str(status): _response(status, shape, schemas)
        for status, shape in sorted((common | {**contract.answers}).items())
    }


def _response(status: int, shape: Shape, schemas: Json) -> Json:
    response: Json = {"description": _MEANINGS.get(status, "It failed.")}
    content = _content(shape, schemas)
    return response | {"content": content} if content else response


def _path_parameters(endpoint: Endpoint, contract: Contract) -> list[Json]:
    names = re.findall(r"{(\w+)}", template(endpoint.path))
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": contract.path.get(name) or _PATH.get(name, ""),
            "schema": {"type": "string"},
        }
        for name in names
    ]


def _query_and_headers(contract: Contract) -> Iterator[Json]:
    for place, model in (("query", contract.query), ("header", contract.headers)):
        if model is not None:
            yield from _fields(place, model)


def _fields(place: str, model: type[BaseModel]) -> Iterator[Json]:
    schema = model.model_json_schema()
    for name, described in schema["properties"].items():
        yield {
            "name": name,
            "in": place,
            "required": name in schema.get("required", []),
            "description": described.pop("description", ""),
            "schema": described,
        }
