"""Puts load on a server with wrk, from a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from plumbum import local

from bench.servers import Server

# wrk writes its own summary for people; this one is for us (latencies are in microseconds)
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("%s"):read("*a")
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format('{"requests":%%d,"seconds":%%f,"p50_ms":%%f,"p99_ms":%%f,"errors":%%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass
class Load:
    """What wrk saw in one round."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms_per_request: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def measure(server: Server, connections: int, seconds: int, body: Path, scratch: Path) -> Load:
    """One round with a fixed number of keep-alive connections."""
    script = scratch / "post.lua"
    script.write_text(SCRIPT % (server.body or body))
    options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    before = server.cpu_seconds()
    _, _, errors = local["wrk"][options].run([f"--script={script}", f"{server.url}{server.path}"])
    seen = json.loads(errors)
    cpu_ms = (server.cpu_seconds() - before) * 1000
    return Load(**seen, cpu_ms_per_request=cpu_ms / max(1, seen["requests"]))
