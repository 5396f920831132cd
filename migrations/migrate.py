"""Bring a project over a version that renamed something: `migrate.py VERSION STAGE FROM`, run by copier in the project.

migrations/VERSION.yml says what was renamed; CONTRIBUTING.md says how to write it. STAGE is `before` or `after` the
update, FROM the version of the template that the project had.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import copier
import yaml
from plumbum import local

TEMPLATE = Path(__file__).resolve().parents[1]
ANSWERS_FILE = Path(".copier-answers.yml")

Answers = dict[str, Any]


def main(version: str, stage: str, old_version: str) -> None:
    """Do the steps of one stage."""
    steps = yaml.safe_load((TEMPLATE / "migrations" / f"{version}.yml").read_text(encoding="utf-8"))
    if stage == "before":
        answers = yaml.safe_load(ANSWERS_FILE.read_text(encoding="utf-8"))
        ANSWERS_FILE.write_text(yaml.safe_dump(migrated(answers, steps)), encoding="utf-8")
    elif moves := steps.get("move_files"):
        move_files(moves, old_version)


def migrated(answers: Answers, steps: Mapping[str, Any]) -> Answers:
    """The answers with the values, and then the names, that the questions have now."""
    for question, values in steps.get("map_choices", {}).items():
        if question in answers:
            answers[question] = mapped(answers[question], values)
    names = steps.get("rename_answers", {})
    return {names.get(question, question): answer for question, answer in answers.items()}


def mapped(answer: Any, values: Mapping[Any, Any]) -> Any:
    """An answer, or each of a list, by the choice that took its place."""
    return [mapped(item, values) for item in answer] if isinstance(answer, list) else values.get(answer, answer)


def move_files(moves: Mapping[str, str], old_version: str) -> None:
    """Bring the owner's edits of each file to where copier has rendered it now; the old one is gone."""
    with tempfile.TemporaryDirectory(prefix="migration.old_copy.") as folder:
        render(Path(folder), old_version)
        for old, new in moves.items():
            base = Path(folder, old)
            if base.exists() and Path(new).exists():
                move_edits(base.read_bytes(), committed(old), Path(new))


def render(folder: Path, version: str) -> None:
    """The project as the template of that version made it."""
    answers = yaml.safe_load(committed(str(ANSWERS_FILE)) or b"")
    data = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    copier.run_copy(
        str(TEMPLATE), folder, data, vcs_ref=version, defaults=True, quiet=True, unsafe=True, skip_tasks=True
    )


def committed(file: str) -> bytes | None:
    """A file of the project as it was last committed; None where the owner had deleted it."""
    code, content = run_git("show", f"HEAD:./{file}")
    return None if code else content


def move_edits(base: bytes, edited: bytes | None, target: Path) -> None:
    """Merge what the owner made of `base` into the file that is at `target` now."""
    if edited is None:
        target.unlink()
    elif edited != base:
        rendered = target.read_bytes()
        if merge(target, base, edited):
            mark_conflict(target, base, rendered, edited)


def merge(target: Path, base: bytes, edited: bytes) -> bool:
    """Merge into the file; whether a conflict is left in it."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        before.write_bytes(base)
        after.write_bytes(edited)
        names = ("-L", "after updating", "-L", "last update", "-L", "before updating")
        code, _ = run_git("merge-file", *names, str(target), str(before), str(after))
    return code != 0


def mark_conflict(target: Path, base: bytes, rendered: bytes, edited: bytes) -> None:
    """Tell git of the conflict, as a merge does, so that nobody commits it unseen."""
    prefix = git("rev-parse", "--show-prefix").decode().strip()
    mode = "100755" if os.access(target, os.X_OK) else "100644"
    contents = enumerate((base, rendered, edited), start=1)
    stages = [f"{mode} {blob(content)} {stage}\t{prefix}{target}\n" for stage, content in contents]
    top = git("rev-parse", "--show-toplevel").decode().strip()
    git("-C", top, "update-index", "--index-info", stdin="".join(stages).encode())


def blob(content: bytes) -> str:
    """The name under which git keeps a content, which it does from now on."""
    return git("hash-object", "-w", "--stdin", stdin=content).decode().strip()


def git(*arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints. Raises RuntimeError if it fails."""
    code, output = run_git(*arguments, stdin=stdin)
    if code:
        raise RuntimeError(f"git {arguments[0]} ended with exit code {code}")
    return output


def run_git(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes]:
    """The exit code of git and what it prints, in bytes, because files may hold anything."""
    process: Any = (local["git"][arguments] << stdin).popen()
    output, _ = process.communicate()
    return process.returncode, output


if __name__ == "__main__":
    main(*sys.argv[1:])
