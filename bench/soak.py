"""100,000 requests at 200 connections, one in a hundred of them bad, to both web applications: `make bench-soak`.

Counts what was lost, answered wrongly or in another form, and compares memory and open files before and after. Keeps
the numbers in docs/benchmarks/soak.json, and ends with 1 if a good request was lost or an answer was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench import report
from bench.servers import ROOT, SERVERS, Server, generated, make_project, write_request

RESULT = ROOT / "docs/benchmarks/soak.json"
WARM_UP = 5_000  # requests after which memory and open files are what they stay
ANSWER_SECONDS = 30
JSON = {"Content-Type": "application/json"}
# not valid HTTP, so the server closes the connection
CLOSING = b"POST /invocations HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\n\r\n"


def main() -> int:
    """Load each server, and report."""
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        rows = [soak(name, kind, arguments, Path(scratch)) for name, kind in SERVERS.items()]
    settings = {name: getattr(arguments, name) for name in ("requests", "connections", "bad")} | {
        "cpus": os.cpu_count()
    }
    RESULT.write_text(json.dumps(settings | {"servers": rows}, indent=2) + "\n")
    RESULT.parent.with_suffix(".md").write_text(report.page(RESULT.parent))
    print(report.soak_table(json.loads(RESULT.read_text())))
    return int(any(row["lost"] or row["wrong"] for row in rows))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench-soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--bad", type=int, default=1, metavar="PERCENT", help="how many of the requests are bad")
    return parser.parse_args()


def soak(name: str, model_server: str, arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """What happened to one server."""
    project = make_project("sklearn", model_server, scratch)
    good = write_request(project, 1, scratch).read_bytes()
    with generated(name, project) as server:
        expected = httpx.post(f"{server.url}/invocations", content=good, headers=JSON).content
        asyncio.run(Soak(server, good, expected, WARM_UP, arguments.bad).run(arguments.connections))
        time.sleep(2)
        before = state(server)
        load = Soak(server, good, expected, arguments.requests, arguments.bad)
        seconds = asyncio.run(load.run(arguments.connections))
        time.sleep(2)
        after = state(server)
    return {"name": name, "seconds": round(seconds), **load.seen, "before": before, "after": after}


def state(server: Server) -> dict[str, int]:
    """What a leak would show in."""
    return {
        "memory_mib": round(server.memory_mib()),
        "open_files": sum(process.num_fds() for process in server.family()),
    }


def request(body: bytes, path: str = "/invocations", content_type: str = "application/json") -> bytes:
    """A POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: model\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# each with the status that it must have
BAD: list[tuple[bytes, int]] = [
    (request(b'{"instances": [[1, 2'), 400),
    (request(b'{"instances": [[1, 2]]}'), 400),
    (request(b"rings", content_type="image/png"), 415),
    (request(b"[]", path="/nothing"), 404),
    (CLOSING, 400),
]


@dataclass
class Soak:
    """Requests over connections that are kept alive, as long as the server keeps them."""

    server: Server
    good: bytes
    expected: bytes
    requests: int
    bad_percent: int
    seen: Counter[str] = field(default_factory=lambda: Counter(good=0, bad=0, lost=0, wrong=0))

    async def run(self, connections: int) -> float:
        """Send all requests; the seconds that it took."""
        began = time.monotonic()
        numbers = iter(range(self.requests))
        await asyncio.gather(*(self.connection(numbers) for _ in range(connections)))
        return time.monotonic() - began

    async def connection(self, numbers: Iterator[int]) -> None:
        """One caller: a request after another."""
        streams = None
        for number in numbers:
            if number % 10_000 == 0:
                print(f"{self.server.name}: {number:,} of {self.requests:,}", file=sys.stderr)
            is_bad = number % 100 < self.bad_percent
            bytes_, status = BAD[self.seen["bad"] % len(BAD)] if is_bad else (request(self.good), 200)
            self.seen["bad" if is_bad else "good"] += 1
            try:
                streams = streams or await self.connect()
                answer = await asyncio.wait_for(ask(*streams, bytes_), ANSWER_SECONDS)
            except (OSError, EOFError, TimeoutError):
                streams = None
                self.seen["lost"] += 1
                continue
            self.seen["wrong"] += not self.is_right(answer, status)
            if bytes_ is CLOSING:
                streams[1].close()
                streams = None
        if streams:
            streams[1].close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection."""
        address = httpx.URL(self.server.url)
        return await asyncio.open_connection(address.host, address.port)

    def is_right(self, answer: tuple[int, bytes], status: int) -> bool:
        """Whether it is the one prediction, or an error in the one form."""
        seen, body = answer
        if status == 200:
            return (seen, body) == (200, self.expected)
        return seen == status and set(json.loads(body)["error"]) == {"code", "message", "request_id"}


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """The status and the body of an answer. Raises EOFError if the connection ends before it."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


if __name__ == "__main__":
    sys.exit(main())
