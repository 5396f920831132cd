"""What a task says if it fails.

If a task ends with anything but 0, Copier deletes the new project with everything that was rendered. No task is worth
that: the project is complete without it, and the user can do the same by hand. So a task that fails says in one line
what failed, why, and what to run, and ends with 0. If you need the exit code, as in a pipeline, switch the task off by
its answer (train_sample=false, git_init=false) and run the same command as a step of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path


def not_done(what: str, why: str, command: str) -> int:
    """Print the line, with the command to run in the project, and return the exit code."""
    reason = " ".join(why.split())
    say(f"NOT DONE: {what}: {reason}. The project is complete without; next: cd {Path.cwd()} && {command}")
    return 0


def say(line: str) -> None:
    """Print a line to standard error, as Copier does."""
    print(line, file=sys.stderr, flush=True)
