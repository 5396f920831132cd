"""Starts the servers under test, and reads what they cost from /proc."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import copier
import httpx
import orjson
import psutil
from plumbum import FG, local

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 300
SERVERS = {"FastAPI": "fastapi", "Flask": "flask"}  # the web applications, by the name that tables show


@dataclass
class Server:
    """A running server: where it listens, how long its first 200 took, and its processes."""

    name: str
    url: str
    process: psutil.Process
    first_ping_seconds: float
    path: str = "/invocations"
    body: Path | None = None  # what it is sent, if that is not what the generated servers are sent
    predictions: Callable[[Any], Any] | None = itemgetter("predictions")  # of an answer; None if it makes none

    def family(self) -> list[psutil.Process]:
        """The server's processes."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """CPU time that its processes have used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.family())

    def memory_mib(self) -> float:
        """Memory of its processes; pages that they share are counted once (PSS)."""
        return sum(process.memory_full_info().pss for process in self.family()) / 2**20


@dataclass
class Project:
    """A rendered project with its trained model and its environment."""

    path: Path

    @property
    def python(self) -> Path:
        """The interpreter of the project's serving environment."""
        return self.path / ".venv/bin/python"

    @property
    def model_file(self) -> Path:
        """The trained artifact."""
        return next(path for path in (self.path / "model").iterdir() if not path.name.startswith("."))


def make_project(model: str, server: str, scratch: Path) -> Project:
    """A project from this template with a trained sample, the same model for every server."""
    path = scratch / server
    answers = {"framework": model, "model_server": server, "project_name": f"bench-{server}", "git_init": False}
    copier.run_copy(str(ROOT), path, data=answers, defaults=True, unsafe=True, quiet=True, vcs_ref="HEAD")
    if not any((path / "model").glob("model*")):
        local[sys.executable].with_cwd(path)["do/train"] & FG
    return Project(path)


def write_request(project: Project, rows: int, scratch: Path) -> Path:
    """A request of so many rows, from the sample data."""
    sample = json.loads((project.path / "sample_model/request.json").read_text())["instances"]
    body = scratch / "request.json"
    body.write_bytes(orjson.dumps({"instances": [sample[number % len(sample)] for number in range(rows)]}))
    return body


@contextmanager
def generated(name: str, project: Project) -> Iterator[Server]:
    """The project's own stack, nginx included, with its defaults."""
    port = free_port()
    environment = {"SM_MODEL_DIR": str(project.path / "model"), "SAGEMAKER_BIND_TO_PORT": str(port)}
    with running(name, port, [str(project.python), "serving/serve"], project.path, environment) as server:
        yield server


@contextmanager
def reference(name: str, model: str, project: Project, environment: dict[str, str]) -> Iterator[Server]:
    """Flask behind gunicorn's sync workers, one per CPU, on the same model and packages."""
    port = free_port()
    command = [str(project.python), "-m", "gunicorn", "--workers", str(os.cpu_count()), "--keep-alive", "75"]
    command += ["--bind", f"127.0.0.1:{port}", "bench.reference.app:create_application()"]
    settings = {"BENCH_MODEL": model, "BENCH_MODEL_FILE": str(project.model_file), "PYTHONPATH": str(ROOT)}
    with running(name, port, command, ROOT, settings | environment) as server:
        yield server


@contextmanager
def running(
    name: str,
    port: int,
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    ready: str = "/ping",
    **how: Any,
) -> Iterator[Server]:
    """A server that is started, and stopped in the end; `how` are fields of Server."""
    began = time.monotonic()
    program = local[command[0]].with_cwd(folder).with_env(**environment)
    started: Any = program.popen(command[1:], stdin=None, stdout=DEVNULL, stderr=DEVNULL)
    with started as process:
        try:
            _await_ping(name, f"http://127.0.0.1:{port}{ready}", process)
            seconds = time.monotonic() - began
            yield Server(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid), seconds, **how)
        finally:
            process.send_signal(signal.SIGTERM)


def _await_ping(name: str, url: str, process: Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    sys.exit(f"bench: {name} did not start; run it by hand to see why")


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
