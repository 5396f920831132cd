"""docs/your-own-model.md shows what happens: its models are trained, rendered, served and compared with themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import copier
import numpy as np
import pytest
import yaml

from tests.conftest import ROOT
from tests.exhaustive import first_of_each
from tests.programs import UV, uv
from tests.real_servers.conftest import Project, serving
from tests.real_servers.test_strangers import packages_of

PAGE = ROOT / "docs/your-own-model.md"
SECTION = re.compile(r"^## (\d+\. .*)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
BLOCK = re.compile(r"^```(python|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# ([\w/]+\.py)(?:, with scikit-learn ([\d.]+))?\n")
DUMP = """
import json, runpy, sys
sys.path[:0] = [".", "code"]
expected = runpy.run_path("train.py")["expected"]
print(json.dumps(expected if isinstance(expected, dict) else getattr(expected, "numpy", lambda: expected)().tolist()))
"""
ANSWERS = {
    "sklearn": {"model_format": "joblib", "model_server": "fastapi"},
    "xgboost": {"model_format": "ubj", "model_server": "fastapi"},
    "tensorflow": {"model_format": "keras", "model_server": "flask"},
}


class Section(NamedTuple):
    """One kind of model: its files by name, the request, and the version of scikit-learn that trains it."""

    files: dict[str, str]
    request: str
    version: str

    @property
    def framework(self) -> str:
        """What the training script imports."""
        script = self.files["train.py"]
        return "tensorflow" if "import keras" in script else "xgboost" if "xgboost" in script else "sklearn"

    @property
    def has_code(self) -> bool:
        """Whether it comes with code of the owner's."""
        return len(self.files) > 1


def sections() -> dict[str, tuple[Section]]:
    """The page's sections by their headings."""
    return {heading: (_section(text),) for heading, text in SECTION.findall(PAGE.read_text())}


def _section(text: str) -> Section:
    blocks = BLOCK.findall(text)
    (request,) = [content for language, content in blocks if language == "json"]
    files, version = {}, ""
    for content in [content for language, content in blocks if language == "python"]:
        name = NAME.match(content)
        assert name, f"a snippet needs its file's name: {content[:40]}"
        files[name[1]], version = content, name[2] or version
    return Section(files, request, version)


def trained(section: Section, python: Path, folder: Path, *packages: Path) -> Any:
    """What the training script expects of its model, which is in the folder then."""
    for name, content in section.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, packages)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([python, "-c", DUMP], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def older(version: str, folder: Path) -> Path:
    """A Python with an older scikit-learn."""
    uv("venv", folder)
    python = folder / "bin/python"
    packages = [f"scikit-learn=={version}", "numpy<2.3"]
    uv("pip", "install", "--python", python, *packages)
    return python


@pytest.fixture
def rendered(plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that renders a project, which is told nothing but the model's path and the web application."""

    def render(model: Path, model_server: str) -> Path:
        monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{UV.parent}")
        data = {"model_path": str(model), "model_server": model_server, "git_init": False}
        copier.run_copy(str(plain_template), tmp_path / "own", data, defaults=True, quiet=True, unsafe=True)
        return tmp_path / "own"

    return render


@pytest.mark.parametrize("section", first_of_each(sections(), lambda section: section.has_code))
def test_a_model_is_served_as_the_page_says(
    project: Project, rendered: Callable[..., Path], tmp_path: Path, section: Section
) -> None:
    known = ANSWERS[section.framework]
    home = project(framework=section.framework, **known)
    sklearn = project(framework="sklearn", **ANSWERS["sklearn"])
    (tmp_path / "training").mkdir()
    python = older(section.version, tmp_path / "older") if section.version else home / ".venv/bin/python"
    more = [] if section.version else [packages_of(sklearn)]
    expected = trained(section, python, tmp_path / "training", *more)
    (model,) = [path for path in (tmp_path / "training").iterdir() if path.stem == "model"]

    own = rendered(model, known["model_server"])
    answers = yaml.safe_load((own / ".copier-answers.yml").read_text())
    assert answers["framework"] == section.framework
    assert (answers.get("framework_version") or "") == section.version
    (own / "example_request.json").write_text(section.request)
    for name in section.files.keys() - {"train.py"}:
        (own / name).write_text(section.files[name])
    environment(own, home, section.version)

    with serving(own, tmp_path / "log", SERVING_WORKERS="1") as server:
        seen = ask(server, section.request.encode())
        described = server.client.get(f"{server.url}/openapi.json").json()
    if section.framework == "tensorflow":  # whose sums depend on how many rows are computed together
        np.testing.assert_allclose(seen, expected, rtol=1e-5)
    else:
        assert seen == expected
    shown = described["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert shown == json.loads(section.request)


def environment(own: Path, home: Path, version: str) -> None:
    """Give the project the packages that its requirements name."""
    if not version:
        assert (own / "requirements.txt").read_text() == (home / "requirements.txt").read_text()
        (own / ".venv").symlink_to(home / ".venv")
        return
    assert f"\nscikit-learn=={version} " in (own / "requirements.txt").read_text()
    setup = "import sys; sys.path.insert(0, 'do'); from lib.local import environment as e; e.serving_python()"
    subprocess.run(["python3", "-c", setup], cwd=own, check=True)


def ask(server: Any, body: bytes) -> Any:
    """The predictions for a body, or the whole answer of an owner's script."""
    answer = server.client.post(f"{server.url}/invocations", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    return document.get("predictions", document)


def test_the_page_has_ten_kinds_of_models() -> None:
    assert len(sections()) == 10
