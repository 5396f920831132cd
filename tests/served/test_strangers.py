"""Models that nobody made for this template are served as they themselves predict, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.served.conftest import Project

SCRIPTS = Path(__file__).parent / "strangers"


def differences(project: Path, script: str, *packages: Path) -> dict[str, str]:
    """What the script found in a project, by its cases. `packages`: environments with more of what it imports."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in packages)}
    command = [project / ".venv/bin/python", SCRIPTS / script]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def packages_of(project: Path) -> Path:
    return next((project / ".venv/lib").glob("*/site-packages"))


def test_scikit_learn_models_are_answered_as_they_predict(project: Project) -> None:
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")

    found = differences(path, "sklearn_models.py")

    assert len(found) > 60
    assert {case: difference for case, difference in found.items() if difference} == {}


def test_boosters_are_answered_as_they_predict(project: Project) -> None:
    sklearn = project(framework="sklearn", model_format="joblib", model_server="fastapi")
    path = project(framework="xgboost", model_format="ubj", model_server="fastapi")

    found = differences(path, "xgboost_models.py", packages_of(sklearn))

    assert len(found) > 20
    assert {case: difference for case, difference in found.items() if difference} == {}
