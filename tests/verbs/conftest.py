"""Rendered projects whose verbs run in an environment made of this one's packages: nothing is installed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments import make_environment
from tests.rendering import copy_project
from tests.verbs.contract_server import COLUMNS, ROWS, model

SETTINGS = ("PORT", "MODEL_FORMAT", "FRAMEWORK", "INSTANCE_TYPE", "ROLE_ARN")

Render = Callable[..., Path]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def verbs_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that finds the packages of the one the tests run in."""
    return make_environment(tmp_path_factory.mktemp("environments") / "verbs")


@pytest.fixture
def bare_project(render: Render, tmp_path: Path) -> Path:
    """A project as it is rendered: no environments, no model."""
    return copy_project(render(framework="sklearn", model_format="pkl", model_server="fastapi"), tmp_path / "project")


@pytest.fixture
def project(bare_project: Path, verbs_environment: Path) -> Path:
    """A project whose verbs have what they need; still no model."""
    stamp(verbs_environment, bare_project / "do" / "requirements.txt")
    (bare_project / "do" / ".venv").symlink_to(verbs_environment)
    return bare_project


@pytest.fixture
def tested(project: Path) -> Path:
    """A project that takes the model of `contract_server` for its trained sample."""
    train(project)
    return project


def train(project: Path) -> None:
    """Let a project take the model of `contract_server` for its trained sample."""
    (project / "model" / "model.pkl").write_bytes(b"model")
    (project / "sample_model" / "request.json").write_text(json.dumps({"instances": ROWS.tolist()}))
    expected = {
        "model_sha256": hashlib.sha256(b"model").hexdigest(),
        "columns": COLUMNS,
        "predictions": model(ROWS).tolist(),
        "dtype": "float64",
        "relative_tolerance": 0,
    }
    (project / "sample_model" / "expected.json").write_text(json.dumps(expected))


def stamp(environment: Path, *requirements: Path) -> None:
    """Say in an environment that these files are installed in it."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in requirements]
    (environment / "requirements.sha256").write_text("".join(f"{digest}\n" for digest in digests))


def run(
    project: Path, verb: str, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    return subprocess.run(
        [sys.executable, f"do/{verb}", *arguments],
        cwd=project,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        env={key: value for key, value in os.environ.items() if key not in SETTINGS} | environment,
    )


def refusal(done: Done, exit_code: int) -> str:
    """The one line with which a verb ended, in vain."""
    assert (done.returncode, done.stdout) == (exit_code, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line
