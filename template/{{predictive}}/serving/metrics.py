"""Counters of all worker processes together, in Prometheus's text format.

`serve` points PROMETHEUS_MULTIPROC_DIR to a scratch folder before this module is imported, so that every process
writes its numbers to a file there and /metrics adds them up. The files are mapped into memory: if the disk were full
when such a page is first written, the process would be killed. So their space is taken beforehand, and without space
there are no metrics, but there are answers.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

FILE_BYTES = 1 << 16  # as large as prometheus_client makes them; the few numbers here never need more


def _reserve_space() -> bool:
    """Take the space of this process's files. Whether there is any."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder or not hasattr(os, "posix_fallocate"):
        return True
    files = [Path(folder, f"{kind}_{os.getpid()}.db") for kind in ("counter", "histogram")]
    try:
        for path in files:
            with path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    except OSError as error:
        for path in files:  # half a file can't be read with those of other processes
            path.unlink(missing_ok=True)
        log.warning("no metrics of process %d: %s: %s", os.getpid(), folder, error.strerror)
        return False
    return True


_enabled = _reserve_space()
if not _enabled:
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR")  # the library must not try it either

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead  # noqa: E402

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


def start() -> None:
    """Begin to count in a worker process; call it after forking."""
    global _enabled
    _enabled = _enabled and _reserve_space()


def count_response(status: int) -> None:
    """Count an answer to /invocations."""
    if _enabled:
        (_OK if status == 200 else RESPONSES.labels(str(status))).inc()


def observe_request(seconds: float) -> None:
    """Note how long a request took."""
    if _enabled:
        REQUEST_SECONDS.observe(seconds)


def observe_batch(rows: int) -> None:
    """Note how many rows are predicted together."""
    if _enabled:
        BATCH_ROWS.observe(rows)


def count_rows(rows: int) -> None:
    """Count rows that were predicted."""
    if _enabled:
        PREDICTED_ROWS.inc(rows)


def exposition() -> bytes:
    """The metrics of all processes, to be sent as CONTENT_TYPE."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    return generate_latest(registry)


def forget_process(pid: int) -> None:
    """Take a worker that ended out of the gauges of living processes."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(pid)
