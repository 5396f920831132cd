"""Verbs set up what they need by themselves, say so in one line, and don't do it twice."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exhaustive import exhaustive
from tests.verbs.conftest import Done, refusal, run

SERVING = "from lib.local import environment; print(environment.serving_python(with_tests={}))"


@pytest.fixture
def small_project(bare_project: Path) -> Path:
    """A project that needs no packages, so that its environments are made fast and without network."""
    for file in bare_project.rglob("requirements*.txt"):
        file.write_text(f"# nothing, in {file.name}\n")
    return bare_project


def set_up(project: Path, with_tests: bool = False, **variables: str) -> Done:
    """Have the server's environment set up, in the way that verbs do; with uv, which takes a tenth of pip's time."""
    (project / "do" / "setup").write_text(f"{SERVING.format(with_tests)}\n")
    return run(project, "setup", **{"PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}", **variables})


def test_the_first_call_sets_it_up_and_says_so_in_one_line(small_project: Path) -> None:
    done = set_up(small_project)

    assert Path(done.stdout.strip()).exists()
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(
        r"setting up \.venv with Python 3\.\d+ from requirements\.txt \(takes minutes the first time\)"
        r"(; the image .*)?",
        line,
    )


def test_the_second_call_finds_it_there(small_project: Path) -> None:
    set_up(small_project)

    assert set_up(small_project).stderr == ""


def test_changed_requirements_make_it_anew(small_project: Path) -> None:
    set_up(small_project)
    (small_project / ".venv" / "old").touch()
    (small_project / "requirements.txt").write_text("# something else\n")

    assert set_up(small_project).stderr.startswith("setting up .venv")
    assert not (small_project / ".venv" / "old").exists()


def test_an_environment_that_was_interrupted_is_made_anew(small_project: Path) -> None:
    set_up(small_project)
    (small_project / ".venv" / "requirements.sha256").unlink()

    assert set_up(small_project).stderr.startswith("setting up .venv")


def test_what_the_tests_need_is_added_to_it(small_project: Path) -> None:
    set_up(small_project)
    (small_project / ".venv" / "old").touch()

    assert set_up(small_project, with_tests=True).stderr.startswith("installing requirements.txt, tests/")
    assert (small_project / ".venv" / "old").exists()
    assert set_up(small_project).stderr == ""


def test_a_shared_environment_is_used_while_it_fits_and_else_left_alone(small_project: Path, tmp_path: Path) -> None:
    set_up(small_project)
    shared = (small_project / ".venv").rename(tmp_path / "shared")
    (small_project / ".venv").symlink_to(shared)

    assert set_up(small_project).stderr == ""

    (small_project / "requirements.txt").write_text("# something else\n")
    assert set_up(small_project).stderr.startswith("setting up .venv")
    assert not (small_project / ".venv").is_symlink()
    assert (shared / "requirements.sha256").exists()


@exhaustive
def test_it_works_without_uv(small_project: Path, tmp_path: Path) -> None:
    done = set_up(small_project, PATH=str(tmp_path))

    assert Path(done.stdout.strip()).exists(), done.stderr


def test_the_images_python_is_taken_only_where_it_runs(small_project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    broken.chmod(0o755)

    done = set_up(small_project, PATH=f"{tmp_path}:{Path(sys.executable).parent}")

    assert done.returncode == 0
    assert "with Python {}.{} from".format(*sys.version_info) in done.stderr


def test_the_images_python_is_found_among_those_of_pyenv(small_project: Path, tmp_path: Path) -> None:
    other = "3.99"
    (small_project / "Dockerfile").write_text(f"ARG BASE_IMAGE=docker.io/library/python:{other}-slim\n")
    installed = tmp_path / f"versions/{other}.1/bin/python{other}"
    installed.parent.mkdir(parents=True)
    installed.symlink_to(sys.executable)

    done = set_up(small_project, PYENV_ROOT=str(tmp_path))

    assert f"with Python {other} from" in done.stderr


def test_another_python_than_the_images_is_told_with_what_brings_it(small_project: Path) -> None:
    other = "3.99"
    (small_project / "Dockerfile").write_text(f"ARG BASE_IMAGE=docker.io/library/python:{other}-slim\n")

    assert (
        f"the image has Python {other}: install it, such as with uv python install {other}"
        in set_up(small_project).stderr
    )


def test_a_failed_installation_ends_the_verb_with_2_and_one_line(small_project: Path) -> None:
    (small_project / "do" / "requirements.txt").write_text("this is no requirement\n")

    path = f"{os.environ['PATH']}:{Path(sys.executable).parent}"
    done = run(small_project, "invoke", "--url", "http://127.0.0.1:1", PATH=path)

    assert done.returncode == 2
    plan, error = done.stderr.splitlines()
    assert plan.startswith("setting up do/.venv")
    assert error.startswith("do/invoke: could not set up do/.venv: ")


def test_requirements_that_are_gone_are_named(small_project: Path) -> None:
    (small_project / "do" / "requirements.txt").unlink()

    line = refusal(run(small_project, "invoke"), 5)

    assert line == "do/invoke: do/requirements.txt is missing: run git checkout do/requirements.txt"


@pytest.mark.parametrize("verb", ["config", "clean", "serve", "test", "invoke", "train"])
def test_help_sets_nothing_up(bare_project: Path, verb: str) -> None:
    done = run(bare_project, verb, "--help")

    assert done.stdout.startswith(f"usage: do/{verb} ")
    assert done.stderr == ""
    assert not list(bare_project.rglob(".venv"))


@pytest.mark.parametrize("verb", ["config", "clean", "serve", "test", "invoke", "train"])
def test_verbs_can_be_typed_as_they_are(bare_project: Path, verb: str) -> None:
    """Predecessor F.1-10: scripts were not executable."""
    done = subprocess.run([bare_project / "do" / verb, "--help"], capture_output=True, text=True)

    assert done.returncode == 0


@pytest.mark.parametrize("verb", ["config", "clean", "serve", "test", "invoke", "train"])
def test_a_python_that_is_too_old_can_still_read_what_it_is_told(bare_project: Path, verb: str) -> None:
    for file in (bare_project / "do" / verb, bare_project / "do" / "lib" / "__init__.py"):
        ast.parse(file.read_text(), feature_version=(3, 5))


def test_a_python_that_is_too_old_is_told_so_in_one_line(bare_project: Path) -> None:
    code = "import sys; sys.version_info = (3, 9, 2); sys.argv = ['do/config']; import lib"

    done = subprocess.run([sys.executable, "-c", code], cwd=bare_project / "do", capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr == ("do/config: needs Python 3.10 or newer, but this is Python 3.9: run python3.12 do/config\n")
