"""Make what builds the image of the new project in AWS, with its own verb. Run in the project."""

from __future__ import annotations

import subprocess
import sys

from report import not_done, say

COMMAND = ["do/submit", "--provision-only"]


def main() -> int:
    """Run the verb, and pass on the line with which it ends where it can't."""
    done = subprocess.run([sys.executable, *COMMAND], check=False, stderr=subprocess.PIPE, text=True)
    *lines, last = done.stderr.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
    for line in lines:
        say(line)
    if done.returncode:
        return not_done("making what builds the image in AWS", last.removeprefix("do/submit: "), " ".join(COMMAND))
    return 0


if __name__ == "__main__":
    sys.exit(main())
