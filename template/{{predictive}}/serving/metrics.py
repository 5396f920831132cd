"""Counters of all worker processes together, in Prometheus's text format.

`serve` points PROMETHEUS_MULTIPROC_DIR to a scratch folder before this module is imported, so that every process
writes its numbers to a file there and /metrics adds them up.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_LATEST

RESPONSES = Counter("serving_responses_total", "Answers to /invocations", ["status"])
REQUEST_SECONDS = Histogram(
    "serving_request_seconds",
    "Time from the whole body being there to the answer, in seconds",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
PREDICTED_ROWS = Counter("serving_predicted_rows_total", "Rows that were predicted")
BATCH_ROWS = Histogram(
    "serving_batch_rows", "Rows that were predicted together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
)

_OK = RESPONSES.labels("200")


def count_response(status: int) -> None:
    """Count an answer to /invocations."""
    (_OK if status == 200 else RESPONSES.labels(str(status))).inc()


def exposition() -> bytes:
    """The metrics of all processes, to be sent as CONTENT_TYPE."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


def forget_process(pid: int) -> None:
    """Take a worker that ended out of the gauges of living processes."""
    mark_process_dead(pid)
