"""What a check is, the list of them, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from lib.contract.reference import Reference
    from lib.contract.service import Service


class Observation(NamedTuple):
    """What a check expected and what it saw, in words."""

    expected: str
    seen: str


class Mismatch(Exception):
    """A check failed."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.observation = Observation(expected, seen)


class NotApplicable(Exception):
    """A check makes no sense for this model; the text says why."""


class NoAnswer(Exception):
    """The server did not answer a request; the text says what happened instead."""


@dataclass(frozen=True)
class Check:
    """A registered check: its topic (the module it is in), its name (a sentence) and the case it looks at."""

    topic: str
    name: str
    function: Callable[..., Observation]
    case: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a check came out."""

    topic: str
    name: str
    outcome: Literal["ok", "FAIL", "n/a"]
    expected: str
    seen: str

    def __str__(self) -> str:
        if self.outcome == "n/a":
            return f"n/a   {self.name} - {self.seen}"
        return f"{self.outcome:4}  {self.name} - expected {self.expected}; saw {self.seen}"


CHECKS: list[Check] = []


def check(function: Callable[..., Observation]) -> Callable[..., Observation]:
    """Register a check. It gets the Service and the model's Reference, and raises Mismatch when it fails."""
    CHECKS.append(Check(_topic(function), _sentence(function), function))
    return function


def check_each(cases: Mapping[str, Any]) -> Callable[[Callable[..., Observation]], Callable[..., Observation]]:
    """Register one check for each case: a label for its name, and its further arguments (a tuple, or one value)."""

    def register(function: Callable[..., Observation]) -> Callable[..., Observation]:
        for label, case in cases.items():
            arguments = case if isinstance(case, tuple) else (case,)
            CHECKS.append(Check(_topic(function), f"{_sentence(function)}: {label}", function, arguments))
        return function

    return register


def all_checks() -> list[Check]:
    """Every check of this package, by topic."""
    package = Path(__file__).parent
    for module in iter_modules([str(package)]):
        import_module(f"lib.contract.{module.name}")  # its checks register themselves
    return CHECKS


def run(service: Service, reference: Reference, checks: list[Check]) -> Iterator[Result]:
    """Run the checks one after the other."""
    for one in checks:
        yield _run_one(one, service, reference)


def expect(passed: bool, expected: str, seen: str) -> Observation:
    """The observation of a check that passed. Raises Mismatch when it did not."""
    if not passed:
        raise Mismatch(expected, seen)
    return Observation(expected, seen)


def _run_one(one: Check, service: Service, reference: Reference) -> Result:
    try:
        return Result(one.topic, one.name, "ok", *one.function(service, reference, *one.case))
    except Mismatch as mismatch:
        return Result(one.topic, one.name, "FAIL", *mismatch.observation)
    except NotApplicable as reason:
        return Result(one.topic, one.name, "n/a", "", str(reason))
    except NoAnswer as reason:
        return Result(one.topic, one.name, "FAIL", "an answer", str(reason))


def _topic(function: Callable[..., Observation]) -> str:
    return function.__module__.rpartition(".")[2]


def _sentence(function: Callable[..., Observation]) -> str:
    return function.__name__.replace("_", " ")
