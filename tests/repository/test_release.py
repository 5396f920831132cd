"""`make release`, in a copy of this repository: it tags what is ready, and says in one line what isn't."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plumbum import local

from tests.conftest import ROOT
from tests.programs import git
from tests.updates.projects import commit, release

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def repository(plain_template: Path, tmp_path: Path) -> Path:
    """What make release reads of this repository, with a changelog for 1.2.0, and v1.1.0 released."""
    copy = tmp_path / "mcc-template"
    shutil.copytree(plain_template, copy)
    for file in ("interface.yml", "scripts/release.py"):
        (copy / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, copy / file)
    (copy / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.0\n\n- More.\n")
    (copy / ".gitignore").write_text("__pycache__/\n")
    git_identity(copy)
    release(copy, "v1.1.0")
    return copy


def git_identity(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "test")
    git(folder, "config", "user.email", "test@localhost")


def make_release(repository: Path, *arguments: str) -> Done:
    command = [sys.executable, "-m", "scripts.release", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True)


def refusal(done: Done) -> str:
    """The one line that says why there is no release."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_what_is_ready_gets_an_annotated_tag(repository: Path) -> None:
    done = make_release(repository, "1.2.0")

    assert (done.returncode, done.stdout) == (0, "tagged v1.2.0; next: git push origin v1.2.0\n"), done.stderr
    assert git(repository, "cat-file", "-t", "v1.2.0") == "tag\n"


def test_a_dry_run_makes_no_tag(repository: Path) -> None:
    done = make_release(repository, "--dry-run", "1.2.0")

    assert done.stdout == f"would tag {git(repository, 'rev-parse', '--short', 'HEAD').strip()} as v1.2.0\n"
    assert git(repository, "tag") == "v1.1.0\n"


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("next", "make release: 'next' is no version (PEP 440): give one such as 1.2.0"),
        ("1.2.0-rc1", "make release: write 1.2.0-rc1 as 1.2.0rc1"),
        ("1.1.0", "make release: v1.1.0 is there already: tags are never moved, so give a higher version"),
        ("1.3.0", "make release: CHANGELOG.md has no section '## 1.3.0': give its 'Unreleased' that title"),
    ],
)
def test_a_version_that_can_not_be_is_refused(repository: Path, version: str, line: str) -> None:
    assert refusal(make_release(repository, version)) == line


def test_what_is_not_committed_is_refused(repository: Path) -> None:
    (repository / "notes.md").write_text("mine\n")

    assert refusal(make_release(repository, "1.2.0")) == (
        "make release: notes.md is not committed: commit all, and have it tested"
    )


def test_an_interface_that_is_not_recorded_is_refused(repository: Path) -> None:
    edit(repository, "questions/extras.yml", "renovate:", "renovator:")

    assert refusal(make_release(repository, "1.2.0")) == (
        "make release: interface.yml is not current: run python -m extensions.record_interface"
    )


def test_a_record_that_forgot_what_was_released_is_refused(repository: Path) -> None:
    edit(repository, "interface.yml", "  renovate: {type: bool}\n", "")
    edit(repository, "questions/extras.yml", "renovate:", "renovate_later:")
    edit(repository, "interface.yml", "  train_sample:", "  renovate_later: {type: bool}\n  train_sample:")

    assert refusal(make_release(repository, "1.2.0")) == (
        "make release: interface.yml lacks renovate, which was released: git checkout v1.1.0 interface.yml"
    )


def edit(repository: Path, file: str, old: str, new: str) -> None:
    path = repository / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    commit(repository, "edited")


def test_make_release_runs_it_with_the_version() -> None:
    make = local["make"].with_cwd(ROOT)["--no-print-directory", "--dry-run", "--old-file=.venv/ready"]
    typed = make("release", "VERSION=1.2.0")

    assert "python -m scripts.release 1.2.0" in typed
