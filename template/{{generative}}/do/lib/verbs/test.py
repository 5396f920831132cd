"""do/test: check that a server of this project does what it should."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib import cli, config
from lib.local import environment
from lib.local import server as local_server

EPILOG = """\
Sends the requests of the contract suite (do/lib/checks/http) to a server, and prints one line for each check: health,
chat, completions, streams, errors and concurrent requests. The content of the responses is not judged.

examples:
  do/test                                  the server that do/run or do/serve runs in another terminal
  do/test --serve                          a temporary server on a free port; the engine must be installed here
  do/test --url http://127.0.0.1:9000      any server
  do/test --endpoint                       the endpoint in AWS: the checks whose responses SageMaker passes on
  do/test --endpoint local                 the same, of the endpoint that do/serve --sagemaker stands in for"""


def main() -> int:
    arguments = cli.parser("Check a server of this project against its contract.", EPILOG)
    cli.add_server(arguments)
    arguments.add_argument("--model", type=Path, metavar="DIR", help="the model that --serve serves")
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = cli.parse(arguments)
    url = options.url or f"http://127.0.0.1:{config.load()['PORT']}"
    environment.enter_verbs()
    return run_endpoint(options) if options.endpoint else run_contract(url, options)


def run_endpoint(options: argparse.Namespace) -> int:
    """Run the suite against the endpoint, in AWS or its stand-in here. Raises VerbError where it can't be run."""
    from lib.aws import names
    from lib.checks.http import reference, reporting, suite
    from lib.checks.http.endpoint import EndpointClient
    from lib.sagemaker_runtime import use
    from lib.target import answers

    tested = use.redirect() if options.endpoint == "local" else names.project()
    client = EndpointClient()
    if options.endpoint == "aws":
        answers.require_serving(client.aws)
    results = list(reporting.shown(suite.run(client, reference.load(), suite.all_checks()), quiet=options.json))
    return reporting.report("endpoint", tested, results, options.json)


def run_contract(url: str, options: argparse.Namespace) -> int:
    """Run the suite in do/.venv and report it. Raises VerbError where it can't be run."""
    from lib.checks.http import reference, reporting, suite
    from lib.checks.http.http_client import Client
    from lib.local import probe

    model_dir = options.model.resolve() if options.model else None
    server = local_server.running(model_dir) if options.serve else probe.listening(url)
    with server as tested, Client(tested) as client:
        results = suite.run(client, reference.load(), suite.all_checks())
        shown = list(reporting.shown(results, quiet=options.json))
    return reporting.report("url", tested, shown, options.json)
