"""do/clean removes what the verbs made, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.rendering import Renders
from tests.verbs.conftest import refusal, run


@pytest.fixture
def bare_project(render: Renders, tmp_path: Path) -> Path:
    """A project that nobody has used yet: without bytecode."""
    rendered = render(framework="sklearn", model_format="pkl", model_server="fastapi")
    return shutil.copytree(rendered, tmp_path / "project", symlinks=True)


@pytest.fixture
def used_project(bare_project: Path) -> Path:
    """A project with all that the verbs make: environments, caches, a trained sample."""
    for folder in (".venv/bin", "do/.venv/bin", "do/lib/__pycache__", ".pytest_cache", "serving/handlers/__pycache__"):
        (bare_project / folder).mkdir(parents=True)
    train(bare_project)
    return bare_project


def train(project: Path) -> None:
    """Leave what a training leaves."""
    (project / "model" / "model.pkl").write_bytes(b"trained")
    expected = {"model_sha256": hashlib.sha256(b"trained").hexdigest()}
    (project / "sample_model" / "expected.json").write_text(json.dumps(expected))


def files(project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in project.rglob("*")}


MADE = [
    ".venv",
    "do/.venv",
    ".pytest_cache",
    "do/lib/__pycache__",
    "serving/handlers/__pycache__",
    "model/model.pkl",
    "sample_model/expected.json",
]


def test_all_that_the_verbs_made_goes_and_nothing_else(bare_project: Path) -> None:
    before = files(bare_project)
    for folder in (".venv/bin", "do/.venv/bin", "do/lib/__pycache__", ".pytest_cache", "serving/handlers/__pycache__"):
        (bare_project / folder).mkdir(parents=True)
    train(bare_project)

    done = run(bare_project, "clean", "--yes")

    assert done.stdout.splitlines() == [*(f"to remove: {path}" for path in MADE), "removed 7 of 7"]
    assert files(bare_project) == before


def test_a_dry_run_shows_the_plan_and_removes_nothing(used_project: Path) -> None:
    before = files(used_project)

    done = run(used_project, "clean", "--dry-run")

    assert done.stdout.splitlines() == [f"would remove: {path}" for path in MADE]
    assert files(used_project) == before


def test_nothing_is_removed_when_nobody_can_be_asked(used_project: Path) -> None:
    before = files(used_project)

    done = run(used_project, "clean")

    assert (done.returncode, done.stderr) == (3, "do/clean: not a terminal: pass --yes to confirm\n")
    assert files(used_project) == before


def test_a_clean_project_has_nothing_to_remove(bare_project: Path) -> None:
    assert run(bare_project, "clean", "--yes").stdout == "nothing to remove\n"


def test_a_model_of_the_users_own_stays(used_project: Path) -> None:
    (used_project / "model" / "model.pkl").write_bytes(b"the user's own")

    run(used_project, "clean", "--yes")

    assert (used_project / "model" / "model.pkl").read_bytes() == b"the user's own"


def test_a_trained_savedmodel_goes_and_another_stays(bare_project: Path) -> None:
    for name in ("mine", "model"):
        (bare_project / "model" / name / "variables").mkdir(parents=True)
        (bare_project / "model" / name / "saved_model.pb").write_text(name)
    digest = hashlib.sha256(f"saved_model.pb {hashlib.sha256(b'model').hexdigest()}\n".encode()).hexdigest()
    (bare_project / "sample_model" / "expected.json").write_text(json.dumps({"model_sha256": digest}))

    run(bare_project, "clean", "--yes")

    assert [path.name for path in (bare_project / "model").glob("[!.]*")] == ["mine"]


def test_a_shared_environment_is_only_unlinked(bare_project: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (bare_project / ".venv").symlink_to(shared)

    run(bare_project, "clean", "--yes")

    assert shared.is_dir()
    assert not (bare_project / ".venv").is_symlink()


def test_an_unknown_option_is_refused_in_one_line(bare_project: Path) -> None:
    assert refusal(run(bare_project, "clean", "--everything"), 3) == (
        "do/clean: unrecognized arguments: --everything; see do/clean --help"
    )
