"""do/benchmark: measure how fast a server of this project answers."""

from __future__ import annotations

from pathlib import Path

from lib import cli
from lib.benchmark import comparing
from lib.benchmark import options as common
from lib.local import environment
from lib.model import example

EPILOG = """\
Sends example_request.json, or the sample model's request, over and over, and prints how many requests a second are
answered and how long that takes: median over the rounds, and the spread. Every answer is compared with the first one;
do/test checks that this is the model's. The result is also written to benchmarks/, as JSON and as a page
with charts.

The client takes CPU time, too, which a server on the same machine doesn't get. The table tells how much.

compare counts a difference between two results only if it is larger than both results' spread over their rounds.

Exits with code 1 if a request got an error or a wrong answer, and compare if something got worse.

examples:
  do/benchmark                                  the server that do/serve runs in another terminal
  do/benchmark --serve                          a temporary server on a free port
  do/benchmark --endpoint                       the endpoint that do/deploy created
  do/benchmark --connections 1 32 128           these loads
  do/benchmark --rate 50 100                    requests that come at these rates, as users send them
  do/benchmark --rows 1 100 --content-type text/csv application/json
  do/benchmark compare benchmarks/before.json benchmarks/after.json"""
COLUMNS = {
    "request_throughput": "requests/s",
    "request_latency_p50": "p50 ms",
    "request_latency_p90": "p90 ms",
    "request_latency_p99": "p99 ms",
    "request_error_rate": "errors %",
    "client_cpu": "client CPU %",
}
CHARTED = ("request_throughput", "request_latency_p50", "request_latency_p99")
CONNECTIONS = [1, 8, 32]
SECONDS = 3.0
JSON = "application/json"
CONTENT_TYPES = (JSON, "text/csv", "application/jsonlines", "application/x-npy")


def main() -> int:
    arguments = cli.parser("Measure how fast a server of this project answers.", EPILOG)
    cli.add_server(arguments)
    common.add_load(arguments, CONNECTIONS, SECONDS)
    arguments.add_argument("--file", type=Path, metavar="FILE", help="a JSON request to send instead of the example")
    arguments.add_argument(
        "--rows", nargs="+", type=common.count, default=[], metavar="N", help="of a request; default: as in the example"
    )
    arguments.add_argument(
        "--content-type",
        nargs="+",
        choices=CONTENT_TYPES,
        default=[JSON],
        metavar="TYPE",
        help=f"of the request and its answer: {', '.join(CONTENT_TYPES)}; default: {JSON}",
    )
    comparing.add_action(arguments)
    options = cli.parse(arguments)
    if options.action == "compare":
        return comparing.run(options)
    file = options.file or example.request_file()
    environment.enter_verbs()
    from lib.benchmark import figures, measuring, targets, workloads

    plan = measuring.Plan(
        workloads=workloads.load(file, options.rows, options.content_type),
        loads=common.loads(options, CONNECTIONS),
        seconds=options.seconds,
        warm_up=options.warm_up,
        repeats=options.repeats,
    )
    with targets.chosen(options, stream=False) as target:
        result = measuring.measure(target, plan, figures.METRICS)
    return measuring.report(result, COLUMNS, CHARTED, options.output)
