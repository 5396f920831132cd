"""`make demo`: from this checkout to a prediction - a project with its sample model, its server and the server's check.

It types what a user would type, into build/demo. The server is stopped at the end.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plumbum import RETCODE, local
from plumbum.commands.base import BaseCommand
from plumbum.machines.base import PopenWithAddons

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "build" / "demo"
START_SECONDS = 600  # the first start installs the server's packages
RENDER = "copier copy --quiet --trust --defaults --vcs-ref=HEAD --data=git_init=false . build/demo"

NEXT = f"""

That is the whole way. Next, look around in it:

    cd {PROJECT.relative_to(ROOT)}
    less README.md
    do/serve          # and in a second terminal: do/invoke

or make a project for a model of your own: README.md of this repository has the line."""


class StepFailed(Exception):
    """A step of the demo did not end well."""

    def __init__(self, command: str, code: int | None) -> None:
        super().__init__(f"{command} {'took too long' if code is None else f'ended with {code}'}")


def main() -> int:
    """0 when every step went well, else 1."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PORT"] = str(free_port())
    shutil.rmtree(PROJECT, ignore_errors=True)
    try:
        step("A project from the template, and its sample model", RENDER, ROOT, environment)
        with server(PROJECT, environment):
            step("The contract suite", "do/test", PROJECT, environment)
            step("Predictions: the age of five abalones, in rings", "do/invoke", PROJECT, environment)
    except StepFailed as failed:
        print(f"\nmake demo: {failed}", file=sys.stderr)
        return 1
    print(NEXT)
    return 0


def step(title: str, command: str, folder: Path, environment: dict[str, str]) -> None:
    """Say what comes and what is typed for it, and run it. Raises StepFailed."""
    print(f"\n== {title}\n$ {command}", flush=True)
    if code := shell(command, folder, environment) & RETCODE(FG=True):
        raise StepFailed(command, code)


def shell(command: str, folder: Path, environment: dict[str, str]) -> BaseCommand:
    """A command as a terminal in the folder runs it, in one process."""
    return local["sh"].with_cwd(folder).with_env(**environment)["-c", f"exec {command}"]


@contextmanager
def server(project: Path, environment: dict[str, str], command: str = "do/serve") -> Iterator[None]:
    """do/serve in the background, ready. Raises StepFailed when it ends instead."""
    file = project / "server.log"
    print(f"\n== The server, in the background (its log: {file.relative_to(ROOT)})\n$ {command}", flush=True)
    with file.open("wb") as log:
        process = shell(command, project, environment).popen(stdin=None, stdout=log, stderr=None)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{environment['PORT']}/ping")
        yield
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(process: PopenWithAddons[str], url: str) -> None:
    """Return when the server answers. Raises StepFailed when it ends, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise StepFailed("do/serve", process.poll())


def free_port() -> int:
    """A port on which nothing listens, for a machine where 8080 is taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
