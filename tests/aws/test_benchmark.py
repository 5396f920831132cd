"""do/benchmark --endpoint measures the endpoint through SageMaker's runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import Make, Project, in_service, push
from tests.aws.runtime import Listening, Runtime
from tests.aws.service.account import Account
from tests.engines import contract_server
from tests.exhaustive import exhaustive
from tests.verbs.conftest import refusal, train
from tests.verbs.contract_server import running
from tests.verbs.test_benchmark import AfterTwentyMilliseconds, FailsAtEveryTenth, medians

QUICK = ("--seconds", "0.4", "--warm-up", "0.1", "--repeats", "1", "--output", "result.json")


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(AfterTwentyMilliseconds())


@pytest.fixture
def deployed(pushed: Project, runtime: Runtime, aws: Account) -> Iterator[Project]:
    """A project with the sample's model whose endpoint is InService."""
    with in_service(pushed, runtime):
        yield pushed


@pytest.mark.alone
def test_an_endpoint_is_measured(deployed: Project, runtime: Runtime) -> None:
    done = deployed.verb("benchmark", "--endpoint", "--connections", "1", "2", *QUICK)

    result = json.loads((deployed.path / "result.json").read_text())
    assert done.returncode == 0, done.stderr
    assert result["target"] == "endpoint my-model"
    assert 20 < medians(result)["request_latency_p50"] < 60
    assert medians(result, 1)["request_throughput"] > 1.4 * medians(result)["request_throughput"]
    assert {request.path for request in runtime.requests} == {"/endpoints/my-model/invocations"}


@exhaustive
def test_errors_of_the_container_are_counted(deployed: Project, runtime: Runtime) -> None:
    runtime.container = FailsAtEveryTenth()

    done = deployed.verb("benchmark", "--endpoint", "--connections", "1", *QUICK)

    result = json.loads((deployed.path / "result.json").read_text())
    assert done.returncode == 1
    assert list(result["cases"][0]["problems"]) == ["status 500"]


def test_without_an_endpoint_it_says_what_to_run(project: Project) -> None:
    train(project.path)

    done = project.verb("benchmark", "--endpoint")

    assert refusal(done, 2) == "do/benchmark: the endpoint is not there: run do/deploy"


def test_an_asynchronous_endpoint_is_refused(make: Make) -> None:
    project = make(deploy_target="async")
    train(project.path)

    assert "an asynchronous endpoint answers through S3" in refusal(project.verb("benchmark", "--endpoint"), 3)


def test_a_generative_endpoint_streams(make: Make, aws: Account) -> None:
    project = make(model_kind="generative", model_server="vllm", model_id="Qwen/Qwen3-4B")
    push(project, aws)
    assert project.verb("deploy").returncode == 0
    with contract_server.running(contract_server.RightServer()) as container:
        runtime = Runtime(Listening(container))
        with running(runtime) as url:
            arguments = ("--endpoint", "--connections", "1", "--requests", "2")
            done = project.verb("benchmark", *arguments, *QUICK, AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=url)

    result = json.loads(Path(project.path, "result.json").read_text())
    assert done.returncode == 0, done.stderr
    assert medians(result)["output_sequence_length"] == 150
    assert {request.path for request in runtime.requests} == {"/endpoints/my-model/invocations-response-stream"}
