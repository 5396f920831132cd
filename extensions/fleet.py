"""Update many projects at once, each on a branch of its own: `python -m extensions.fleet PROJECT...`. For maintainers.

Each project is a checkout on this machine. The update runs in a git worktree beside it, so the checkout stays as it
is: its files, its branch, what its owner is at. What comes of it is one commit on the branch `template-update`; an
update with conflicts leaves nothing behind. docs/fleet.md says how to go on.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, TimeoutExpired
from typing import Any, ClassVar

import yaml
from plumbum import CommandNotFound, local

BRANCH = "template-update"
ANSWERS_FILE = ".copier-answers.yml"

UPDATED, UNCHANGED = "updated", "unchanged"
CONFLICTS, TESTS_FAILED, DIRTY, FAILED = "conflicts", "tests failed", "dirty", "failed"
TIMED_OUT, INTERRUPTED = "timed out", "interrupted"

COLUMNS = ("project", "result", "from", "to", "seconds", "detail")


@dataclass(frozen=True)
class Outcome:
    """What became of a project: one of the results above, and the line that explains it."""

    result: str
    detail: str


@dataclass(frozen=True)
class Row:
    """A line of the table. Versions are as the projects record them; seconds are those of the project alone."""

    project: str
    result: str
    before: str
    after: str
    seconds: float
    detail: str


class NotUpdated(Exception):
    """Ends the update of one project; its outcome says why."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = Outcome(result, detail)


def main(arguments: Sequence[str] | None = None) -> int:
    """Update the projects and print the table. Exit code 1 where one is neither updated nor up to date."""
    parser = argparse.ArgumentParser(prog="python -m extensions.fleet", description=__doc__)
    parser.add_argument("projects", nargs="*", type=Path, help="checkouts of projects")
    parser.add_argument("--list", type=Path, metavar="FILE", help="a file with more of them, one a line")
    parser.add_argument("--test", metavar="COMMAND", help="run in each updated project; it must end with 0")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="for one project and its test")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="projects at the same time")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--trust", action="store_true", help="let the template run its code, as copier's --trust does")
    parser.add_argument("--data", action="append", default=[], metavar="QUESTION=ANSWER", help="change an answer, too")
    options = parser.parse_args(arguments)
    projects = [*options.projects, *(listed(options.list, parser) if options.list else [])]
    if not projects:
        parser.error("name a project, or a --list of them")

    copier = ["update", "--defaults", "--quiet", *(["--trust"] if options.trust else [])]
    copier += [argument for answer in options.data for argument in ("--data", answer)]
    rows = []
    try:
        for row in update_all(projects, copier, options.test, options.jobs, options.timeout):
            rows.append(row)
            print(f"{len(rows)} of {len(projects)}: {row.project} {row.result} {row.detail}".rstrip(), file=sys.stderr)
    except KeyboardInterrupt:
        done = {row.project for row in rows}
        rows += [Row(str(project), INTERRUPTED, "", "", 0, "") for project in projects if str(project) not in done]
    rows.sort(key=lambda row: [str(project) for project in projects].index(row.project))
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else table(rows))
    return 0 if {row.result for row in rows} <= {UPDATED, UNCHANGED} else 1


