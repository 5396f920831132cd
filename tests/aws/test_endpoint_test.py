"""do/test --endpoint makes the contract's checks through SageMaker, as far as it passes them on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.aws.conftest import Make, Project, in_service, push
from tests.aws.runtime import Listening, Runtime
from tests.aws.service.account import Account
from tests.engines import contract_server
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import RightServer, running
from tests.verbs.faults import WrongInTheLastBit


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(RightServer())


@pytest.fixture
def deployed(pushed: Project, runtime: Runtime, aws: Account) -> Iterator[Project]:
    """A project with the sample's model whose endpoint is InService."""
    with in_service(pushed, runtime):
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
    assert refusal(project.verb("test", "--endpoint"), 2) == "do/test: the endpoint is not there: run do/deploy"


# generative models


def checked(make: Make, aws: Account, engine: contract_server.RightServer) -> tuple[int, dict[str, str]]:
    """The exit code of the checks of an endpoint with this engine, and how each came out."""
    project = make(model_kind="generative", model_server="tensorrt-llm", model_id="Qwen/Qwen3-4B")
    push(project, aws)
    assert project.verb("deploy").returncode == 0
    with contract_server.running(engine) as container, running(Runtime(Listening(container))) as url:
        done = project.verb("test", "--endpoint", "--json", AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=url)
    return done.returncode, {check["name"]: check["outcome"] for check in json.loads(done.stdout)["checks"]}


def test_a_right_engine_passes_and_what_sagemaker_does_not_pass_on_is_not_checked(make: Make, aws: Account) -> None:
    code, outcomes = checked(make, aws, contract_server.RightServer())

    assert code == 0, outcomes
    assert outcomes["ping answers 200 within 2 seconds"] == "n/a"
    assert outcomes["a chat is streamed as events of one answer"] == "ok"
    assert outcomes["a continuation is streamed"] == "ok"
    assert outcomes["max tokens that make no sense are refused: negative"] == "ok"


def test_a_wrong_engine_fails_the_check_that_is_about_it(make: Make, aws: Account) -> None:
    code, outcomes = checked(make, aws, contract_server.NoUsage())

    failed = [name for name, outcome in outcomes.items() if outcome == "FAIL"]
    assert (code, failed) == (1, ["a stream tells the tokens used where it is asked to"])


def test_a_generative_endpoint_that_is_not_there_says_what_to_type(make: Make, aws: Account) -> None:
    done = make(model_kind="generative").verb("test", "--endpoint")

    assert refusal(done, 2) == "do/test: the endpoint is not there: run do/deploy"
