"""Bad requests, stuck models and sudden ends harm nobody else, and are told in the one form of errors."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import httpx
import psutil
import pytest

from tests.real_servers import raw
from tests.real_servers.conftest import ODD_FOLDER, Project, Server, serving

ROW = [1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
OwnHandler = Callable[..., Path]
both = pytest.mark.parametrize("model_server", ["flask", "fastapi"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def request_of(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: model", *headers, b"", b""])


GET_PING = b"GET /ping HTTP/1.1"
LONG = b"a" * 9000
MALFORMED: dict[str, tuple[bytes, int | set[int]]] = {
    "TLS": (b"\x16\x03\x01\r\n\r\n", 400),
    "a path above the root": (request_of(b"GET /.. HTTP/1.1"), 400),
    "half an escape": (request_of(b"GET /% HTTP/1.1"), 400),
    "a zero byte in the path": (request_of(b"GET /ping%00 HTTP/1.1"), 400),
    "no path": (request_of(b"GET * HTTP/1.1"), 400),
    "a method in lower case": (request_of(b"get /ping HTTP/1.1"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/3": (request_of(b"GET /ping HTTP/3.0"), 400),
    "no host": (GET_PING + b"\r\n\r\n", 400),
    "a long path": (request_of(b"GET /%b HTTP/1.1" % LONG), 414),
    "a long header": (request_of(GET_PING, b"X: " + LONG), 431),
    "long headers": (request_of(GET_PING, *(b"X-%d: %s" % (number, LONG[:5000]) for number in range(10))), 431),
    "a control character in the name of a header": (request_of(GET_PING, b"X\x01: a"), 400),
    "a control character in a header": (request_of(GET_PING, b"Accept: a\x01b"), 400),
    "a zero byte in a header": (request_of(GET_PING, b"X-Amzn-SageMaker-Custom-Attributes: a\x00b"), 400),
    "an unknown method": (request_of(b"FOO /ping HTTP/1.1"), 405),
    "an unknown method and path": (request_of(b"FOO /nothing HTTP/1.1"), 404),
    "TRACE": (request_of(b"TRACE /invocations HTTP/1.1"), 405),
    "CONNECT": (request_of(b"CONNECT model:80 HTTP/1.1"), {400, 405}),  # versions of nginx differ
    "a path without Host in HTTP/1.0": (b"GET /nothing HTTP/1.0\r\n\r\n", 404),
    "a method that the path doesn't have, in HTTP/1.0": (b"GET /invocations HTTP/1.0\r\n\r\n", 405),
    **{
        f"the host {host!r}": (b"GET /invocations HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", {400, 405})
        for host in (b"[", b"a?b", b"a#b", b"a@b", b"a\\b", b"a b", b"\x01")
    },
    "an unknown transfer encoding": (request_of(b"POST /invocations HTTP/1.1", b"Transfer-Encoding: gzip"), 400),
    "two transfer encodings": (request_of(b"POST /invocations HTTP/1.1", b"Transfer-Encoding: gzip, chunked"), 400),
    "a negative length": (request_of(b"POST /invocations HTTP/1.1", b"Content-Length: -1"), 400),
    "a huge length": (request_of(b"POST /invocations HTTP/1.1", b"Content-Length: 99999999999"), 413),
    "two content types": (
        request_of(b"POST /invocations HTTP/1.1", b"Content-Type: a/b", b"Content-Type: a/c", b"Content-Length: 0"),
        415,
    ),
    "an unknown compression": (
        request_of(b"POST /invocations HTTP/1.1", b"Content-Type: text/csv", b"Content-Encoding: br"),
        415,
    ),
    "bytes that are no text in the path": (request_of(b"GET /\xff\xfe HTTP/1.1"), 404),
    "a path of nginx's own": (request_of(b"GET /not-valid-http HTTP/1.1"), 404),
    "another path of nginx's own": (request_of(b"POST /method-not-allowed HTTP/1.1", b"Content-Length: 0"), 404),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_is_refused_in_the_one_form(server: Server, name: str) -> None:
    request, expected = MALFORMED[name]

    answer = raw.send(server.port, request)

    assert answer.status in (expected if isinstance(expected, set) else {expected})
    assert answer.error["code"]


@pytest.mark.parametrize(
    "request_",
    [
        request_of(b"GET //ping HTTP/1.1"),
        request_of(b"GET /x/../%70ing HTTP/1.1"),
        request_of(b"GET http://model/ping HTTP/1.1"),
        request_of(b"GET /ping?%b HTTP/1.1" % LONG[:8000]),
        request_of(b"GET /ping?\xef\xbb HTTP/1.1"),
        request_of(GET_PING, *(b"X-%d: a" % number for number in range(150))),
        request_of(GET_PING, b"X: a\x01b"),
        b"GET /ping HTTP/1.0\r\n\r\n",
    ],
    ids=[
        "slashes",
        "dots",
        "absolute",
        "long query",
        "a query that is no text",
        "150 headers",
        "a header that nothing reads",
        "HTTP/1.0",
    ],
)
def test_unusual_requests_are_answered_alike(server: Server, request_: bytes) -> None:
    answer = raw.send(server.port, request_)

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", b"")


def test_the_folder_for_temporary_files_may_have_any_name(server: Server) -> None:
    (folder,) = (server.log.parent / ODD_FOLDER).iterdir()

    assert folder.name.startswith("serving-")
    assert server.post([ROW]).status_code == 200


def test_custom_attributes_come_back_however_long(server: Server) -> None:
    name = "X-Amzn-SageMaker-Custom-Attributes"

    assert server.post([ROW], headers={name: "a" * 7000}).headers[name] == "a" * 7000


class TestCompressedBodies:
    @staticmethod
    def post(server: Server, body: bytes, encoding: str = "gzip") -> httpx.Response:
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        return server.client.post(f"{server.url}/invocations", content=body, headers=headers)

    def test_gzip_is_read(self, server: Server) -> None:
        body = json.dumps([ROW, ROW]).encode()

        for compressed in (gzip.compress(body), gzip.compress(body[:9]) + gzip.compress(body[9:])):
            assert self.post(server, compressed).json() == server.post([ROW, ROW]).json()

    @pytest.mark.parametrize(
        ("body", "encoding", "status", "code"),
        [
            (gzip.compress(b" " * (40 << 20)), "gzip", 413, "body_too_large"),
            (gzip.compress(b"[[1,2]]")[:-9], "gzip", 400, "malformed_body"),
            (b"[[1,2]]", "gzip", 400, "malformed_body"),
            (b"[[1,2]]", "br", 415, "unsupported_content_encoding"),
            (gzip.compress(b""), "gzip", 400, "empty_body"),
        ],
        ids=["bomb", "cut off", "not compressed", "unknown", "empty"],
    )
    def test_what_cannot_be_read_is_refused(
        self, server: Server, body: bytes, encoding: str, status: int, code: str
    ) -> None:
        refused = self.post(server, body, encoding)

        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


@both
def test_a_request_after_an_unexpected_error_is_answered(
    with_handler: OwnHandler, log: Path, model_server: str
) -> None:
    own = """
    def decode(self, body, content_type):
        return super().decode(body, content_type) if body != b'bug' else [].pop()
