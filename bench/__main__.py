"""Renders the projects, starts every server, checks their answers, then loads them in interleaved rounds.

Prints the tables, keeps the numbers in docs/benchmarks/ and rewrites docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench import load, report
from bench.peers import start
from bench.reference import loaders
from bench.servers import ROOT, SERVERS, Server, generated, make_project, reference, write_request
from extensions.context import load_catalog

# the frameworks that the plain server knows
MODELS = [name for name in load_catalog()["frameworks"] if hasattr(loaders, name)]
PLAIN = "plain Flask"
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
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--rows", type=int, default=1, help="rows of a request")
    parser.add_argument("--peers", action="store_true", help="install other servers from PyPI, and measure them, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one round on one server")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32, 128])
    return parser.parse_args()


def run(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """All rounds of all servers."""
    projects = {name: make_project(arguments.model, server, scratch) for name, server in SERVERS.items()}
    body = write_request(projects["Flask"], arguments.rows, scratch)
    with ExitStack() as stack:
        references: dict[str, dict[str, str]] = {PLAIN: {}} | loaders.TUNED.get(arguments.model, {})
        servers = [
            stack.enter_context(reference(name, arguments.model, projects["Flask"], environment))
            for name, environment in references.items()
        ]
        servers += [stack.enter_context(generated(name, project)) for name, project in projects.items()]
        if arguments.peers:
            rows = json.loads(body.read_bytes())["instances"]
            for name in start.PEERS:
                started = start.start_peer(name, arguments.model, projects["Flask"], rows, scratch)
                servers.append(stack.enter_context(started))
            servers.append(stack.enter_context(start.start_echo(projects["FastAPI"])))
            servers.append(stack.enter_context(start.start_nginx(scratch)))
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


def verify(servers: list[Server], body: Path) -> None:
    """All servers that predict give the same numbers, or there is nothing to measure."""
    answers = {server.name: _predictions(server, body) for server in servers if server.predictions}
    wrong = [name for name, answer in answers.items() if answer != answers[PLAIN]]
    if wrong:
        sys.exit(f"bench: {', '.join(wrong)} does not answer what the model predicts: {answers}")


def _predictions(server: Server, body: Path) -> list[Any]:
    content = (server.body or body).read_bytes()
    answer = httpx.post(f"{server.url}{server.path}", content=content, headers={"Content-Type": "application/json"})
    values = server.predictions(answer.json()) if server.predictions else []
    return [value[0] if isinstance(value, list) else value for value in values]


main()
