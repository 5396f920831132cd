"""Other ways to serve the same model, and what no server can beat: `make bench PEERS=1`.

Each peer is installed from PyPI into an environment of its own in build/peers, with the packages that the model needs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import ROOT, Project, Server, free_port, running

FOLDER = ROOT / "build/peers"
MODEL_PACKAGES = {
    "sklearn": ("scikit-learn", "joblib", "pandas"),
    "xgboost": ("xgboost",),
    "tensorflow": ("tensorflow",),
}
WORKERS = str(os.cpu_count())

Start = AbstractContextManager[Server]


@dataclass
class Peer:
    """How a server is installed and started, and how it is asked."""

    packages: tuple[str, ...]
    command: Callable[[int, Path], list[str]]  # of a port and a folder for scratch files
    ready: str  # the path that is 200 when it serves
    path: str = "/invocations"
    body: Callable[[list[list[float]]], Any] = lambda rows: {"instances": rows}
    predictions: Callable[[Any], Any] = lambda answer: answer["predictions"]


def _mlserver(port: int, scratch: Path) -> list[str]:
    """In one process: its own workers were slower."""
    folder = scratch / "mlserver"
    folder.mkdir(exist_ok=True)
    server = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0}
    model = {"name": "model", "implementation": "bench.peers.mlserver_model.Model"}
    batching = {"max_batch_size": 64, "max_batch_time": 0.005}
    (folder / "settings.json").write_text(json.dumps({**server, "debug": False}))
    (folder / "model-settings.json").write_text(json.dumps(model | batching))
    return ["mlserver", "start", str(folder)]


def _tensor(rows: list[list[float]]) -> dict[str, Any]:
    """Rows in the Open Inference Protocol."""
    tensor: dict[str, Any] = {"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64"}
    tensor["data"] = [value for row in rows for value in row]
    return {"inputs": [tensor | {"parameters": {"content_type": "np"}}]}


PEERS = {
    "MLServer": Peer(
        ("mlserver",),
        _mlserver,
        "/v2/health/ready",
        "/v2/models/model/infer",
        _tensor,
        lambda answer: answer["outputs"][0]["data"],
    ),
    "LitServe": Peer(
        ("litserve",), lambda port, scratch: ["python", "-m", "bench.peers.litserve_app", str(port)], "/health"
    ),
    "BentoML": Peer(
        ("bentoml",),
        lambda port, scratch: ["bentoml", "serve", "bench.peers.bentoml_app:Predictor", "--port", str(port)],
        "/readyz",
        body=lambda rows: {"rows": rows},
        predictions=lambda answer: answer,
    ),
}


def start_peer(name: str, model: str, project: Project, rows: list[list[float]], scratch: Path) -> Start:
    """A peer that serves the model, installed if it isn't."""
    peer = PEERS[name]
    binaries = _installed(name, model) / "bin"
    port = free_port()
    command, *arguments = peer.command(port, scratch)
    environment = {
        "BENCH_MODEL": model,
        "BENCH_MODEL_FILE": str(project.model_file),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{binaries}:{os.environ['PATH']}",
    }
    body = scratch / f"{name}.json"
    body.write_text(json.dumps(peer.body(rows)))
    return running(
        name,
        port,
        [str(binaries / command), *arguments],
        scratch,
        environment,
        ready=peer.ready,
        path=peer.path,
        body=body,
        predictions=peer.predictions,
    )


def start_echo(project: Project) -> Start:
    """ASGI that answers with what it got, on the project's uvicorn: nothing that answers in Python is faster."""
    port = free_port()
    command = [str(project.python), "-m", "uvicorn", "--workers", WORKERS, "--port", str(port), "--no-access-log"]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "error", "bench.peers.echo:application"]
    return running("ASGI echo", port, command, ROOT, {"PYTHONPATH": str(ROOT)}, predictions=None)


def start_nginx(scratch: Path) -> Start:
    """nginx that answers by itself."""
    port = free_port()
    configuration = scratch / "nginx-alone.conf"
    configuration.write_text(Path(__file__).with_name("nginx.conf").read_text() % {"port": port, "folder": scratch})
    command = [shutil.which("nginx") or "nginx", "-c", str(configuration)]
    return running("nginx alone", port, command, scratch, {}, predictions=None)


def _installed(name: str, model: str) -> Path:
    """The environment of a peer."""
    environment = FOLDER / f"{name}-{model}"
    if not (environment / "ready").exists():
        print(f"installing {name} into {environment.relative_to(ROOT)}", file=sys.stderr)
        uv = [str(Path(sys.executable).with_name("uv"))]
        subprocess.run([*uv, "venv", "--quiet", "--clear", environment], check=True)
        packages = (*PEERS[name].packages, *MODEL_PACKAGES[model])
        into = ["--quiet", "--python", str(environment / "bin/python")]
        subprocess.run([*uv, "pip", "install", *into, *packages], check=True)
        (environment / "ready").touch()
    return environment
