"""do/invoke --endpoint asks the endpoint in AWS and prints its answer, at once or as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import Done, Make, Project
from tests.aws.runtime import ATTRIBUTES, Listening, Runtime
from tests.engines import contract_server
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

    assert line == "do/invoke: there is no endpoint another: run do/deploy"


def test_a_stream_is_of_an_endpoint(project: Project) -> None:
    assert refusal(project.verb("invoke", "--stream"), 3) == (
        "do/invoke: --stream needs --endpoint: run do/invoke --endpoint --stream"
    )


# generative models


@pytest.fixture
def generating() -> Iterator[Runtime]:
    """The endpoint of an engine that answers with as many letters as it may."""
    with contract_server.running(contract_server.RightServer()) as container:
        yield Runtime(Listening(container))


def ask(make: Make, runtime: Runtime, *arguments: str, server: str = "vllm") -> Done:
    """Ask the endpoint of a generative model."""
    project = make(model_kind="generative", model_server=server)
    with running(runtime) as url:
        return project.verb("invoke", "--endpoint", *arguments, AWS_ENDPOINT_URL=url)


def test_a_chat_is_printed_as_it_is_streamed(make: Make, generating: Runtime) -> None:
    done = ask(make, generating, "--max-tokens", "30", "Hello")

    assert (done.returncode, done.stdout, done.stderr) == (0, "a" * 30 + "\n", "")
    assert generating.requests[-1].path == "/endpoints/my-model/invocations-response-stream"
    assert json.loads(generating.requests[-1].body)["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_completion_takes_the_route_that_its_engine_needs(make: Make, generating: Runtime) -> None:
    done = ask(make, generating, "--completion", "--max-tokens", "5", "Hello", server="tensorrt-llm")

    assert done.stdout == "aaaaa\n"
    assert generating.requests[-1].headers[ATTRIBUTES] == "route=/v1/completions"


def test_a_request_that_asks_for_no_stream_is_answered_at_once(make: Make, generating: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"prompt": "Hello", "max_tokens": 3}')

    assert json.loads(ask(make, generating, "--file", str(file)).stdout)["choices"][0]["text"] == "aaa"


def test_what_the_engine_refuses_is_one_line_with_its_message(make: Make, generating: Runtime) -> None:
    line = refusal(ask(make, generating, "--max-tokens", "0", "Hello"), 1)

    assert line == "do/invoke: the server answered 400: max_tokens must be at least 1"


def test_words_that_came_before_the_stream_broke_off_are_printed(make: Make, generating: Runtime) -> None:
    generating.breaks_off = True

    done = ask(make, generating, "--max-tokens", "30", "Hello")

    assert done.returncode == 4
    assert set(done.stdout) == {"a"}
    assert "the container hung up (ModelStreamError)" in done.stderr
