"""do/logs: show what the container that do/run started has written."""

from __future__ import annotations

import subprocess

from lib import cli, containers, engine
from lib.cli import ExitCode, VerbError

EPILOG = """\
One JSON object a line, as the server in the container wrote it.

examples:
  do/logs
  do/logs --follow"""


def main() -> int:
    arguments = cli.parser("Show the log of the container that do/run started.", EPILOG)
    arguments.add_argument("--follow", action="store_true", help="go on until the container ends or ctrl-C")
    options = cli.parse(arguments)
    container = containers.of_do_run(engine.find())
    if not container.state():
        raise VerbError("there is no container of this project: type do/run --detach", ExitCode.MISSING_FILE)
    command = container.engine.command("logs", *(["--follow"] if options.follow else []), container.name)
    return ExitCode.FAILED if subprocess.run(command).returncode else ExitCode.OK
