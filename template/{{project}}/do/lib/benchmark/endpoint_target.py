"""Sends requests to SageMaker's endpoint with boto3, each connection in a thread of its own. Needs do/.venv.

boto3 takes one or two milliseconds of CPU time a request: it can send a few hundred requests a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from lib.aws import invocation
from lib.aws.client import AwsClient
from lib.benchmark.loads import Answer, Exchange, Request, Schedule, clock
from lib.cli import VerbError
from lib.target import answers


class EndpointTarget:
    """The endpoint, asked once or with a stream. Raises VerbError for one that can't be measured."""

    def __init__(self, name: str, stream: bool) -> None:
        self.name = name
        self.stream = stream
        self.aws = invocation.connect()
        answers.require_measurable(stream)

    def prepare(self, request: Request) -> dict[str, Any]:
        """A request as SageMaker's API has it."""
        headers = {invocation.PARAMETERS[name.lower()]: value for name, value in request.headers.items()}
        return {"Body": request.body, **headers}

    @contextmanager
    def connected(self, count: int) -> Iterator[EndpointConnections]:
        """`count` threads; boto3 opens their connections with their first requests."""
        yield EndpointConnections(self.aws, self.stream, count)


@dataclass
class EndpointConnections:
    """Threads that send requests."""

    aws: AwsClient
    stream: bool
    count: int

    def send_all(
        self, schedule: Schedule, prepared: Sequence[Mapping[str, Any]], observe: Callable[[Exchange], Any]
    ) -> list[Any]:
        """Send the requests in turn as the schedule says; what `observe` makes of each, when all are answered."""
        seen: list[Any] = []
        lock = Lock()

        def use() -> None:
            while True:
                with lock:
                    due = schedule.due(clock())
                    if due is None:
                        return
                    number = schedule.take() % len(prepared)
                time.sleep(max(0.0, due - clock()))
                seen.append(observe(self._exchange(number, due, prepared[number])))

        with ThreadPoolExecutor(self.count) as threads:
            for done in [threads.submit(use) for _ in range(self.count)]:
                done.result()
        return seen

    def _exchange(self, number: int, due: float, parameters: Mapping[str, Any]) -> Exchange:
        try:
            answer = self._ask(parameters)
        except invocation.Refused as refusal:
            answer = Answer(refusal.status, [(clock(), refusal.body)])
        except VerbError as error:
            return Exchange(number, due, clock(), None, str(error))
        return Exchange(number, due, answer.pieces[-1][0] if answer.pieces else clock(), answer)

    def _ask(self, parameters: Mapping[str, Any]) -> Answer:
        """The answer, with the time of each piece where it is streamed. Raises Refused and VerbError."""
        if not self.stream:
            body, _ = answers.whole(self.aws, **parameters)
            return Answer(200, [(clock(), body)])
        pieces, _ = answers.stream(self.aws, **parameters)
        return Answer(200, [(clock(), piece) for piece in pieces])
