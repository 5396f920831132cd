"""do/benchmark: measure how fast a server of this project generates."""

from __future__ import annotations

from lib import cli
from lib.benchmark import comparing
from lib.benchmark import options as common
from lib.local import environment

EPILOG = """\
Sends the requests of a workload and prints, as median over the rounds and with the spread, how long the first token and
each further one take, how many tokens a second come out, and how many requests are answered. Figures have the names
that aiperf gives them. The result is also written to benchmarks/, as JSON and as a page with charts.

A workload is chat, retrieval, long-context, or a file of JSON lines: bodies of requests, or what SageMaker's data
capture wrote. Bodies are sent as they are, but streamed. An engine answers a repeated prompt partly from its prefix
cache; the texts in retrieval and long-context are others in each request.

compare counts a difference between two results only if it is larger than both results' spread over their rounds.

Exits with code 1 if a request got an error or a broken stream, and compare if something got worse.

examples:
  do/benchmark                                  the server that do/run or do/serve runs in another terminal
  do/benchmark --endpoint                       the endpoint that do/deploy created
  do/benchmark --workload chat retrieval --connections 1 8 32
  do/benchmark --rate 2 4 8                     requests that come at these rates, as users send them
  do/benchmark --goodput time_to_first_token:300 inter_token_latency:40
  do/benchmark --workload captured.jsonl --requests 100
  do/benchmark compare benchmarks/before.json benchmarks/after.json"""
COLUMNS = {
    "output_token_throughput": "tokens/s",
    "output_token_throughput_per_user_p50": "per user",
    "time_to_first_token_p50": "first p50 ms",
    "time_to_first_token_p99": "first p99 ms",
    "inter_token_latency_p50": "next p50 ms",
    "request_throughput": "requests/s",
    "goodput": "good/s",
    "request_error_rate": "errors %",
    "client_cpu": "client CPU %",
}
CHARTED = (
    *("output_token_throughput", "output_token_throughput_per_user_p50", "time_to_first_token_p50"),
    *("time_to_first_token_p99", "inter_token_latency_p50", "goodput"),
)
CONNECTIONS = [1, 4, 16]
SECONDS = 30.0


def main() -> int:
    arguments = cli.parser("Measure how fast a server of this project generates.", EPILOG)
    cli.add_server(arguments)
    common.add_load(arguments, CONNECTIONS, SECONDS)
    arguments.add_argument("--requests", type=common.count, metavar="N", help="of a round, if it is over before S")
    arguments.add_argument("--workload", nargs="+", default=["chat"], metavar="NAME", help="or FILE; default: chat")
    arguments.add_argument(
        "--goodput",
        nargs="+",
        default=[],
        metavar="METRIC:MS",
        help="objectives that a good request meets",
    )
    comparing.add_action(arguments)
    options = cli.parse(arguments)
    if options.action == "compare":
        return comparing.run(options)
    environment.enter_verbs()
    from lib.benchmark import measuring, targets, workloads
    from lib.checks.http import reference

    api = reference.load()
    workloads.require_streams(api)
    objectives = workloads.objectives(options.goodput)
    plan = measuring.Plan(
        workloads=[workloads.Workload(name, api, objectives) for name in options.workload],
        loads=common.loads(options, CONNECTIONS),
        seconds=options.seconds,
        warm_up=options.warm_up,
        repeats=options.repeats,
        requests=options.requests,
    )
    with targets.chosen(options, stream=True) as target:
        result = measuring.measure(target, plan, workloads.STREAM_METRICS)
    return measuring.report(result, COLUMNS, CHARTED, options.output)
