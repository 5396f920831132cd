"""do/test --endpoint makes the contract's checks through SageMaker, as far as it passes them on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.aws.conftest import Project
from tests.aws.runtime import Runtime
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal, train
from tests.verbs.contract_server import RightServer, running
from tests.verbs.faults import WrongInTheLastBit


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(RightServer())


@pytest.fixture
def deployed(pushed: Project, runtime: Runtime, aws: Account) -> Iterator[Project]:
    """A project with the sample's model whose endpoint is InService."""
    assert pushed.verb("deploy").returncode == 0
    train(pushed.path)
    with running(runtime) as url:
        pushed.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        yield pushed


def test_a_right_endpoint_passes_and_what_sagemaker_hides_is_not_checked(deployed: Project) -> None:
    done = deployed.verb("test", "--endpoint", "--json")

    document = json.loads(done.stdout)
    outcomes = {check["name"]: check["outcome"] for check in document["checks"]}
    assert (done.returncode, document["endpoint"], document["failed"]) == (0, "my-model", 0), done.stdout
    assert outcomes["predictions are those of the model itself: text/csv in, application/json out"] == "ok"
    assert outcomes["concurrent requests each get their own answer"] == "ok"
    assert outcomes["an unknown content type is 415: image/png"] == "ok"
    assert outcomes["custom attributes are sent back with: an answer"] == "ok"
    assert outcomes["ping answers 200 within 2 seconds"] == "n/a"
    assert outcomes["a given request id is sent back"] == "n/a"


def test_an_endpoint_that_answers_otherwise_fails(deployed: Project, runtime: Runtime) -> None:
    runtime.container = WrongInTheLastBit()

    done = deployed.verb("test", "--endpoint")

    assert done.returncode == 1
    assert "FAIL  predictions are those of the model itself" in done.stdout


def test_without_an_endpoint_it_says_what_to_type(project: Project) -> None:
    assert refusal(project.verb("test", "--endpoint"), 2) == "do/test: the endpoint is not there: type do/deploy"
