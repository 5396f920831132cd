"""Checks that a server of which a part fails recovers or ends: /ping is never 200 while predictions can't be made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from lib.checks.container.subject import Started, Subject
from lib.checks.container.suite import check
from lib.checks.container.traffic import Caller
from lib.checks.http.reference import Reference
from lib.checks.results import Mismatch, NotApplicable, Observation, expect
from lib.local import server as local_server

WATCH_SECONDS = 40
RECOVERED_AFTER = 8  # good answers one after the other, so that each process gave one
HALF_DEAD_AFTER = 3  # times that /ping was 200 and a prediction failed, one after the other
SPARE_MEMORY = 32 * 2**20  # bytes above what a server at rest has
LARGE_BODY = 8 * 2**20  # a worker needs several times as much for its rows
LARGE_REQUESTS = 2  # at once
OUT_OF_MEMORY_SECONDS = 60
KILLED = 137  # the exit code where the kernel chose PID 1, which then can't log anything

# kills a process by a word of its command line: the child of PID 1, or a child of that
KILL = """
import os, pathlib, signal, sys
word, level = sys.argv[1], sys.argv[2]
parents, own = {}, os.getpid()
for path in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if word in (path / "cmdline").read_text():
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass
chosen = [process for process, parent in parents.items() if (parent == 1) == (level == "master")]
os.kill(min({*chosen} - {own}), signal.SIGKILL)
"""


@check
def a_worker_that_is_killed_is_replaced(subject: Subject, reference: Reference) -> Observation:
    return after(lambda started: kill(started, "gunicorn", "worker"), subject.shared(), reference)


@check
def a_worker_of_nginx_that_is_killed_is_replaced(subject: Subject, reference: Reference) -> Observation:
    return after(lambda started: kill(started, "nginx", "worker"), subject.shared(), reference)


@check
def a_killed_application_server_is_never_half_dead(subject: Subject, reference: Reference) -> Observation:
    return after(lambda started: kill(started, "gunicorn", "master"), subject.shared(), reference)


@check
def a_killed_nginx_is_never_half_dead(subject: Subject, reference: Reference) -> Observation:
    return after(lambda started: kill(started, "nginx", "master"), subject.shared(), reference)


@check
def running_out_of_memory_is_logged_and_is_never_half_dead(subject: Subject, reference: Reference) -> Observation:
    started = subject.shared()
    leave_little_memory(started)
    observation = after(lambda started: exhaust_memory(started, reference), started, reference)
    state = started.container.state()
    said = deaths(started) or ["its exit code"] * (state is not None and state.exit_code == KILLED)
    started.container.remove()  # no other check should have to do with so little
    return expect(bool(said), f"{observation.expected}, and a log line", f"{observation.seen}, {[*said, 'no line'][0]}")


def after(harm: Callable[[Started], None], started: Started, reference: Reference) -> Observation:
    """Do some harm, and watch until the server has recovered or the container has ended with a failure."""
    harm(started)
    outcome = watch(started, Caller(started.port, reference))
    ended = outcome.startswith("ended")
    return expect(
        outcome == "recovered" or (ended and outcome != "ended with 0"),
        "recovered, or ended with a failure",
        outcome,
    )


def watch(started: Started, caller: Caller) -> str:
    """What becomes of the server. Raises Mismatch for one that says it is well and isn't."""
    good = half_dead = 0
    end = time.monotonic() + WATCH_SECONDS
    problem = ""
    while time.monotonic() < end:
        state = started.container.state()
        if not state or not state.running:
            return f"ended with {state.exit_code if state else 'nothing'}"
        well = local_server.is_ready(started.url)
        problem = caller.ask(good)
        good = good + 1 if well and not problem else 0
        half_dead = half_dead + 1 if well and problem else 0
        if good >= RECOVERED_AFTER:
            return "recovered"
        if half_dead >= HALF_DEAD_AFTER:
            raise Mismatch("/ping is not 200 while predictions fail", f"200 from /ping, and {problem}")
        time.sleep(0.1)
    return f"neither recovered nor ended in {WATCH_SECONDS} s: {problem or 'no 200 from /ping'}"


def kill(started: Started, word: str, level: str) -> None:
    """Kill a part of the server, as the kernel would."""
    started.container.engine.run("exec", started.container.name, "python", "-c", KILL, word, level)


def leave_little_memory(started: Started) -> None:
    """Lower the limit to a little more than is used. Raises NotApplicable where the engine can't."""
    limit = str(started.container.memory() + SPARE_MEMORY)
    done = started.container.engine.attempt("update", "--memory", limit, "--memory-swap", limit, started.container.name)
    if done.returncode:
        raise NotApplicable(f"the engine can't change the limit of a running container: {done.stderr.strip()[-80:]}")


def exhaust_memory(started: Started, reference: Reference) -> None:
    """Send large requests until a process was killed. Raises Mismatch when none is."""
    body, _ = reference.repeated(LARGE_BODY, LARGE_BODY)
    caller = Caller(started.port, reference)
    end = time.monotonic() + OUT_OF_MEMORY_SECONDS
    while time.monotonic() < end:
        with ThreadPoolExecutor(LARGE_REQUESTS) as threads:
            list(threads.map(lambda _: send(caller, body), range(LARGE_REQUESTS)))
        state = started.container.state()
        if deaths(started) or not state or not state.running:
            return
    raise Mismatch("a process that runs out of memory", f"none in {OUT_OF_MEMORY_SECONDS} s")


def send(caller: Caller, body: bytes) -> None:
    """Send a request whose answer doesn't matter."""
    try:
        with closing(caller.connect()) as connection:
            connection.post(body)
    except OSError:
        pass


def deaths(started: Started) -> list[str]:
    """What the log tells of killed processes."""
    messages = [local_server.message_of(line) for line in started.container.output().splitlines()]
    return [message for message in messages if re.search(r"SIGKILL|ended with -9|exited on signal 9", message)]
