"""A model of an older version is served with the version that saved it, and answers what it answered there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import copier
import pytest

from tests.exhaustive import exhaustive
from tests.programs import UV, uv
from tests.real_servers.conftest import run, serving

SCRIPT = Path(__file__).parent / "strangers/older_sklearn.py"
MODELS = ("columns", "gaps", "forest", "texts", "clusters")
# Versions of scikit-learn, each with what its time had beside it.
VERSIONS = {"1.2.2": ["numpy<1.25", "pandas<2.1", "scipy<1.11"], "1.4.2": ["numpy<2", "pandas<3", "scipy<1.14"]}


@pytest.fixture(scope="module", params=VERSIONS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A version, and the folder of the models that it trained in an environment of its own."""
    version: str = request.param
    folder = tmp_path_factory.mktemp("trained")
    environment, packages = folder / "environment", [f"scikit-learn=={version}", *VERSIONS[version]]
    uv("venv", "--python", sys.executable, environment)
    uv("pip", "install", "--python", environment / "bin/python", *packages)
    subprocess.run([environment / "bin/python", SCRIPT, folder / "models"], check=True)
    return version, folder / "models"


@exhaustive
def test_a_path_is_answer_enough_for_a_model_of_an_older_version(
    trained: tuple[str, Path], plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, models = trained
    project = tmp_path / "project"
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{UV.parent}")
    data = {"model_path": str(models / "columns/model.joblib"), "git_init": False}
    copier.run_copy(str(plain_template), project, data=data, defaults=True, quiet=True, unsafe=True)
    assert f"\nscikit-learn=={version} " in (project / "requirements.txt").read_text()
    run(
        project,
        "-c",
        "import sys; sys.path.insert(0, 'do'); from lib.local import environment as e; e.serving_python()",
    )

    seen, expected = {}, {}
    for name in MODELS:
        asked = json.loads((models / f"{name}.json").read_text())
        expected[name] = asked.pop("predictions")
        with serving(project, tmp_path / name, SM_MODEL_DIR=str(models / name), SERVING_WORKERS="1") as server:
            seen[name] = server.post(asked["instances"]).json().get("predictions")

    assert seen == expected
