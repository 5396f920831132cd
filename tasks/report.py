"""What a task says when it can't do its work.

Copier deletes a new project, with all that was rendered, when a task ends with anything but 0. No task is worth that:
the project is complete without, and the user can do the same by hand. So a task that fails says in one line what
failed, why, and what to type, and ends with 0. Who needs the exit code, in a pipeline for example, turns the task off
by its answer (train_sample=false, git_init=false) and runs the same command as a step of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path


def not_done(what: str, why: str, command: str) -> int:
    """Print the line, with the command to type in the project, and return the exit code."""
    reason = " ".join(why.split())
    say(f"NOT DONE: {what}: {reason}. The project is complete without; next: cd {Path.cwd()} && {command}")
    return 0


def say(line: str) -> None:
    """Print a line beside those of Copier."""
    print(line, file=sys.stderr, flush=True)
