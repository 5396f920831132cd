"""`make bench-fleet`: update many projects at once, check the table against what was prepared, and note the time.

The projects are rendered from the examples, of a release of the working tree; their owners did different things to
them. The next release improves one file of all projects. The numbers go into docs/fleet.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import copier
import yaml
from plumbum import FG, local

from extensions.fleet import CONFLICTS, DIRTY, TESTS_FAILED, UPDATED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/fleet.md"
GENERATED = re.compile(r"(?<=<!-- generated -->\n).*(?=<!-- end -->)", flags=re.DOTALL)
PARTS = ("copier.yml", "extensions", "migrations", "questions", "tasks", "template")

IMPROVED = "serving/nginx.conf"
HANDLER = "serving/model_handler.py"
TEST = f"{sys.executable} -m compileall -q serving"


def untouched(project: Path) -> None:
    """The owner has done nothing yet."""


def edited(project: Path) -> None:
    """The owner has edited what is the owner's, and added a file."""
    append(project / HANDLER, "\n    allow_missing = True\n")
    append(project / "README.md", "\nAsk the forecasting team.\n")
    (project / "notes.md").write_text("mine\n")


def conflicting(project: Path) -> None:
    """The owner has edited the line that the release improves."""
    prepend(project / IMPROVED, "# mine")


def failing(project: Path) -> None:
    """The owner's handler is no Python."""
    append(project / HANDLER, "\ndef broken(\n")


def dirty(project: Path) -> None:
    """The owner is in the middle of something: this is not committed."""
    append(project / HANDLER, "\n    allow_missing = True\n")


# of ten projects, what their owners did and what the fleet must say
TEN: list[tuple[Callable[[Path], None], str]] = [
    *[(untouched, UPDATED)] * 5,
    *[(edited, UPDATED)] * 2,
    (conflicting, CONFLICTS),
    (failing, TESTS_FAILED),
    (dirty, DIRTY),
]


def main() -> int:
    """Prepare, update, compare, and write the numbers down. Exit code 1 where the table is wrong."""
    parser = argparse.ArgumentParser(prog="make bench-fleet", description=__doc__)
    parser.add_argument("--projects", type=int, default=200)
    count = parser.parse_args().projects
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as scratch:
        folder = Path(scratch)
        template = make_template(folder / "mcc-template")
        with ProcessPoolExecutor() as pool:
            expected = dict(pool.map(make_project, [template] * count, [folder] * count, range(count)))
        prepend(template / "template/{{predictive}}" / IMPROVED, "# improved")
        release(template, "v1.1.0")
        start, cpu_start = time.monotonic(), cpu_seconds()
        rows = update(folder, sorted(expected))
        seconds, busy = time.monotonic() - start, cpu_seconds() - cpu_start

    found = {row["project"]: row["result"] for row in rows}
    for name in sorted(expected):
        if found[name] != expected[name]:
            print(f"{name}: {found[name]}, not {expected[name]}", file=sys.stderr)
    if found != expected:
        return 1
    PAGE.write_text(
        GENERATED.sub(lambda _: report(rows, seconds, busy), PAGE.read_text(encoding="utf-8")), encoding="utf-8"
    )
    print(report(rows, seconds, busy))
    return 0


def make_template(repository: Path) -> Path:
    """The working tree, released as v1.0.0."""
    for part in PARTS:
        (copy_folder if (ROOT / part).is_dir() else copy_file)(ROOT / part, repository / part)
    git(repository, "init", "--quiet")
    release(repository, "v1.0.0")
    return repository


def make_project(template: Path, folder: Path, number: int) -> tuple[str, str]:
    """A project from one of the examples, with what its owner did; its name and the result to expect."""
    examples = sorted((ROOT / "examples").glob("*.yml"))
    project = folder / f"project-{number:03}"
    answers = yaml.safe_load(examples[number % len(examples)].read_text()) | {"project_name": project.name}
    copier.run_copy(
        str(template), project, answers, vcs_ref="v1.0.0", defaults=True, quiet=True, unsafe=True, skip_tasks=True
    )
    git(project, "init", "--quiet")
    commit(project, "generated")
    edit, expected = TEN[number // len(examples) % len(TEN)]
    edit(project)
    if edit is not dirty:
        commit(project, "edits")
    return project.name, expected


def update(folder: Path, projects: list[str]) -> list[dict[str, Any]]:
    """The rows of the fleet command."""
    (folder / "fleet.txt").write_text("\n".join(projects))
    command = ["-m", "extensions.fleet", "--list", "fleet.txt", "--trust", "--json", "--test", TEST]
    python = local[sys.executable].with_cwd(folder).with_env(PYTHONPATH=str(ROOT))
    rows: list[dict[str, Any]] = json.loads(python[command].run(retcode=None, stderr=None)[1])
    return rows


def cpu_seconds() -> float:
    """The time that CPUs have been busy with the processes that this one started, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(rows: list[dict[str, Any]], seconds: float, busy: float) -> str:
    """The numbers as Markdown."""
    lines = ["| result | projects | seconds for one |", "| --- | --- | --- |"]
    for result, count in Counter(row["result"] for row in rows).most_common():
        taken = sorted(row["seconds"] for row in rows if row["result"] == result)
        lines.append(f"| {result} | {count} | {taken[len(taken) // 2]:.1f} |")
    whole = f"{len(rows)} projects took {seconds:.0f} s with {os.cpu_count()} jobs on {os.cpu_count()} CPUs"
    each = f"{seconds / len(rows):.1f} s for each, and {busy / len(rows):.1f} s of a CPU"
    return "\n".join([*lines, "", f"{whole}: {each}.", ""])


def append(file: Path, text: str) -> None:
    """Put a text at the end of a file."""
    file.write_text(file.read_text() + text)


def prepend(file: Path, line: str) -> None:
    """Put a line in front of a file."""
    file.write_text(f"{line}\n{file.read_text()}")


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without the caches in it."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".venv", ".*_cache"))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file into a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def release(repository: Path, tag: str) -> None:
    """Commit what is there, and tag it."""
    commit(repository, tag)
    git(repository, "tag", tag)


def commit(folder: Path, message: str) -> None:
    """Commit what is there."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def git(folder: Path, *arguments: str) -> None:
    """Run git there."""
    identity = ("-c", "user.name=owner", "-c", "user.email=owner@localhost")
    local["git"].with_cwd(folder)[identity][arguments] & FG


if __name__ == "__main__":
    sys.exit(main())
