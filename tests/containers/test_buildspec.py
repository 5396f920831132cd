"""The buildspec builds and pushes the image, run as CodeBuild runs it, where the tools for that are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plumbum import local

from tests.containers.conftest import ROOT, Built, works

TOOLS = ROOT.parent / "shared/containers"
PORT = "5001"
REPOSITORY = f"127.0.0.1:{PORT}/test-buildspec"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"

pytestmark = pytest.mark.skipif(
    not (TOOLS / "buildspec-run").exists(), reason=f"there is nothing that runs buildspecs, {TOOLS}/buildspec-run"
)


@pytest.fixture
def registry() -> Iterator[None]:
    """A registry that stands in for ECR."""
    home = Path(os.environ.get("CTR_HOME", "/var/tmp/ctr"))
    local[str(TOOLS / "registry")].with_env(PORT=PORT)()
    yield
    os.kill(int((home / "run/registry.pid").read_text()), 15)


@pytest.fixture
def aws(tmp_path: Path) -> Path:
    """A folder with an `aws` that hands out a password for the registry."""
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$*" = "ecr get-login-password" ] && echo password\n')
    program.chmod(0o755)
    return program.parent


@pytest.mark.usefixtures("registry")
def test_the_image_is_built_and_pushed_with_a_manifest_that_sagemaker_takes(
    render: Callable[..., Path], image: Built, aws: Path
) -> None:
    rendered = render(project_name=image.project.name, framework="sklearn", model_server="fastapi")
    (image.project / "buildspec.yml").write_bytes((rendered / "buildspec.yml").read_bytes())

    done = run_buildspec(image.project, aws, f"REPOSITORY_URI={REPOSITORY}", "IMAGE_TAG=1")
    works("logout", f"127.0.0.1:{PORT}")
    works("rmi", f"{REPOSITORY}:1")

    assert done.returncode == 0, done.stderr
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/v2/test-buildspec/manifests/1", headers={"Accept": f"{DOCKER_MANIFEST}, {OCI}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["mediaType"] == answer.headers["Content-Type"] == DOCKER_MANIFEST


def test_a_build_that_is_not_told_where_to_push_fails(render: Callable[..., Path], aws: Path) -> None:
    done = run_buildspec(render(framework="sklearn", model_server="fastapi"), aws, "IMAGE_TAG=1")

    assert json.loads(done.stdout)["phases"] == {"pre_build": "FAILED", "build": "SKIPPED"}
    assert "REPOSITORY_URI" in done.stderr


def run_buildspec(project: Path, aws: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run the project's buildspec with these variables."""
    options = [word for variable in variables for word in ("-e", variable)]
    return subprocess.run(
        [sys.executable, str(TOOLS / "buildspec-run"), "-b", "buildspec.yml", *options],
        cwd=project,
        env=os.environ | {"PATH": f"{aws}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
