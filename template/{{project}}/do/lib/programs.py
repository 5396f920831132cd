"""Runs local programs, such as git, docker and uv; nothing else here uses subprocess. Standard library only."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.cli import ExitCode, VerbError

Done = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]

DEVNULL = subprocess.DEVNULL
PIPE = subprocess.PIPE
TimeoutExpired = subprocess.TimeoutExpired


def attempt(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    merge_errors: bool = False,
) -> Done:
    """Run a program, however it ends, and keep what it prints. Raises VerbError if there is no such program."""
    errors = subprocess.STDOUT if merge_errors else PIPE
    try:
        return subprocess.run(
            command, input=stdin, stdout=PIPE, stderr=errors, cwd=cwd, env=env, text=True, errors="replace"
        )
    except FileNotFoundError as error:
        raise _missing(command, error) from None


def show(command: Sequence[str]) -> int:
    """Run a program that prints to the terminal; its exit code. Raises VerbError if there is no such program."""
    try:
        return subprocess.run(command).returncode
    except FileNotFoundError as error:
        raise _missing(command, error) from None


def start(command: Sequence[str], *, output: Any = None, **options: Any) -> Process:
    """Start a program; `output` gets all that it prints. Raises VerbError if there is no such program."""
    errors = None if output is None else subprocess.STDOUT
    try:
        return subprocess.Popen(command, stdout=output, stderr=errors, text=True, errors="replace", **options)
    except FileNotFoundError as error:
        raise _missing(command, error) from None


def _missing(command: Sequence[str], error: FileNotFoundError) -> Exception:
    """The error for a program that isn't there; the given one if what is missing is the folder to run it in."""
    if error.filename != command[0]:
        return error
    return VerbError(f"{command[0]} is not installed: install it", ExitCode.MISSING_PREREQUISITE)
