"""Starts do/serve for a test and stops it."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import config, programs
from lib.cli import ROOT, ExitCode, VerbError
from lib.programs import Process

START_SECONDS = {"predictive": 120, "generative": 3600}  # SageMaker itself waits an hour at most
STOP_SECONDS = 35  # a little more than the server's own limit


@contextmanager
def running(model_dir: Path | None) -> Iterator[str]:
    """The URL of a server on a free port, ready to answer. Raises VerbError when it does not start."""
    port = free_port()
    command = [sys.executable, str(ROOT / "do" / "serve"), "--port", str(port)]
    if model_dir:
        command += ["--model", str(model_dir)]
    with tempfile.TemporaryFile() as output:
        server = programs.start(command, output=output, stdin=programs.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            if not wait_until_ready(url, server):
                output.seek(0)
                raise VerbError(
                    f"the server did not start ({ended(server)}): "
                    f"{last_words(output.read().decode(errors='replace'))} (run do/serve to see everything)",
                    ExitCode.FAILED,
                )
            yield url
        finally:
            stop(server)


def start_seconds() -> int:
    """How long a server of this project may take to start."""
    return START_SECONDS[config.load()["MODEL_KIND"]]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url: str, server: Process) -> bool:
    """Whether the server answers /ping before it ends or its time to start is over."""
    deadline = time.monotonic() + start_seconds()
    while server.poll() is None and time.monotonic() < deadline:
        if is_ready(url):
            return True
        time.sleep(0.1)
    return False


def ended(server: Process) -> str:
    """How a server that isn't ready came to be so."""
    code = server.poll()
    return f"no answer in {start_seconds()} s" if code is None else f"exit code {code}"


def is_ready(url: str) -> bool:
    """Whether /ping answers 200. No proxy of the environment is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/ping", timeout=2) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


def stop(server: Process) -> None:
    """Stop a server gracefully, and by force where that takes too long."""
    if server.poll() is None:
        server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except programs.TimeoutExpired:
        server.kill()
        server.wait()


def last_words(output: str) -> str:
    """The last line of a log that tells of an error, without its JSON."""
    lines = [message_of(line) for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]


def message_of(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['level']}: {entry['message']}"
    except (ValueError, KeyError, TypeError):
        return line.strip()
