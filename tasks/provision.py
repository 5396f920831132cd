"""Create what builds the new project's image in AWS, with its own command. Run in the project."""

from __future__ import annotations

import sys

from plumbum import local
from report import not_done, say

COMMAND = ["do/submit", "--provision-only"]


def main() -> int:
    """Run the command, and pass on its last line if it fails."""
    code, _, errors = local[sys.executable][COMMAND].run(retcode=None, stdin=None, stdout=None)
    *lines, last = errors.strip().splitlines() or [f"it ended with exit code {code}"]
    for line in lines:
        say(line)
    if code:
        return not_done("creating what builds the image in AWS", last.removeprefix("do/submit: "), " ".join(COMMAND))
    return 0


if __name__ == "__main__":
    sys.exit(main())
