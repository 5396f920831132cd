"""Compile the new project's requirements.txt for its model: `lock.py "PACKAGE==VERSION --model"`, see do/lock."""

from __future__ import annotations

import sys

from plumbum import RETCODE, local
from report import not_done


def main(arguments: str) -> int:
    """Run do/lock, which reports its own progress."""
    code = local[sys.executable][("do/lock", *arguments.split())] & RETCODE(FG=True)
    why = f"do/lock ended with exit code {code}"
    return not_done("compiling requirements.txt", why, f"do/lock {arguments}") if code else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
