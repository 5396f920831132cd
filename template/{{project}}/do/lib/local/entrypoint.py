"""The container's entrypoint, run here by do/serve."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from lib import cli, programs
from lib.cli import ROOT, ExitCode, VerbError, log, say
from lib.local import server as local_server
from lib.programs import Process

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def require_free(port: int) -> None:
    """Raise VerbError when another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that just stopped doesn't count
        try:
            probe.bind(("", port))
        except OverflowError:
            raise VerbError(f"{port} is not a port", ExitCode.BAD_CONFIGURATION) from None
        except OSError as error:
            raise VerbError(
                f"can't listen on port {port} ({error.strerror}): stop the other process, "
                f"or run {cli.verb_name()} --port {port + 1}",
                ExitCode.MISSING_PREREQUISITE,
            ) from None


class Server:
    """The container's entrypoint, run here."""

    def __init__(self, python: Path, port: int, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.command = [str(python), str(ROOT / "serving" / "serve")]
        self.environment = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), **environment}
        self.process: Process | None = None
        self.stopping = False

    def run(self, beside: AbstractContextManager[object]) -> int:
        """Run until the server ends, and `beside` as long; ctrl-C and the like make it end in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.stop)
        log.debug("%s", shlex.join(self.command))
        # a session of its own, so that ctrl-C reaches it through us alone
        self.process = programs.start(
            self.command, env=self.environment, cwd=ROOT, start_new_session=True, preexec_fn=stop_with_parent
        )
        if self.stopping:
            self.process.terminate()
        with beside:  # after the server has been started: threads don't go well with a fork
            self.announce(self.process)
            code = self.process.wait()
        if code and not self.stopping:
            say(f"{cli.verb_name()}: the server exited with code {code}: see its log above")
        return code if code in [*ExitCode] else ExitCode.FAILED

    def stop(self, number: int, frame: object) -> None:
        """Signal handler: pass the wish on."""
        self.stopping = True
        if self.process:
            self.process.terminate()

    def announce(self, process: Process) -> None:
        """Say when the server is ready."""
        while process.poll() is None and not self.stopping:
            if local_server.is_ready(self.url):
                return say(f"ready at {self.url}: run do/test or do/invoke in another terminal; ctrl-C stops")
            time.sleep(0.1)


def stop_with_parent() -> None:
    """In the new server: be asked to stop when do/serve dies, even by a signal that it can't pass on."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
