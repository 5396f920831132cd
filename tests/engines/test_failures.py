"""Why an engine ended is told from what it wrote. The lines are those of real engines."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

SUPERVISION = Path(__file__).parents[2] / "template/{{project}}/serving/supervision.py"
FAILURES = Path(__file__).parents[2] / "template/{{generative}}/serving/failures.py"

CASES = {
    "an unknown flag": (
        ["usage: vllm serve [model_tag] [options]", "vllm: error: unrecognized arguments: --no-such-flag 1"],
        "vllm: error: unrecognized arguments: --no-such-flag 1 "
        "(do/check compares engine.yml with the engine's options)",
    ),
    "a context that the model doesn't have": (
        [
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
            "  Value error, User-specified max_model_len (99999) is greater than the derived max_model_len",
            "    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
        ],
        "Value error, User-specified max_model_len (99999) is greater than the derived max_model_len "
        "(lower the context length in engine.yml: the model has no more)",
    ),
    "the cause in the engine's core, and its consequence in the server": (
        [
            "(EngineCore pid=7) ERROR 11-22 22:59:15 [core.py:12] torch.OutOfMemoryError: CUDA out of memory.",
            "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.",
        ],
        "torch.OutOfMemoryError: CUDA out of memory. "
        "(lower the context length in engine.yml, quantize the model, or take an instance with more GPU memory)",
    ),
    "a gated model": (
        ["OSError: You are trying to access a gated repo.", "401 Client Error. (Request ID: Root=1-2)"],
        "OSError: You are trying to access a gated repo. "
        "(accept the model's license on its page, and name a secret with your token in HF_TOKEN_SECRET)",
    ),
    "a core that was killed": (
        [
            "(APIServer pid=1) WARNING 11-22 22:57:58 [system_utils.py:255] fd limit errors like `OSError: [Errno 24]",
            "(APIServer pid=1) ERROR 11-22 22:59:15 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: "
            "EngineCore encountered an issue. See stack trace (above) for the root cause.",
            "INFO:     Finished server process [7639]",
        ],
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
        "See stack trace (above) for the root cause.",
    ),
    "a core that was killed after a caller's mistake": (
        [
            "(APIServer pid=1) ERROR 11-22 22:00:00 [tool_parser.py:1] json.decoder.JSONDecodeError: Expecting value",
            "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes",
            "(APIServer pid=1) ERROR 11-22 22:59:15 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: "
            "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        ],
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
        "See stack trace (above) for the root cause.",
    ),
    "a worker that was killed": (
        [
            "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes",
            "(EngineCore pid=7) ERROR 11-22 22:59:14 [multiproc.py:2] Worker proc VllmWorker-0 died unexpectedly, "
            "shutting down executor.",
            "(EngineCore pid=7) RuntimeError: cancelled",
        ],
        "Worker proc VllmWorker-0 died unexpectedly, shutting down executor. "
        "(often the machine had too little memory: take an instance with more of it)",
    ),
    "no error at all": (["loading", "Killed"], "Killed"),
    "nothing": ([], "it wrote nothing"),
}


@pytest.mark.parametrize(("lines", "expected"), CASES.values(), ids=[*CASES])
def test_the_reason_is_the_cause_with_what_to_do(lines: list[str], expected: str) -> None:
    reason: Callable[[list[str]], str] = runpy.run_path(str(FAILURES))["reason"]

    assert reason(lines) == expected


def test_a_signal_is_told_of_before_what_was_said_last() -> None:
    reason: Callable[..., str] = runpy.run_path(str(FAILURES))["reason"]

    assert reason(["loading weights"], -9) == (
        "killed by SIGKILL, after: loading weights "
        "(often the machine had too little memory: take an instance with more of it)"
    )


def test_a_ping_that_is_well_is_not_logged() -> None:
    supervision = runpy.run_path(str(SUPERVISION))
    child = supervision["Child"]("vllm", None, None)
    line = '(APIServer pid=1) INFO:     169.254.178.2:43232 - "%s HTTP/1.1" %s'
    logged = {
        request: bool(supervision["wrapped"](line % request, child))
        for request in (
            ("GET /ping", "200 OK"),
            ("GET /ping", "503 Service Unavailable"),
            ("POST /invocations", "200 OK"),
            ("GET /pinging", "200 OK"),
        )
    }

    assert [*logged.values()] == [False, True, True, True]
