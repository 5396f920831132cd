"""The images of generative projects, built on a stand-in for the engines' own, and run as SageMaker runs them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.containers.conftest import BASE_IMAGE, Render, docker, expect_ok, run_verb
from tests.engines.conftest import MODEL, PROGRAMS, STAND_IN, every_engine

STAND_IN_IMAGE = f"stand-in-engine:{os.getpid()}"
# Python and nothing else, with the stand-in in the place of each engine's program
STAND_IN_DOCKERFILE = f"""\
FROM {BASE_IMAGE}
COPY programs /usr/local/bin
COPY stand_in.py /usr/local/lib/python3.12/site-packages/sglang/launch_server.py
ENV STAND_IN_RECORD=/tmp/record.json
ENTRYPOINT ["/not/ours"]
"""
AS_SAGEMAKER = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
START_SECONDS = 60


@dataclass
class Built:
    """A project whose image was built."""

    project: Path
    image: str

    def configuration(self) -> dict[str, Any]:
        """What the image says of itself."""
        return dict(json.loads(docker("image", "inspect", self.image))[0]["Config"])

    def ended(self, *options: str) -> tuple[int, str]:
        """The exit code of a container that ends by itself, and its last log message."""
        command = ["docker", "run", "--rm", *AS_SAGEMAKER, *options, self.image, "serve"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
        return done.returncode, json.loads(done.stdout.splitlines()[-1])["message"]


@pytest.fixture(scope="session")
def stand_in_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that holds a stand-in for every engine."""
    folder = tmp_path_factory.mktemp("stand-in")
    (folder / "Dockerfile").write_text(STAND_IN_DOCKERFILE)
    (folder / "stand_in.py").write_text(STAND_IN.read_text())
    (folder / "programs").mkdir()
    for name in PROGRAMS:
        (folder / "programs" / name).write_text(f"#!/usr/bin/env python3\n{STAND_IN.read_text()}")
        (folder / "programs" / name).chmod(0o755)
    docker("build", "--quiet", "--tag", STAND_IN_IMAGE, str(folder))
    yield STAND_IN_IMAGE
    docker("rmi", "--force", STAND_IN_IMAGE)


@pytest.fixture(scope="session")
def built(
    render: Render, stand_in_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Built]]:
    """A function that builds the image of an engine, once."""
    images: dict[str, Built] = {}

    def build(engine: str) -> Built:
        if engine not in images:
            name = f"test-{engine}-{os.getpid()}"
            path = tmp_path_factory.mktemp("generative") / name
            answers = {"model_kind": "generative", "model_server": engine, "model_id": MODEL, "build_with": "docker"}
            shutil.copytree(render(project_name=name, base_image=stand_in_image, **answers), path)
            images[engine] = Built(path, expect_ok(run_verb(path, "build")).split()[0])
        return images[engine]

    yield build
    for image in images.values():
        expect_ok(run_verb(image.project, "clean", "--yes"))


@every_engine
def test_an_image_tells_sagemaker_how_to_start_it(built: Callable[[str], Built], engine: str) -> None:
    image = built(engine)
    configuration = image.configuration()

    assert configuration["Entrypoint"] == ["python3", "/opt/program/serving/serve"]
    labels = configuration["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["org.opencontainers.image.base.name"] == STAND_IN_IMAGE
    assert labels["org.opencontainers.image.title"] == image.project.name


@every_engine
def test_an_image_holds_neither_a_model_nor_a_secret(built: Callable[[str], Built], engine: str) -> None:
    image = built(engine)

    variables = {variable.partition("=")[0] for variable in image.configuration()["Env"]}
    assert not {name for name in variables if "TOKEN" in name or "SECRET" in name}
    found = docker(
        "run", "--rm", "--entrypoint", "sh", image.image, "-c", "ls -A /opt/ml /opt/program 2>/dev/null || :"
    )
    assert found.split() == ["/opt/program:", "packages", "serving"]


@every_engine
def test_a_container_serves_with_read_only_files_and_without_capabilities_and_ends_in_order(
    built: Callable[[str], Built], engine: str
) -> None:
    image = built(engine)
    options = ("--detach", "--env", f"HF_MODEL_ID={MODEL}", "--publish", "127.0.0.1::8080")
    container = docker("run", *AS_SAGEMAKER, *options, image.image, "serve")
    try:
        await_ping(f"http://{docker('port', container, '8080/tcp').splitlines()[0]}", container)
        docker("stop", "--time", "30", container)
        code = docker("inspect", "--format", "{{.State.ExitCode}}", container)
        last = docker("logs", container).splitlines()[-1]
    finally:
        docker("rm", "--force", container)

    assert code == "0"
    assert json.loads(last)["message"] == "stopping: requests in flight are finished first"


@every_engine
def test_an_engine_that_fails_ends_the_container_with_its_reason(built: Callable[[str], Built], engine: str) -> None:
    failure = ("--env", f"HF_MODEL_ID={MODEL}", "--env", "STAND_IN_FAILURE=RuntimeError: CUDA out of memory")

    code, message = built(engine).ended(*failure)

    assert code == 1
    assert " ended with 1: RuntimeError: CUDA out of memory (lower the context length" in message


@every_engine
def test_a_container_without_a_model_ends_and_says_so(built: Callable[[str], Built], engine: str) -> None:
    code, message = built(engine).ended()

    assert code == 5
    assert message.startswith("there is no model: mount one at /opt/ml/model")


def test_do_run_serves_the_model_that_the_project_names(built: Callable[[str], Built]) -> None:
    image = built("vllm")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    url = expect_ok(run_verb(image.project, "run", "--detach", "--port", str(port))).strip()

    assert httpx.get(f"{url}/ping").status_code == 200
    record = json.loads(docker("exec", image.project.name, "cat", "/tmp/record.json"))
    assert record["words"][1:3] == ["serve", MODEL]


def test_the_tokens_secret_can_be_read_with_what_the_image_holds(built: Callable[[str], Built]) -> None:
    """Nothing answers at the endpoint; that it is asked at all shows that boto3 is there."""
    secret = ("--env", "HF_TOKEN_SECRET=my-token", "--env", f"HF_MODEL_ID={MODEL}", "--env", "AWS_REGION=eu-west-1")
    keys = ("--env", "AWS_ACCESS_KEY_ID=testing", "--env", "AWS_SECRET_ACCESS_KEY=testing")
    nobody = ("--env", "AWS_ENDPOINT_URL=http://127.0.0.1:9", "--env", "AWS_MAX_ATTEMPTS=1")

    code, message = built("vllm").ended(*secret, *keys, *nobody)

    assert code == 4
    assert message.startswith("can't read the secret my-token, which HF_TOKEN_SECRET names: Could not connect")


def await_ping(url: str, container: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ping", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(docker("logs", container))
