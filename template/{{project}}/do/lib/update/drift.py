"""What an update can't see to by itself: edited answers, files that git ignores, files that the owner moved or deleted.

Needs do/.venv-update.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from lib.cli import ROOT, ExitCode, VerbError
from lib.update import checkout, template

DIGEST = re.compile(r"^# The project was rendered with the answers of this digest: (\w{64})$", re.MULTILINE)
RECORD = template.ANSWERS_FILE.name


def require_rendered_answers() -> None:
    """Raise VerbError if .copier-answers.yml was edited by hand: the files would stay as the old answers made them."""
    answers = _answers_only(template.answers())
    digest = DIGEST.search(template.ANSWERS_FILE.read_text(encoding="utf-8"))
    if not digest or digest[1] == _digest(answers):
        return
    commit, before = _last_rendered(digest[1])
    if commit is None:
        raise VerbError(f"{RECORD} was edited by hand: restore it from your history", ExitCode.BAD_CONFIGURATION)
    edited = [name for name in {**before, **answers} if before.get(name) != answers.get(name)]
    changes = " ".join(f"--data {name}={answers[name]}" for name in sorted(edited) if name in answers)
    raise VerbError(
        f"{RECORD} was edited by hand ({', '.join(sorted(edited))}), which changes no other file: run git checkout "
        f"{commit} -- {RECORD} && git commit --message 'Restore the answers' && do/update --keep-version {changes}",
        ExitCode.BAD_CONFIGURATION,
    )


def require_unignored(rendered: Mapping[str, bytes]) -> None:
    """Raise VerbError if git ignores files of the template: an update would delete or reset them without a trace."""
    if names := checkout.ignored(rendered):
        raise VerbError(
            f"git ignores {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}, which an update would delete "
            f"or reset: run git check-ignore --no-index --verbose {names[0]} to see the rule, except these files from "
            "it (a line !NAME in the .gitignore of the project), and commit them",
            ExitCode.MISSING_PREREQUISITE,
        )


def missing(rendered: Mapping[str, bytes]) -> list[str]:
    """The files of the template that the owner moved or deleted."""
    return [name for name in rendered if not (ROOT / name).exists()]


def missed(names: list[str], before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """A line for each of these files that the template has changed meanwhile, with where the owner moved it."""
    moved = checkout.renames()
    return [
        f"{name} (you moved it to {moved[name]})" if name in moved else f"{name} (you deleted it)"
        for name in names
        if name in after and after[name] != before[name]
    ]


def _last_rendered(digest: str) -> tuple[str | None, Mapping[str, Any]]:
    """The newest commit whose answers have this digest, and those answers."""
    for commit in checkout.git("log", "--format=%h", "--", RECORD):
        try:
            answers = yaml.safe_load("\n".join(checkout.git("show", f"{commit}:./{RECORD}")))
        except (yaml.YAMLError, VerbError):
            continue
        if isinstance(answers, dict) and _digest(answers) == digest:
            return commit, _answers_only(answers)
    return None, {}


def _digest(answers: Mapping[str, Any]) -> str:
    """The digest that the template writes: extensions/answers_digest.py there."""
    return hashlib.sha256(json.dumps(_answers_only(answers), sort_keys=True).encode()).hexdigest()


def _answers_only(answers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer for name, answer in answers.items() if not name.startswith("_") and name != template.POLICY}
