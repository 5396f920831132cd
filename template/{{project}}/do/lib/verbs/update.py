"""do/update: bring this project to the newest template; the owner's edits stay."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.local import environment
from lib.update import changelog, checkout

EPILOG = """\
Runs Copier, in its own environment, with the template that .copier-answers.yml names. The template's code runs on this
machine, as it did when the project was created. New questions get their defaults. If there are conflicts, lists the
files and exits with code 1. If the template can't be reached, exits with code 2.

examples:
  do/update --dry-run                        show what the newest template changes
  do/update --check                          the same, and exit with code 1 if there is an update
  do/update                                  update the project
  do/update --keep-version --data model_server=flask   change one answer, and nothing else"""


def main() -> int:
    arguments = cli.parser("Update this project to the newest template; your edits stay.", EPILOG)
    only = arguments.add_mutually_exclusive_group()
    only.add_argument("--dry-run", action="store_true", help="only show what would change")
    only.add_argument("--check", action="store_true", help="like --dry-run, and exit with code 1 if there is an update")
    arguments.add_argument("--keep-version", action="store_true", help="stay on the current version of the template")
    arguments.add_argument(
        "--data", action="append", default=[], metavar="QUESTION=ANSWER", help="also change an answer; can be repeated"
    )
    options = cli.parse(arguments)
    for answer in options.data:
        require_question(answer)
    if options.keep_version and not options.data:
        raise VerbError("--keep-version changes nothing without --data QUESTION=ANSWER", ExitCode.BAD_CONFIGURATION)
    if not (options.dry_run or options.check):
        checkout.require_clean()
    environment.enter_updates()
    return update(options)


def require_question(answer: str) -> None:
    """Raise VerbError unless this is a question and its answer."""
    if "=" not in answer:
        raise VerbError(f"--data {answer}: give QUESTION=ANSWER", ExitCode.BAD_CONFIGURATION)


def update(options: argparse.Namespace) -> int:
    """Show what there is, and unless that was all, bring it. Raises VerbError if it can't be brought."""
    from lib.update import drift, template

    drift.require_rendered_answers()
    current, newest = wanted_versions(options.keep_version)
    if current == newest and not options.data:
        print(f"up to date: {current} is the newest version of {template.source()}")
        return ExitCode.OK
    if current != newest:
        say(f"{template.source()}: {current} -> {newest}")
        say(changelog.between(template.source(), current, newest) or "(its changelog doesn't name these versions)")
    if options.dry_run or options.check:
        print(f"would {f'update from {current} to' if current != newest else 'change answers in'} {newest}")
        return ExitCode.FAILED if options.check and current != newest else ExitCode.OK
    answers, rendered = template.answers(), template.rendered()
    drift.require_unignored(rendered)
    missing = drift.missing(rendered)
    template.update(options.data, keep_version=current == newest)
    tell_answers(answers, template.answers())
    for line in drift.missed(missing, rendered, template.rendered()) if missing else ():
        print(f"not updated, though the template changed it: {line}")
    return report(newest)


def wanted_versions(keep: bool) -> tuple[str, str]:
    """The template's version that the project has, and the one that it is to have. Raises VerbError."""
    from lib.update import template

    if keep:
        return template.current(), template.current()
    found = template.versions()
    return found.current, found.newest if found.differ else found.current


def tell_answers(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Say which answers are not what they were."""
    from lib.update.template import POLICY

    for question in sorted(name for name in {**before, **after} if not name.startswith("_") and name != POLICY):
        if question not in before:
            change = f"do/update --keep-version --data {question}=..."
            say(f"new question: {question}={after[question]} (to change it: {change})")
        elif question not in after:
            say(f"{question} is no longer asked; it was {before[question]}")
        elif after[question] != before[question]:
            say(f"{question}: {before[question]} -> {after[question]}")


def report(version: str) -> int:
    """Say what the update left, and what to do next; the exit code."""
    left = checkout.conflicts()
    for name in left:
        print(f"conflict: {name}")
    if left:
        say("next: resolve each (<<<<<<< is yours or the template's, >>>>>>> the other; .rej is what did not fit),")
        say(f'      do/test --serve, and git add --all && git commit --message "Update the template to {version}"')
        return ExitCode.FAILED
    print(f"updated to {version}: {len(checkout.changes())} files changed")
    say(f'next: git diff, do/test --serve, git add --all && git commit --message "Update the template to {version}"')
    return ExitCode.OK
