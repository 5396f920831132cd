"""PID 1 of the container: starts its parts, writes their output as JSON lines, and ends all of them when one ends.

What the parts are, and their environment, is up to `serve`. Nothing here needs more than the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

KEPT_LINES = 400  # of a child's output, to tell why it ended
LEVEL = re.compile(r"\b(DEBUG|INFO|WARN|ERROR|CRITICAL|FATAL)(ING)?\b")
LEVELS = {"WARN": "warning", "CRITICAL": "error", "FATAL": "error"}  # those that have another name here
PING = re.compile(r'"(GET|POST) /(ping|health) HTTP/[\d.]+"? 200')  # uvicorn's line for one that is well
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
SOCKET_PATH_BYTES = 103  # of a socket's path: 107 on Linux (unix(7)), 103 on macOS (sys/un.h)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class NoRunFolder(Exception):
    """Nothing can be written anywhere; the text is one line for the owner."""


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

    def __init__(self, stop_timeout: float, secret: str = "") -> None:
        self.stop_timeout = stop_timeout  # seconds
        self.secret = secret.encode()  # kept out of the log
        self.children: list[Child] = []
        self.pumps: list[threading.Thread] = []

    def start(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a child. It gets `orphan_signal` if this process is killed, because nobody would stop it then."""
        with stop_deferred():
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # ctrl-C reaches this process alone, which stops them in order
                preexec_fn=functools.partial(end_with_parent, os.getpid(), orphan_signal),
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

    def stop(self) -> list[str]:
        """Ask all to end, the last one started first, so that nothing new comes in while the others finish.

        Returns the names of those that had to be killed.
        """
        ignore_stop_signals()  # one that arrives now must not leave a child behind
        deadline = time.monotonic() + self.stop_timeout
        killed = [
            child.name for child in reversed(self.children) if not end(child.process, child.stop_signal, deadline)
        ]
        for pump in self.pumps:
            pump.join(timeout=1)
        return killed

    def relay(self, child: Child) -> None:
        """Pass on a child's output as JSON, whole lines at a time."""
        assert child.process.stdout
        descriptor = child.process.stdout.fileno()
        rest = b""
        while chunk := os.read(descriptor, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            put(b"".join(self.entries(line, child) for line in lines))
        put(self.entries(rest, child))

    def entries(self, line: bytes, child: Child) -> bytes:
        """A line of output if it is JSON; anything else (a print, nginx's own errors) is wrapped."""
        if self.secret:
            line = line.replace(self.secret, b"***")
        if line.startswith(b'{"'):
            child.lines.append(line.decode(errors="replace"))
            return line + b"\n"
        return b"".join(wrapped(text, child) for text in texts(line))


def wrapped(text: str, child: Child) -> bytes:
    """The log entry of a child's line."""
    if "initgroups(root, 0) failed" in text:
        return b""  # nginx without capabilities, which serves all the same: it is root and stays so
    if PING.search(text):
        return b""  # one every few seconds would hide the rest
    if child.name == "nginx":
        text = re.sub(r"\?[^\s\"]*", "", text)  # what callers ask for may be private; nginx quotes it in its errors
    child.lines.append(text)
    return log_line("warning" if child.name == "nginx" else level_of(text), text, child.name)


def level_of(text: str) -> str:
    """The level that a line itself names near its beginning, such as `(APIServer pid=1) ERROR 11-22 ...`; else info."""
    found = LEVEL.search(text[:80])
    return LEVELS.get(found[1], found[1].lower()) if found else "info"


def texts(line: bytes) -> Iterator[str]:
    """What a line says; a progress bar is as many lines as it shows."""
    for part in line.decode(errors="replace").split("\r"):
        if text := part.rstrip():
            yield text


def end(process: subprocess.Popen[bytes], number: signal.Signals, deadline: float) -> bool:
    """Ask a child to end, and leave none of its own children behind. Whether it ended before the deadline."""
    if process.poll() is None:
        process.send_signal(number)
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.1, deadline - time.monotonic()))
    in_time = process.poll() is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return in_time


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """In a new child: receive this signal when the parent dies, however it does; and the signals it must receive."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died before
            os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextmanager
def stop_deferred() -> Iterator[None]:
    """A stop that is requested inside is acted upon at the end: a process must not be started and then forgotten."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def stop_on_signals() -> None:
    """Raise StopRequested when this process is asked to end."""
    for number in STOP_SIGNALS:
        signal.signal(number, request_stop)


def ignore_stop_signals() -> None:
    """Stop only once."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def request_stop(number: int, frame: object) -> NoReturn:
    """Signal handler. Further signals are ignored: the first one already stops everything."""
    ignore_stop_signals()
    raise StopRequested


@contextmanager
def run_folder() -> Iterator[Path]:
    """A new folder for sockets and scratch files, in TMPDIR where it can be. Raises NoRunFolder."""
    try:
        place = tempfile.gettempdir()
        if len(os.fsencode(place)) > SOCKET_PATH_BYTES - len("/serving-12345678/worker-1000.sock"):
            place = "/tmp"
        folder = tempfile.TemporaryDirectory(prefix="serving-", dir=place)
    except OSError as error:
        raise NoRunFolder(f"there is no folder for temporary files ({error}): name one in TMPDIR") from None
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise NoRunFolder(f"{place} is full ({error.strerror}): name another folder in TMPDIR") from None


def nginx_string(text: object) -> str:
    """A parameter in nginx's configuration, whatever is in it but a variable."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def nginx_command(template: Path, run_dir: Path, access_log: bool, values: Mapping[str, object]) -> list[str]:
    """The command that runs nginx, whose configuration is written into the run directory: `template`, filled in."""
    filled = {
        # as root, nginx's workers would become another user that can't reach the run directory
        "user": "user root;" if os.geteuid() == 0 else "",
        # nginx's processes share a pipe, in which only writes of up to 4 KiB (PIPE_BUF of Linux) stay whole
        "access_log": "/dev/stdout json if=$loggable buffer=4k flush=1s" if access_log else "off",
        **values,
    }
    configuration = run_dir / "nginx.conf"
    configuration.write_text(re.sub(r"@\{(\w+)\}", lambda name: str(filled[name[1]]), template.read_text()))
    return ["nginx", "-p", str(run_dir), "-e", "stderr", "-c", str(configuration)]


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


def refuse(message: str, code: int) -> int:
    """Say why nothing is served."""
    write("error", message)
    return code
