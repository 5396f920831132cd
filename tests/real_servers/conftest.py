"""Really rendered projects with a trained sample, and their servers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.programs import UV, kill_family, uv
from tests.rendering import copy_project, once, shared_folder

START_SECONDS = 60
STAMP = "requirements.sha256"  # see lib.local.environment
INDEX = "--extra-index-url"
# where pip looks for wheels as well: a machine that can't reach such an index may have them there
WHEELS = os.environ.get("PIP_FIND_LINKS")

Project = Callable[..., Path]


# sets up do/.venv, as the first verb that needs it does
SET_UP_VERBS = "import sys; sys.path[0] = 'do'; from lib.local import environment; environment.verbs_python()"
# the names of folders that are complete, see tests/rendering.py
COMPLETE = "[0-9a-f]" * 16
# the project that is made first: the environments of all others are copies of those that are there
BASE = {"framework": "sklearn", "model_format": "joblib", "model_server": "fastapi"}


@pytest.fixture(scope="session")
def project(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A trained project for some answers, made once for all workers. BASE sets up its environments as owners' do."""
    folder = shared_folder(tmp_path_factory) / "trained"

    def make(**answers: Any) -> Path:
        key = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
        if answers != BASE:
            make(**BASE)

        def train(target: Path) -> None:
            path = copy_project(render(**answers), target / "project")
            if answers == BASE:
                run(path, "-c", SET_UP_VERBS)
            for name in (".venv", "do/.venv") if answers != BASE else ():
                copy_environment([*folder.glob(f"{COMPLETE}/project/{name}")], path / name)
            run(path, "do/train", PYTHONDONTWRITEBYTECODE="")

        return once(folder / key, train) / "project"

    return make


def copy_environment(made: list[Path], target: Path) -> None:
    """An environment with exactly a project's requirements, from the most similar of those that were made.

    The files are hard links, and the bytecode of packages that both have comes along.
    """
    requirements = target.with_name("requirements.txt")
    wanted = requirements.read_text().splitlines()
    known = {path: path.with_name("requirements.txt").read_text().splitlines() for path in made}
    similar = max(known, key=lambda path: len({*known[path]} & {*wanted}))
    shutil.copytree(similar, target, symlinks=True, copy_function=os.link)
    (target / STAMP).unlink()  # don't write into the other's
    if known[similar] != wanted:
        options = ["--require-hashes", "--python", str(target / "bin/python")]
        options += ["--find-links", WHEELS] if WHEELS else []
        # of PyTorch's thousands of modules few are imported: the training writes their bytecode
        options += [] if any(line.startswith(INDEX) for line in wanted) else ["--compile-bytecode"]
        # the hashes are those of the project, wherever the wheels come from
        here = target.with_name("requirements-here.txt")
        here.write_text("".join(f"{line}\n" for line in wanted if not (WHEELS and line.startswith(INDEX))))
        uv("pip", "sync", *options, here)
        here.unlink()
    (target / STAMP).write_text(hashlib.sha256(requirements.read_bytes()).hexdigest() + "\n")


def run(project: Path, *command: str, expect: int = 0, **variables: str) -> str:
    """The output of a verb, which must end with the exit code `expect`."""
    # uv, which is in this environment, makes others in half the time that pip takes
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:{UV.parent}"} | variables
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

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

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

    def await_workers(self, count: int) -> None:
        """Wait until so many processes are there: /ping is 200 as soon as the first of them serves."""
        deadline = time.monotonic() + START_SECONDS
        while len(self.workers()) < count:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask it to end, as SageMaker does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def log_lines(self) -> list[dict[str, Any]]:
        """What it has written."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def serving(
    project: Path, log: Path, ready: bool = True, before: Sequence[str] = (), **environment: str
) -> Iterator[Server]:
    """The project's server on a free port, with two workers where nothing else is asked; `before` it in the command."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = {"SM_MODEL_DIR": str(project / "model"), "SAGEMAKER_BIND_TO_PORT": str(port), "SERVING_WORKERS": "2"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*before, str(project / ".venv/bin/python"), "serving/serve", "serve"],
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
        kill_family(process)
        server.client.close()


@pytest.fixture(scope="session")
def shared_server(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of a scikit-learn project with a web application, which all tests share that don't harm it."""
    servers: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(model_server: str) -> Server:
            if model_server not in servers:
                path = project(framework="sklearn", model_format="joblib", model_server=model_server)
                folder = tmp_path_factory.mktemp("shared")
                odd = folder / ODD_FOLDER
                odd.mkdir()
                servers[model_server] = stack.enter_context(serving(path, folder / "log", TMPDIR=str(odd)))
            return servers[model_server]

        yield start


@pytest.fixture(params=["flask", "fastapi"])
def server(request: pytest.FixtureRequest, shared_server: Callable[[str], Server]) -> Server:
    """The shared server of each web application."""
    return shared_server(request.param)


# where the shared servers have their sockets: nginx's configuration has to quote it
ODD_FOLDER = 'a "b"; $c {é'

# A handler that needs no framework: what a server does whatever its model is, it shows in a third of the time.
PLAIN_HANDLER = """import os, time
import numpy as np
from serving.codecs import RowFormat
from serving.errors import BadRequest
from serving.handlers.base import Handler


class SumHandler(Handler):
    def load(self, model_dir):
        return np.sum

    def describe(self, model):
        return RowFormat((8,))

    def predict(self, model, rows):
        return model(rows, axis=1)


class ModelHandler(SumHandler):
"""


@pytest.fixture
def with_handler(project: Project, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a project whose owner has written this into the class of the handler, which else adds numbers up."""

    def make(model_server: str, body: str = "    pass") -> Path:
        original = project(framework="sklearn", model_format="joblib", model_server=model_server)
        copy = tmp_path / "own"
        shutil.copytree(original, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
        (copy / ".venv").symlink_to(original / ".venv")
        (copy / "serving/model_handler.py").write_text(f"{PLAIN_HANDLER}{body}\n")
        return copy

    return make
