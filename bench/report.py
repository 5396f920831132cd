"""The tables and the JSON of a run: medians over the rounds, and ratios to the plain server."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Load
from bench.servers import Server

Rounds = dict[tuple[str, int], list[Load]]  # by server name and connections
COLUMNS = "| server | connections | requests/s | times plain | p50 ms | p99 ms | errors | CPU ms/request |"


def summarize(servers: list[Server], rounds: Rounds, plain: str) -> dict[str, Any]:
    """Everything that was measured, in medians."""
    return {
        "servers": [
            {
                "name": server.name,
                "first_ping_seconds": round(server.first_ping_seconds, 2),
                "memory_mib": round(server.memory_mib()),
            }
            for server in servers
        ],
        "loads": [
            _medians(name, connections, loads, rounds[plain, connections])
            for (name, connections), loads in rounds.items()
        ],
    }


def _medians(name: str, connections: int, loads: list[Load], plain: list[Load]) -> dict[str, Any]:
    return {
        "server": name,
        "connections": connections,
        "requests_per_second": round(median(load.rate for load in loads)),
        # rounds are interleaved: a ratio is taken within a round, where the machine was the same for both
        "times_plain": round(median(load.rate / other.rate for load, other in zip(loads, plain, strict=True)), 2),
        "p50_ms": round(median(load.p50_ms for load in loads), 2),
        "p99_ms": round(median(load.p99_ms for load in loads), 2),
        "errors": sum(load.errors for load in loads),
        "cpu_ms_per_request": round(median(load.cpu_ms_per_request for load in loads), 3),
    }


def page(results: Path) -> str:
    """The page of the documentation: the introduction, then the tables of every result that is kept."""
    introduction = Path(__file__).with_name("introduction.md").read_text()
    summaries = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    soak = summaries.pop("soak", None)
    return "\n".join([introduction, *map(markdown, summaries.values()), *([soak_table(soak)] if soak else [])])


def markdown(summary: dict[str, Any]) -> str:
    """Two tables: what the load showed, and what a server costs at rest."""
    rows = "1 row" if summary["rows"] == 1 else f"{summary['rows']} rows"
    lines = [f"## {summary['model']}, {rows} a request, {summary['cpus']} CPUs", "", COLUMNS, "|---|" + "---:|" * 7]
    for load in sorted(summary["loads"], key=lambda load: load["connections"]):
        lines.append(f"| {' | '.join(str(value) for value in _in_order(load))} |")
    lines += ["", "| server | first /ping 200, s | memory after the load, MiB |", "|---|---:|---:|"]
    lines += [
        f"| {server['name']} | {server['first_ping_seconds']} | {server['memory_mib']} |"
        for server in summary["servers"]
    ]
    return "\n".join(lines) + "\n"


def soak_table(summary: dict[str, Any]) -> str:
    """What many requests, some of them bad, did to each server."""
    lines = [
        f"## {summary['requests']:,} requests at {summary['connections']} connections, {summary['bad']} % of them bad",
        "",
        "| server | good | bad | lost | wrong | seconds | memory before and after, MiB | open files before and after |",
        "|---|" + "---:|" * 7,
    ]
    for row in summary["servers"]:
        before, after = row["before"], row["after"]
        figures = [f"{row[name]:,}" for name in ("good", "bad", "lost", "wrong", "seconds")]
        figures += [f"{before[name]} → {after[name]}" for name in ("memory_mib", "open_files")]
        lines.append(f"| {row['name']} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def _in_order(load: dict[str, Any]) -> list[Any]:
    names = ("server", "connections", "requests_per_second", "times_plain", "p50_ms", "p99_ms", "errors")
    return [load[name] for name in (*names, "cpu_ms_per_request")]
