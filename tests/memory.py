"""Keeps the files of a run in memory: half a million come and go, which on a disk costs a fifth of the CPU time.

Where there is too little memory, or TMPDIR says where files go, they go there. After a run that passed nothing is kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

FOLDER = Path("/dev/shm")  # where Linux has a file system in memory
NEEDED = 12 * 2**30  # bytes: twice what a whole run takes


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make this the folder of all temporary files, also of what the tests start; workers take it over from here.

    A run without workers is a part, or that of images, whose Docker engine may not see this folder.
    """
    if config.getoption("numprocesses", None) and "TMPDIR" not in os.environ and has_room(FOLDER):
        os.environ["TMPDIR"] = tempfile.tempdir = str(FOLDER)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Give the memory back, once all workers have ended."""
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    in_memory = factory.getbasetemp().is_relative_to(FOLDER)
    if in_memory and exitstatus == pytest.ExitCode.OK and "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(factory.getbasetemp(), ignore_errors=True)


def has_room(folder: Path) -> bool:
    """Whether the files of a run fit in there, and programs can be run from there."""
    if not folder.is_dir():
        return False
    system = os.statvfs(folder)
    free = min(system.f_bavail * system.f_frsize, psutil.virtual_memory().available)
    return free >= NEEDED and not system.f_flag & os.ST_NOEXEC
