"""The list of conformance checks, and how they are run. A check fails as those of the contract do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from lib.checks.container.subject import Subject
from lib.checks.http.reference import Reference
from lib.checks.http.suite import Check
from lib.checks.results import Mismatch, NoAnswer, NotApplicable, Observation, Result
from lib.cli import VerbError

# those that end a container come last
TOPICS = ("starting", "contents", "load", "logs", "failures", "stopping")
CHECKS: list[Check] = []


def check(function: Callable[[Subject, Reference], Observation]) -> Callable[[Subject, Reference], Observation]:
    """Register a check: its name is a sentence, its module the topic."""
    topic = function.__module__.rpartition(".")[2]
    CHECKS.append(Check(topic, function.__name__.replace("_", " "), function))
    return function


def all_checks() -> list[Check]:
    """Every check, in the order of TOPICS."""
    for topic in TOPICS:
        import_module(f"lib.checks.container.{topic}")  # its checks register themselves
    return CHECKS


def run(subject: Subject, reference: Reference, checks: list[Check]) -> Iterator[Result]:
    """Run the checks one after the other; none leaves a container behind that it started for itself."""
    for one in checks:
        yield _run_one(one, subject, reference)


def _run_one(one: Check, subject: Subject, reference: Reference) -> Result:
    try:
        return Result(one.topic, one.name, "ok", *one.function(subject, reference))
    except Mismatch as mismatch:
        return Result(one.topic, one.name, "FAIL", *mismatch.observation)
    except NotApplicable as reason:
        return Result(one.topic, one.name, "n/a", "", str(reason))
    except NoAnswer as reason:
        return Result(one.topic, one.name, "FAIL", "an answer", str(reason))
    except VerbError as error:
        return Result(one.topic, one.name, "FAIL", "a container that serves", str(error))
