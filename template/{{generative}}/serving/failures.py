"""Why an engine ended, from what it wrote, and what to do about it."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import NamedTuple

# a line that tells of a failure, and one that only says that there was one, further up
FAILURE = re.compile(r"\b\w*(Error|Exception): |\berror[:,] |out of memory|Exception in thread", re.IGNORECASE)
HARMLESS = re.compile(r"\b(INFO|WARNING|DEBUG)\b")
CONSEQUENCE = re.compile(r"initialization failed|See (root cause|stack trace)|EngineDeadError|validation errors? for")
# what engines write in front of a message: "(EngineCore pid=12) ERROR 11-22 10:00:00 [core.py:12] "
PREFIX = re.compile(r"^(\([^)]*\) )?((ERROR|INFO|WARNING) [\d-]+ [\d:.]+ \[[^\]]*\] )?\s*")
# vLLM's core and its workers, whose last words count where the server in front tells of their end
CORE = re.compile(r"^\((EngineCore|Worker)\w*[ )]")
CORE_DIED = re.compile(r"EngineDeadError|Engine core initialization failed")
KILLED = re.compile(r"died unexpectedly|terminated by signal|exit(ed with)? ?code:? ?-9|SIGKILL", re.IGNORECASE)
LONGEST = 300


class Hint(NamedTuple):
    """What an engine writes (a regular expression), and what to do then."""

    pattern: str
    advice: str


HINTS = (
    Hint(KILLED.pattern, "often the machine had too little memory: take an instance with more of it"),
    Hint(
        r"unrecognized arguments|invalid (choice|argument)|No such option|expected (one|at least one) argument",
        "do/check compares engine.yml with the engine's options",
    ),
    Hint(
        r"gated repo|401 Client Error|403 Client Error|is restricted",
        "accept the model's license on its page, and name a secret with your token in HF_TOKEN_SECRET",
    ),
    Hint(
        r"out of memory|No available memory for the cache blocks|larger than the (available|maximum)"
        r"|not enough memory|KV cache is needed",
        "lower the context length in engine.yml, quantize the model, or take an instance with more GPU memory",
    ),
    Hint(r"greater than the derived max_model_len", "lower the context length in engine.yml: the model has no more"),
    Hint(r"Repository Not Found|404 Client Error|not a valid model identifier", "check the model's id in engine.yml"),
    Hint(
        r"No space left on device", "the download filled /tmp: take an instance with a disk of its own, or more volume"
    ),
    Hint(
        r"/dev/shm|shared memory segment",
        "a container has 64 MB of shared memory: split the model over fewer GPUs, or set NCCL_SHM_DISABLE=1",
    ),
    Hint(r"driver version is insufficient|cuKernelGetName", "set the InferenceAmiVersion that the image's CUDA needs"),
)


def reason(lines: Sequence[str], exit_code: int = 1) -> str:
    """The line that says why, with what to do about it where that is known."""
    failures = [line for line in lines if FAILURE.search(line) and not HARMLESS.search(line)]
    said = was_killed(lines, failures) or last_cause(failures) or (list(lines) or ["it wrote nothing"])[-1]
    if exit_code < 0:
        said = f"killed by {signal.Signals(-exit_code).name}, after: {PREFIX.sub('', said)}"
    about = [said] if KILLED.search(said) else failures
    advice = next((hint.advice for hint in HINTS if re.search(hint.pattern, "\n".join(about), re.IGNORECASE)), "")
    return PREFIX.sub("", said)[:LONGEST] + (f" ({advice})" if advice else "")


def was_killed(lines: Sequence[str], failures: Sequence[str]) -> str:
    """The line that tells of a process that ended without a word of its own; empty if there is none."""
    killed = [line for line in lines if KILLED.search(line)]
    return killed[-1] if killed and not any("memory" in line for line in failures) else ""


def last_cause(failures: Sequence[str]) -> str:
    """The last line that tells of a cause; where the engine's core ended, one that the core wrote.

    The server in front logs what callers do wrong as well, such as tool calls that max_tokens cut off.
    """
    causes = [line for line in failures if not CONSEQUENCE.search(line)]
    if any(CORE_DIED.search(line) for line in failures):
        told = any(CORE.match(line) for line in causes)
        causes = [line for line in causes if CORE.match(line)] if told or "EngineDeadError" in str(failures) else causes
    return (causes or [line for line in failures if CONSEQUENCE.search(line)] or [""])[-1]
