"""Measures the image of the project in whose folder it runs, with the code of that project's own do/test --image.

    cd PROJECT && do/.venv/bin/python .../measure.py

Prints one JSON document: seconds to the first ping, and bytes of memory at rest and under load.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, "do")

from lib.checks.container import traffic  # type: ignore[import-not-found]
from lib.checks.container.subject import Subject  # type: ignore[import-not-found]
from lib.checks.http import reference  # type: ignore[import-not-found]
from lib.image import container_engine, images  # type: ignore[import-not-found]

CONNECTIONS = 32
REQUESTS = 6_000


def main() -> None:
    chosen = container_engine.find()
    with Subject(chosen, images.require(chosen), None) as subject, ThreadPoolExecutor(1) as background:
        started = subject.shared()
        at_rest = started.container.memory()
        caller = traffic.Caller(started.port, reference.load(None, None))
        load = background.submit(traffic.many, REQUESTS, CONNECTIONS, caller)
        under_load = at_rest
        while not load.done():
            under_load = max(under_load, started.container.memory())
        problems = load.result()
    document = {
        "first_ping_seconds": started.seconds,
        "memory_at_rest": at_rest,
        "memory_under_load": under_load,
        "problems": problems,
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
