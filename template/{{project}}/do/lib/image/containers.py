"""Containers of this project's image: starting, watching, reading and removing them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib import config
from lib.cli import ROOT
from lib.image.container_engine import ContainerEngine

LABEL = f"do.folder={ROOT}"  # on what is started here, to tell it from another copy's of the project
SERVER_PORT = 8080  # inside; AWS's own default
STOP_SECONDS = 30  # SageMaker's own patience between SIGTERM and SIGKILL
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class State:
    """Whether a container runs, and how it ended where it doesn't."""

    running: bool
    exit_code: int
    out_of_memory: bool


@dataclass(frozen=True)
class Container:
    """A container by its name or id."""

    engine: ContainerEngine
    name: str

    def state(self) -> State | None:
        """How it is; None if there is no such container."""
        found = self.engine.inspect("container", self.name)
        if not found:
            return None
        state = found["State"]
        return State(state["Running"], state["ExitCode"], state["OOMKilled"])

    def url(self, port: int = SERVER_PORT) -> str:
        """Where its port is reached from here. Raises VerbError where it isn't published."""
        return f"http://{self.engine.run('port', self.name, f'{port}/tcp').splitlines()[0]}"

    def output(self) -> str:
        """All that it has written, on standard output and standard error."""
        done = self.engine.attempt("logs", self.name)
        return done.stdout + done.stderr

    def memory(self) -> int:
        """The bytes of memory that it uses, without the files that the kernel could drop."""
        used = self.engine.run("stats", "--no-stream", "--format", "{{.MemUsage}}", self.name).split("/")[0]
        number, unit = re.fullmatch(r"([\d.]+)\s*(\w+)", used.strip()).groups()  # type: ignore[union-attr]
        return int(float(number) * UNITS[unit])

    def stop(self) -> None:
        """Ask it to end, as SageMaker does, and kill it when that takes too long."""
        self.engine.run("stop", "-t", str(STOP_SECONDS), self.name)

    def remove(self) -> None:
        """End and remove it, where it is still there."""
        self.engine.attempt("rm", "--force", "--volumes", self.name)


def start(engine: ContainerEngine, image: str, *options: str, command: tuple[str, ...] = ("serve",)) -> Container:
    """Start a container in the background. Raises VerbError when the engine can't."""
    done = engine.attempt("run", "--detach", "--label", LABEL, *options, image, *command)
    if done.returncode:
        # one that could be made but not started stays behind
        if identity := done.stdout.strip():
            Container(engine, identity).remove()
        raise engine.failure(f"{engine.name} run", done.stderr)
    return Container(engine, done.stdout.strip())


def of_do_run(engine: ContainerEngine) -> Container:
    """The container that do/run starts; there is one at a time."""
    return Container(engine, config.load()["PROJECT_NAME"])


def started_here(engine: ContainerEngine) -> list[Container]:
    """Every container that verbs of this project started, running or not."""
    names = engine.run("ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Names}}").split()
    return [Container(engine, name) for name in names]
