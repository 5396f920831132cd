"""Compile every `*.in` of this repository to a hashed `*.txt` beside it: `make requirements`.

Options go to `uv pip compile`: `--upgrade` takes the newest versions, without it the pinned versions
stay wherever they still fit. A lock that does not exist yet takes the versions that the same lock of other layers pins.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("requirements", "template", "tests/containers")
COMPILE = (
    "uv",
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version",
    "3.10",
    "--generate-hashes",
    "--no-header",
)


def sources() -> list[Path]:
    """Every requirements source of the repository: its own and the template's."""
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.in"))


def siblings(source: Path) -> list[Path]:
    """The locks of the same name in other layers, such as those of all frameworks behind one web application."""
    folder = source.parent
    return sorted(
        lock for lock in folder.parents[1].glob(f"*/{folder.name}/{source.stem}.txt") if lock.parent != folder
    )


def compile_one(source: Path, options: list[str]) -> None:
    """Write the hashed file beside `source`; run in its folder, so that no path of this machine is written."""
    target = source.with_suffix(".txt")
    print(target.relative_to(ROOT), flush=True)
    if not target.exists():  # then once more without constraints, which uv would name in comments
        run_uv(source, [option for lock in siblings(source) for option in ("--constraint", str(lock))])
    run_uv(source, options)


def run_uv(source: Path, options: list[str]) -> None:
    """Compile one file with these options of `uv pip compile`."""
    target = source.with_suffix(".txt")
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run([*COMPILE, *options, source.name, "-o", target.name], cwd=source.parent, env=environment, check=True)


if __name__ == "__main__":
    for source in sources():
        compile_one(source, sys.argv[1:])
