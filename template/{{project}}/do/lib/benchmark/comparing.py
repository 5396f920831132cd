"""Says what got better or worse from one result of do/benchmark to another.

A difference counts if it is larger than the noise: the ranges of the figure over the rounds of both results together.
It also has to be at least a share of the figure, because two results of the same server, measured at different times,
differ a little more than the rounds of one. An error where there was none counts always.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.benchmark import results
from lib.benchmark.table import number
from lib.cli import ExitCode, VerbError

THRESHOLD = 5.0  # percent
ALWAYS = "request_error_rate"


@dataclass(frozen=True)
class Change:
    """A figure of a case in both results. `noise` is in the figure's unit."""

    case: str
    title: str
    unit: str
    better: str
    before: float
    after: float
    noise: float

    @property
    def verdict(self) -> str:
        """Whether it is `better` or `worse`, or the `same` within the noise."""
        if abs(self.after - self.before) <= self.noise:
            return "same"
        return "better" if (self.after > self.before) == (self.better == "higher") else "worse"

    def __str__(self) -> str:
        share = f" ({100 * (self.after - self.before) / self.before:+.0f} %)" if self.before else ""
        return (
            f"{self.verdict:6}  {self.case}: {self.title} {number(self.before)} -> {number(self.after)} {self.unit}"
            f"{share}, noise {number(self.noise)}"
        )


def run(options: argparse.Namespace) -> int:
    """Compare the files that the options name; 1 if something got worse. Raises VerbError."""
    before, after = results.read(options.before), results.read(options.after)
    found = [*changes(before, after, options.threshold)]
    if not found:
        raise VerbError("the results have no case in common: measure both with the same loads", ExitCode.FAILED)
    for line in differences(before, after):
        print(f"note: {line}")
    shown = [change for change in found if change.verdict != "same"]
    for change in shown:
        print(change)
    worse = sum(change.verdict == "worse" for change in shown)
    better = len(shown) - worse
    print(f"{len(found)} figures compared: {worse} worse, {better} better, {len(found) - len(shown)} the same")
    return ExitCode.FAILED if worse else ExitCode.OK


def changes(before: results.Result, after: results.Result, threshold: float = THRESHOLD) -> Iterator[Change]:
    """The figures that both have, in the cases that both have, if one value is better than another."""
    old = {case["name"]: case["summary"] for case in before["cases"]}
    for case in after["cases"]:
        for name, metric in after["metrics"].items():
            pair = [summary.get(name) for summary in (old.get(case["name"], {}), case["summary"])]
            if metric["better"] and all(pair):
                yield _change(case["name"], name, metric, pair[0], pair[1], threshold)


def differences(before: results.Result, after: results.Result) -> list[str]:
    """What else differs between the results, and may be the reason."""
    notes = []
    for name in ("machine", "settings", "kind"):
        if before[name] != after[name]:
            notes.append(f"another {name}: {_short(before[name])} and {_short(after[name])}")
    names = [{case["name"] for case in document["cases"]} for document in (before, after)]
    if only := sorted(names[0] ^ names[1]):
        notes.append(f"in one result only, so not compared: {'; '.join(only)}")
    return notes


def _change(
    case: str,
    name: str,
    metric: Mapping[str, Any],
    before: Mapping[str, float],
    after: Mapping[str, float],
    threshold: float,
) -> Change:
    spread = sum(summary["highest"] - summary["lowest"] for summary in (before, after))
    noise = 0.0 if name == ALWAYS else max(spread, threshold / 100 * before["median"])
    return Change(case, metric["title"], metric["unit"], metric["better"], before["median"], after["median"], noise)


def _short(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def add_action(arguments: argparse.ArgumentParser) -> None:
    """The action `compare` of do/benchmark."""
    actions = arguments.add_subparsers(dest="action", metavar="{compare}")
    compare = actions.add_parser("compare", help="say what got better or worse; exits with 1 if something got worse")
    compare.add_argument("before", type=Path, metavar="A", help="a result of do/benchmark")
    compare.add_argument("after", type=Path, metavar="B", help="a later one, with the same loads")
    compare.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="PERCENT",
        help="of a figure, that it has to change at least; default: %(default)g",
    )
