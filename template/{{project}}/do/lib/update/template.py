"""The template that this project was made from, by way of copier. Needs do/.venv-update."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lib import programs
from lib.cli import ROOT, ExitCode, VerbError, log
from lib.update import checkout

ANSWERS_FILE = ROOT / ".copier-answers.yml"
POLICY = "policy_applied"  # stands beside the answers, and is none
COLOR = re.compile(r"\x1b\[[0-9;]*m")


# how git and ssh begin the line with the cause
CAUSE = re.compile(r"(fatal|error|ERROR|remote|ssh|Host key verification failed|\S+: Permission denied)\b")


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
            f"{ANSWERS_FILE.name} is missing: run git checkout {ANSWERS_FILE.name}", ExitCode.MISSING_FILE
        ) from None
    except yaml.YAMLError as error:
        raise VerbError(
            f"{ANSWERS_FILE.name} is not valid YAML: {' '.join(str(error).split())}; "
            f"run git checkout {ANSWERS_FILE.name}",
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
    """Ask the template's repository for its newest release. Raises VerbError if it can't be reached."""
    try:
        found = json.loads(_copier("check-update", "--output-format", "json"))
    except VerbError as error:
        raise VerbError(
            f"can't get the newest version of {source()}: {error}; check it with git ls-remote {source()}",
            ExitCode.MISSING_PREREQUISITE,
        ) from None
    return Versions(found["current_version"], found["latest_version"], found["update_available"])


def current() -> str:
    """The recorded version of the template, as releases are written: 1.2.0 for the tag v1.2.0."""
    return str(answers()["_commit"]).removeprefix("v")


def rendered() -> dict[str, bytes]:
    """What the recorded version of the template makes of the recorded answers: each file's content by its path."""
    import copier

    asked = {name: answer for name, answer in answers().items() if not name.startswith("_") and name != POLICY}
    with tempfile.TemporaryDirectory(prefix="do-update-") as scratch:
        folder = Path(scratch, "project")
        copier.run_copy(
            source(),
            folder,
            asked,
            vcs_ref=answers()["_commit"],
            defaults=True,
            quiet=True,
            unsafe=True,
            skip_tasks=True,
        )
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
                f"{error}; the project is half updated: run git reset --hard && git clean --force -d to restore it",
                error.exit_code,
            ) from None
        raise


def _copier(*arguments: str) -> str:
    """What copier prints. Raises VerbError with the lines of its errors that say why."""
    command = [sys.executable, "-m", "copier", *arguments]
    log.debug("%s", " ".join(command))
    done = programs.attempt(command, cwd=ROOT)
    errors = [line.strip() for line in COLOR.sub("", done.stderr).splitlines() if line.strip()]
    for line in errors:
        log.debug("%s", line)
    if done.returncode:
        raise VerbError(f"copier {arguments[0]} failed: {reason(errors)}", ExitCode.FAILED)
    return done.stdout


def reason(errors: Sequence[str]) -> str:
    """The lines that say why, of what copier printed: those in which git or ssh says what is wrong, else the last."""
    said = [line.removeprefix("Stderr: |").strip().removeprefix("|").strip() for line in errors]
    causes = [line for line in said if CAUSE.match(line)]
    return "; ".join(dict.fromkeys(causes)) or (said or ["it said nothing"])[-1]
