"""What the arguments of do/benchmark name as the target."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from lib import config
from lib.benchmark.http_target import HttpTarget
from lib.benchmark.loads import Target
from lib.local import environment
from lib.local import server as local_server


@contextmanager
def chosen(options: argparse.Namespace) -> Iterator[Target]:
    """The target that the options name, ready to answer. Raises VerbError."""
    if options.serve:
        environment.serving_python()  # here, so that setting it up is seen and is not counted as start time
        with local_server.running(None) as url:
            yield HttpTarget(url)
    else:
        target = HttpTarget(options.url or f"http://127.0.0.1:{config.load()['PORT']}")
        target.require_listening()
        yield target
