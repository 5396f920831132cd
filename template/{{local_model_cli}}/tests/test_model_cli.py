"""The model, loaded through the project's handler, predicts without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.checks.http.reference import Reference

CLI = Path(__file__).with_name("model_cli.py")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CLI, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@pytest.fixture
def request_file(tmp_path: Path, expected: Reference) -> Path:
    """A request with the rows whose predictions are known."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"instances": expected.rows.tolist()}))
    return file


def test_it_predicts_what_the_model_predicts(request_file: Path, expected: Reference) -> None:
    done = run("--file", request_file)

    assert done.returncode == 0, done.stderr
    assert expected.difference(json.loads(done.stdout)["predictions"], expected.predictions) == ""


def test_it_answers_in_the_accepted_type(request_file: Path, expected: Reference) -> None:
    done = run("--file", request_file, "--accept", "text/csv")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(expected.rows)


def test_a_row_with_a_column_too_many_is_refused(tmp_path: Path, expected: Reference) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps([np.append(expected.rows[0], 1).tolist()]))

    done = run("--file", file)

    assert done.returncode == 1
    assert str(expected.rows.shape[-1]) in done.stderr


def test_a_folder_without_a_model_is_refused(tmp_path: Path, request_file: Path) -> None:
    done = run("--file", request_file, "--model", tmp_path / "nothing")

    assert done.returncode == 1
    assert "no model" in done.stderr
