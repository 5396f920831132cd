"""Renders the projects, starts every server, checks their answers, then loads them in interleaved rounds.

Prints the tables, keeps the numbers in docs/benchmarks/ and writes docs/benchmarks.md anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import copier
import httpx
import orjson

from bench import load, report
from bench.servers import ROOT, Project, Server, generated, reference

MODELS = {
    "forest": {"framework": "sklearn", "model_format": "joblib"},
    "xgboost": {"framework": "xgboost", "model_format": "ubj"},
    "tensorflow": {"framework": "tensorflow", "model_format": "keras"},
}
SERVERS = {"FastAPI": "fastapi", "Flask": "flask"}
PLAIN = "plain Flask"
# with the one setting that the plain server suffers without
TUNED = {"xgboost": {"plain Flask, OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"}}}
RESULTS = ROOT / "docs/benchmarks"


def main() -> None:
    """Measure and report."""
    arguments = parse()
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is not on PATH: install it (Debian: apt-get install wrk) and try again")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        summary = run(arguments, Path(scratch))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{arguments.model}-{arguments.rows}.json").write_text(json.dumps(summary, indent=2) + "\n")
    RESULTS.with_suffix(".md").write_text(report.page(RESULTS))
    print(report.markdown(summary))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="forest")
    parser.add_argument("--rows", type=int, default=1, help="rows of a request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one round on one server")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32, 128])
    return parser.parse_args()


def run(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """All rounds of all servers."""
    projects = {name: make_project(arguments.model, server, scratch) for name, server in SERVERS.items()}
    body = write_request(projects["Flask"], arguments.rows, scratch)
    with ExitStack() as stack:
        references: dict[str, dict[str, str]] = {PLAIN: {}} | TUNED.get(arguments.model, {})
        servers = [
            stack.enter_context(reference(name, arguments.model, projects["Flask"], environment))
            for name, environment in references.items()
        ]
        servers += [stack.enter_context(generated(name, project)) for name, project in projects.items()]
        verify(servers, body)
        rounds: report.Rounds = {}
        for number in range(arguments.rounds):
            for connections in arguments.connections:
                # another order each round, so that none is always measured after the same neighbour
                first = number % len(servers)
                for server in servers[first:] + servers[:first]:
                    seen = load.measure(server, connections, arguments.seconds, body, scratch)
                    rounds.setdefault((server.name, connections), []).append(seen)
                    print(f"round {number + 1}: {server.name} x{connections}: {seen.rate:.0f}/s", file=sys.stderr)
        settings = {name: getattr(arguments, name) for name in ("model", "rows", "rounds", "seconds")}
        return settings | {"cpus": os.cpu_count()} | report.summarize(servers, rounds, PLAIN)


def make_project(model: str, server: str, scratch: Path) -> Project:
    """A project from this template with a trained sample, the same model for every server."""
    path = scratch / server
    answers = MODELS[model] | {"project_name": f"bench-{server}", "model_server": server, "git_init": False}
    copier.run_copy(str(ROOT), path, data=answers, defaults=True, unsafe=True, quiet=True, vcs_ref="HEAD")
    if not any((path / "model").glob("model*")):
        subprocess.run([sys.executable, "do/train"], cwd=path, check=True)
    return Project(path)


def write_request(project: Project, rows: int, scratch: Path) -> Path:
    """A request of so many rows, from the sample data."""
    sample = json.loads((project.path / "sample_model/request.json").read_text())["instances"]
    body = scratch / "request.json"
    body.write_bytes(orjson.dumps({"instances": [sample[number % len(sample)] for number in range(rows)]}))
    return body


def verify(servers: list[Server], body: Path) -> None:
    """All servers give the same numbers, or there is nothing to measure."""
    headers = {"Content-Type": "application/json"}
    answers = {
        server.name: httpx.post(f"{server.url}/invocations", content=body.read_bytes(), headers=headers).json()
        for server in servers
    }
    wrong = [name for name, answer in answers.items() if answer != answers[PLAIN]]
    if wrong:
        sys.exit(f"bench: {', '.join(wrong)} does not answer what the model predicts: {answers}")


main()
