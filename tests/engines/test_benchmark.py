"""do/benchmark measures streams whose pace is known, and tells broken ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.engines.conftest import equip
from tests.engines.contract_server import Document, NoEnd, NoUsage, Refusal, RightServer, running
from tests.engines.test_contract import Done
from tests.exhaustive import exhaustive

QUICK = ("--seconds", "0.2", "--warm-up", "0.05", "--repeats", "1")


@pytest.fixture
def ready(project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vLLM project whose verbs have what they need, with a workload of 11 tokens."""
    path = project("vllm")
    equip(path, tmp_path_factory.getbasetemp() / "verbs")
    (path / "eleven.jsonl").write_text(json.dumps({"messages": [], "max_tokens": 11}))
    return path


def verb(project: Path, *arguments: str) -> Done:
    """Run do/benchmark to its end, in the environment of the verbs from the start."""
    command = ["do/.venv/bin/python", "do/benchmark", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


def benchmark(project: Path, url: str, *arguments: str) -> tuple[Done, Document]:
    """How do/benchmark ends on a server, and its result."""
    done = verb(project, "--url", url, "--output", "result.json", *arguments)
    file = project / "result.json"
    return done, json.loads(file.read_text()) if file.exists() else {}


def medians(document: Document) -> dict[str, float]:
    """The figures of the first case."""
    return {name: summary["median"] for name, summary in document["cases"][0]["summary"].items()}


class Timed(RightServer):
    """The first token after 60 ms, and another one each 20 ms."""

    requests: list[Document]

    def __init__(self) -> None:
        self.requests = []

    def stream(self, request: Document) -> Iterator[str]:  # type: ignore[override]
        self.requests.append(request)
        time.sleep(0.04)
        for text in super().stream(request):
            time.sleep(0.02 if '"content"' in text else 0)
            yield text

    def events(self, request: Document) -> list[Document]:
        events = super().events(request)
        if "usage" in events[-1]:
            events[-1]["usage"]["prompt_tokens"] = 5
        return events


@pytest.mark.alone
def test_a_stream_is_measured_at_its_pace(ready: Path) -> None:
    arguments = ("--workload", "eleven.jsonl", "--connections", "2", "--seconds", "1.5", "--repeats", "2")
    with running(Timed()) as url:
        done, result = benchmark(ready, url, "--warm-up", "0.1", *arguments)

    assert done.returncode == 0, done.stderr
    figures = medians(result)
    assert 60 < figures["time_to_first_token_p50"] < 75
    assert 20 < figures["inter_token_latency_p50"] < 24
    assert 260 < figures["request_latency_p50"] < 310
    assert 40 < figures["output_token_throughput_per_user_p50"] < 50
    assert 65 < figures["output_token_throughput"] < 85
    assert figures["output_sequence_length"] == 11
    assert figures["total_token_throughput"] == pytest.approx(figures["output_token_throughput"] * 16 / 11)


class AlwaysEleven(Timed):
    """Whatever it is asked."""

    context = 100_000

    def tokens(self, request: Document) -> int:
        return 11


# WordLevel in the form of the library tokenizers; aiperf needs one, although the server counts the tokens
TOKENIZER: Document = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, **{f"w{n}": n for n in range(1, 500)}}, "unk_token": "[UNK]"},
}


@exhaustive
@pytest.mark.alone
def test_it_agrees_with_aiperf(ready: Path, tmp_path: Path) -> None:
    if not shutil.which("aiperf"):
        pytest.skip("aiperf is not on PATH (pip install aiperf, 1.2 GB)")
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "eos_token": "[UNK]"}
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(kind))
    options = ["--custom-endpoint", "/invocations", "--streaming", "--use-server-token-count", "--ui", "none"]
    options += ["--tokenizer", str(tokenizer), "--output-artifact-dir", str(tmp_path), "--isl", "20", "--osl", "11"]
    load = ["--concurrency", "2", "--request-count", "30"]
    with running(AlwaysEleven()) as url:
        command = ["aiperf", "profile", "--model", "m", "--url", url, "--endpoint-type", "chat", *options, *load]
        # with HF_HUB_OFFLINE, which these tests set, aiperf takes the folder for the name of a repository
        environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=300)
        arguments = ("--workload", "eleven.jsonl", "--connections", "2", "--requests", "30", "--repeats", "1")
        _, result = benchmark(ready, url, *arguments)

    figures, other = medians(result), json.loads((tmp_path / "profile_export_aiperf.json").read_text())
    # aiperf itself takes some milliseconds for a request, which are in its figures
    for name in ("time_to_first_token", "inter_token_latency", "request_latency"):
        assert figures[f"{name}_p50"] == pytest.approx(other[name]["p50"], rel=0.2), name
    for name in ("output_token_throughput", "request_throughput", "output_sequence_length"):
        assert figures[name] == pytest.approx(other[name]["avg"], rel=0.2), name


@pytest.mark.parametrize(
    ("objectives", "share"),
    [
        (("time_to_first_token:1000", "inter_token_latency:500"), 100),
        (("time_to_first_token:1000", "inter_token_latency:10"), 0),
    ],
)
def test_goodput_counts_the_requests_that_meet_all_objectives(
    ready: Path, objectives: tuple[str, ...], share: int
) -> None:
    arguments = ("--workload", "eleven.jsonl", "--connections", "1", "--goodput", *objectives)
    with running(Timed()) as url:
        _, result = benchmark(ready, url, *arguments, *QUICK)

    figures = medians(result)
    assert figures["good_request_fraction"] == share
    assert figures["goodput"] == pytest.approx(figures["request_throughput"] * share / 100)


