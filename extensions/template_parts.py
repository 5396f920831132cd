"""What Copier needs of this repository: for maintainers and tests, which render the files as they are now."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATE_PARTS = ("copier.yml", "extensions", "migrations", "questions", "tasks", "template")


def copy_template(target: Path) -> None:
    """Put a template without git into a folder: nothing to clone for a render, and it has what isn't committed."""
    target.mkdir(parents=True, exist_ok=True)
    for part in TEMPLATE_PARTS:
        copy_part(ROOT / part, target / part)


def copy_part(source: Path, target: Path) -> None:
    """Copy a file, or a folder without the caches in it."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", ".venv", ".*_cache")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
