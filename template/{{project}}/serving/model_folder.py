"""What is in the model's folder, and what of it this process may not read. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


class Unreadable(Exception):
    """The folder can't be read; the text is one line for the owner."""


def visible(folder: Path) -> list[Path]:
    """Everything in a folder but hidden files; nothing if there is no such folder. Raises Unreadable."""
    try:
        paths = sorted(folder.iterdir())  # Path.glob finds nothing where it may not look
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise Unreadable(explained(folder)) from None
    return [path for path in paths if not path.name.startswith(".")]


def unreadable(folder: Path) -> str:
    """The first file or folder inside that can't be read, and what to run; empty if there is none."""
    refused: list[OSError] = []
    for parent, _, files in os.walk(folder, onerror=refused.append):
        for path in (Path(parent, name) for name in sorted(files)):
            if not os.access(path, os.R_OK):
                return explained(path)
    return explained(refused[0].filename) if refused else ""


def explained(path: object) -> str:
    """One line for a file or folder that can't be read. A container has another user than who made the model."""
    return (
        f"user {os.geteuid()} may not read {path}: where the model comes from, run chmod -R a+rX on its folder, "
        "and build or upload it again"
    )
