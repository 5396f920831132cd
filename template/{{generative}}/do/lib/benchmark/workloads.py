"""What is sent to an engine, and the figures of its streamed answers, by the names that aiperf uses."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from statistics import median

from lib.benchmark import figures, prompts, streams
from lib.benchmark.figures import METRICS, Figures, Metric, distribution
from lib.benchmark.loads import Exchange, Request
from lib.benchmark.measuring import first_problem
from lib.benchmark.streams import StreamSample
from lib.checks.http.reference import Reference
from lib.cli import ExitCode, VerbError, say

OBJECTIVES = ("time_to_first_token", "inter_token_latency", "request_latency")
STREAM_METRICS = {
    **METRICS,
    **distribution("time_to_first_token", "time to first token", "ms"),
    **distribution("inter_token_latency", "inter-token latency", "ms"),
    "output_token_throughput": Metric("output tokens", "tokens/s", "higher"),
    "output_token_throughput_per_user_p50": Metric("output tokens per user, p50", "tokens/s", "higher"),
    "total_token_throughput": Metric("input and output tokens", "tokens/s", "higher"),
    "input_sequence_length": Metric("input tokens of a request, mean", "tokens"),
    "output_sequence_length": Metric("output tokens of a request, mean", "tokens"),
    "goodput": Metric("requests that meet all objectives", "requests/s", "higher"),
    "good_request_fraction": Metric("share of the requests that meet all objectives", "%", "higher"),
}


class Workload:
    """The requests of a workload, streamed. `objectives` are milliseconds that a request may take, by metric."""

    def __init__(self, name: str, api: Reference, objectives: Mapping[str, float]) -> None:
        self.name = name
        self.objectives = objectives
        self._api = api
        self._lines = prompts.read(name)
        self._numbers = itertools.count()

    @property
    def requests(self) -> Sequence[Request]:
        """They are sent in turn. Texts that are drawn are others each time."""
        return prompts.requests(self._lines, self._api, self._numbers)

    def learn(self, answers: Sequence[Exchange]) -> None:
        """Look at the first answers. Raises VerbError if they are no streams of tokens."""
        if problem := first_problem(answers):
            raise problem
        for exchange in answers:
            if problem_of_stream := streams.sample(exchange).problem:
                raise VerbError(f"the server answered with {problem_of_stream}", ExitCode.FAILED)
            if exchange.answer and b'"completion_tokens"' not in exchange.answer.body:
                say("note: the server doesn't tell how many tokens an answer has, so its events are counted")
                return

    def observe(self, exchange: Exchange) -> Exchange:
        """Keep it: reading streams takes time, in which others would have to wait."""
        return exchange

    def samples(self, seen: Sequence[Exchange]) -> list[StreamSample]:
        """What counts of each answer."""
        return [streams.sample(exchange) for exchange in seen]

    def figures(self, samples: Sequence[StreamSample], seconds: float, client_cpu: float) -> Figures:
        """The figures of a round."""
        good = [sample for sample in samples if not sample.problem]
        found = figures.of_requests(samples, seconds, client_cpu)
        if not good:
            return found
        gaps = [sample.inter_token_latency for sample in good]
        known = [gap for gap in gaps if gap]
        output, given = sum(sample.output_tokens for sample in good), sum(sample.input_tokens for sample in good)
        found |= figures.of_values("time_to_first_token", [sample.first_token * 1000 for sample in good])
        found |= figures.of_values("inter_token_latency", [gap * 1000 for gap in known])
        found |= {
            "output_token_throughput": output / seconds,
            "total_token_throughput": (output + given) / seconds,
            "input_sequence_length": given / len(good),
            "output_sequence_length": output / len(good),
        }
        if known:
            # the mean would follow the few answers whose tokens came all at once
            found["output_token_throughput_per_user_p50"] = median(1 / gap for gap in known)
        return found | (self._goodput(samples, seconds) if self.objectives else {})

    def _goodput(self, samples: Sequence[StreamSample], seconds: float) -> Figures:
        met = sum(self._meets(sample) for sample in samples)
        return {"goodput": met / seconds, "good_request_fraction": 100 * met / len(samples)}

    def _meets(self, sample: StreamSample) -> bool:
        seen = {
            "time_to_first_token": sample.first_token,
            "inter_token_latency": sample.inter_token_latency or 0.0,
            "request_latency": sample.latency,
        }
        return not sample.problem and all(seen[name] * 1000 <= most for name, most in self.objectives.items())


def objectives(words: Sequence[str]) -> dict[str, float]:
    """Objectives from words such as `time_to_first_token:200`, in milliseconds. Raises VerbError."""
    found = {}
    for word in words:
        name, _, most = word.partition(":")
        try:
            found[name] = float(most)
        except ValueError:
            name = ""
        if name not in OBJECTIVES:
            raise VerbError(
                f"{word!r} is not an objective such as time_to_first_token:200, in ms: use {', '.join(OBJECTIVES)}",
                ExitCode.BAD_CONFIGURATION,
            )
    return found


def require_streams(api: Reference) -> None:
    """Raise VerbError for an engine or a task that streams no text."""
    if not api.chat and not api.completions:
        raise VerbError(
            f"do/benchmark measures streamed chats and completions, which {api.server} doesn't have for the task "
            f"{api.task}",
            ExitCode.BAD_CONFIGURATION,
        )
