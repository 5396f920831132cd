"""The template that this project was made from, by way of copier. Needs do/.venv-update."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from lib.cli import ROOT, ExitCode, VerbError, log
from lib.update import checkout

ANSWERS_FILE = ROOT / ".copier-answers.yml"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Versions(NamedTuple):
    """The template's version that this project was made from, and its newest release."""

    current: str
    newest: str
    differ: bool


def answers() -> dict[str, Any]:
    """What copier keeps of the project. Raises VerbError where it can't be read."""
    try:
        kept = yaml.safe_load(ANSWERS_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VerbError(
            f"{ANSWERS_FILE.name} is missing: type git checkout {ANSWERS_FILE.name}", ExitCode.MISSING_FILE
        ) from None
    except yaml.YAMLError as error:
        raise VerbError(
            f"{ANSWERS_FILE.name} is no YAML: {' '.join(str(error).split())}; type git checkout {ANSWERS_FILE.name}",
            ExitCode.BAD_CONFIGURATION,
        ) from None
    if not isinstance(kept, dict) or not {"_src_path", "_commit"} <= kept.keys():
        raise VerbError(
            f"{ANSWERS_FILE.name} doesn't say which template it is from: it lacks _src_path or _commit",
            ExitCode.BAD_CONFIGURATION,
        )
    return kept


def source() -> str:
    """Where the template is, as it was given when the project was made."""
    return str(answers()["_src_path"])


def versions() -> Versions:
    """Ask the template's repository for its newest release. Raises VerbError where it can't be reached."""
    found = json.loads(_copier("check-update", "--output-format", "json"))
    return Versions(found["current_version"], found["latest_version"], found["update_available"])


def update(data: Sequence[str], keep_version: bool) -> None:
    """Run copier update with these answers changed. Raises VerbError where it ends half-way."""
    # The recorded template is trusted: its code made this project. The working tree is clean, so what is recorded
    # has been committed.
    options = ["--trust", "--defaults", "--quiet", *(["--vcs-ref", ":current:"] if keep_version else [])]
    try:
        _copier("update", *options, *(f"--data={answer}" for answer in data))
    except VerbError as error:
        if checkout.changes():
            raise VerbError(
                f"{error}; the project is half updated: git reset --hard && git clean --force -d puts it back",
                error.exit_code,
            ) from None
        raise


def _copier(*arguments: str) -> str:
    """What copier prints. Raises VerbError with the last line of its errors."""
    command = [sys.executable, "-m", "copier", *arguments]
    log.debug("%s", " ".join(command))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    errors = [line.strip() for line in COLOUR.sub("", done.stderr).splitlines() if line.strip()]
    for line in errors:
        log.debug("%s", line)
    if done.returncode:
        raise VerbError(f"copier {arguments[0]} failed: {(errors or ['it said nothing'])[-1]}", ExitCode.FAILED)
    return done.stdout
