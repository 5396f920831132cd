"""Starts the image here, as do/run and do/test --image need it, and tells why where it doesn't serve."""

from __future__ import annotations

import time
from pathlib import Path

from lib.cli import ExitCode, VerbError
from lib.image.containers import SERVER_PORT, Container
from lib.local import server as local_server
from lib.model import artifacts
from lib.target import capacity

MODEL_PLACE = "/opt/ml/model"
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")


def memory(limit: str | None = None) -> list[str]:
    """The given limit, else the memory that there is in AWS, without swap as there."""
    limit = limit or f"{capacity.machine().memory_mib}m"
    return ["--memory", limit, "--memory-swap", limit]


def mount(model_dir: Path) -> list[str]:
    """Mount a model as SageMaker does, read-only. Raises VerbError if there is none."""
    artifacts.require(model_dir.resolve())
    return ["--volume", f"{model_dir.resolve()}:{MODEL_PLACE}:ro"]


def wait_until_ready(container: Container, seconds: float | None = None, port: int = SERVER_PORT) -> bool:
    """Whether the server answers /ping before the container ends or the time is over."""
    deadline = time.monotonic() + (seconds or local_server.start_seconds())
    url = ""
    while time.monotonic() < deadline:
        state = container.state()
        if not state or not state.running:
            return False
        url = url or container.url(port)
        if local_server.is_ready(url):
            return True
        time.sleep(0.05)
    return False


def failure(container: Container) -> VerbError:
    """The error for a container that does not serve: why, with its exit code where that means the same in verbs."""
    state = container.state()
    output = container.output()
    if "exec format error" in output:
        return container.engine.failure("", output)
    if state and state.out_of_memory:
        return VerbError("the container ran out of memory: give it more with --memory", ExitCode.FAILED)
    code = state.exit_code if state and not state.running else None
    how = "no 200 from /ping in time" if code is None else f"exit code {code}"
    meaning = ExitCode(code) if code and code in [*ExitCode] else ExitCode.FAILED
    return VerbError(f"the container doesn't serve ({how}): {first_error(output)}", meaning)


def first_error(output: str) -> str:
    """The log's first error, which is the cause of the others; its last line if there is none."""
    lines = [local_server.message_of(line) for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    return (errors or lines[-1:] or ["it wrote nothing"])[0]
