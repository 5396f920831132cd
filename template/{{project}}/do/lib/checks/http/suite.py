"""What a check is, the list of them, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from lib.checks.results import Mismatch, NoAnswer, NotApplicable, Observation, Result


@dataclass(frozen=True)
class Check:
    """A registered check: its topic (the module it is in), its name (a sentence) and the case it looks at."""

    topic: str
    name: str
    function: Callable[..., Observation]
    case: tuple[Any, ...] = ()


CHECKS: list[Check] = []


def check(function: Callable[..., Observation]) -> Callable[..., Observation]:
    """Register a check. It gets the Client and the model's Reference, and raises Mismatch when it fails."""
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
        import_module(f"lib.checks.http.{module.name}")  # its checks register themselves
    return CHECKS


def run(client: object, reference: object, checks: list[Check]) -> Iterator[Result]:
    """Run the checks one after the other."""
    for one in checks:
        yield _run_one(one, client, reference)


def _run_one(one: Check, client: object, reference: object) -> Result:
    try:
        return Result(one.topic, one.name, "ok", *one.function(client, reference, *one.case))
    except Mismatch as mismatch:
        return Result(one.topic, one.name, "FAIL", *mismatch.observation)
    except NotApplicable as reason:
        return Result(one.topic, one.name, "n/a", "", str(reason))
    except NoAnswer as reason:
        return Result(one.topic, one.name, "FAIL", "an answer", str(reason))
    except Exception as error:  # an answer of a form that nobody thought of
        return Result(one.topic, one.name, "FAIL", "an answer that can be read", f"{type(error).__name__}: {error}")


def _topic(function: Callable[..., Observation]) -> str:
    return function.__module__.rpartition(".")[2]


def _sentence(function: Callable[..., Observation]) -> str:
    return function.__name__.replace("_", " ")
