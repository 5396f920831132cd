"""Really rendered projects with a trained sample, and their servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.rendering import copy_project

START_SECONDS = 60

Project = Callable[..., Path]


@pytest.fixture(scope="session")
def project(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A trained project for some answers, made once. Projects with the same requirements share their environment."""
    projects: dict[str, Path] = {}
    environments: dict[bytes, Path] = {}

    def make(**answers: Any) -> Path:
        key = repr(sorted(answers.items()))
        if key not in projects:
            path = copy_project(render(**answers), tmp_path_factory.mktemp("served") / "project")
            for environment, requirements in ((".venv", "requirements.txt"), ("do/.venv", "do/requirements.txt")):
                wanted = (path / requirements).read_bytes()
                if wanted in environments:
                    (path / environment).symlink_to(environments[wanted])
                environments.setdefault(wanted, path / environment)
            run(path, "do/train")
            projects[key] = path
        return projects[key]

    return make


def run(project: Path, *command: str, expect: int = 0) -> str:
    """The output of a verb, which must end with the exit code `expect`."""
    # uv, which is in this environment, makes others in half the time that pip takes
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}"}
    finished = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, timeout=600, env=environment
    )
    assert finished.returncode == expect, finished.stdout + finished.stderr
    return finished.stdout


@dataclass
class Server:
    """A server under test, started as its container starts it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def post(self, rows: Any, **options: Any) -> httpx.Response:
        """Ask for predictions."""
        return self.client.post(f"{self.url}/invocations", json={"instances": rows}, **options)

    def ping(self) -> int:
        """The status of /ping; 0 where nothing listens."""
        try:
            return self.client.get(f"{self.url}/ping").status_code
        except httpx.TransportError:
            return 0

    def await_ping(self, status: int = 200) -> None:
        """Wait until /ping has this status."""
        deadline = time.monotonic() + START_SECONDS
        while self.ping() != status:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def part(self, name: str) -> psutil.Process:
        """The first process below `serve` whose command line has this word."""
        family = psutil.Process(self.process.pid).children(recursive=False)
        return next(process for process in family if any(name in word for word in process.cmdline()))

    def workers(self) -> list[psutil.Process]:
        """The processes that hold the model."""
        return self.part("gunicorn").children()

    def stop(self) -> int:
        """Ask it to end, as SageMaker does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def log_lines(self) -> list[dict[str, Any]]:
        """What it has written."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def serving(project: Path, log: Path, ready: bool = True, **environment: str) -> Iterator[Server]:
    """The project's server on a free port, with two workers where nothing else is asked."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"SM_MODEL_DIR": str(project / "model"), "SAGEMAKER_BIND_TO_PORT": str(port), "SERVING_WORKERS": "2"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(project / ".venv/bin/python"), "serving/serve", "serve"],
            cwd=project,
            env=os.environ | settings | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        if ready:
            server.await_ping()
        yield server
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()
        server.client.close()


@pytest.fixture
def with_handler(project: Project, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a scikit-learn project whose owner has written this handler."""

    def make(model_server: str, body: str) -> Path:
        original = project(framework="sklearn", model_format="joblib", model_server=model_server)
        copy = tmp_path / "own"
        shutil.copytree(original, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
        (copy / ".venv").symlink_to((original / ".venv").resolve())
        handler = copy / "serving/model_handler.py"
        handler.write_text(
            "import os, time\nimport numpy as np\nfrom serving.errors import BadRequest\n"
            f"from serving.handlers.sklearn import SklearnHandler\n\n\nclass ModelHandler(SklearnHandler):\n{body}\n"
        )
        return copy

    return make