"""
    good = json.dumps([ROW])
    headers = {"Content-Type": "application/json"}
    with serving(with_handler(model_server, own), log) as server:
        pairs = [
            [server.client.post(f"{server.url}/invocations", content=body, headers=headers) for body in ("bug", good)]
            for _ in range(150)
        ]

    assert {tuple(answer.status_code for answer in pair) for pair in pairs} == {(500, 200)}


@both
def test_a_predict_that_never_ends_costs_one_worker_and_is_named(
    with_handler: OwnHandler, log: Path, model_server: str
) -> None:
    own = """
    def predict(self, model, rows):
        time.sleep(1e6 if rows[0, 0] == 7 else 0)
        return super().predict(model, rows)
"""
    with serving(with_handler(model_server, own), log, SERVING_WORKERS="1", SERVING_REQUEST_TIMEOUT="2") as server:
        answer = server.post([[7, *ROW[1:]]], headers={"X-Request-Id": "the-stuck-one"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")

        time.sleep(2)
        server.await_ping()
        assert server.post([ROW]).status_code == 200
        named = [line for line in server.log_lines() if line.get("request_id") == "the-stuck-one"]
    assert any("predict has run for 2 seconds" in line["message"] for line in named)


@both
def test_a_large_body_that_takes_long_to_read_delays_no_ping(
    with_handler: OwnHandler, log: Path, model_server: str
) -> None:
    own = """
    def decode(self, body, content_type):
        until = time.monotonic() + (3 if len(body) > 100_000 else 0)
        while time.monotonic() < until:
            pass
        return super().decode(body.strip(), content_type)
