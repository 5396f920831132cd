"""do/logs: show what the container of do/run, the endpoint or the builds have written."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import partial

from lib import cli, programs
from lib.cli import ExitCode, VerbError
from lib.image import container_engine, containers
from lib.local import environment

EPILOG = """\
Prints one JSON object per line, as the server in the container wrote it, or a build's log as the build wrote it.

examples:
  do/logs                             the container that do/run started here
  do/logs --endpoint                  the endpoint in AWS, the last hour
  do/logs --endpoint --since 2d       the last two days
  do/logs --build --follow            the builds of do/submit, until ctrl-C"""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def main() -> int:
    arguments = cli.parser("Show the log of the container that do/run started, or of AWS.", EPILOG)
    where = arguments.add_mutually_exclusive_group()
    where.add_argument("--endpoint", action="store_true", help="the endpoint's log in AWS")
    where.add_argument("--build", action="store_true", help="the log of the builds in AWS")
    arguments.add_argument("--since", metavar="TIME", help="in AWS: how far back, such as 30m, 2h or 1d; default: 1h")
    arguments.add_argument("--follow", action="store_true", help="follow the log until the container exits or ctrl-C")
    options = cli.parse(arguments)
    if options.endpoint or options.build:
        seconds = length_of(options.since or "1h")
        environment.enter_verbs()
        return show_remote("endpoint" if options.endpoint else "build", seconds, options.follow)
    if options.since:
        raise VerbError("--since needs --endpoint or --build", ExitCode.BAD_CONFIGURATION)
    return show_local(options.follow)


def show_local(follow: bool) -> int:
    """Pass on what docker or podman has kept. Raises VerbError if there is no container."""
    container = containers.of_do_run(container_engine.find())
    if not container.state():
        raise VerbError("there is no container of this project: run do/run --detach", ExitCode.MISSING_FILE)
    command = container.engine.command("logs", *(["--follow"] if follow else []), container.name)
    return ExitCode.FAILED if programs.show(command) else ExitCode.OK


def show_remote(kind: str, seconds: int, follow: bool) -> int:
    """Pass on what CloudWatch Logs has kept. Raises VerbError where nothing was ever written."""
    from lib.aws import logs
    from lib.aws.client import AwsClient
    from lib.target import product

    shows: dict[str, Callable[..., Iterable[str] | None]]
    shows = {"endpoint": product.log_lines, "build": partial(logs.present_lines, "build")}
    verb = {"endpoint": "do/deploy", "build": "do/submit"}[kind]
    found = shows[kind](AwsClient(), time.time() - seconds, follow)
    if found is None:
        raise VerbError(f"the {kind} has written nothing yet: run {verb}, or do/status", ExitCode.MISSING_FILE)
    for line in found:
        print(line, flush=True)
    return ExitCode.OK


def length_of(text: str) -> int:
    """The seconds of a time such as 30m. Raises VerbError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise VerbError(f"--since {text!r} is not a time: give 30m, 2h or 1d", ExitCode.BAD_CONFIGURATION)
    return int(found[1]) * SECONDS[found[2]]
