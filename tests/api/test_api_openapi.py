"""The OpenAPI document says what the service does: examples fit, answers conform, the page needs no network."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, strategies
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api_server import RunningServer, client_of, settings_in
from whetstone.app import create_app
from whetstone.settings import Settings

EXAMPLES = 8
CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
STREAMS = ("/api/training/events", "/api/training/jobs/{id}/events")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(settings_in(tmp_path_factory.mktemp("state"))).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def examples_of(schema: dict[str, Any], document: dict[str, Any]) -> list[Any]:
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    examples: list[Any] = schema.get("examples") or named.get("examples") or []
    return examples + [each for kind in schema.get("anyOf", []) for each in examples_of(kind, document)]


# Every route of the specification's tables, and those that the dashboard calls besides.
ROUTES = [
    "",
    "GET /api/trajectories",
    "GET /api/trajectories/{id}",
    "GET /api/trajectories/stats",
    "GET /api/trajectories/config",
    "PUT /api/trajectories/config",
    "POST /api/trajectories/export",
    "DELETE /api/trajectories",
    "GET /api/training/status",
    "GET /api/training/trajectories",
    "GET /api/training/trajectories/{id}",
    "GET /api/training/datasets",
    "POST /api/training/datasets/build",
    "GET /api/training/jobs",
    "POST /api/training/jobs",
    "GET /api/training/jobs/{id}",
    "POST /api/training/jobs/{id}/cancel",
    "GET /api/training/models",
    "GET /api/training/models/{id}",
    "GET /api/training/jobs/{id}/metrics",
    "POST /api/training/models/{id}/import-ollama",
    "POST /api/training/models/{id}/activate",
    "POST /api/training/models/{id}/benchmark",
    "GET /api/training/auto/config",
    "PUT /api/training/auto/config",
    "POST /api/training/auto/config",
    "GET /api/training/auto/status",
    "POST /api/training/auto/trigger",
    "GET /api/training/auto/runs",
    "GET /api/training/auto/runs/{id}",
    "GET /api/training/backends",
    "GET /api/training/vast/models",
    "GET /api/training/events",
    "GET /api/training/jobs/{id}/events",
    "GET /api/agent/events",
    "POST /api/trajectories",
    "",
][1:-1]


def test_every_route_of_the_contract_is_there(document: dict[str, Any]) -> None:
    present = {f"{method} {path}" for method, path, _ in operations(document)}
    assert set(ROUTES) <= present


def test_operations_are_described_and_failures_have_one_form(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert "422" not in operation["responses"], (method, path)
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (method, path, parameter["name"])
            assert {"examples", "enum", "default"} & set(parameter["schema"]), (
                method,
                path,
                parameter["name"],
            )
        for status, response in operation["responses"].items():
            assert response["description"] != "Successful Response", (method, path, status)
            if int(status) >= 400:
                [media] = response["content"].values()
                assert media["schema"] == {"$ref": "#/components/schemas/Error"}, (method, path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for name, schema in document["components"]["schemas"].items():
        validator = jsonschema_rs.validator_for(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )
        for example in schema.get("examples", ()):
            validator.validate(example)
            checked += 1
    assert checked > 30


CONTRACT_EXAMPLES = json.loads(Path(__file__).with_name("contract_examples.json").read_text())


def test_every_example_body_of_the_contract_fits(document: dict[str, Any]) -> None:
    for example in CONTRACT_EXAMPLES:
        named = {"$ref": f"#/components/schemas/{example['schema']}", "components": document["components"]}
        jsonschema_rs.validator_for(named).validate(example["body"])


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    def has_example(media: dict[str, Any]) -> bool:
        is_file = media["schema"].get("type") in {"string", "array"}
        return "example" in media or bool(examples_of(media["schema"], document)) or is_file

    for method, path, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert has_example(media), (method, path)
        for response in operation["responses"].values():
            for media in response.get("content", {}).values():
                assert has_example(media), (method, path)


async def test_every_request_example_is_accepted(settings: Settings, document: dict[str, Any]) -> None:
    async with client_of(settings) as client:
        for method, path, operation in operations(document):
            for media in operation.get("requestBody", {}).get("content", {}).values():
                for example in examples_of(media["schema"], document):
                    response = await client.request(method, path.replace("{id}", "t-1"), json=example)
                    # A job's example names a data set that is not here.
                    expected = {200, 201, 501} | ({400} if path == "/api/training/jobs" else set())
                    assert response.status_code in expected, (method, path, example, response.text)


async def test_opening_the_address_in_a_browser_leads_to_the_documentation(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.is_redirect
    assert response.headers["location"] == "/docs"


async def test_documentation_page_stands_alone(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/docs/docs.js", "/docs/docs.css", "/openapi.json"} == set(linked)
    for path in linked:
        content = await client.get(path)
        assert content.status_code == 200
        assert not re.search(r"https?://", content.text) or path == "/openapi.json"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.")


async def test_token_is_demanded_in_the_document_where_one_is_set(settings: Settings) -> None:
    open_document = create_app(settings).openapi()
    assert {} in open_document["security"]
    guarded = create_app(settings.model_copy(update={"host": "0.0.0.0"})).openapi()  # noqa: S104
    assert {} not in guarded["security"]
    assert guarded["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_conform_to_the_document(server: RunningServer, mode: GenerationMode) -> None:
    """Generated requests, sound and unsound, never meet an undeclared status, type or shape, or a fault.

    Not asked: that unsound values are refused (the contract ignores many), and the endless streams.
    """
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json").exclude(path=list(STREAMS))
    tried = 0

    @given(data=strategies.data())
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def conforms(operation: APIOperation[Any, Any, Any, Any], data: strategies.DataObject) -> None:
        nonlocal tried
        case = data.draw(operation.as_strategy(generation_mode=mode))
        response = case.call(timeout=10)
        tried += 1
        checks = CHECKS if response.status_code == 501 else [*CHECKS, not_a_server_error]
        case.validate_response(response, checks=checks)

    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        with suppress(Unsatisfiable):  # an operation without inputs cannot be asked wrongly
            conforms(operation=result.ok())
    assert tried > 100
