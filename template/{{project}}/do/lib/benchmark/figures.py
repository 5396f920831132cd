"""Makes figures of what was seen. Names are those of aiperf (`request_latency` and so on), with `_p99` and the like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal


@dataclass
class Sample:
    """A request that was answered, or not: how many seconds it took, and what was wrong with its answer."""

    latency: float
    problem: str = ""


@dataclass(frozen=True)
class Metric:
    """What a figure means."""

    title: str
    unit: str
    better: Literal["higher", "lower", ""] = ""  # empty if neither is better


Figures = dict[str, float]

PERCENTILES = (50, 90, 99)


def distribution(name: str, title: str, unit: str) -> dict[str, Metric]:
    """The metrics of something that each request has, and that had better be low."""
    parts = {"avg": "mean", **{f"p{percent}": f"p{percent}" for percent in PERCENTILES}, "max": "longest"}
    return {f"{name}_{part}": Metric(f"{title}, {words}", unit, "lower") for part, words in parts.items()}


METRICS = {
    "request_throughput": Metric("requests answered", "requests/s", "higher"),
    **distribution("request_latency", "latency", "ms"),
    "request_count": Metric("requests", ""),
    "error_request_count": Metric("requests without a right answer", ""),
    "request_error_rate": Metric("errors", "%", "lower"),
    "client_cpu": Metric("CPU time of the client", "% of a CPU"),
}


def of_requests(samples: Sequence[Sample], seconds: float, client_cpu: float) -> Figures:
    """The figures of METRICS. Latencies are those of right answers; there is none if no answer was right."""
    good = [sample.latency * 1000 for sample in samples if not sample.problem]
    errors = len(samples) - len(good)
    return {
        "request_throughput": len(good) / seconds,
        **of_values("request_latency", good),
        "request_count": len(samples),
        "error_request_count": errors,
        "request_error_rate": 100 * errors / max(1, len(samples)),
        "client_cpu": 100 * client_cpu,
    }


def of_values(name: str, values: Iterable[float]) -> Figures:
    """The figures of something that each request has; none without any."""
    ordered = sorted(values)
    if not ordered:
        return {}
    percentiles = {f"{name}_p{percent}": percentile(ordered, percent) for percent in PERCENTILES}
    return {f"{name}_avg": fmean(ordered), **percentiles, f"{name}_max": ordered[-1]}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """A percentile, between two values in proportion, as numpy has it."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def problems(samples: Iterable[Sample]) -> Counter[str]:
    """What was wrong with answers, and how often."""
    return Counter(sample.problem for sample in samples if sample.problem)


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The median of each figure over the rounds, and the lowest and highest."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    values = {name: [figures[name] for figures in rounds if name in figures] for name in names}
    return {name: {"median": median(seen), "lowest": min(seen), "highest": max(seen)} for name, seen in values.items()}
