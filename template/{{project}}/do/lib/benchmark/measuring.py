"""Repeats each load on each workload, round after round, and reports what came out.

A round of every case comes before the next round of any, so that a machine that grows slower or faster meanwhile shows
as spread, not as a difference between cases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lib.benchmark import figures, loads, page, results, table
from lib.benchmark.figures import Figures, Metric
from lib.benchmark.loads import Exchange, Load, Request, Target
from lib.cli import ROOT, ExitCode, VerbError, say

BUSY_CLIENT = 80  # percent of a CPU
KEPT_UP = 0.95  # of the requests that were due


class Workload(Protocol):
    """What is sent, and what is a right answer."""

    name: str

    @property
    def requests(self) -> Sequence[Request]:
        """They are sent in turn."""

    def learn(self, answers: Sequence[Exchange]) -> None:
        """Learn what a right answer is from the first ones. Raises VerbError if they are wrong."""

    def observe(self, exchange: Exchange) -> Any:
        """What is kept of an answer until the round is over."""

    def samples(self, seen: Sequence[Any]) -> Sequence[Any]:
        """What counts of each answer."""

    def figures(self, samples: Sequence[Any], seconds: float, client_cpu: float) -> Figures:
        """The figures of a round."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and for how long."""

    workloads: Sequence[Workload]
    loads: Sequence[Load]
    seconds: float
    warm_up: float
    repeats: int
    requests: int | None = None  # of a round, if it is over before the time

    def settings(self) -> dict[str, Any]:
        """For the result."""
        return {name: getattr(self, name) for name in ("seconds", "warm_up", "repeats", "requests")}


@dataclass
class Case:
    """A load on a workload, and what was seen of it."""

    workload: Workload
    load: Load
    rounds: list[Figures] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """For people, and to find the same case in another result."""
        return f"{self.load.name}, {self.workload.name}"

    def document(self) -> dict[str, Any]:
        """For the result."""
        return {
            "name": self.name,
            "workload": self.workload.name,
            "load": asdict(self.load),
            "rounds": self.rounds,
            "summary": figures.summary(self.rounds),
            "problems": dict(self.problems),
        }


def measure(target: Target, plan: Plan, metrics: Mapping[str, Metric]) -> results.Result:
    """The result of all cases. Raises VerbError if a request isn't answered to begin with."""
    for workload in plan.workloads:
        workload.learn(loads.run(target, Load(1), workload.requests, _unchanged, math.inf, 2).seen)
    cases = [Case(workload, load) for workload in plan.workloads for load in plan.loads]
    total = len(cases) * (plan.warm_up + plan.repeats * plan.seconds)
    say(f"{target.name}: {len(cases)} cases, {plan.repeats} rounds each; takes about {total:.0f} s")
    for case in cases:
        say(f"warm-up, {case.name}")
        loads.run(target, case.load, case.workload.requests, _unchanged, plan.warm_up, plan.requests)
    for number in range(1, plan.repeats + 1):
        for case in cases:
            seen = loads.run(
                target, case.load, case.workload.requests, case.workload.observe, plan.seconds, plan.requests
            )
            samples = case.workload.samples(seen.seen)
            case.rounds.append(case.workload.figures(samples, seen.seconds, seen.client_cpu))
            case.problems += figures.problems(samples)
            say(f"round {number} of {plan.repeats}, {case.name}: {_in_short(case.rounds[-1])}")
    return results.result(target.name, plan.settings(), metrics, [case.document() for case in cases])


def report(document: results.Result, columns: Mapping[str, str], charted: Sequence[str], output: Path | None) -> int:
    """Keep a result with its page, print it, and tell what is wrong with it; the exit code."""
    file = results.write(document, output)
    remarks = notes(document)
    report_file = file.with_suffix(".html")
    report_file.write_text(page.render(document, columns, charted, remarks), encoding="utf-8")
    print("\n".join(table.lines(document, columns)))
    for line in remarks:
        print(f"note: {line}")
    print(f"result: {_shown(file)}, as a page: {_shown(report_file)}")
    errors = [f"{case['name']}: {_list(case['problems'])}" for case in document["cases"] if case["problems"]]
    for line in errors:
        say(f"wrong answers: {line}")
    return ExitCode.FAILED if errors else ExitCode.OK


def notes(document: results.Result) -> list[str]:
    """What a reader of the figures has to know."""
    return [note for case in document["cases"] for note in _notes(case["name"], case["load"]["rate"], case["summary"])]


def _notes(name: str, rate: float | None, summary: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    client = summary["client_cpu"]["median"]
    if client > BUSY_CLIENT:
        yield f"{name}: the client took {client:.0f} % of a CPU, so it may have been the limit, not the server"
    answered = summary["request_throughput"]["median"]
    if rate and answered < KEPT_UP * rate:
        yield f"{name}: the server answered {table.number(answered)} requests/s, so latency grew with each second"


def first_problem(answers: Sequence[Exchange]) -> VerbError | None:
    """The error for first requests that weren't answered with 200."""
    for exchange in answers:
        if exchange.problem or not exchange.answer:
            return VerbError(f"there was no answer: {exchange.problem}", ExitCode.FAILED)
        if exchange.answer.status != 200:
            text = " ".join(exchange.answer.body[:300].decode(errors="replace").split())
            return VerbError(f"the server answered {exchange.answer.status}: {text}", ExitCode.FAILED)
    return None


def _unchanged(exchange: Exchange) -> Exchange:
    return exchange


def _in_short(found: Figures) -> str:
    parts = [f"{table.number(found['request_throughput'])} requests/s"]
    if "request_latency_p99" in found:
        parts.append(f"p99 {table.number(found['request_latency_p99'])} ms")
    if found["error_request_count"]:
        parts.append(f"{found['error_request_count']:.0f} errors")
    return ", ".join(parts)


def _list(problems: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} times {problem}" for problem, count in problems.items())


def _shown(file: Path) -> str:
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