def listed(file: Path, parser: argparse.ArgumentParser) -> list[Path]:
    """The projects that a file lists; lines that begin with # are comments."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        parser.error(f"--list {file}: {error.strerror}")
    return [Path(line.strip()).expanduser() for line in lines if line.strip() and not line.startswith("#")]


def update_all(
    projects: Iterable[Path], copier: list[str], test: str | None, jobs: int, timeout: float
) -> Iterator[Row]:
    """Update so many projects at the same time; the rows come as projects are done. Interrupted, it ends the rest."""
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        started = [pool.submit(update, project, copier, test, timeout) for project in projects]
        yield from (future.result() for future in as_completed(started))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        Commands.end_all()
        raise
    finally:
        pool.shutdown()


def update(project: Path, copier: list[str], test: str | None, timeout: float) -> Row:
    """Update one project, whatever state it is in, within a time limit in seconds."""
    start = time.monotonic()
    before = after = ""
    try:
        before = version(project)
        require_clean(project)
        with worktree(project) as copy:
            outcome = update_copy(copy, copier, test, start + timeout)
            after = version(copy)
    except NotUpdated as refused:
        outcome = refused.outcome
    seconds = round(time.monotonic() - start, 1)
    return Row(str(project), outcome.result, before, after or before, seconds, outcome.detail)


def version(project: Path) -> str:
    """The version of the template that a project records. Raises NotUpdated if there is no project."""
    try:
        recorded = yaml.safe_load((project / ANSWERS_FILE).read_text(encoding="utf-8"))
        return str(recorded["_commit"])
    except OSError as error:
        raise NotUpdated(FAILED, f"{ANSWERS_FILE}: {error.strerror}") from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise NotUpdated(FAILED, f"{ANSWERS_FILE} names no version of a template") from error


def require_clean(project: Path) -> None:
    """Raise NotUpdated where something is not committed, or where an earlier update waits for its owner."""
    if git(project, "status", "--porcelain", "--", "."):
        raise NotUpdated(DIRTY, "left alone: it has changes that are not committed")
    if git(project, "branch", "--list", branch_of(project)):
        raise NotUpdated(FAILED, f"the branch {branch_of(project)} is there: merge or delete it first")


def branch_of(project: Path) -> str:
    """The branch for the update; a project in a folder of a repository has its own."""
    folder = git(project, "rev-parse", "--show-prefix").rstrip("/")
    return f"{BRANCH}-{folder.replace('/', '-')}" if folder else BRANCH


@contextmanager
def worktree(project: Path) -> Iterator[Path]:
    """The project in a worktree with the new branch checked out. The branch stays if there is a commit on it."""
    branch, head = branch_of(project), git(project, "rev-parse", "HEAD")
    with tempfile.TemporaryDirectory(prefix="fleet-") as scratch:
        folder = Path(scratch, "copy")
        git(project, "worktree", "add", "--quiet", "-b", branch, str(folder))
        try:
            yield folder / git(project, "rev-parse", "--show-prefix")
        finally:
            git(project, "worktree", "remove", "--force", str(folder))
            if git(project, "rev-parse", branch) == head:
                git(project, "branch", "--quiet", "--delete", "--force", branch)


def update_copy(copy: Path, copier: list[str], test: str | None, deadline: float) -> Outcome:
    """Update the project in a worktree, commit what changed and test it. Raises NotUpdated."""
    before = version(copy)
    done = run([sys.executable, "-m", "copier", *copier], copy, deadline)
    if done.returncode:
        raise NotUpdated(FAILED, last_line(done.stderr) or f"copier ended with {done.returncode}")
    if conflicted := git(copy, "diff", "--name-only", "--diff-filter=U").splitlines():
        raise NotUpdated(CONFLICTS, f"{', '.join(conflicted)}: update this one by hand")
    git(copy, "add", "--all", ".")
    if not git(copy, "diff", "--cached", "--name-only"):
        return Outcome(UNCHANGED, "")
    git(copy, "commit", "--quiet", "--no-verify", "--message", f"Update from the template: {before} to {version(copy)}")
    branch = git(copy, "branch", "--show-current")
    if test and (code := run(shlex.split(test), copy, deadline).returncode):
        return Outcome(TESTS_FAILED, f"on the branch {branch}: {test} ended with {code}")
    return Outcome(UPDATED, f"on the branch {branch}")


def git(folder: Path, *arguments: str) -> str:
    """What git prints. Raises NotUpdated where it fails."""
    done = run(["git", *arguments], folder)
    if done.returncode:
        raise NotUpdated(FAILED, f"git {arguments[0]}: {last_line(done.stderr)}")
    return done.stdout.rstrip("\n")


class Commands:
    """The commands that run for projects now, each with a process group of its own."""

    running: ClassVar[set[int]] = set()
    ended = False

    @classmethod
    def end_all(cls) -> None:
        """End them, and let no further one begin."""
        cls.ended = True
        for group in list(cls.running):
            end(group)


def run(command: list[str], folder: Path, deadline: float | None = None) -> CompletedProcess[str]:
    """Run a command there. Raises NotUpdated if there is no such command, or it still runs at the deadline."""
    seconds = None if deadline is None else max(deadline - time.monotonic(), 0)
    started = start(command, folder)
    with started:
        Commands.running.add(started.pid)
        try:
            if Commands.ended and deadline is not None:
                end(started.pid)
            out, errors = started.communicate(timeout=seconds)
        except TimeoutExpired:
            end(started.pid)
            raise NotUpdated(
                TIMED_OUT, f"{shlex.join(command)[-60:]} had not ended; --timeout gives it longer"
            ) from None
        finally:
            Commands.running.discard(started.pid)
    return CompletedProcess(command, started.returncode, out, errors)


def start(command: list[str], folder: Path) -> Any:
    """Start a command there, in a process group of its own. Raises NotUpdated if there is no such command."""
    name, *arguments = command
    try:
        program = local[str(folder / name) if "/" in name else name].with_cwd(folder)
        return program.popen(arguments, stdin=DEVNULL, text=True, new_session=True)
    except CommandNotFound as error:
        raise NotUpdated(FAILED, f"{name}: {os.strerror(errno.ENOENT)}") from error
    except OSError as error:
        raise NotUpdated(FAILED, f"{name}: {error.strerror}") from error


def end(group: int) -> None:
    """End a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def last_line(text: str) -> str:
    """The line of an error that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def table(rows: Sequence[Row]) -> str:
    """The rows below headings, in columns, and how often there is which result."""
    cells = [
        COLUMNS,
        *((row.project, row.result, row.before, row.after, f"{row.seconds:.1f}", row.detail) for row in rows),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    counts = Counter(row.result for row in rows)
    return "\n".join([*lines, "", ", ".join(f"{count} {result}" for result, count in counts.most_common())])


if __name__ == "__main__":
    sys.exit(main())
