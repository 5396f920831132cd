"""Train the sample model of the new project with its own verb, do/train. Run in the project."""

from __future__ import annotations

import subprocess
import sys

from report import not_done


def main() -> int:
    """Run do/train, which says itself what it sets up and what it made."""
    code = subprocess.run([sys.executable, "do/train"], check=False).returncode
    return not_done("training the sample model", f"do/train ended with exit code {code}", "do/train") if code else 0


if __name__ == "__main__":
    sys.exit(main())
