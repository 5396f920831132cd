"""What all verbs share: exit codes, errors in one line, arguments."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]

log = logging.getLogger("do")


class ExitCode(IntEnum):
    """What a verb's exit code means; the same on every verb and every target."""

    OK = 0
    FAILED = 1  # a test or a validation failed
    MISSING_PREREQUISITE = 2  # a program, a package or a running server
    BAD_CONFIGURATION = 3  # an argument, do/config.env or the environment
    AWS_ERROR = 4
    MISSING_FILE = 5  # an image or a file
    INTERRUPTED = 130


class VerbError(Exception):
    """Ends a verb. The message is one line: what happened, why, and what to run next."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose errors are one line, too."""

    def error(self, message: str) -> NoReturn:
        raise VerbError(f"{message}; see {self.prog} --help", ExitCode.BAD_CONFIGURATION)


def parser(description: str, epilog: str = "") -> ArgumentParser:
    """The arguments of a verb, with those that every verb has."""
    arguments = ArgumentParser(
        prog=verb_name(),
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    arguments.add_argument("-v", "--verbose", action="store_true", help="also print the commands that are run")
    return arguments


def add_server(arguments: ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Which server a verb looks at: one that runs, one that it starts, or the endpoint. The group takes more."""
    server = arguments.add_mutually_exclusive_group()
    server.add_argument(
        "--url", metavar="URL", help="the server; default: http://127.0.0.1:PORT, with PORT of do/config"
    )
    server.add_argument("--serve", action="store_true", help="start do/serve on a free port and stop it afterwards")
    server.add_argument(
        "--endpoint",
        nargs="?",
        const="aws",
        choices=("aws", "local"),
        help="the endpoint in AWS, or the one that do/serve --sagemaker stands in for",
    )
    return server


def parse(arguments: ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed arguments (of the command line by default); -v takes effect. Raises VerbError."""
    options = arguments.parse_args(argv)
    logging.basicConfig(format="+ %(message)s", stream=sys.stderr)
    logging.getLogger("botocore").setLevel(logging.CRITICAL)  # what it tells of comes as an error, too, in one line
    log.setLevel(logging.DEBUG if options.verbose else logging.WARNING)
    return options


def verb_name() -> str:
    """The running verb as a command in the project's folder, such as `do/config`."""
    return f"do/{Path(sys.argv[0]).name}"


def say(message: str) -> None:
    """Tell what the verb is doing. Goes to standard error, so that standard output holds results only."""
    print(message, file=sys.stderr, flush=True)


def agreed(question: str) -> bool:
    """Ask the person at the terminal. Raises VerbError if there is none."""
    if not sys.stdin.isatty():
        raise VerbError("not a terminal: pass --yes to confirm", ExitCode.BAD_CONFIGURATION)
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def run(main: Callable[[], int]) -> NoReturn:
    """Run a verb's `main` and exit with its code; errors become one line and their code."""
    try:
        code = main()
        sys.stdout.flush()
    except VerbError as error:
        say(f"{verb_name()}: {error}")
        code = error.exit_code
    except PermissionError as error:
        if error.filename is None:  # not about a file
            raise
        path = shlex.quote(os.fsdecode(error.filename))
        say(f"{verb_name()}: you may not open {path}: run ls -ld {path} to see who may")
        code = ExitCode.MISSING_FILE
    except KeyboardInterrupt:
        say(f"{verb_name()}: stopped")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        sys.stderr.close()
        code = ExitCode.OK
    sys.exit(code)