def test_a_number_of_requests_ends_a_round(ready: Path) -> None:
    arguments = ("--workload", "eleven.jsonl", "--connections", "1", "--requests", "3", "--repeats", "1")
    with running(RightServer()) as url:
        done, result = benchmark(ready, url, *arguments)

    assert (done.returncode, medians(result)["request_count"]) == (0, 3)


class FailsLater(RightServer):
    """In another way with each request after the first two, at which the verb looks."""

    def __init__(self) -> None:
        self.requests = 0

    def check(self, request: Document) -> None:
        self.requests += 1
        if self.requests == 3:
            refusal = Refusal("overloaded")
            refusal.status = 503
            raise refusal

    def stream(self, request: Document) -> list[str]:
        whole = super().stream(request)
        broken = {4: whole[:-1], 5: [*whole[:2], 'data: {"error": {"message": "out of memory"}}\n\n', whole[-1]]}
        return broken.get(self.requests, whole)


def test_broken_streams_are_errors(ready: Path) -> None:
    arguments = ("--workload", "eleven.jsonl", "--connections", "1", "--requests", "5")
    with running(FailsLater()) as url:
        # a warm-up so short that no request is sent in it
        done, result = benchmark(ready, url, *arguments, "--warm-up", "1e-9", "--repeats", "1")

    assert done.returncode == 1
    assert result["cases"][0]["problems"] == {
        "status 503": 1,
        "a stream without an end": 1,
        "an error in the stream": 1,
    }


def test_a_server_whose_first_stream_is_broken_is_refused(ready: Path) -> None:
    with running(NoEnd()) as url:
        done, _ = benchmark(ready, url, *QUICK)

    assert (done.returncode, done.stderr) == (1, "do/benchmark: the server answered with a stream without an end\n")


def test_without_usage_events_are_counted(ready: Path) -> None:
    arguments = ("--workload", "eleven.jsonl", "--connections", "1", "--requests", "2", "--repeats", "1")
    with running(NoUsage()) as url:
        done, result = benchmark(ready, url, *arguments)

    assert medians(result)["output_sequence_length"] == 11
    assert "doesn't tell how many tokens an answer has, so its events are counted" in done.stderr


def test_texts_of_a_workload_are_others_in_each_request_and_the_same_in_each_run(ready: Path) -> None:
    sent = []
    for _ in range(2):
        server = Timed()
        server.context = 100_000
        server.tokens = lambda request: 1  # type: ignore[method-assign]
        with running(server) as url:
            arguments = ("--workload", "retrieval", "--connections", "1", "--requests", "4", "--repeats", "1")
            done, _ = benchmark(ready, url, *arguments, "--warm-up", "1e-9")
        assert done.returncode == 0, done.stderr
        sent.append([request["messages"][0]["content"] for request in server.requests])

    first, second = sent
    assert first == second
    assert len({*first[2:]}) == 4
    assert all(len(text.split()) > 1500 for text in first)


def captured(data: str, encoding: str) -> str:
    """A line of data capture, as in
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
    """
    given = {"observedContentType": "application/json", "mode": "INPUT", "data": data, "encoding": encoding}
    return json.dumps({"captureData": {"endpointInput": given}, "eventMetadata": {"eventId": "1"}, "eventVersion": "0"})


def test_captured_requests_are_replayed(ready: Path) -> None:
    bodies = [json.dumps({"messages": [], "max_tokens": number}) for number in (3, 4)]
    lines = [captured(bodies[0], "JSON"), captured(base64.b64encode(bodies[1].encode()).decode(), "BASE64")]
    (ready / "captured.jsonl").write_text("\n".join(lines))
    server = Timed()
    arguments = ("--workload", "captured.jsonl", "--connections", "1", "--requests", "2", "--repeats", "1")
    with running(server) as url:
        done, _ = benchmark(ready, url, *arguments, "--warm-up", "1e-9")

    assert done.returncode == 0, done.stderr
    assert [request["max_tokens"] for request in server.requests] == [3, 4, 3, 4]
    assert all(request["stream"] for request in server.requests)


@contextmanager
def chunked(pieces: list[bytes]) -> Iterator[str]:
    """The URL of a server that answers every request with these bytes, one after the other, on one connection each."""

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(0.005)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threads.append(Thread(target=serve, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [Thread(target=accept)]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def chunk(data: bytes) -> bytes:
    """Data as HTTP/1.1 sends it where it doesn't tell a length."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_chunks_may_be_cut_anywhere(ready: Path) -> None:
    event: dict[str, Any] = {"choices": [{"delta": {"content": "a"}}]}
    text = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for _ in range(3)) + b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stream = head + chunk(text[:30]) + chunk(text[30:60]) + chunk(text[60:]) + b"0\r\n\r\n"
    arguments = ("--connections", "1", "--requests", "2", "--repeats", "1")
    with chunked([stream[start : start + 7] for start in range(0, len(stream), 7)]) as url:
        done, result = benchmark(ready, url, *arguments)

    assert done.returncode == 0, done.stderr
    assert (medians(result)["output_sequence_length"], medians(result)["error_request_count"]) == (3, 0)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "problem"),
    [
        (("--workload", "nothing"), 5, "can't read nothing: No such file or directory; name a file, or one of chat, "),
        (("--workload", "README.md"), 3, "README.md is not JSON lines"),
        (("--goodput", "speed:3"), 3, "'speed:3' is not an objective such as time_to_first_token:200"),
        (("--goodput", "request_latency"), 3, "'request_latency' is not an objective"),
    ],
)
def test_what_makes_no_sense_is_refused(ready: Path, arguments: tuple[str, ...], exit_code: int, problem: str) -> None:
    done = verb(ready, *arguments)

    assert (done.returncode, done.stdout) == (exit_code, "")
    assert problem in done.stderr
