"""do/test: check that a server of this project does what it should."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli, config
from lib.cli import ROOT, ExitCode, VerbError, log
from lib.image import container_engine, images
from lib.local import environment
from lib.local import server as local_server
from lib.model import artifacts, versions

if TYPE_CHECKING:
    from lib.checks.http.reference import Reference
    from lib.checks.results import Result

EPILOG = """\
Sends the requests of the contract suite (do/lib/checks/http) to a server, and prints one line for each check.
The rows come from --rows, example_request.json or the sample model's request, in this order. Responses are compared
with the predictions of the model in --model through the project's own handler, or with those that do/train recorded
for the sample model. If there is no example, rows are generated for models that are known to take numbers, and the
last line says so.

examples:
  do/test                                  the server that do/serve runs in another terminal
  do/test --serve                          a temporary server on a free port
  do/test --url http://127.0.0.1:9000      any server
  do/test --image                          the image from do/build, in temporary containers; also runs the checks
                                           that need a container (do/lib/checks/container)
  do/test --endpoint                       the endpoint that do/deploy created; checks of things that SageMaker
                                           doesn't pass on are n/a
  do/test --endpoint local                 the same, of the endpoint that do/serve --sagemaker stands in for
  do/test --pytest                         the project's tests, in tests/"""


def main() -> int:
    arguments = cli.parser("Check a server of this project against its contract.", EPILOG)
    what = cli.add_server(arguments)
    what.add_argument(
        "--image", action="store_true", help="check the image that do/build built, in temporary containers"
    )
    what.add_argument("--pytest", action="store_true", help="run the project's tests instead")
    arguments.add_argument("--model", type=Path, metavar="DIR", help="the model that is served; default: model/")
    arguments.add_argument("--rows", type=Path, metavar="FILE", help="a JSON request that the model can answer")
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = cli.parse(arguments)
    if options.pytest:
        return run_pytest(options.verbose)
    if options.image:
        images.require(container_engine.find())  # before minutes go into the verbs' environment
    versions.require_loadable(options.model or artifacts.MODEL_DIR)
    url = options.url or f"http://127.0.0.1:{config.load()['PORT']}"
    environment.enter_verbs()
    if options.endpoint:
        return run_endpoint(options)
    return run_image(options) if options.image else run_contract(url, options)


def run_pytest(verbose: bool) -> int:
    """Go on as pytest in .venv. Raises VerbError where the project has no tests."""
    if not any((ROOT / "tests").glob("test_*.py")):
        raise VerbError(
            "this project has no tests/: run do/update --keep-version --data include_tests=true", ExitCode.MISSING_FILE
        )
    python = environment.serving_python(with_tests=True)
    command = [str(python), "-m", "pytest", "-rs", *(["-v"] if verbose else []), "tests"]
    log.debug("%s", " ".join(command))
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, command)


def run_contract(url: str, options: argparse.Namespace) -> int:
    """Run the suite in do/.venv and report it. Raises VerbError where it can't be run."""
    from lib.checks.http import reference, reporting
    from lib.local import probe

    model_dir = options.model.resolve() if options.model else None
    expected = reference.load(options.rows, model_dir)
    if options.serve:
        environment.serving_python()  # here, so that setting it up is seen and is not counted as start time
    with local_server.running(model_dir) if options.serve else probe.listening(url) as tested:
        results = list(reporting.shown(contract(tested, expected), quiet=options.json))
    return reporting.report("url", tested, results, options.json, expected.note)


def run_endpoint(options: argparse.Namespace) -> int:
    """Run the suite against the endpoint, in AWS or its stand-in here. Raises VerbError where it can't be run."""
    from lib.aws import names
    from lib.checks.http import reference, reporting, suite
    from lib.checks.http.endpoint import EndpointClient, checks
    from lib.sagemaker_runtime import use
    from lib.target import answers

    tested = use.redirect() if options.endpoint == "local" else names.project()
    client = EndpointClient()
    if options.endpoint == "aws":
        answers.require_serving(client.aws)
    expected = reference.load(options.rows, options.model.resolve() if options.model else None)
    results = list(reporting.shown(suite.run(client, expected, checks()), quiet=options.json))
    return reporting.report("endpoint", tested, results, options.json, expected.note)


def run_image(options: argparse.Namespace) -> int:
    """Run both suites against containers of the image. Raises VerbError where they can't be run."""
    from lib.checks.container import suite
    from lib.checks.container.subject import Subject
    from lib.checks.http import reference, reporting

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # so that containers are removed
    chosen = container_engine.find()
    image = images.require(chosen)
    model_dir = options.model.resolve() if options.model else artifacts.mounted()
    expected = reference.load(options.rows, model_dir)
    with Subject(chosen, image, model_dir) as subject:
        results = list(reporting.shown(contract(subject.shared().url, expected), quiet=options.json))
        results += reporting.shown(suite.run(subject, expected, suite.all_checks()), quiet=options.json)
    return reporting.report("image", image.name, results, options.json, expected.note)


def contract(url: str, expected: Reference) -> Iterator[Result]:
    """The results of the contract's checks."""
    from lib.checks.http import suite
    from lib.checks.http.http_client import Client

    with Client(url) as client:
        yield from suite.run(client, expected, suite.all_checks())
