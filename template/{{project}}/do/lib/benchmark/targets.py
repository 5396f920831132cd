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
def chosen(options: argparse.Namespace, stream: bool) -> Iterator[Target]:
    """The target that the options name, ready to answer; the endpoint's answers may be streamed. Raises VerbError."""
    if options.serve:
        environment.serving_python()  # here, so that setting it up is seen and is not counted as start time
        with local_server.running(None) as url:
            yield HttpTarget(url)
    elif options.endpoint:
        yield _endpoint(options.endpoint, stream)
    else:
        target = HttpTarget(options.url or f"http://127.0.0.1:{config.load()['PORT']}")
        target.require_listening()
        yield target


def _endpoint(where: str, stream: bool) -> Target:
    """The endpoint in AWS, or what do/serve --sagemaker stands in for. Raises VerbError."""
    from lib.aws import names
    from lib.benchmark.endpoint_target import EndpointTarget
    from lib.sagemaker_runtime import use
    from lib.target import answers

    target = EndpointTarget(use.redirect() if where == "local" else f"endpoint {names.project()}", stream)
    if where == "aws":
        answers.require_serving(target.aws)
    return target
