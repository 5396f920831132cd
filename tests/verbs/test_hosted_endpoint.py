"""The rendered test of a deployed endpoint asks the endpoint that is named, in the region of do/config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verbs.conftest import Done
from tests.verbs.contract_server import Reply, Request, RightServer, running, typed
from tests.verbs.faults import WrongInTheLastBit


class Runtime(RightServer):
    """SageMaker's side: passes requests to the container, and wraps its errors."""

    def __init__(self, container: RightServer) -> None:
        super().__init__()
        self.container = container
        self.regions: set[str] = set()

    def answer(self, request: Request) -> Reply:
        self.regions.add(request.headers["authorization"].split("/")[2])
        if request.path != "/endpoints/my-endpoint/invocations":
            return Reply(400, b"{}", typed("application/json") | {"X-Amzn-ErrorType": "ValidationError"})
        reply = self.container.answer(Request("POST", "/invocations", request.headers, request.body))
        if reply.status == 200:
            return reply
        error = {"OriginalStatusCode": reply.status, "OriginalMessage": reply.body.decode()}
        return Reply(424, json.dumps(error).encode(), typed("application/json") | {"X-Amzn-ErrorType": "ModelError"})


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(RightServer())


@pytest.fixture
def url(runtime: Runtime) -> Iterator[str]:
    with running(runtime) as url:
        yield url


def run_tests(project: Path, url: str, **environment: str) -> Done:
    """Run the rendered tests of the endpoint."""
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "tests/test_hosted_endpoint.py"],
        cwd=project,
        capture_output=True,
        text=True,
        env=os.environ | credentials | {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url} | environment,
    )


def test_the_endpoint_is_asked_in_the_region_of_do_config_and_passes(tested: Path, runtime: Runtime, url: str) -> None:
    """Predecessor F.1-13: always us-east-1."""
    file = tested / "do" / "config.env"
    file.write_text(file.read_text().replace("AWS_REGION=us-east-1", "AWS_REGION=eu-south-2"))

    done = run_tests(tested, url, ENDPOINT_NAME="my-endpoint")

    assert "2 passed" in done.stdout, done.stdout
    assert runtime.regions == {"eu-south-2"}


def test_an_endpoint_that_answers_otherwise_fails(tested: Path, runtime: Runtime, url: str) -> None:
    runtime.container = WrongInTheLastBit()

    assert "1 failed, 1 passed" in run_tests(tested, url, ENDPOINT_NAME="my-endpoint").stdout


def test_without_a_name_the_tests_are_skipped_and_say_why(tested: Path, url: str) -> None:
    done = run_tests(tested, url)

    assert "2 skipped" in done.stdout
    assert "set ENDPOINT_NAME to test a deployed endpoint" in done.stdout
