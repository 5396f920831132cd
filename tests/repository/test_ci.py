"""The script that CI runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).resolve().parents[2] / ".ci/run"


def test_it_pleases_shellcheck() -> None:
    shellcheck = str(Path(sys.executable).with_name("shellcheck"))

    assert subprocess.run([shellcheck, str(RUN)], capture_output=True, text=True).stdout == ""


def test_it_checks_the_form_and_then_calls_the_test_command_of_the_readme() -> None:
    commands = [line for line in RUN.read_text().splitlines() if line.startswith("make ")]

    assert os.access(RUN, os.X_OK)
    assert commands[:2] == ["make lint", "make test"]
