"""Every command line that the template can make for vLLM or SGLang is one that the engine's own parser takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real_engines.conftest import ENGINES_DIR, PYTHON

# an engine takes ten seconds to be imported, so one process parses all
PARSE_ALL = """
import contextlib, io, json
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser.parse_args(json.loads(line))
        print(json.dumps(""))
    except SystemExit:
        print(json.dumps(said.getvalue().strip().splitlines()[-1]))
"""
PARSERS = {
    "vllm": """
import sys
from vllm.entrypoints.cli.serve import cmd_init
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser(prog="vllm")
cmd_init()[0].subparser_init(parser.add_subparsers())
""",
    "sglang": f"""
import sys
sys.path.append({str(ENGINES_DIR / "sglang")!r})
import argparse
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser(prog="sglang")
ServerArgs.add_cli_args(parser)
""",
}
# what stands before the words that the parser gets
PROGRAMS = {"vllm": ["vllm"], "sglang": ["python3", "-m", "sglang.launch_server"]}
COMMAND = """
import json, sys
from pathlib import Path
sys.path.insert(0, ".")
from serving import engine, launch, options
given = options.read(Path("serving/engine.yml"))
timeouts = {"stop_timeout": 25, "startup_timeout": 600}
started = launch.Launch("org/model", "org/model", given, "0.0.0.0", 8080, Path("."), **timeouts)
print(json.dumps(engine.command(started)))
"""

ANSWERS: dict[str, dict[str, Any]] = {
    "balanced": {"profile": "balanced"},
    "low-latency": {"profile": "low-latency"},
    "high-throughput": {"profile": "high-throughput"},
    "quantized": {"quantization": "fp8"},
    "adapters": {"enable_lora": True},
    "reasoning": {"reasoning_parser": "qwen3"},
    "several GPUs": {"instance_type": "ml.g6e.12xlarge"},
    "features": {
        "kv_cache_dtype": "fp8",
        "prefix_caching": "disabled",
        "max_num_batched_tokens": "4096",
        "draft_model_id": "Qwen/Qwen3-0.6B",
        "speculative_decoding": "draft-model",
        "structured_output_backend": "guidance",
        "chat_template": "chat_template.jinja",
    },
    "parallelism": {"pipeline_parallel": "2", "data_parallel": "2", "instance_type": "ml.g6e.12xlarge"},
    "all at once": {
        "profile": "high-throughput",
        "quantization": "fp8",
        "enable_lora": True,
        "reasoning_parser": "qwen3",
        "instance_type": "ml.g6e.12xlarge",
    },
}
TOOL_CALL_PARSERS = {"vllm": "hermes", "sglang": "qwen25"}
NOT_TAKEN = {
    "vllm": ["serve org/model --no-such-flag", "serve org/model --enforce-eager true", "serve org/model --dtype nope"],
    "sglang": ["--model-path org/model --no-such-flag", "--model-path org/model --dtype nope"],
}

every_engine = pytest.mark.parametrize("engine", PARSERS)


@pytest.fixture(scope="session")
def complaints(render: Callable[..., Path]) -> Callable[[str], dict[str, str]]:
    """A function that tells what an engine's parser says of each command line; nothing where it takes it."""
    found: dict[str, dict[str, str]] = {}

    def complaints(engine: str) -> dict[str, str]:
        if engine not in found:
            lines = {name: words_of(render(**answers), engine) for name, answers in generative(engine).items()}
            found[engine] = parsed(engine, lines | {line: line.split() for line in NOT_TAKEN[engine]})
        return found[engine]

    return complaints


def generative(engine: str) -> dict[str, dict[str, Any]]:
    """The answers of projects for an engine, by name."""
    project = {"model_kind": "generative", "model_server": engine, "model_id": "Qwen/Qwen3-8B"}
    tools = {"tool_call_parser": TOOL_CALL_PARSERS[engine]}
    return {name: {**project, **answers} for name, answers in {**ANSWERS, "tools": tools}.items()}


def words_of(project: Path, engine: str) -> list[str]:
    """The command line that the entrypoint makes of a project's engine.yml, without the program."""
    done = subprocess.run([sys.executable, "-c", COMMAND], cwd=project, capture_output=True, text=True, check=True)
    command = json.loads(done.stdout)
    program = PROGRAMS[engine]
    assert command[: len(program)] == program
    return list(command[len(program) :])


def parsed(engine: str, lines: dict[str, list[str]]) -> dict[str, str]:
    """What an engine's parser says of each line."""
    done = subprocess.run(
        [str(PYTHON), "-c", PARSERS[engine] + PARSE_ALL],
        input="".join(f"{json.dumps(words)}\n" for words in lines.values()),
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith('"')]
    assert len(said) == len(lines), done.stderr
    return dict(zip(lines, map(json.loads, said), strict=True))


@every_engine
@pytest.mark.parametrize("name", [*ANSWERS, "tools"])
def test_the_parser_takes_it(complaints: Callable[[str], dict[str, str]], engine: str, name: str) -> None:
    assert complaints(engine)[name] == ""


@pytest.mark.parametrize(("engine", "line"), [(engine, line) for engine, lines in NOT_TAKEN.items() for line in lines])
def test_the_parser_would_complain(complaints: Callable[[str], dict[str, str]], engine: str, line: str) -> None:
    assert complaints(engine)[line].startswith(engine)
