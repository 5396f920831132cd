"""What is in the model's folder, and what of it this process may not read. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


class Unreadable(Exception):
    """The folder can't be read; the text is one line for the owner."""


def visible(folder: Path) -> list[Path]:
    """Everything in a folder but hidden files; nothing if there is no such folder. Raises Unreadable."""
    try:
        names = os.listdir(folder)  # Path.glob finds nothing where it may not look
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise Unreadable(explained(folder)) from None
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def unreadable(folder: Path) -> str:
    """The first file or folder inside that can't be read, and what to run; empty if there is none."""
    refused: list[str] = []
    for parent, _, files in os.walk(folder, onerror=lambda error: refused.append(error.filename)):
        refused += [path for name in sorted(files) if not os.access(path := os.path.join(parent, name), os.R_OK)]
        if refused:
            break
    return explained(refused[0]) if refused else ""


def explained(path: object) -> str:
    """One line for a file or folder that can't be read. A container has another user than who made the model."""
    return (
        f"user {os.geteuid()} may not read {path}: where the model comes from, run chmod -R a+rX on its folder, "
        "and build or upload it again"
    )
