"""`make bench-check`: whether the servers cost more CPU than the figures that are kept in the repository.

CPU time differs from machine to machine, so what is compared is the ratio to an ASGI echo server, taken within the same
rounds. Ends with 1 if a server has become more than 15 % dearer. `--keep` writes new figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import load
from bench.peers.start import start_echo
from bench.servers import SERVERS, generated, make_project, write_request

KEPT = Path(__file__).with_name("regression.json")
MODELS = ("sklearn", "xgboost")
TOLERANCE = 1.15
CONNECTIONS = 32


def main() -> int:
    """Measure, and compare or keep."""
    parser = argparse.ArgumentParser(prog="make bench-check", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the figures down instead of comparing them")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of one round on one server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        ratios = {}
        for model in MODELS:
            folder = Path(scratch, model)
            folder.mkdir()
            ratios[model] = measure(model, folder, arguments.rounds, arguments.seconds)
    if arguments.keep:
        KEPT.write_text(json.dumps(ratios, indent=2) + "\n")
        return 0
    return compare(ratios, json.loads(KEPT.read_text()))


def measure(model: str, scratch: Path, rounds: int, seconds: int) -> dict[str, float]:
    """CPU time of a request to each server, as a multiple of the echo server's."""
    projects = {name: make_project(model, kind, scratch) for name, kind in SERVERS.items()}
    body = write_request(projects["FastAPI"], 1, scratch)
    ratios: dict[str, list[float]] = {name: [] for name in projects}
    with ExitStack() as stack:
        echo = stack.enter_context(start_echo(projects["FastAPI"]))
        servers = [stack.enter_context(generated(name, project)) for name, project in projects.items()]
        for _ in range(rounds):
            least = load.measure(echo, CONNECTIONS, seconds, body, scratch).cpu_ms_per_request
            for server in servers:
                seen = load.measure(server, CONNECTIONS, seconds, body, scratch)
                if seen.errors:
                    sys.exit(f"bench: {server.name} made {seen.errors} errors")
                ratios[server.name].append(seen.cpu_ms_per_request / least)
    return {name: round(median(seen), 2) for name, seen in ratios.items()}


def compare(ratios: dict[str, dict[str, float]], kept: dict[str, dict[str, float]]) -> int:
    """Print both; 1 if one has grown beyond the tolerance."""
    dearer = False
    print("CPU time of a request, as a multiple of an ASGI echo server's:")
    for model, servers in ratios.items():
        for name, ratio in servers.items():
            limit = kept[model][name] * TOLERANCE
            dearer |= ratio > limit
            verdict = f"more than {limit:.2f}: dearer than it was" if ratio > limit else "ok"
            print(f"  {model:10}{name:10}{ratio:6.2f}, kept {kept[model][name]:.2f}: {verdict}")
    return int(dearer)


if __name__ == "__main__":
    sys.exit(main())
