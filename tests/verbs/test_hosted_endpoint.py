"""The rendered test of a deployed endpoint asks the endpoint that is named, in the region of do/config."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.runtime import Runtime
from tests.verbs.conftest import Done
from tests.verbs.contract_server import RightServer, running
from tests.verbs.faults import WrongInTheLastBit


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
    done = run_tests(tested, url, ENDPOINT_NAME="my-model", AWS_REGION="eu-south-2")

    assert "2 passed" in done.stdout, done.stdout
    assert {request.headers["authorization"].split("/")[2] for request in runtime.requests} == {"eu-south-2"}


def test_an_endpoint_that_answers_otherwise_fails(tested: Path, runtime: Runtime, url: str) -> None:
    runtime.container = WrongInTheLastBit()

    assert "1 failed, 1 passed" in run_tests(tested, url, ENDPOINT_NAME="my-model").stdout


def test_without_a_name_the_tests_are_skipped_and_say_why(tested: Path, url: str) -> None:
    done = run_tests(tested, url)

    assert "2 skipped" in done.stdout
    assert "set ENDPOINT_NAME to test a deployed endpoint" in done.stdout
