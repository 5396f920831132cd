"""do/invoke --endpoint asks the endpoint in AWS and prints its answer, at once or as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.aws.conftest import Done, Project
from tests.aws.runtime import Runtime
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import RightServer, running

ROWS = '{"instances": [[1, 2, 3], [4, 5, 6]]}'


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(RightServer())


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    with running(runtime) as url:
        yield url


def invoke(project: Project, url: str, *arguments: str, stdin: str = ROWS, **environment: str) -> Done:
    """Send rows to the endpoint with the verb."""
    return project.verb(
        "invoke", "--endpoint", "--file", "-", *arguments, stdin=stdin, **{"AWS_ENDPOINT_URL": url} | environment
    )


def test_the_endpoint_is_asked_and_its_answer_printed(project: Project, url: str, runtime: Runtime) -> None:
    done = invoke(project, url, "--content-type", "application/json")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["predictions"]) == 2
    assert runtime.requests[-1].path == "/endpoints/my-model/invocations"


def test_it_is_asked_in_the_region_of_do_config(project: Project, url: str, runtime: Runtime) -> None:
    """Predecessor F.1-13: always us-east-1."""
    invoke(project, url, AWS_REGION="eu-south-2")

    assert "/eu-south-2/sagemaker/" in runtime.requests[-1].headers["authorization"]


def test_a_stream_is_put_together(project: Project, url: str, runtime: Runtime) -> None:
    done = invoke(project, url, "--stream")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["predictions"]) == 2
    assert runtime.requests[-1].path == "/endpoints/my-model/invocations-response-stream"


def test_a_stream_that_breaks_off_is_one_line_after_what_came(project: Project, url: str, runtime: Runtime) -> None:
    runtime.breaks_off = True

    done = invoke(project, url, "--stream")

    assert done.returncode == 4
    assert done.stdout.startswith('{"predictions"')
    assert done.stderr == (
        "do/invoke: sagemaker-runtime:InvokeEndpointWithResponseStream: the container hung up (ModelStreamError)\n"
    )


@pytest.mark.parametrize("form", [[], ["--stream"]], ids=["whole", "streamed"])
def test_what_the_container_refuses_is_one_line_with_its_message(project: Project, url: str, form: list[str]) -> None:
    line = refusal(invoke(project, url, *form, stdin="[[1, 2]]"), 1)

    assert line.startswith(
        "do/invoke: the server answered 400: the model expects 3 columns (code wrong_columns, request "
    )


def test_an_endpoint_that_is_not_there_says_what_to_type(project: Project, url: str) -> None:
    line = refusal(invoke(project, url, PROJECT_NAME="another"), 2)

    assert line == "do/invoke: there is no endpoint another: type do/deploy"


def test_a_stream_is_of_an_endpoint(project: Project) -> None:
    assert refusal(project.verb("invoke", "--stream"), 3) == (
        "do/invoke: --stream needs --endpoint: type do/invoke --endpoint --stream"
    )
