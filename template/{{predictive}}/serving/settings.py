"""Settings of the server, read once from the environment (the names and defaults are listed in the README)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingError(Exception):
    """A variable of the environment that can't be used; the text is one line for whoever set it."""


@dataclass(frozen=True)
class Settings:
    """What can be set from outside; every field is filled by `from_environment`."""

    model_dir: Path  # SM_MODEL_DIR: where SageMaker mounts the model, read-only
    port: int  # SAGEMAKER_BIND_TO_PORT
    workers: int  # SERVING_WORKERS: processes, each with the model; default one per usable CPU
    batching: bool  # SERVING_BATCHING: predict waiting requests together
    batch_rows: int  # SERVING_BATCH_ROWS: rows of one batch at most
    max_waiting: int  # SERVING_MAX_WAITING: requests that wait in one process; more are answered with 429
    max_body_mb: int  # SERVING_MAX_BODY_MB: MiB; SageMaker sends at most 25
    request_timeout: int  # SERVING_REQUEST_TIMEOUT: seconds; SageMaker gives up after 60
    stop_timeout: int  # SERVING_STOP_TIMEOUT: seconds for requests in flight; SageMaker kills after 30
    output: str | None  # SERVING_OUTPUT: what the model answers if a request doesn't choose; default the handler's
    access_log: bool  # SERVING_ACCESS_LOG: one line for each request
    log_level: str  # SERVING_LOG_LEVEL
    run_dir: Path = field(default=Path("/tmp"))  # SERVING_RUN_DIR: sockets and scratch files, set by `serve`

    def worker_socket(self, slot: int) -> Path:
        """Where nginx reaches one of the workers: each has a socket of its own, so that nginx knows who is busy."""
        return self.run_dir / f"worker-{slot}.sock"

    @property
    def example(self) -> Path:
        """The owner's request that is answered once before the server is ready, if it exists."""
        return Path(__file__).parents[1] / "example_request.json"

    @property
    def deadline(self) -> Path:
        """Where `serve` writes when all requests must be finished, once it stops: seconds of the monotonic clock."""
        return self.run_dir / "deadline"

    def cut_by(self, pid: int) -> Path:
        """Where a worker writes how many requests it could not finish before the deadline."""
        return self.run_dir / f"cut-{pid}"

    @property
    def boot_failure(self) -> Path:
        """Where the first worker that can't start leaves its reason."""
        return self.run_dir / "boot-failure"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment asks for. Raises SettingError for a value that makes no sense."""
    read = _Reader(environment)
    return Settings(
        model_dir=Path(environment.get("SM_MODEL_DIR") or "/opt/ml/model"),
        port=read.integer("SAGEMAKER_BIND_TO_PORT", 8080, least=1, most=65535),
        workers=read.integer("SERVING_WORKERS", usable_cpus()),
        batching=read.boolean("SERVING_BATCHING", True),
        batch_rows=read.integer("SERVING_BATCH_ROWS", 256),
        max_waiting=read.integer("SERVING_MAX_WAITING", 250),
        max_body_mb=read.integer("SERVING_MAX_BODY_MB", 25),
        request_timeout=read.integer("SERVING_REQUEST_TIMEOUT", 60),
        stop_timeout=read.integer("SERVING_STOP_TIMEOUT", 25),
        output=read.name("SERVING_OUTPUT"),
        access_log=read.boolean("SERVING_ACCESS_LOG", True),
        log_level=read.choice("SERVING_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        run_dir=Path(environment.get("SERVING_RUN_DIR") or "/tmp"),
    )


def usable_cpus() -> int:
    """CPUs that this container may use: its affinity and its cgroup limit, not the host's count; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _cgroup_cpus())))


def _cgroup_cpus() -> float:
    """The limit that `docker run --cpus` sets (cgroup version 2, then 1); infinite if there is none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        period_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 else math.inf
    except (OSError, ValueError):
        return math.inf


class _Reader:
    """Turns variables into values; an empty variable counts as unset."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def integer(self, name: str, default: int, least: int = 1, most: int = 1_000_000) -> int:
        text = self.environment.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise SettingError(f"{name}={text!r} is not a whole number from {least} to {most}")
        return int(text)

    def name(self, name: str) -> str | None:
        text = self.environment.get(name) or None
        if text and not (text.isidentifier() and text.isascii() and not text.startswith("_")):
            raise SettingError(f"{name}={text!r} is not the name of a method, such as predict_proba")
        return text

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, "true" if default else "false", ("true", "false")) == "true"

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = (self.environment.get(name) or default).lower()
        if text not in choices:
            raise SettingError(f"{name}={text!r} is not one of {', '.join(choices)}")
        return text
