"""do/invoke and do/test of a generative project ask the endpoint in AWS, at once and as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.runtime import LanguageModel, Runtime
from tests.engines.contract_server import RightServer, TooManyTokens
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import running

WHOLE = "/endpoints/my-model/invocations"
STREAMED = "/endpoints/my-model/invocations-response-stream"


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(LanguageModel(RightServer()))


@pytest.fixture
def project(make: Make, runtime: Runtime) -> Iterator[Project]:
    """A project for vLLM with an endpoint."""
    project = make(model_kind="generative")
    assert project.verb("submit").returncode == 0
    assert project.verb("deploy").returncode == 0
    with running(runtime) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        yield project


def test_a_chat_is_streamed(project: Project, runtime: Runtime) -> None:
    done = project.verb("invoke", "--endpoint", "--max-tokens", "5", "Hello")

    assert (done.returncode, done.stdout, done.stderr) == (0, "aaaaa\n", "")
    assert runtime.requests[-1].path == STREAMED


def test_a_completion_is_asked_for_where_it_is_wished(project: Project, runtime: Runtime) -> None:
    done = project.verb("invoke", "--endpoint", "--completion", "--max-tokens", "3", "Once")

    assert (done.returncode, done.stdout) == (0, "aaa\n")
    assert json.loads(runtime.requests[-1].body)["prompt"] == "Once"


def test_a_request_of_ones_own_is_answered_at_once_unless_it_asks_for_a_stream(
    project: Project, runtime: Runtime
) -> None:
    request = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}

    done = project.verb("invoke", "--endpoint", "--file", "-", stdin=json.dumps(request))
    assert json.loads(done.stdout)["usage"] == {"completion_tokens": 2}
    assert runtime.requests[-1].path == WHOLE

    done = project.verb("invoke", "--endpoint", "--file", "-", stdin=json.dumps({**request, "stream": True}))
    assert done.stdout == "aa\n"
    assert runtime.requests[-1].path == STREAMED


@pytest.mark.parametrize("tokens", ["0", "-1"])
def test_what_the_engine_refuses_is_one_line_with_its_message(project: Project, tokens: str) -> None:
    done = project.verb("invoke", "--endpoint", "--max-tokens", tokens, "Hello")

    assert (done.returncode, done.stderr) == (1, "do/invoke: the server answered 400: max_tokens must be at least 1\n")


def test_a_stream_that_breaks_off_is_one_line_after_what_came(project: Project, runtime: Runtime) -> None:
    runtime.breaks_off = True

    done = project.verb("invoke", "--endpoint", "--max-tokens", "8", "Hello")

    assert (done.returncode, {*done.stdout}) == (4, {"a"})
    assert done.stderr.endswith("the container hung up (ModelStreamError)\n")


def test_a_right_endpoint_passes_and_what_sagemaker_hides_is_not_checked(project: Project) -> None:
    done = project.verb("test", "--endpoint", "--json")

    document = json.loads(done.stdout)
    outcomes = {check["name"]: check["outcome"] for check in document["checks"]}
    assert (done.returncode, document["endpoint"], document["failed"]) == (0, "my-model", 0), done.stdout
    assert outcomes["a chat is streamed as events of one answer"] == "ok"
    assert outcomes["requests at once each get their own answer"] == "ok"
    assert outcomes["a body that is no JSON is refused: empty"] == "ok"
    assert outcomes["ping answers 200 within 2 seconds"] == "n/a"


def test_an_endpoint_that_answers_otherwise_fails(project: Project, runtime: Runtime) -> None:
    runtime.container = LanguageModel(TooManyTokens())

    done = project.verb("test", "--endpoint")

    assert done.returncode == 1
    assert "FAIL  an answer has at most max tokens and says how many" in done.stdout


def test_without_an_endpoint_it_says_what_to_type(make: Make) -> None:
    line = refusal(make(model_kind="generative").verb("test", "--endpoint"), 2)

    assert line == "do/test: the endpoint is not there: type do/deploy"
