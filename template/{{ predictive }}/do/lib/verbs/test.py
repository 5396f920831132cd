"""do/test: check that a server of this project does what it should."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli, environment, local_server, settings
from lib.cli import ROOT, ExitCode, VerbError, log

if TYPE_CHECKING:
    from lib.contract.reference import Reference
    from lib.contract.suite import Result

EPILOG = """\
Sends the requests of the contract suite (do/lib/contract) to a server, and prints one line for each check.
Answers are compared with those that do/train noted for the sample model. For any other model, and with
--rows or example_request.json, they are compared with what the model in --model answers through the
project's own handler; without either, rows are made up.

examples:
  do/test                                  the server that do/serve runs in another terminal
  do/test --serve                          a server of its own, on a free port
  do/test --url http://127.0.0.1:9000      any server
  do/test --pytest                         the project's tests, in tests/"""


def main() -> int:
    arguments = cli.parser("Check that a server of this project does what it should.", EPILOG)
    what = arguments.add_mutually_exclusive_group()
    what.add_argument("--url", metavar="URL", help="the server; default: http://127.0.0.1:PORT, with PORT of do/config")
    what.add_argument("--serve", action="store_true", help="start do/serve on a free port, and stop it afterwards")
    what.add_argument("--pytest", action="store_true", help="run the project's tests instead")
    arguments.add_argument("--model", type=Path, metavar="DIR", help="the model that is served; default: model/")
    arguments.add_argument("--rows", type=Path, metavar="FILE", help="a JSON request that the model can answer")
    arguments.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    options = cli.parse(arguments)
    if options.pytest:
        return run_pytest(options.verbose)
    url = options.url or f"http://127.0.0.1:{settings.load()['PORT']}"
    environment.enter_verbs()
    return run_contract(url, options)


def run_pytest(verbose: bool) -> int:
    """Go on as pytest in .venv. Raises VerbError where the project has no tests."""
    if not any((ROOT / "tests").glob("test_*.py")):
        raise VerbError(
            "this project has no tests/: type copier update --trust --data include_tests=true", ExitCode.MISSING_FILE
        )
    python = environment.serving_python(with_tests=True)
    command = [str(python), "-m", "pytest", "-rs", *(["-v"] if verbose else []), "tests"]
    log.debug("%s", " ".join(command))
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, command)


def run_contract(url: str, options: argparse.Namespace) -> int:
    """Run the suite in do/.venv and report it. Raises VerbError where it can't be run."""
    from lib.contract import reference

    model_dir = options.model.resolve() if options.model else None
    expected = reference.load(options.rows, model_dir)
    with local_server.running(model_dir) if options.serve else listening(url) as tested:
        results = list(run(tested, expected, quiet=options.json))
    failed = sum(result.outcome == "FAIL" for result in results)
    if options.json:
        print(json.dumps({"url": tested, "failed": failed, "checks": [asdict(result) for result in results]}, indent=2))
    else:
        print(f"{len(results)} checks of {tested}: {'all is well' if not failed else f'{failed} failed'}")
    return ExitCode.FAILED if failed else ExitCode.OK


def run(url: str, expected: Reference, quiet: bool) -> Iterator[Result]:
    """The results of all checks, printed as they come."""
    from lib.contract import suite
    from lib.contract.service import Service

    with Service(url) as service:
        for result in suite.run(service, expected, suite.all_checks()):
            if not quiet:
                print(result, flush=True)
            yield result


@contextmanager
def listening(url: str) -> Iterator[str]:
    """The URL of a server that is there. Raises VerbError when nothing listens."""
    import httpx

    from lib import client

    with client.connect(url) as connection:
        try:
            connection.get("/ping")
        except httpx.ConnectError:
            raise client.nothing_listens(url) from None
        except httpx.TransportError:
            pass  # something is there; the suite tells what is wrong with it
    yield url.rstrip("/")
