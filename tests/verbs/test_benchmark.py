"""do/benchmark measures servers whose speed is known, and tells wrong answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest

from bench import load
from tests.exhaustive import exhaustive
from tests.forks import Forks, started
from tests.verbs.conftest import Done, refusal
from tests.verbs.contract_server import ROWS, Refusal, Reply, Request, RightServer, running

QUICK = ("--seconds", "0.2", "--warm-up", "0.05", "--repeats", "1")
Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def forks(verbs_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `run` fork a Python that has imported numpy."""
    with started(verbs_environment / "bin" / "python", tmp_path_factory.mktemp("forks"), "numpy") as forked:
        FORKS.append(forked)
        yield
        FORKS.clear()


FORKS: list[Forks] = []


def run(project: Path, verb: str, *arguments: str) -> Done:
    """Run a verb to its end."""
    return FORKS[0].run([f"do/{verb}", *arguments], project, os.environ, "", 120)


def benchmark(project: Path, server: RightServer, *arguments: str) -> tuple[Done, Document]:
    """How do/benchmark ends on a server, and its result."""
    file = project / "result.json"
    with running(server) as url:
        done = run(project, "benchmark", "--url", url, "--output", str(file), *arguments)
    return done, json.loads(file.read_text())


def medians(document: Document, case: int = 0) -> dict[str, float]:
    """The figures of a case."""
    return {name: summary["median"] for name, summary in document["cases"][case]["summary"].items()}


