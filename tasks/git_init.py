"""Make the new project a git repository with a first commit, which `copier update` needs. Run in the project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from plumbum import CommandNotFound, local
from report import not_done, say

# For the first commit if git knows no user, as on a build machine.
IDENTITY = ["-c", "user.name=mcc-template", "-c", "user.email=mcc-template@localhost"]

# Without the user's hooks and signature, which may prompt.
COMMIT = ["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message=Generate the project from mcc-template"]

BY_HAND = 'git init && git add --all && git commit --message "Generate the project"'


def main() -> int:
    """Initialize and commit, unless the project is inside a repository already."""
    try:
        outer = git("rev-parse", "--show-toplevel")
        if outer.returncode == 0:
            say(f"The project is inside the git repository {outer.stdout.strip()}: commit it there.")
            return tell_ignored()
        return first_commit()
    except CommandNotFound:
        return not_done("the first git commit", "git is not installed", BY_HAND)


def first_commit() -> int:
    """Commit everything that .gitignore doesn't name."""
    identity = [] if git("var", "GIT_COMMITTER_IDENT").returncode == 0 else IDENTITY
    if identity:
        say("git knows no user.name and user.email here, so the first commit is by mcc-template.")
    for step in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], [*identity, *COMMIT]):
        result = git(*step)
        if result.returncode != 0:
            return not_done("the first git commit", result.stderr, BY_HAND)
    return tell_ignored()


def tell_ignored() -> int:
    """Name the files that a rule outside the project keeps out of git: an update could lose them."""
    listed = git("ls-files", "--others", "--ignored", "--exclude-standard", "--directory").stdout
    rules = git("check-ignore", "--verbose", "--stdin", given=listed).stdout.splitlines()
    outside = [path for rule, path in (line.split("\t", 1) for line in rules) if not is_own(rule)]
    if outside:
        command = f"git check-ignore --verbose {outside[0]}"
        not_done(f"committing {', '.join(outside)}", "a rule outside of the project makes git ignore it", command)
    return 0


def is_own(rule: str) -> bool:
    """Whether a rule, as `git check-ignore --verbose` shows it, stands in a .gitignore of the project."""
    prefix = git("rev-parse", "--show-prefix").stdout.strip()
    return rule.startswith(prefix) and rule.partition(":")[0].endswith(".gitignore") and not Path(rule).is_absolute()


class Done(NamedTuple):
    """How a command of git ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def git(*arguments: str, given: str = "") -> Done:
    """Run git in the project, however it ends; `given` is what it reads."""
    return Done(*(local["git"][arguments] << given).run(retcode=None))


if __name__ == "__main__":
    sys.exit(main())
