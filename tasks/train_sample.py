"""Train the new project's sample model with its own command, do/train. Run in the project."""

from __future__ import annotations

import subprocess
import sys

from report import not_done

# Copier ends with the interrupt, so the task after this one doesn't run either.
FINISH = 'do/train && git init && git add --all && git commit --message "Generate the project"'


def main() -> int:
    """Run do/train, which reports its own progress."""
    try:
        # not plumbum, which would leave it running after ctrl-C
        code = subprocess.run([sys.executable, "do/train"], check=False).returncode
    except KeyboardInterrupt:
        not_done("training the sample model and the first git commit", "interrupted", FINISH)
        return 0
    return not_done("training the sample model", f"do/train ended with exit code {code}", "do/train") if code else 0


if __name__ == "__main__":
    sys.exit(main())
