"""Train the sample model of the new project with its own verb, do/train. Run in the project."""

from __future__ import annotations

import subprocess
import sys

from report import not_done

# Copier ends with the interrupt, so the task after this one doesn't run either.
FINISH = 'do/train && git init && git add --all && git commit --message "Generate the project"'


def main() -> int:
    """Run do/train, which says itself what it sets up and what it made."""
    try:
        code = subprocess.run([sys.executable, "do/train"], check=False).returncode
    except KeyboardInterrupt:
        not_done("training the sample model and the first git commit", "interrupted", FINISH)
        return 0
    return not_done("training the sample model", f"do/train ended with exit code {code}", "do/train") if code else 0


if __name__ == "__main__":
    sys.exit(main())
