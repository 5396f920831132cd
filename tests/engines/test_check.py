"""do/check compares serving/engine.yml with what the engine has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.conftest import every_engine

Project = Callable[[str], Path]
Done = subprocess.CompletedProcess[str]


def check(project: Path, text: str | None = None) -> Done:
    """Run do/check on a text, or on the project's own file."""
    if text is not None:
        (project / "serving/engine.yml").write_text(text)
    return subprocess.run([sys.executable, "do/check"], cwd=project, capture_output=True, text=True, timeout=60)


@every_engine
def test_the_rendered_options_are_the_engines_own(project: Project, engine: str) -> None:
    done = check(project(engine))

    assert (done.returncode, done.stderr) == (0, "")
    assert " of the engine has them all" in done.stdout


@pytest.mark.parametrize(
    ("engine", "line", "problem"),
    [
        ("vllm", "max-modle-len: 8192", "the engine has no option max_modle_len: did you mean max-model-len?"),
        ("vllm", "swap-space: 4", "the engine has no option swap_space"),
        (
            "vllm",
            "watchdog-config: 1",
            "the engine has no option watchdog_config",
        ),  # vLLM 0.33 has, the image's 0.30 not
        ("tensorrt-llm", "tool_parser: hermes", "tool_parser can't be hermes: it takes qwen3, qwen3_coder, kimi_k2"),
        ("vllm", "dtype: bfloat17", "dtype can't be bfloat17: did you mean bfloat16?"),
        ("vllm", "tool-call-parser: hermez", "tool-call-parser can't be hermez: did you mean hermes?"),
        (
            "vllm",
            "hf-token: hf_abc",
            "hf_token is a secret, which the image would hold for everyone to read: leave it out",
        ),
        ("vllm", "api-key: abc", "api_key is a secret, which the image would hold for everyone to read: leave it out"),
        ("sglang", "max-model-len: 8192", "the engine has no option max_model_len"),
        ("tensorrt-llm", "max-seq-length: 8192", "the engine has no option max_seq_length: did you mean max_seq_len?"),
        ("lmi", "option.max_modle_len: 8192", "option.max_modle_len: did you mean option.max_model_len?"),
        ("llama-cpp", "ctx-sise: 8192", "the engine has no option ctx_sise: did you mean ctx-size?"),
        ("djl", "option.max_model_len: 8192", "the engine has no option option.max_model_len"),
    ],
)
def test_a_mistake_is_told_of_with_what_was_meant(project: Project, engine: str, line: str, problem: str) -> None:
    done = check(project(engine), f"{line}\n")

    assert (done.returncode, done.stderr) == (1, "")
    assert problem in done.stdout
    assert len([line for line in done.stdout.splitlines() if not line.startswith("note: ")]) == 1


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ("vllm", "no-enable-prefix-caching: true"),
        ("vllm", "max_model_len: 8192"),
        ("vllm", "speculative-config.method: mtp"),
        ("vllm", 'speculative-config: {"method": "mtp"}'),
        ("tensorrt-llm", 'kv_cache_config: {"dtype": "fp8"}'),
        ("lmi", "job_queue_size: 1000"),
    ],
)
def test_what_the_engine_takes_in_other_spellings_is_no_mistake(project: Project, engine: str, line: str) -> None:
    assert check(project(engine), f"{line}\n").returncode == 0


@every_engine
def test_a_list_of_another_version_than_the_image_has_is_said_to_be(project: Project, engine: str) -> None:
    other = engine in ("tensorrt-llm", "lmi", "llama-cpp")

    assert ("note: the image has version " in check(project(engine)).stdout) == other


def test_every_mistake_is_told_of_at_once(project: Project) -> None:
    done = check(project("vllm"), "dtype: bfloat17\nmax-modle-len: 1\nenforce-eager: true\n")

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2


def test_a_file_that_cannot_be_read_is_one_line(project: Project) -> None:
    done = check(project("vllm"), "max-model-len = 1\n")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "do/check: line 1 of engine.yml: should be `name: value`, from the first column on\n"


def test_a_file_that_is_not_there_is_one_line(project: Project) -> None:
    path = project("vllm")
    (path / "serving/engine.yml").unlink()
    done = check(path)

    assert done.returncode == 5
    assert done.stderr.startswith("do/check: can't read ")
