"""An application uses the real server with the code that uses the endpoint: do/serve --sagemaker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.real_servers.conftest import Project, run
from tests.verbs.test_sagemaker_runtime import client_at, free_port
from tests.verbs.test_serve import wait_for


@pytest.fixture(scope="module")
def served(project: Project) -> Path:
    """The project of a scikit-learn model."""
    return project(framework="sklearn", model_format="joblib", model_server="fastapi")


@pytest.fixture(scope="module")
def port(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of its server, behind do/serve --sagemaker."""
    errors, port = tmp_path_factory.mktemp("sagemaker") / "errors", free_port()
    command = [sys.executable, "do/serve", "--sagemaker", "--port", str(port), "--workers", "1"]
    with errors.open("w") as stream:
        verb = subprocess.Popen(command, cwd=served, stdout=subprocess.DEVNULL, stderr=stream)
        wait_for("ready at ", errors, verb)
        yield port
        verb.terminate()
        verb.wait(40)


def test_boto3_gets_the_predictions_of_the_model(served: Path, port: int) -> None:
    body = (served / "sample_model/request.json").read_text()
    with closing(client_at(port + 1)) as client:
        found = client.invoke_endpoint(EndpointName="my-model", ContentType="application/json", Body=body)
        predictions = json.loads(found["Body"].read())["predictions"]

    assert predictions == json.loads((served / "sample_model/expected.json").read_text())["predictions"]


def test_the_checks_of_the_endpoint_pass(served: Path, port: int) -> None:
    document = json.loads(run(served, "do/test", "--endpoint", "local", "--json", PORT=str(port)))

    outcomes = {check["name"]: check["outcome"] for check in document["checks"]}
    assert (document["endpoint"], document["failed"]) == (f"http://127.0.0.1:{port + 1}", 0)
    assert outcomes["predictions are those of the model itself: text/csv in, application/json out"] == "ok"
    assert outcomes["an unknown content type is 415: image/png"] == "ok"
    assert outcomes["custom attributes are sent back with: an answer"] == "ok"


def test_without_the_stand_in_the_checks_say_what_to_run(served: Path) -> None:
    port = free_port()

    done = subprocess.run(
        [sys.executable, "do/test", "--endpoint", "local"],
        cwd=served,
        env=os.environ | {"PORT": str(port)},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (
        2,
        f"do/test: nothing listens on port {port + 1}: run do/serve --sagemaker in another terminal\n",
    )
