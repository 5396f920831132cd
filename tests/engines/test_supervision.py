"""The entrypoint starts, stops and fails as SageMaker needs it to: never half dead, its reason last in the log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.engines.conftest import MODEL, every_engine, free_port, serving

Project = Callable[[str], Path]
StandIn = dict[str, str]
PROGRAMS = {
    "vllm": "vllm",
    "sglang": "sglang.launch_server",
    "tensorrt-llm": "trtllm-serve",
    "lmi": "djl-serving",
    "djl": "djl-serving",
    "llama-cpp": "llama-server",
}


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    folder = tmp_path / "gates"
    folder.mkdir()
    return folder


@every_engine
def test_an_engine_that_fails_ends_the_server_with_its_reason(project: Project, stand_in: StandIn, engine: str) -> None:
    failure = "loading\nValueError: no such architecture\ngoodbye"
    with serving(project(engine), stand_in, ready=False, STAND_IN_FAILURE=failure) as server:
        assert server.process.wait(10) == 1

    assert server.messages()[-1].endswith(" ended with 1: ValueError: no such architecture")


def test_a_line_keeps_the_level_that_the_engine_gave_it(project: Project, stand_in: StandIn) -> None:
    failure = "\n".join(
        ["(APIServer pid=1) ERROR 11-22 22:00:00 [api.py:1] oh", "INFO:     ready", "WARNING: slow", "x"]
    )
    with serving(project("vllm"), stand_in, ready=False, STAND_IN_FAILURE=failure) as server:
        server.process.wait(10)
        levels = [json.loads(line)["level"] for line in server.log.read_text().splitlines()]

    assert levels[1:5] == ["error", "info", "warning", "info"]


@every_engine
def test_the_death_of_the_engine_ends_the_server_with_a_failure(
    project: Project, stand_in: StandIn, engine: str
) -> None:
    with serving(project(engine), stand_in) as server:
        server.part(PROGRAMS[engine]).kill()

        assert server.process.wait(10) == 1
        assert " ended with -9: " in server.messages()[-1]


@every_engine
def test_a_server_that_is_asked_to_stop_ends_in_order(project: Project, stand_in: StandIn, engine: str) -> None:
    with serving(project(engine), stand_in) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert server.end() == 0

        assert psutil.wait_procs(family, timeout=5)[1] == [], "a process was left behind"
        assert server.messages()[-1] == "stopping: requests in flight are finished first"


@every_engine
def test_a_stream_is_finished_when_the_server_stops(
    project: Project, stand_in: StandIn, engine: str, gates: Path
) -> None:
    (gates / "ready").touch()
    with (
        serving(project(engine), stand_in, STAND_IN_GATES=str(gates)) as server,
        httpx.stream("POST", f"{server.url}/invocations", json={"stream": True}, timeout=30) as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        server.process.send_signal(signal.SIGTERM)
        (gates / "go_on").touch()

        assert "data: last" in list(lines)
        assert server.process.wait(10) == 0


def test_a_server_can_be_stopped_while_the_engine_still_loads(project: Project, stand_in: StandIn, gates: Path) -> None:
    with serving(project("tensorrt-llm"), stand_in, ready=False, STAND_IN_GATES=str(gates)) as server:
        server.await_ping(503)

        assert server.end() == 0


def test_an_engine_that_is_not_there_is_one_line(project: Project, stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "bin/vllm").unlink()
    with serving(project("vllm"), stand_in, ready=False) as server:
        assert server.process.wait(10) == 2

    assert server.messages() == ["vllm is not on PATH: it is in the engine's image, or has to be installed here"]


def test_a_file_of_options_that_cannot_be_read_is_one_line(project: Project, stand_in: StandIn) -> None:
    path = project("vllm")
    (path / "serving/engine.yml").write_text("max-model-len: yes\n")
    with serving(path, stand_in, ready=False) as server:
        assert server.process.wait(10) == 3

    assert server.messages() == [
        'line 1 of engine.yml: yes is no single word or number: put it into double quotes, as in "yes"'
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SAGEMAKER_BIND_TO_PORT", "http"), ("SERVING_STOP_TIMEOUT", "0"), ("SERVING_ACCESS_LOG", "perhaps")],
)
def test_a_setting_that_makes_no_sense_is_refused(
    project: Project, stand_in: StandIn, variable: str, value: str
) -> None:
    with serving(project("vllm"), stand_in | {variable: value}, ready=False) as server:
        assert server.process.wait(10) == 3

    assert server.messages()[-1].startswith(f"{variable}={value!r} is not ")


class TestBehindNginx:
    """TensorRT-LLM has neither /ping nor /invocations: nginx makes them of what it has."""

    def test_ping_is_503_until_the_engine_is_healthy(self, project: Project, stand_in: StandIn, gates: Path) -> None:
        with serving(project("tensorrt-llm"), stand_in, ready=False, STAND_IN_GATES=str(gates)) as server:
            server.await_ping(503)
            refused = httpx.post(f"{server.url}/invocations", json={})
            assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error")

            (gates / "ready").touch()
            server.await_ping(200)

    @pytest.mark.parametrize(
        ("attributes", "path"),
        [
            (None, "/v1/chat/completions"),
            ("route=/v1/completions", "/v1/completions"),
            ("trace=1; route=/v1/completions", "/v1/completions"),
            ("route=/v1/completions,other=2", "/v1/completions"),
            ("route=/v1/responses", "/v1/responses"),
            ("noroute=/v1/completions", "/v1/chat/completions"),
        ],
    )
    def test_invocations_go_to_chat_and_to_completions_where_they_ask_for_it(
        self, project: Project, stand_in: StandIn, attributes: str | None, path: str
    ) -> None:
        headers = {"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {}
        with serving(project("tensorrt-llm"), stand_in) as server:
            assert httpx.post(f"{server.url}/invocations", json={}, headers=headers).json()["path"] == path

    def test_other_routes_are_refused_and_a_ping_may_ask_for_no_body(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("tensorrt-llm"), stand_in) as server:
            for route in ("/v1/load_lora_adapter", "/v1/completions/../models", ""):
                headers = {"X-Amzn-SageMaker-Custom-Attributes": f"route={route}"}
                answer = httpx.post(f"{server.url}/invocations", json={}, headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, 404)
            statuses = [httpx.request(method, f"{server.url}/ping").status_code for method in ("HEAD", "POST")]

        assert statuses == [200, 200]

    def test_openais_own_paths_are_passed_on(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("tensorrt-llm"), stand_in) as server:
            answer = httpx.post(f"{server.url}/v1/completions", json={})

        assert answer.json()["path"] == "/v1/completions"

    def test_events_of_a_stream_arrive_as_they_are_sent(self, project: Project, stand_in: StandIn, gates: Path) -> None:
        """The stand-in sends the second event when it is told that the first has arrived."""
        (gates / "ready").touch()
        with (
            serving(project("tensorrt-llm"), stand_in, STAND_IN_GATES=str(gates)) as server,
            httpx.stream("POST", f"{server.url}/invocations", json={"stream": True}, timeout=10) as response,
        ):
            lines = response.iter_lines()
            assert next(lines) == "data: first"
            (gates / "go_on").touch()
            assert "data: last" in list(lines)

    def test_a_body_of_25_MiB_is_passed_on_and_a_larger_one_refused(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("tensorrt-llm"), stand_in) as server:
            taken = httpx.post(f"{server.url}/invocations", content=b" " * (25 << 20), timeout=30)
            refused = httpx.post(f"{server.url}/invocations", content=b" " * (26 << 20), timeout=30)

        assert taken.json()["bytes"] == 25 << 20
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, 413)

    def test_the_death_of_nginx_ends_the_server_with_a_failure(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("tensorrt-llm"), stand_in) as server:
            engine = server.part("trtllm-serve")
            server.part("nginx").kill()

            assert server.process.wait(15) == 1
            assert not engine.is_running()
            assert server.messages()[-1].startswith("nginx ended with -9")

    def test_requests_are_logged_without_what_they_say(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("tensorrt-llm"), stand_in) as server:
            httpx.post(f"{server.url}/invocations?key=word", json={"messages": "a secret"})
            assert server.end() == 0

        assert any(message == "POST /v1/chat/completions 200" for message in server.messages())
        assert "secret" not in server.log.read_text()
        assert "word" not in server.log.read_text()


class TestDoServe:
    def test_it_starts_the_engine_with_the_model_that_the_project_names(
        self, project: Project, stand_in: StandIn
    ) -> None:
        path = project("vllm")
        variables = {**os.environ, **{name: stand_in[name] for name in stand_in if name != "HF_MODEL_ID"}}
        port = str(free_port())
        command = [sys.executable, "do/serve", "--port", port]
        server = subprocess.Popen(
            command, cwd=path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.stderr
            assert server.stderr.readline().startswith(f"ready at http://127.0.0.1:{port}: ")
        finally:
            server.send_signal(signal.SIGINT)
            output, _ = server.communicate(timeout=30)

        words = json.loads(Path(stand_in["STAND_IN_RECORD"]).read_text())["words"]
        assert words[1:3] == ["serve", MODEL]
        assert server.returncode == 0
        assert "requests in flight are finished first" in output

    def test_without_the_engine_it_says_so(self, project: Project, stand_in: StandIn) -> None:
        path = project("vllm")
        Path(stand_in["PATH"].partition(":")[0], "vllm").unlink()
        done = subprocess.run(
            [sys.executable, "do/serve", "--port", str(free_port())],
            cwd=path,
            env={**os.environ, **stand_in},
            capture_output=True,
            text=True,
            timeout=30,
        )

        assert done.returncode == 2
        assert "vllm is not on PATH" in done.stdout