class AfterTwentyMilliseconds(RightServer):
    def predict(self, rows: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return super().predict(rows)


@pytest.mark.alone
def test_a_server_that_takes_20_ms_is_measured_as_such(tested: Path) -> None:
    arguments = ("--connections", "1", "4", "--seconds", "1", "--warm-up", "0.2", "--repeats", "3")
    done, result = benchmark(tested, AfterTwentyMilliseconds(), *arguments)

    assert done.returncode == 0, done.stderr
    one, four = medians(result), medians(result, 1)
    assert 20 < one["request_latency_p50"] < 26
    assert 38 < one["request_throughput"] < 50
    assert 20 < four["request_latency_p50"] < 26
    assert 3.5 * one["request_throughput"] < four["request_throughput"] < 200
    assert [len(case["rounds"]) for case in result["cases"]] == [3, 3]
    assert 0 < one["client_cpu"] < 30


class StallsForASecond(RightServer):
    """Once, half a second after its first request; all requests wait meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()
        self.stall_at = 0.0

    def answer(self, request: Request) -> Reply:
        with self.lock:
            if request.path == "/invocations":
                self.stall()
            return super().answer(request)

    def stall(self) -> None:
        now = time.monotonic()
        self.stall_at = self.stall_at or now + 1
        if now >= self.stall_at:
            time.sleep(1)
            self.stall_at = float("inf")


@pytest.mark.alone
def test_in_an_open_loop_a_stall_counts_for_all_requests_that_were_due_meanwhile(tested: Path) -> None:
    arguments = ("--rate", "100", "--seconds", "2", "--warm-up", "0.4", "--repeats", "1")
    _, result = benchmark(tested, StallsForASecond(), *arguments)

    figures = medians(result)
    assert figures["request_count"] == 200
    # half of the requests are due while it stalls, and wait from a second down to nothing: 250 ms on average
    assert 230 < figures["request_latency_avg"] < 330
    assert 750 < figures["request_latency_p90"] < 900
    assert 990 < figures["request_latency_max"] < 1150


@pytest.mark.alone
def test_in_a_closed_loop_a_stall_counts_once(tested: Path) -> None:
    arguments = ("--connections", "1", "--seconds", "2", "--warm-up", "0.4", "--repeats", "1")
    _, result = benchmark(tested, StallsForASecond(), *arguments)

    assert medians(result)["request_latency_p99"] < 100
    assert 990 < medians(result)["request_latency_max"] < 1150


def test_a_server_that_does_not_keep_up_with_the_rate_is_told(tested: Path) -> None:
    done, result = benchmark(tested, AfterTwentyMilliseconds(), "--rate", "150", "--connections", "1", *QUICK)

    assert 30 < medians(result)["request_throughput"] < 50
    assert "so latency grew with each second" in done.stdout


class FailsAtEveryTenth(RightServer):
    """Once it has answered the first two requests, which the verb looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        if next(self.numbers) % 10 == 9:
            raise Refusal(500, "internal_error", "the tenth")
        return super().predict(rows)


def test_errors_are_counted_and_end_with_1(tested: Path) -> None:
    done, result = benchmark(tested, FailsAtEveryTenth(), "--connections", "4", *QUICK)

    assert done.returncode == 1
    assert 9 < medians(result)["request_error_rate"] < 11
    assert list(result["cases"][0]["problems"]) == ["status 500"]
    assert "wrong answers: 4 connections, 5 rows, application/json: " in done.stderr


class AnswersOthersNow(RightServer):
    numbers = count()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return super().predict(rows) + (next(self.numbers) > 5)


def test_an_answer_that_differs_from_the_first_is_wrong(tested: Path) -> None:
    done, result = benchmark(tested, AnswersOthersNow(), "--connections", "1", *QUICK)

    assert done.returncode == 1
    assert list(result["cases"][0]["problems"]) == ["another answer than the first"]


class DiffersInTheLastDigit(RightServer):
    numbers = count()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return super().predict(rows) * (1 + 1e-15 * (next(self.numbers) % 3))


@pytest.mark.parametrize("content_type", ["application/json", "text/csv", "application/x-npy"])
def test_rounding_errors_are_not_wrong(tested: Path, content_type: str) -> None:
    done, _ = benchmark(tested, DiffersInTheLastDigit(), "--connections", "1", "--content-type", content_type, *QUICK)

    assert done.returncode == 0, done.stderr


class HangsUpAtEveryTenth(RightServer):
    numbers = count()

    def invocations(self, request: Request) -> Reply:
        return Reply(status=0) if next(self.numbers) % 10 == 9 else super().invocations(request)


def test_requests_without_an_answer_are_errors(tested: Path) -> None:
    done, result = benchmark(tested, HangsUpAtEveryTenth(), "--connections", "2", *QUICK)

    assert done.returncode == 1
    assert list(result["cases"][0]["problems"]) == ["the server closed the connection"]
    assert medians(result)["request_throughput"] > 10


class Recorder(RightServer):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[tuple[str, int]] = set()

    def decode(self, body: bytes, content_type: str) -> list[Any]:
        rows = super().decode(body, content_type)
        self.sent.add((content_type, len(rows)))
        return rows


def test_rows_and_content_types_make_a_case_each(tested: Path) -> None:
    server = Recorder()
    arguments = ("--rows", "1", "100", "--content-type", "text/csv", "application/jsonlines", "--connections", "1")
    done, result = benchmark(tested, server, *arguments, *QUICK)

    assert done.returncode == 0, done.stderr
    assert server.sent == {(form, rows) for form in ("text/csv", "application/jsonlines") for rows in (1, 100)}
    assert [case["name"] for case in result["cases"]] == [
        "1 connection, 1 row, text/csv",
        "1 connection, 100 rows, text/csv",
        "1 connection, 1 row, application/jsonlines",
        "1 connection, 100 rows, application/jsonlines",
    ]


class ClosesEachConnection(RightServer):
    def echoed(self, request: Request) -> dict[str, str]:
        return {**super().echoed(request), "Connection": "close"}


def test_a_server_that_closes_each_connection_is_measured(tested: Path) -> None:
    done, result = benchmark(tested, ClosesEachConnection(), "--connections", "2", *QUICK)

    assert (done.returncode, result["cases"][0]["problems"]) == (0, {})


def test_the_result_is_kept_where_git_ignores_it(tested: Path) -> None:
    with running(RightServer()) as url:
        done = run(tested, "benchmark", "--url", url, "--connections", "1", *QUICK)

    (file,) = (tested / "benchmarks").glob("*.json")
    assert f"result: benchmarks/{file.name}, as a page: benchmarks/{file.stem}.html" in done.stdout
    assert "/benchmarks/" in (tested / ".gitignore").read_text().split()


def test_a_client_that_is_the_limit_is_told(tested: Path) -> None:
    code = "import json, sys; from lib.benchmark import measuring; print(measuring.notes(json.load(sys.stdin)))"
    summary = {"client_cpu": {"median": 97.0}, "request_throughput": {"median": 20_000.0}}
    case = {"name": "8 connections", "load": {"rate": None}, "summary": summary}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tested / "do",
        input=json.dumps({"cases": [case]}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "the client took 97 % of a CPU" in done.stdout


def test_without_a_server_it_says_how_to_start_one(tested: Path) -> None:
    done = run(tested, "benchmark", "--url", "http://127.0.0.1:9", *QUICK)

    assert refusal(done, 2).startswith("do/benchmark: nothing answers at http://127.0.0.1:9: start the server")


def test_a_request_that_the_server_refuses_ends_with_its_error(tested: Path) -> None:
    (tested / "example_request.json").write_text(json.dumps({"instances": [["text", 2, 3]]}))
    with running(RightServer()) as url:
        done = run(tested, "benchmark", "--url", url, *QUICK)

    assert "the server answered 400: " in refusal(done, 1)


@pytest.mark.parametrize(
    ("request_body", "arguments", "problem"),
    [
        ({"prompt": "Hello"}, ("--rows", "2"), "example_request.json is not a list of rows"),
        ({"instances": [{"a": 1}]}, ("--content-type", "text/csv"), "the rows of example_request.json have names"),
        ({"instances": ROWS.tolist()}, ("--rows", "0"), "argument --rows: 0 is less than 1"),
        ({"instances": ROWS.tolist()}, ("--connections", "9999"), "argument --connections: 9999 is more than 512"),
        ({"instances": ROWS.tolist()}, ("--rate", "nan"), "argument --rate: nan is not a number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tested: Path, request_body: Document, arguments: tuple[str, ...], problem: str
) -> None:
    (tested / "example_request.json").write_text(json.dumps(request_body))

    assert problem in refusal(run(tested, "benchmark", *arguments), 3)


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.bars: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.bars += [value or "" for name, value in attributes if (tag, name) == ("rect", "width")]
        self.loaded += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_shows_the_figures_and_loads_nothing(tested: Path) -> None:
    _, result = benchmark(tested, RightServer(), "--connections", "1", "4", *QUICK)

    text = (tested / "result.html").read_text()
    page = Page(text)
    throughput = [medians(result, case)["request_throughput"] for case in (0, 1)]
    widths = [float(width.rstrip("%")) for width in page.bars]
    assert page.loaded == []
    assert "url(" not in text
    assert "Requests answered (requests/s, higher is better)" in page.texts
    assert widths[:2] == pytest.approx([100 * value / max(throughput) for value in throughput], abs=0.1)
    assert len(widths) == 6
    assert "1 connection, 5 rows, application/json" in page.texts


@exhaustive
@pytest.mark.alone
def test_it_agrees_with_wrk(tested: Path, tmp_path: Path) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed (Debian: apt-get install wrk)")
    request = tested / "sample_model" / "request.json"
    (tmp_path / "post.lua").write_text(load.SCRIPT % request)
    command = ["wrk", "-t1", "-c8", "-d3s", f"--script={tmp_path / 'post.lua'}"]
    server = AfterTwentyMilliseconds()
    with running(server) as url:
        done = subprocess.run([*command, f"{url}/invocations"], capture_output=True, text=True, check=True)
    other = json.loads(done.stderr)

    _, result = benchmark(tested, server, "--connections", "8", "--seconds", "3", "--repeats", "1")

    figures = medians(result)
    assert figures["request_throughput"] == pytest.approx(other["requests"] / other["seconds"], rel=0.1)
    assert figures["request_latency_p50"] == pytest.approx(other["p50_ms"], rel=0.1)


# compare


def result_of(project: Path, name: str, rounds: dict[str, list[float]], case: str = "8 connections, 1 row") -> str:
    """A file with the result of a case with these figures in its rounds."""
    metrics = {
        "request_throughput": {"title": "requests answered", "unit": "requests/s", "better": "higher"},
        "request_latency_p99": {"title": "latency, p99", "unit": "ms", "better": "lower"},
        "request_error_rate": {"title": "errors", "unit": "%", "better": "lower"},
        "client_cpu": {"title": "CPU time of the client", "unit": "%", "better": ""},
    }
    summary = {
        figure: {"median": sorted(values)[len(values) // 2], "lowest": min(values), "highest": max(values)}
        for figure, values in rounds.items()
    }
    document = {"schema": 1, "kind": "predictive", "machine": {"cpus": 2}, "settings": {"repeats": 3}}
    document |= {"metrics": metrics, "cases": [{"name": case, "summary": summary}]}
    (project / name).write_text(json.dumps(document))
    return name


@pytest.mark.parametrize(
    ("before", "after", "exit_code", "says"),
    [
        pytest.param([100, 102, 104], [70, 72, 74], 1, "worse", id="fewer requests, by more than the noise"),
        pytest.param([100, 102, 104], [130, 132, 134], 0, "better", id="more requests, by more than the noise"),
        pytest.param([80, 102, 124], [62, 72, 82], 0, "0 worse, 0 better, 1 the same", id="within the noise"),
        pytest.param([100, 100, 100], [96, 96, 96], 0, "0 worse, 0 better, 1 the same", id="below the threshold"),
    ],
)
def test_compare_tells_what_changed_beyond_the_noise(
    project: Path, before: list[float], after: list[float], exit_code: int, says: str
) -> None:
    files = [
        result_of(project, f"{name}.json", {"request_throughput": values})
        for name, values in (("a", before), ("b", after))
    ]
    done = run(project, "benchmark", "compare", *files)

    assert (done.returncode, done.stderr) == (exit_code, "")
    assert says in done.stdout


def test_compare_knows_that_latency_had_better_be_low_and_that_any_error_is_worse(project: Path) -> None:
    before = {"request_latency_p99": [10.0, 10, 10], "request_error_rate": [0.0, 0, 0], "client_cpu": [1.0, 1, 1]}
    after = {"request_latency_p99": [5.0, 5, 5], "request_error_rate": [0.1, 0.1, 0.1], "client_cpu": [9.0, 9, 9]}
    done = run(project, "benchmark", "compare", result_of(project, "a", before), result_of(project, "b", after))

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "better  8 connections, 1 row: latency, p99 10 -> 5 ms (-50 %), noise 0.50",
        "worse   8 connections, 1 row: errors 0 -> 0.10 %, noise 0",
        "2 figures compared: 1 worse, 1 better, 0 the same",
    ]


def test_compare_refuses_results_without_a_common_case(project: Path) -> None:
    figures = {"request_throughput": [1.0]}
    files = [result_of(project, name, figures, case=name) for name in ("a", "b")]

    line = refusal(run(project, "benchmark", "compare", *files), 1)
    assert line == "do/benchmark: the results have no case in common: measure both with the same loads"


def test_compare_refuses_files_that_are_no_results(project: Path) -> None:
    assert "can't read nothing.json" in refusal(run(project, "benchmark", "compare", "nothing.json", "x"), 5)
    assert "README.md is not a result" in refusal(run(project, "benchmark", "compare", "README.md", "x"), 3)


class AfterFortyMilliseconds(AfterTwentyMilliseconds):
    def predict(self, rows: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return super().predict(rows)


@pytest.mark.alone
def test_compare_finds_a_server_that_became_slower(tested: Path) -> None:
    for name, server in {"fast": AfterTwentyMilliseconds(), "slow": AfterFortyMilliseconds()}.items():
        with running(server) as url:
            arguments = ("--connections", "1", "--seconds", "0.5", "--warm-up", "0.1", "--repeats", "3")
            done = run(tested, "benchmark", "--url", url, "--output", f"{name}.json", *arguments)
            assert done.returncode == 0, done.stderr

    assert run(tested, "benchmark", "compare", "fast.json", "slow.json").returncode == 1
    assert run(tested, "benchmark", "compare", "slow.json", "fast.json").returncode == 0
