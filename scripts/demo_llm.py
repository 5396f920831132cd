"""`make demo-llm`: from this checkout to a chat - a project for llama.cpp, its server, a check and an answer.

Needs no Docker, no AWS and no GPU. The model is tiny, random and made here, so it answers with words in a random order.
llama.cpp itself comes from PyPI, into build/llama.
"""

from __future__ import annotations

import os
import shutil
import sys
import venv
from pathlib import Path

from plumbum import RETCODE, local

from scripts import tiny_gguf
from scripts.demo import ROOT, StepFailed, free_port, server, step

PROJECT = ROOT / "build" / "demo-llm"
LLAMA = ROOT / "build" / "llama"
REQUIREMENTS = ROOT / "requirements" / "llama-cpp.txt"
COMMAND_LINE = ROOT / "scripts" / "llama_server.py"
RENDER = (
    "copier copy --quiet --trust --defaults --vcs-ref=HEAD --data=git_init=false --data=model_kind=generative "
    "--data=model_server=llama-cpp --data=max_model_len=1024 . build/demo-llm"
)

NEXT = f"""

That is the whole way. Next, chat with a real model: put its .gguf file into {PROJECT.relative_to(ROOT)}/model, and

    cd {PROJECT.relative_to(ROOT)}
    PATH="{LLAMA}/bin:$PATH" do/serve --model model    # and in a second terminal: do/invoke "Hello"
"""


def main() -> int:
    """0 when every step went well, else 1."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    try:
        programs = install(LLAMA)
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "PORT": str(free_port())}
        step("A project from the template", RENDER, ROOT, environment)
        tiny_gguf.write(PROJECT / "model" / "tiny.gguf")
        with server(PROJECT, environment, "do/serve --model model"):
            step("The contract suite", "do/test", PROJECT, environment)
            step("A chat, streamed", "do/invoke --max-tokens 24 'Why is the sky blue?'", PROJECT, environment)
    except StepFailed as failed:
        print(f"\nmake demo-llm: {failed}", file=sys.stderr)
        return 1
    print(NEXT)
    return 0


def install(folder: Path) -> Path:
    """Put llama-server into an environment of its own, unless it is there; its folder. Raises StepFailed."""
    program = folder / "bin" / "llama-server"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        python = folder / "bin" / "python"
        pip = local[str(python)]["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if code := pip["--require-hashes", "--requirement", REQUIREMENTS] & RETCODE(FG=True):
            raise StepFailed("pip install xllamacpp", code)
        program.write_text(f'#!/bin/sh\nexec "{python}" "{COMMAND_LINE}" "$@"\n')
        program.chmod(0o755)
    return program.parent


if __name__ == "__main__":
    sys.exit(main())
