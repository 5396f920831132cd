"""The processes behind the entrypoint: their start, their output as JSON lines, and the end of all when one ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, NoReturn

KEPT_LINES = 400  # of a child's output, to tell why it ended


class StopRequested(Exception):
    """SIGTERM or ctrl-C arrived."""


@dataclass
class Child:
    """A process, the signal that asks it to end, and the last lines that it wrote."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


class Supervisor:
    """Runs children; they are stopped in the reverse order of their start."""

    def __init__(self, stop_timeout: int, secret: str = "") -> None:
        self.stop_timeout = stop_timeout  # seconds
        self.secret = secret  # a text that is kept out of the log
        self.children: list[Child] = []
        self.pumps: list[threading.Thread] = []

    def start(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # ctrl-C reaches this process alone, which stops them in order
        )
        child = Child(name, process, stop_signal)
        self.children.append(child)
        pump = threading.Thread(target=self.relay, args=(child,), daemon=True)
        pump.start()
        self.pumps.append(pump)

    def wait_for_any(self) -> Child:
        """The first child to end."""
        while True:
            for child in self.children:
                if child.process.poll() is not None:
                    return child
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask all to end, the last one started first, so that nothing new comes in while the engine finishes."""
        deadline = time.monotonic() + self.stop_timeout
        for child in reversed(self.children):
            end(child.process, child.stop_signal, deadline)
        for pump in self.pumps:
            pump.join(timeout=1)

    def relay(self, child: Child) -> None:
        """Pass on a child's output line by line, as JSON."""
        assert child.process.stdout
        for text in lines_of(child.process.stdout):
            shown = text.replace(self.secret, "***") if self.secret else text
            child.lines.append(shown)
            put(shown.encode() + b"\n" if shown.startswith('{"') else log_line("info", shown, child.name))


def end(process: subprocess.Popen[bytes], number: signal.Signals, deadline: float) -> None:
    """Ask a child to end, wait for it until the deadline, and leave none of its own children behind."""
    if process.poll() is None:
        process.send_signal(number)
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.1, deadline - time.monotonic()))
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop_on_signals() -> None:
    """Raise StopRequested when this process is asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)


def request_stop(number: int, frame: object) -> NoReturn:
    """Signal handler. Further signals are ignored: the first one already stops everything."""
    for repeated in (signal.SIGTERM, signal.SIGINT):
        signal.signal(repeated, signal.SIG_IGN)
    raise StopRequested


def lines_of(stream: IO[bytes]) -> Iterator[str]:
    """The lines of a child's output that say something; a progress bar is as many lines as it shows."""
    for line in stream:
        for part in line.decode(errors="replace").split("\r"):
            if text := part.rstrip():
                yield text


def log_line(level: str, message: str, source: str = "serve") -> bytes:
    """A log entry: one JSON object with the time in UTC."""
    milliseconds = time.time_ns() // 1_000_000
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"
    return json.dumps({"time": moment, "level": level, "source": source, "message": message}).encode() + b"\n"


def put(lines: bytes) -> None:
    """Write to standard output at once; threads write here too, a lock in the buffer keeps lines whole."""
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def write(level: str, message: str) -> None:
    """One log line of this process's own."""
    put(log_line(level, message))
