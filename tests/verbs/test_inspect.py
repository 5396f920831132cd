"""do/inspect and do/lock, and the verbs that refuse a model which what is pinned can't load."""

from __future__ import annotations

import json
import pickle
import shutil
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.verbs.conftest import refusal, run

MODELS = ROOT / "tests/inspection/models"

# uv as far as do/lock uses it: it pins the versions that requirements.in asks for
UV = """#!/bin/sh
echo "$@" >> uv.command
if grep -q impossible requirements.in; then echo "no wheels for impossible" >&2; exit 1; fi
case "$*" in *"3.10 "*) if grep -q newer requirements.in; then echo "newer is for Python 3.11" >&2; exit 1; fi;; esac
grep -o '^[a-z-]*==[0-9.]*' requirements.in > requirements.txt || true
"""


@pytest.fixture
def with_old_model(bare_project: Path) -> Path:
    """A project whose model scikit-learn 1.5 saved."""
    shutil.copy(MODELS / "sklearn-1.5.pkl", bare_project / "model/model.pkl")
    return bare_project


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uv that needs no network."""
    program = tmp_path / "bin/uv"
    program.parent.mkdir()
    program.write_text(UV)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def test_findings_are_shown_with_what_to_run(with_old_model: Path) -> None:
    done = run(with_old_model, "inspect")

    assert done.returncode == 1
    assert "saved by:   scikit-learn 1.5.2\n" in done.stdout
    assert "columns:    age, city, height\n" in done.stdout
    assert done.stderr.endswith("run do/lock scikit-learn==1.5.2\n")


def test_findings_of_another_file_are_shown_as_json(bare_project: Path) -> None:
    done = run(bare_project, "inspect", "--json", str(MODELS / "xgboost-3.4.ubj"))

    assert done.returncode == 0
    assert json.loads(done.stdout)["columns"] == {"age": "float", "rooms": "int", "city": "c"}


@pytest.mark.parametrize("verb", ["serve", "test", "build"])
def test_a_model_that_what_is_pinned_cannot_load_is_refused(with_old_model: Path, verb: str) -> None:
    line = refusal(run(with_old_model, verb), 3)

    assert "model/model.pkl was saved by scikit-learn 1.5.2, and requirements.txt has" in line
    assert line.endswith("run do/lock scikit-learn==1.5.2")


@pytest.mark.usefixtures("uv")
def test_the_version_of_the_model_is_locked_and_then_no_verb_refuses_it(with_old_model: Path) -> None:
    done = run(with_old_model, "lock", "scikit-learn==1.5.2")

    assert done.returncode == 0, done.stderr
    assert "\nscikit-learn==1.5.2\n" in (with_old_model / "requirements.in").read_text()
    assert "--python-version 3.12" in (with_old_model / "uv.command").read_text()
    assert run(with_old_model, "inspect").returncode == 0


@pytest.mark.usefixtures("uv")
def test_an_old_version_brings_the_packages_of_its_time_and_its_python(bare_project: Path) -> None:
    shutil.copy(MODELS / "sklearn-1.2.pkl", bare_project / "model/model.pkl")

    done = run(bare_project, "lock", "scikit-learn==1.2.2")

    assert done.returncode == 0, done.stderr
    requirements = (bare_project / "requirements.in").read_text()
    assert {"numpy<1.25", "scipy<1.11"} <= {*requirements.splitlines()}
    assert "\npandas<2.1 " in requirements
    assert "python:3.11-slim" in (bare_project / "Dockerfile").read_text()
    assert "--python-version 3.11" in (bare_project / "uv.command").read_text()


@pytest.mark.usefixtures("uv")
def test_versions_that_do_not_fit_leave_everything_as_it_was(with_old_model: Path) -> None:
    before = (with_old_model / "requirements.in").read_text()

    done = run(with_old_model, "lock", "impossible==1", "--python", "3.11")

    assert done.returncode == 1
    assert "no wheels for impossible" in done.stderr.splitlines()[-1]
    assert (with_old_model / "requirements.in").read_text() == before
    assert "python:3.12-slim" in (with_old_model / "Dockerfile").read_text()


@pytest.mark.usefixtures("uv")
def test_the_lock_names_the_index_that_requirements_in_names(bare_project: Path) -> None:
    index = "--extra-index-url https://download.pytorch.org/whl/cpu\n"
    requirements = bare_project / "requirements.in"
    requirements.write_text(f"{index}{requirements.read_text()}")

    done = run(bare_project, "lock", "scikit-learn==1.5.2")

    assert done.returncode == 0, done.stderr
    assert (bare_project / "requirements.txt").read_text().startswith(f"{index}scikit-learn==1.5.2")
    assert "--index-strategy unsafe-best-match" in (bare_project / "uv.command").read_text()


@pytest.mark.usefixtures("uv")
def test_a_model_saved_with_numpy_2_gets_numpy_2(with_old_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(with_old_model, "lock", "scikit-learn==1.5.2")

    assert done.returncode == 0, done.stderr
    assert "\nnumpy>=2\n" in (with_old_model / "requirements.in").read_text()


@pytest.mark.usefixtures("uv")
def test_another_python_is_taken_for_image_and_environment(with_old_model: Path) -> None:
    done = run(with_old_model, "lock", "scikit-learn==1.5.2", "--python", "3.11")

    assert done.returncode == 0, done.stderr
    assert "python:3.11-slim" in (with_old_model / "Dockerfile").read_text()


@pytest.mark.usefixtures("uv")
def test_older_pythons_are_left_out_where_a_package_is_not_for_them(with_old_model: Path) -> None:
    done = run(with_old_model, "lock", "scikit-learn==1.5.2", "newer==1")

    assert done.returncode == 0, done.stderr
    assert "--python-version 3.11" in (with_old_model / "uv.command").read_text()


def test_a_project_without_a_lock_is_told_to_make_it(with_old_model: Path) -> None:
    (with_old_model / "requirements.txt").unlink()

    assert (
        refusal(run(with_old_model, "serve"), 5)
        == "do/serve: requirements.txt is missing: run do/lock scikit-learn==1.5.2"
    )


@pytest.mark.usefixtures("uv")
def test_a_package_that_a_pickle_needs_is_named_with_the_line_that_adds_it(
    bare_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("category_encoders")
    package.Encoder = type("Encoder", (), {"__module__": package.__name__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    (bare_project / "model/model.pkl").write_bytes(pickle.dumps(package.Encoder()))

    line = refusal(run(bare_project, "serve"), 3)
    assert "needs the package category-encoders, which requirements.txt lacks" in line
    assert line.endswith("run do/lock category-encoders")

    done = run(bare_project, "lock", "category-encoders")
    assert done.returncode == 0, done.stderr
    assert (bare_project / "requirements.in").read_text().endswith("\ncategory-encoders\n")


@pytest.mark.usefixtures("uv")
def test_a_package_without_a_version_leaves_the_one_that_is_there(bare_project: Path) -> None:
    before = "scikit-learn==1.5.2\n"
    (bare_project / "requirements.in").write_text(before)

    assert run(bare_project, "lock", "scikit-learn").returncode == 0
    assert (bare_project / "requirements.in").read_text() == before


def test_a_model_that_is_larger_than_the_instances_memory_is_refused(bare_project: Path) -> None:
    shutil.copy(MODELS / "sklearn-1.9.pkl", bare_project / "model/model.pkl")
    with (bare_project / "model/model.pkl").open("r+b") as file:
        file.truncate(9 << 30)  # of nothing, which takes no room on the disk

    done = run(bare_project, "inspect")

    assert done.returncode == 1
    assert "memory:     at least 9.0 GiB; 2 processes share one copy, and ml.m5.large has 8.0 GiB\n" in done.stdout
    assert done.stderr.startswith("the model doesn't fit into memory: 9.0 GiB; ")
    assert "do/config set CONTAINER_ENVIRONMENT SERVING_WORKERS=1" in done.stderr
