"""The whole life of a project in AWS, as the README tells it: from nothing to an endpoint, and back to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.utilities.utils import PARTITION_NAMES

from extensions.context import load_catalog
from tests.aws.conftest import Equip, Project
from tests.aws.runtime import Container, Listening, Runtime
from tests.aws.service.account import REGION, Account
from tests.aws.service.partitions import partition
from tests.aws.test_clean import has
from tests.engines import contract_server as engine
from tests.exhaustive import exhaustive
from tests.verbs.contract_server import RightServer, running

COPIER = Path(sys.executable).with_name("copier")

# how the image comes to ECR
WAYS = {"codebuild": ["submit"], "docker": ["build", "push"]}

# moto answers for others as if they were in the partition aws
KNOWN_TO_MOTO = {*PARTITION_NAMES} - {partition(REGION)}
ELSEWHERE = {row["partition"]: region for region, row in load_catalog()["regions"].items()}

Copy = Callable[..., Project]


@pytest.fixture
def copy(plain_template: Path, tmp_path: Path, equip: Equip) -> Copy:
    """A function that makes a project as a user does, with all that Copier does after it has written the files."""

    def copy(**answers: Any) -> Project:
        project = equip(tmp_path / "my-model", answers.get("aws_region", REGION))
        data = tmp_path / "answers.yml"
        data.write_text(yaml.safe_dump({"project_name": "my-model", **answers}))
        command = [COPIER, "copy", "--trust", "--defaults", "--data-file", data, plain_template, project.path]
        done = subprocess.run(
            [*map(str, command)], env=project.environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert "NOT DONE" not in done.stderr
        return project

    return copy


@pytest.mark.parametrize(
    ("region", "build_with"),
    [
        (REGION, "codebuild"),
        *(
            pytest.param(region, "docker", marks=exhaustive)
            for region in [REGION, *(ELSEWHERE[name] for name in sorted(KNOWN_TO_MOTO))]
        ),
    ],
)
def test_a_predictive_model_gets_to_an_endpoint_and_back(
    aws: Account, copy: Copy, tmp_path: Path, region: str, build_with: str
) -> None:
    model, rows = tmp_path / "rings.pkl", tmp_path / "rows.csv"
    model.write_bytes(b"model")
    rows.write_text("1,2,3\n4,5,6\n")
    answers = {"framework": "sklearn", "model_source": "local", "model_path": str(model)}
    project = copy(aws_region=region, build_with=build_with, **answers)
    assert has(aws, region) == []

    with served_by(RightServer(), project):
        deploy(project, WAYS[build_with])
        whole = do(project, "invoke", "--endpoint", "--file", str(rows))
        streamed = do(project, "invoke", "--endpoint", "--stream", "--file", str(rows))
        update_and_go_back(project, aws)

    assert len(json.loads(whole)["predictions"]) == 2
    assert streamed == whole
    assert bool(project.docker_calls()) == (build_with == "docker")
    clean(project, aws)


def test_a_generative_model_gets_to_an_endpoint_and_back(aws: Account, copy: Copy, tmp_path: Path) -> None:
    chosen = {"model_kind": "generative", "model_server": "vllm", "model_id": "Qwen/Qwen3-4B"}
    request = tmp_path / "request.json"
    request.write_text('{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3}')
    project = copy(**chosen, build_with="codebuild", provision=True)
    assert has(aws) == ["role", "repository", "bucket", "build project", "log group"]

    with engine.running(engine.RightServer()) as container, served_by(Listening(container), project):
        deploy(project, WAYS["codebuild"])
        streamed = do(project, "invoke", "--endpoint", "--max-tokens", "20", "Why is the sky blue?")
        whole = do(project, "invoke", "--endpoint", "--file", str(request))
        update_and_go_back(project, aws)

    assert streamed == "a" * 20 + "\n"
    assert json.loads(whole)["choices"][0]["message"]["content"] == "aaa"
    clean(project, aws)


@contextmanager
def served_by(container: Container, project: Project) -> Iterator[None]:
    """Let the endpoint's instances run this container."""
    with running(Runtime(container)) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        yield


def deploy(project: Project, way: list[str]) -> None:
    """Bring the image to ECR, and from there to an endpoint."""
    for verb in [*way, "deploy"]:
        do(project, verb)


def update_and_go_back(project: Project, aws: Account) -> None:
    """Update the endpoint by a setting, and let it serve again what it did before."""
    first = served(project, aws)
    do(project, "config", "set", "STARTUP_TIMEOUT", "700")
    do(project, "deploy")
    assert served(project, aws) != first
    do(project, "rollback")
    assert served(project, aws) == first


def clean(project: Project, aws: Account) -> None:
    """Leave nothing in the account."""
    assert "InService" in do(project, "status")
    do(project, "clean", "--all", "--yes")
    assert has(aws, project.region) == []


def do(project: Project, verb: str, *arguments: str) -> str:
    """What a verb prints, which must end well."""
    done = project.verb(verb, *arguments)
    assert done.returncode == 0, f"do/{verb}: {done.stderr}"
    return done.stdout


def served(project: Project, aws: Account) -> str:
    """The configuration that the endpoint serves."""
    return str(aws.endpoints.of(project.region).endpoints["my-model"].config)
