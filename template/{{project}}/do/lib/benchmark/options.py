"""The arguments of do/benchmark that both kinds of projects have."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.benchmark.loads import Load
from lib.cli import ArgumentParser

MOST_CONNECTIONS = 512  # select() can watch 1,024 files
OPEN_LOOP_CONNECTIONS = 128


def add_load(arguments: ArgumentParser, connections: list[int], seconds: float) -> None:
    """How it is loaded, and for how long."""
    numbers = " ".join(map(str, connections))
    arguments.add_argument(
        "--connections",
        nargs="+",
        type=connection_count,
        metavar="N",
        help=f"closed loop: each sends its next request when it has its answer; default: {numbers}",
    )
    arguments.add_argument(
        "--rate",
        nargs="+",
        type=positive,
        default=[],
        metavar="R",
        help="open loop: R requests are due each second, whether or not there are answers; latency counts from when "
        f"a request was due; at most N are in flight (default: {OPEN_LOOP_CONNECTIONS})",
    )
    arguments.add_argument(
        "--seconds", type=positive, default=seconds, metavar="S", help="of one round; default: %(default)g"
    )
    arguments.add_argument(
        "--warm-up",
        type=positive,
        default=2.0,
        metavar="S",
        help="of each load, not counted; default: %(default)g",
    )
    arguments.add_argument("--repeats", type=count, default=5, metavar="N", help="rounds; default: %(default)s")
    arguments.add_argument(
        "--output", type=Path, metavar="FILE", help="the result, in JSON; default: benchmarks/, named after the time"
    )


def loads(options: argparse.Namespace, connections: list[int]) -> list[Load]:
    """The loads that were asked for; `connections` are the default."""
    if options.rate:
        return [Load(max(options.connections or [OPEN_LOOP_CONNECTIONS]), rate) for rate in options.rate]
    return [Load(number) for number in options.connections or connections]


def count(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def connection_count(text: str) -> int:
    """A number of connections that can be watched."""
    number = count(text)
    if number > MOST_CONNECTIONS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_CONNECTIONS}")
    return number


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number
