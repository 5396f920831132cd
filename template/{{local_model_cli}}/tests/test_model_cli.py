"""The model, loaded through the project's handler, predicts without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib.checks.http.reference import Reference
from lib.checks.results import NotApplicable

CLI = Path(__file__).with_name("model_cli.py")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CLI, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@pytest.fixture
def request_file(tmp_path: Path, expected: Reference) -> Path:
    """The request whose answer is known."""
    file = tmp_path / "request.json"
    file.write_bytes(expected.example.body)
    return file


def test_it_predicts_what_the_model_predicts(request_file: Path, expected: Reference) -> None:
    done = run("--file", request_file)

    assert done.returncode == 0, done.stderr
    if expected.answer:
        assert done.stdout == expected.answer
    else:
        assert expected.predictions.difference(json.loads(done.stdout)["predictions"]) == ""


def test_it_answers_in_the_accepted_type(request_file: Path, expected: Reference) -> None:
    if reason := expected.unwritable.get("text/csv") or expected.undivided:
        pytest.skip(reason)

    done = run("--file", request_file, "--accept", "text/csv")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(expected.predictions)


def test_a_row_with_a_column_too_many_is_refused(tmp_path: Path, expected: Reference) -> None:
    file = tmp_path / "request.json"
    try:
        file.write_bytes(expected.with_width(1))
    except NotApplicable as reason:
        pytest.skip(str(reason))

    done = run("--file", file)

    assert done.returncode == 1
    assert expected.shape is not None
    assert str(expected.shape[-1]) in done.stderr


def test_a_folder_without_a_model_is_refused(tmp_path: Path, request_file: Path) -> None:
    done = run("--file", request_file, "--model", tmp_path / "nothing")

    assert done.returncode == 1
    assert "no model" in done.stderr
