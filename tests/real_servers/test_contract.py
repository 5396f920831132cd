"""Every framework behind every web application, and every model format, passes the contract suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.exhaustive import LIGHT, exhaustive, first_of_each
from tests.real_servers.conftest import Project, Server, run
from tests.renders.answers import CATALOG, fitting

SERVERS = fitting("model_servers", "predictive")
# every format, behind each web application in turn; every framework behind all of them
SERVED = [
    (framework, formats[turn % len(formats)], SERVERS[(number + turn) % len(SERVERS)])
    for number, (framework, formats) in enumerate(
        (name, [*row["formats"]]) for name, row in CATALOG["frameworks"].items()
    )
    for turn in range(max(len(formats), len(SERVERS)))
]
ONE_OF_EACH_LIGHT_FRAMEWORK = first_of_each(
    {"-".join(case): case for case in SERVED}, lambda framework, *_: framework if framework in LIGHT else LIGHT[0]
)


@pytest.mark.parametrize(("framework", "model_format", "model_server"), ONE_OF_EACH_LIGHT_FRAMEWORK)
def test_the_server_keeps_its_contract(project: Project, framework: str, model_format: str, model_server: str) -> None:
    path = project(framework=framework, model_format=model_format, model_server=model_server)

    report = json.loads(run(path, "do/test", "--serve", "--json"))

    assert len(report["checks"]) > 30
    assert [check for check in report["checks"] if check["outcome"] == "FAIL"] == []
    reasons = {check["seen"] for check in report["checks"] if check["outcome"] == "n/a"}
    sample = json.loads((path / "sample_model/expected.json").read_text())
    unnamed = set() if sample["columns"] else {"the model was trained without column names"}
    gaps = {"the handler takes missing values (allow_missing)"} if sample["allow_missing"] else set()
    assert reasons == unnamed | gaps | {"no other output of the model is known"}


@exhaustive
@pytest.mark.parametrize("model_server", ["flask", "fastapi"])
def test_the_projects_own_tests_pass(project: Project, model_server: str) -> None:
    path = project(framework="sklearn", model_format="joblib", model_server=model_server)

    printed = run(path, "do/test", "--pytest")

    assert " passed" in printed
    assert "failed" not in printed


def test_both_web_applications_describe_themselves_alike(project: Project) -> None:
    descriptions = {(path_of(project, server) / "serving/openapi.json").read_bytes() for server in ("flask", "fastapi")}

    assert len(descriptions) == 1


def path_of(project: Project, model_server: str) -> Path:
    return project(framework="sklearn", model_format="joblib", model_server=model_server)


def test_both_web_applications_know_the_same_methods(server: Server) -> None:
    seen = {
        (method, path): server.client.request(method, f"{server.url}{path}").status_code
        for method in ("HEAD", "OPTIONS", "DELETE")
        for path in ("/ping", "/invocations", "/metrics", "/openapi.json", "/nothing", "/ping/")
    }

    allowed = {("HEAD", path) for path in ("/ping", "/metrics", "/openapi.json")}
    assert {request for request, status in seen.items() if status == 200} == allowed
    assert {request for request, status in seen.items() if status == 404} == {
        (method, path) for method in ("HEAD", "OPTIONS", "DELETE") for path in ("/nothing", "/ping/")
    }
    assert set(seen.values()) == {200, 404, 405}
