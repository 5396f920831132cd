"""Puts load on a server with wrk, from a process of its own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
    script.write_text(SCRIPT % body)
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    before = server.cpu_seconds()
    finished = subprocess.run(
        [*command, f"--script={script}", f"{server.url}/invocations"], capture_output=True, text=True, check=True
    )
    seen = json.loads(finished.stderr)
    cpu_ms = (server.cpu_seconds() - before) * 1000
    return Load(**seen, cpu_ms_per_request=cpu_ms / max(1, seen["requests"]))
