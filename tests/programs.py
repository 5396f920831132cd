"""Local programs that tests run.

Tests start what they test by subprocess, with exactly the environment that they say: plumbum only adds variables to the
environment that it found when it was imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from plumbum import local

IDENTITY = ("-c", "user.name=owner", "-c", "user.email=owner@localhost")
TOOLS = Path(sys.executable).parent
UV = TOOLS / "uv"


class Done(NamedTuple):
    """How a program ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def git(folder: Path, *arguments: str) -> str:
    """What git prints there, as somebody whose name git knows. Raises plumbum's error if it fails."""
    return local["git"].with_cwd(folder)[IDENTITY][arguments]()


def uv(*arguments: str | Path) -> None:
    """Run the uv of the tests' environment. Raises plumbum's error if it fails."""
    local[str(UV)]["--quiet"][arguments]()


def tool(name: str, *arguments: object, folder: Path | None = None, given: str = "", **environment: str) -> Done:
    """Run a tool of the tests' environment there, however it ends; `given` is what it reads."""
    command = local[str(TOOLS / name)].with_cwd(folder).with_env(**environment)[arguments]
    return Done(*(command << given).run(retcode=None))


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            child.kill()
    process.kill()
    process.wait()


def bound_by_modes() -> list[str]:
    """What a command begins with so that files' modes bind it, as they bind everybody but root."""
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
