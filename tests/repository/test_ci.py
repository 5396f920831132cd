"""The script that CI runs."""

from __future__ import annotations

import os
from pathlib import Path

from tests.programs import tool

RUN = Path(__file__).resolve().parents[2] / ".ci/run"


def test_it_pleases_shellcheck() -> None:
    assert tool("shellcheck", RUN).stdout == ""


def test_it_checks_the_form_and_then_calls_the_test_command_of_the_readme() -> None:
    commands = [line for line in RUN.read_text().splitlines() if line.startswith("make ")]

    assert os.access(RUN, os.X_OK)
    assert commands[:2] == ["make lint", "make test"]
