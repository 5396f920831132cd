"""Environments that find the packages of the one the tests run in: nothing is installed."""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

FAST_COPIER = Path(__file__).with_name("fast_copier.py")


def make_environment(folder: Path) -> Path:
    """An environment in this folder, which must not exist."""
    venv.create(folder, with_pip=False)
    (_packages(folder) / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def make_environment_with_fast_copier(folder: Path, kept: Path) -> Path:
    """An environment whose Copier tests/fast_copier.py speeds up. `kept`: the folder of what it keeps."""
    make_environment(folder)
    # Python reads these files by their names: copier has to be found first
    (_packages(folder) / "zz_fast_copier.pth").write_text(
        f"import pathlib, runpy; runpy.run_path({str(FAST_COPIER)!r})['speed_up'](pathlib.Path({str(kept)!r}))\n"
    )
    return folder


def _packages(environment: Path) -> Path:
    return environment / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