"""
    body = json.dumps([ROW]).encode() + b" " * 100_000
    with (
        serving(with_handler(model_server, own), log, SERVING_WORKERS="1") as server,
        ThreadPoolExecutor() as pool,
    ):
        headers = {"Content-Type": "application/json"}
        reading = pool.submit(httpx.post, f"{server.url}/invocations", content=body, headers=headers, timeout=30)
        time.sleep(0.3)
        began = time.monotonic()

        assert [server.ping() for _ in range(3)] == [200] * 3
        assert server.post([ROW]).status_code == 200
        assert time.monotonic() - began < 2
        assert reading.result().status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the highest use of memory is read from /proc")
@both
def test_many_large_bodies_at_once_take_the_memory_to_read_one(
    with_handler: OwnHandler, log: Path, model_server: str
) -> None:
    own = """
    def decode(self, body, content_type):
        taken = np.ones(len(body) * 300, dtype=np.uint8)
        time.sleep(0.1)
        return super().decode(body.strip(), content_type)
"""
    body = json.dumps([ROW]).encode() + b" " * 300_000
    with serving(with_handler(model_server, own), log, SERVING_WORKERS="1") as server, ThreadPoolExecutor() as pool:
        (process,) = [Path(f"/proc/{worker.pid}") for worker in server.workers()]

        def peak() -> int:
            """The highest use of memory so far, in bytes."""
            return int(re.findall(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())[0]) << 10

        def post(_: int) -> int:
            headers = {"Content-Type": "application/json"}
            return httpx.post(f"{server.url}/invocations", content=body, headers=headers, timeout=60).status_code

        assert post(0) == 200
        before = peak()
        assert {*pool.map(post, range(8))} == {200}
        assert peak() - before < 600 * len(body)


@pytest.mark.alone
@both
def test_who_has_hung_up_is_not_predicted(with_handler: OwnHandler, log: Path, model_server: str) -> None:
    own = """
    def predict(self, model, rows):
        time.sleep(0.4)
        print("predicted", flush=True)
        return super().predict(model, rows)
"""

    def hang_up(server: Server) -> None:
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{server.url}/invocations", json=[ROW], timeout=0.3)

    with (
        serving(with_handler(model_server, own), log, SERVING_WORKERS="1", SERVING_BATCHING="false") as server,
        ThreadPoolExecutor(20) as pool,
    ):
        list(pool.map(lambda _: hang_up(server), range(20)))
        began = time.monotonic()

        assert server.post([ROW]).status_code == 200
        assert time.monotonic() - began < 3
        assert server.stop() == 0
        predicted = [line for line in server.log_lines() if line["message"] == "predicted"]
    assert len(predicted) <= 4  # all 21 if nobody looked


@both
def test_requests_go_to_the_worker_that_is_idle(with_handler: OwnHandler, log: Path, model_server: str) -> None:
    own = """
    def predict(self, model, rows):
        time.sleep(0.5)
        return [os.getpid()] * len(rows)
"""
    with (
        serving(with_handler(model_server, own), log) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,  # one for all: making one takes long
        ThreadPoolExecutor(2) as pool,
    ):
        together = Barrier(2)

        def worker_of_a_request(_: int) -> int:
            together.wait()
            return int(client.post("/invocations", json=[ROW]).json()["predictions"][0])

        def workers_of_two_requests() -> int:
            time.sleep(0.1)  # until nginx has taken leave of the connections before
            return len({*pool.map(worker_of_a_request, range(2))})

        deadline = time.monotonic() + 20
        while workers_of_two_requests() < 2:  # /ping is 200 as soon as the first of them serves
            assert time.monotonic() < deadline
        assert [workers_of_two_requests() for _ in range(8)] == [2] * 8


@both
def test_what_is_cut_when_the_server_stops_is_answered_logged_and_counted(
    with_handler: OwnHandler, log: Path, model_server: str
) -> None:
    own = """
    def predict(self, model, rows):
        time.sleep(60)
        return super().predict(model, rows)
