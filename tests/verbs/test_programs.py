"""Every command runs local programs through one module, with one error for a program that is missing."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.verbs.conftest import Render


@pytest.fixture
def programs(render: Render, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(render(framework="sklearn", model_format="pkl", model_server="fastapi") / "do"))
    return importlib.import_module("lib.programs")


@pytest.mark.parametrize("way", ["attempt", "show", "start"])
def test_a_missing_program_is_named_with_what_to_do(programs: ModuleType, way: str) -> None:
    with pytest.raises(Exception, match=r"^no-such-program is not installed: install it$") as raised:
        getattr(programs, way)(["no-such-program", "--version"])

    assert getattr(raised.value, "exit_code", None) == 2


def test_a_missing_folder_is_not_taken_for_a_missing_program(programs: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        programs.attempt(["true"], cwd=tmp_path / "gone")


def test_what_a_program_prints_is_kept_whatever_its_bytes_and_exit_code(programs: ModuleType) -> None:
    apart = programs.attempt(["sh", "-c", r"cat; printf '\377' >&2; exit 3"], stdin="given")
    merged = programs.attempt(["sh", "-c", "echo out; echo error >&2"], merge_errors=True)

    assert (apart.returncode, apart.stdout, apart.stderr) == (3, "given", "�")
    assert (merged.stdout, merged.stderr) == ("out\nerror\n", None)


def test_no_other_module_of_the_commands_uses_subprocess() -> None:
    modules = [file for file in ROOT.glob("template/**/do/**/*") if file.is_file()]
    assert len(modules) > 100

    users = [file.relative_to(ROOT).as_posix() for file in modules if b"import subprocess" in file.read_bytes()]

    assert users == ["template/{{project}}/do/lib/programs.py"]
