"""The git checkout that this project is in."""

from __future__ import annotations

from collections.abc import Iterable

from lib import programs
from lib.cli import ROOT, ExitCode, VerbError, log

FIRST_COMMIT = 'git init && git add --all && git commit --message "Generate the project"'


def require_clean() -> None:
    """Raise VerbError unless everything is committed and no conflict is left of an earlier update."""
    edited = changes()
    if left := conflicts():
        raise VerbError(
            f"{_some(left)} has conflicts of an earlier update: resolve them, then git add --all && git commit",
            ExitCode.FAILED,
        )
    if edited:
        raise VerbError(
            f"{_some(edited)} is not committed: run git add --all && git commit, or git stash --include-untracked",
            ExitCode.MISSING_PREREQUISITE,
        )


def changes() -> list[str]:
    """The files that differ from the last commit, new ones too. Raises VerbError outside of a repository."""
    return [line[3:] for line in git("status", "--porcelain", "--untracked-files=all", "--", ".")]


def conflicts() -> list[str]:
    """The files in which a merge left a conflict, and those that hold what could not be applied (.rej)."""
    unmerged = git("diff", "--name-only", "--diff-filter=U", "--relative")
    return [*unmerged, *git("ls-files", "--others", "--exclude-standard", "--", "*.rej")]


def ignored(names: Iterable[str]) -> list[str]:
    """Those of the files that a rule tells git to ignore, in the project or outside of it, whether committed or not."""
    listed = "\n".join(names)
    return git("check-ignore", "--no-index", "--stdin", given=listed, also_good=1)  # 1: it ignores none


def renames() -> dict[str, str]:
    """Where files of the project were moved to, by their old paths, as far as git recognizes it."""
    lines = git("log", "--find-renames", "--diff-filter=R", "--name-status", "--format=", "--relative", "--", ".")
    return {old: new for _, old, new in (line.split("\t") for line in reversed(lines) if line)}


def git(*arguments: str, given: str | None = None, also_good: int = 0) -> list[str]:
    """The lines that git prints. Raises VerbError if it fails: with another exit code than 0 and `also_good`."""
    command = ["git", "-c", "core.quotePath=false", *arguments]
    log.debug("%s", " ".join(command))
    done = programs.attempt(command, cwd=ROOT, stdin=given)
    if "not a git repository" in done.stderr:
        raise VerbError(f"the project is not in a git repository: run {FIRST_COMMIT}", ExitCode.MISSING_PREREQUISITE)
    if done.returncode not in (0, also_good):
        raise VerbError(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}", ExitCode.FAILED)
    return done.stdout.splitlines()


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
