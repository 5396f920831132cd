"""Why an engine ended, from what it wrote, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# a line that tells of a failure, and one that only says that there was one, further up
FAILURE = re.compile(r"\b\w*(Error|Exception): |\berror[:,] |out of memory|Exception in thread", re.IGNORECASE)
HARMLESS = re.compile(r"\b(INFO|WARNING|DEBUG)\b")
CONSEQUENCE = re.compile(r"initialization failed|See (root cause|stack trace)|EngineDeadError|validation errors? for")
# what engines write in front of a message: "(EngineCore pid=12) ERROR 11-22 10:00:00 [core.py:12] "
PREFIX = re.compile(r"^(\([^)]*\) )?((ERROR|INFO|WARNING) [\d-]+ [\d:.]+ \[[^\]]*\] )?\s*")
LONGEST = 300


class Hint(NamedTuple):
    """What an engine writes (a regular expression), and what to do then."""

    pattern: str
    advice: str


HINTS = (
    Hint(
        r"unrecognized arguments|invalid choice|No such option|expected (one|at least one) argument",
        "do/check compares engine.yml with the engine's options",
    ),
    Hint(
        r"gated repo|401 Client Error|403 Client Error|is restricted",
        "accept the model's licence on its page, and name a secret with your token in HF_TOKEN_SECRET",
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


def reason(lines: Sequence[str]) -> str:
    """The line that says why, with what to do about it where that is known."""
    failures = [line for line in lines if FAILURE.search(line) and not HARMLESS.search(line)]
    causes = [line for line in failures if not CONSEQUENCE.search(line)]
    said = (causes or failures or list(lines) or ["it wrote nothing"])[-1]
    advice = next((hint.advice for hint in HINTS if re.search(hint.pattern, "\n".join(failures), re.IGNORECASE)), "")
    return PREFIX.sub("", said)[:LONGEST] + (f" ({advice})" if advice else "")
