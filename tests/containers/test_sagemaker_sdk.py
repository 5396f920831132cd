"""An independent client, the SageMaker Python SDK in its local mode, deploys the images as SageMaker would."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.conftest import Built, works
from tests.programs import uv

HERE = Path(__file__).parent
CONFIGURATION = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"


@pytest.fixture(scope="module")
def sdk_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the SDK."""
    folder = tmp_path_factory.mktemp("sdk") / "environment"
    uv("venv", "--python", sys.executable, folder)
    uv("pip", "install", "--python", folder / "bin/python", "--require-hashes", "-r", HERE / "sagemaker.txt")
    return folder / "bin/python"


@pytest.mark.parametrize(("framework", "server"), [("sklearn", "fastapi"), ("xgboost", "flask")])
def test_local_mode_deploys_predicts_and_deletes(
    built: Callable[[str, str], Built], sdk_python: Path, tmp_path: Path, framework: str, server: str
) -> None:
    image = built(framework, server)
    (tmp_path / "config.yaml").write_text(CONFIGURATION)
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        for path in (image.project / "model").glob("[!.]*"):
            archive.add(path, path.name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    done = subprocess.run(
        [
            *(str(sdk_python), str(HERE / "sagemaker_client.py"), image.image),
            *(str(tmp_path / "model.tar.gz"), str(port), str(image.project / "sample_model/request.json")),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ
        | {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "config.yaml"), "AWS_EC2_METADATA_DISABLED": "true"}
        | {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"},
    )
    remove_leftovers(image.image)

    assert done.returncode == 0, done.stdout + done.stderr
    answers = json.loads(done.stdout.splitlines()[-1].partition("{")[2].join(["{", ""]))
    expected = json.loads((image.project / "sample_model/expected.json").read_text())["predictions"]
    assert answers["application/json"] == pytest.approx(expected, rel=1e-6)
    assert answers["text/csv"] == pytest.approx(expected, rel=1e-6)


def remove_leftovers(image: str) -> None:
    """The SDK leaves a stopped container and a network."""
    listed = ["docker", "ps", "--all", "--quiet", "--filter", f"ancestor={image}"]
    for container in subprocess.run(listed, capture_output=True, text=True).stdout.split():
        works("rm", "--force", "--volumes", container)
    works("network", "rm", "sagemaker-local")


def test_docker_compose_is_there() -> None:
    """Local mode needs it."""
    found = shutil.which("docker-compose") or works("compose", "version")

    assert found, "install docker compose: the package docker-compose-plugin, or docker-compose"