"""
    with (
        serving(with_handler(model_server, own), log, SERVING_WORKERS="1", SERVING_STOP_TIMEOUT="1") as server,
        ThreadPoolExecutor() as pool,
    ):
        answers = [
            pool.submit(
                httpx.post, f"{server.url}/invocations", json=[ROW], timeout=30, headers={"X-Request-Id": f"r{number}"}
            )
            for number in range(3)
        ]
        time.sleep(1)
        assert server.stop() == 0

        refused = [answer.result() for answer in answers]
        cut = [line["request_id"] for line in server.log_lines() if line["message"].startswith("cut: ")]
    assert [answer.status_code for answer in refused] == [503] * 3
    assert sorted(cut) == ["r0", "r1", "r2"]
    assert server.log_lines()[-1]["message"] == "stopped: 3 requests were cut"


@both
def test_nothing_survives_the_entrypoint(with_handler: OwnHandler, log: Path, model_server: str) -> None:
    path = with_handler(model_server)
    with serving(path, log) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()

        assert psutil.wait_procs(family, timeout=10)[1] == []


def test_a_stop_in_the_first_second_leaves_nothing_behind(with_handler: OwnHandler, tmp_path: Path) -> None:
    path = with_handler("fastapi")
    mark = f"STARTED_BY={tmp_path}".encode()
    variables = os.environ | {
        "SM_MODEL_DIR": str(path / "model"),
        "SAGEMAKER_BIND_TO_PORT": "18080",
        "STARTED_BY": str(tmp_path),
    }
    python = str(path / ".venv/bin/python")
    codes = set()
    for moment in range(12):
        server = subprocess.Popen([python, "serving/serve"], cwd=path, env=variables, stdout=subprocess.DEVNULL)
        time.sleep(0.03 + moment * 0.06)
        server.send_signal(signal.SIGTERM)
        codes.add(server.wait(60))

    assert codes <= {0, -signal.SIGTERM}  # the latter while Python itself starts
    assert [process for process in psutil.process_iter() if mark in _environment_of(process)] == []


def _environment_of(process: psutil.Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return b""


def test_without_space_for_metrics_there_are_answers(project: Project) -> None:
    """Their files are mapped into memory: a page that the disk has no room for would kill the process."""
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")
    script = (
        "import os, resource, tempfile\n"
        "os.environ['PROMETHEUS_MULTIPROC_DIR'] = tempfile.mkdtemp()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from serving import metrics\n"
        "metrics.start(); metrics.count_response(200); metrics.observe_batch(1); metrics.count_rows(1)\n"
        "print(metrics.exposition())\n"
    )
    done = subprocess.run(
        [str(path / ".venv/bin/python"), "-c", script], cwd=path, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout.strip()) == (0, "b''")
    assert "no metrics of process" in done.stderr


MOUNT = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
FULL_DISK = 'mount -t tmpfs -o size=256k none /mnt && exec "$@"'


def can_mount() -> bool:
    """Whether a program may have mounts of its own here."""
    return sys.platform == "linux" and subprocess.run([*MOUNT, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a full disk is a mount of its own, which is not allowed here")
@both
def test_a_full_disk_costs_the_metrics_and_nothing_else(with_handler: OwnHandler, log: Path, model_server: str) -> None:
    before = [*MOUNT, "sh", "-c", FULL_DISK, "sh"]

    with serving(with_handler(model_server), log, before=before, TMPDIR="/mnt") as server:
        (run_dir,) = Path(f"/proc/{server.process.pid}/root/mnt").iterdir()
        with suppress(OSError), (run_dir / "fill").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        assert [server.post([ROW]).status_code for _ in range(20)] == [200] * 20
        assert httpx.get(f"{server.url}/metrics").status_code == 200
        assert server.stop() == 0
    assert "stopped: 0 requests were cut" in server.log_lines()[-1]["message"]
