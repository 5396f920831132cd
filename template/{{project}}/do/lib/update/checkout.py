"""The git checkout that this project is in."""

from __future__ import annotations

import subprocess

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
            f"{_some(edited)} is not committed: type git add --all && git commit, or git stash --include-untracked",
            ExitCode.MISSING_PREREQUISITE,
        )


def changes() -> list[str]:
    """The files that differ from the last commit, new ones too. Raises VerbError outside of a repository."""
    return [line[3:] for line in git("status", "--porcelain", "--untracked-files=all", "--", ".")]


def conflicts() -> list[str]:
    """The files in which a merge left a conflict, and those that hold what could not be applied (.rej)."""
    unmerged = git("diff", "--name-only", "--diff-filter=U", "--relative")
    return [*unmerged, *git("ls-files", "--others", "--exclude-standard", "--", "*.rej")]


def git(*arguments: str) -> list[str]:
    """The lines that git prints. Raises VerbError where it fails."""
    command = ["git", "-c", "core.quotePath=false", *arguments]
    log.debug("%s", " ".join(command))
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        raise VerbError("git is not here: install it", ExitCode.MISSING_PREREQUISITE) from None
    if "not a git repository" in done.stderr:
        raise VerbError(f"the project is in no git repository: type {FIRST_COMMIT}", ExitCode.MISSING_PREREQUISITE)
    if done.returncode:
        raise VerbError(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}", ExitCode.FAILED)
    return done.stdout.splitlines()


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
