"""What is sent to a predictive server: the owner's example request, in other numbers of rows and content types."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from lib.benchmark import figures
from lib.benchmark.figures import Figures, Sample
from lib.benchmark.loads import Exchange, Request
from lib.benchmark.measuring import first_problem
from lib.cli import ExitCode, VerbError
from lib.model import documents
from lib.model.documents import CSV, JSON, NPY, Example, Unsendable

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
TOLERANCE = 1e-6  # relative: sums may come out differently if rows are predicted in other groups
MOST_KINDS = 10_000  # of different answers that are remembered as right


class Workload:
    """The same request again and again. Its answers have to be the same, too."""

    def __init__(self, name: str, body: bytes, content_type: str) -> None:
        self.name = name
        self.content_type = content_type
        self.requests = [Request(body, {"Content-Type": content_type, "Accept": content_type})]
        self.expected = b""
        self.right: set[bytes] = set()
        self.varies = False

    def learn(self, answers: Sequence[Exchange]) -> None:
        """Take the first answer for the right one, which do/test checks. Raises VerbError for an error."""
        if problem := first_problem(answers):
            raise problem
        first, second = (exchange.answer.body for exchange in answers if exchange.answer)
        self.expected, self.right = first, {first}
        self.varies = not self._agrees(second)  # such as with the time in it: then only the status can be checked

    def observe(self, exchange: Exchange) -> Sample:
        """How long it took, and whether the answer is right."""
        return Sample(exchange.ended - exchange.due, self._problem(exchange))

    def samples(self, seen: Sequence[Sample]) -> Sequence[Sample]:
        """What counts of each answer: the same."""
        return seen

    def figures(self, samples: Sequence[Sample], seconds: float, client_cpu: float) -> Figures:
        """The figures of a round."""
        return figures.of_requests(samples, seconds, client_cpu)

    def _problem(self, exchange: Exchange) -> str:
        if not exchange.answer:
            return exchange.problem
        if exchange.answer.status != 200:
            return f"status {exchange.answer.status}"
        return "" if self.varies or self._agrees(exchange.answer.body) else "another answer than the first"

    def _agrees(self, body: bytes) -> bool:
        if body in self.right:
            return True
        if not (_same_array if self.content_type == NPY else _same_text)(self.expected, body):
            return False
        if len(self.right) < MOST_KINDS:
            self.right.add(body)
        return True


def load(file: Path, rows: Sequence[int], content_types: Sequence[str]) -> list[Workload]:
    """A workload for each number of rows (none: those of the request) in each content type. Raises VerbError."""
    try:
        example = documents.read(file.read_bytes())
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None
    counts: Sequence[int | None] = rows or [None]
    return [_workload(example, file, count, form) for form in content_types for count in counts]


def _workload(example: Example, file: Path, count: int | None, form: str) -> Workload:
    if count is None and form == JSON:
        return Workload(_name(len(example.rows or []), form), example.body, form)
    if example.rows is None:
        raise VerbError(
            f"{file.name} is not a list of rows, so it can only be sent as it is: leave out --rows and --content-type",
            ExitCode.BAD_CONFIGURATION,
        )
    if form in (CSV, NPY) and isinstance(example.rows[0], dict):
        raise VerbError(
            f"the rows of {file.name} have names, and {form} has an order instead: use another --content-type, or "
            "write the rows as lists",
            ExitCode.BAD_CONFIGURATION,
        )
    rows = list(islice(cycle(example.rows), count or len(example.rows)))
    try:
        return Workload(_name(len(rows), form), example.encode(rows, form), form)
    except Unsendable as reason:
        raise VerbError(f"{file.name} can't be sent as {form}: {reason}", ExitCode.BAD_CONFIGURATION) from None


def _name(rows: int, form: str) -> str:
    what = "the example" if not rows else "1 row" if rows == 1 else f"{rows} rows"
    return f"{what}, {form}"


def _same_text(expected: bytes, seen: bytes) -> bool:
    """Whether two texts differ at most in the last digits of their numbers."""
    if NUMBER.split(expected) != NUMBER.split(seen):
        return False
    pairs = zip(NUMBER.findall(expected), NUMBER.findall(seen), strict=True)
    return all(math.isclose(float(one), float(other), rel_tol=TOLERANCE) for one, other in pairs)


def _same_array(expected: bytes, seen: bytes) -> bool:
    try:
        one, other = (np.load(io.BytesIO(body), allow_pickle=False) for body in (expected, seen))
    except ValueError:
        return False
    return one.shape == other.shape and one.dtype == other.dtype and _is_close(one, other)


def _is_close(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind != "f":
        return bool((one == other).all())
    return bool(np.allclose(one, other, rtol=TOLERANCE, atol=0, equal_nan=True))
