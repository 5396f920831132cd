"""The server starts, stops and fails as SageMaker needs it to: never half dead, never silent."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.programs import bound_by_modes
from tests.real_servers import raw
from tests.real_servers.conftest import Project, serving

ROW = [1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
SLOW_PREDICT = """
    def predict(self, model, rows):
        time.sleep(1)
        return super().predict(model, rows)
"""
both = pytest.mark.parametrize("model_server", ["flask", "fastapi"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def sklearn(project: Project, model_server: str) -> Path:
    return project(framework="sklearn", model_format="joblib", model_server=model_server)


@both
@pytest.mark.parametrize("part", ["nginx", "gunicorn"])
def test_the_death_of_a_part_ends_the_server_with_a_failure(
    with_handler: Callable[..., Path], log: Path, model_server: str, part: str
) -> None:
    with serving(with_handler(model_server), log) as server:
        workers = server.workers()
        server.part(part).kill()

        assert server.process.wait(10) == 1
        assert psutil.wait_procs(workers, timeout=5)[1] == [], "a worker was left behind"
        assert any(f"{part} ended with" in line["message"] for line in server.log_lines())


@both
def test_a_worker_that_dies_is_replaced(with_handler: Callable[..., Path], log: Path, model_server: str) -> None:
    with serving(with_handler(model_server), log, SERVING_WORKERS="1") as server:
        (worker,) = server.workers()
        worker.kill()
        worker.wait(10)

        server.await_ping()
        assert server.post([ROW]).status_code == 200
        assert [replaced.pid for replaced in server.workers()] != [worker.pid]


@both
def test_requests_in_flight_are_finished_when_the_server_stops(
    with_handler: Callable[..., Path], log: Path, model_server: str
) -> None:
    with serving(with_handler(model_server, SLOW_PREDICT), log) as server, ThreadPoolExecutor() as pool:
        answers = [pool.submit(server.post, [ROW]) for _ in range(6)]
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)

        assert [answer.result().status_code for answer in answers] == [200] * 6
        assert server.process.wait(10) == 0
        assert server.ping() == 0


@both
def test_a_server_that_stops_twice_stops_once(with_handler: Callable[..., Path], log: Path, model_server: str) -> None:
    with serving(with_handler(model_server), log) as server:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)

        assert server.process.wait(15) == 0


@both
def test_ping_is_503_until_the_model_is_loaded(with_handler: Callable[..., Path], log: Path, model_server: str) -> None:
    slow_load = "    def load(self, model_dir):\n        time.sleep(3)\n        return super().load(model_dir)"
    with serving(with_handler(model_server, slow_load), log, ready=False) as server:
        server.await_ping(503)
        refused = server.post([ROW])
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        server.await_ping(200)


@pytest.mark.alone
@both
def test_ping_answers_at_once_while_the_model_is_busy(
    with_handler: Callable[..., Path], log: Path, model_server: str
) -> None:
    with serving(with_handler(model_server, SLOW_PREDICT), log) as server, ThreadPoolExecutor(16) as pool:
        busy = [pool.submit(httpx.post, f"{server.url}/invocations", json=[ROW], timeout=60) for _ in range(16)]
        time.sleep(0.3)
        began = time.monotonic()

        assert server.ping() == 200
        assert time.monotonic() - began < 2
        assert {answer.result().status_code for answer in busy} == {200}


@both
def test_without_a_model_the_server_ends_and_says_so(
    with_handler: Callable[..., Path], log: Path, tmp_path: Path, model_server: str
) -> None:
    (tmp_path / "empty").mkdir()
    with serving(with_handler(model_server), log, ready=False, SM_MODEL_DIR=str(tmp_path / "empty")) as server:
        assert server.process.wait(10) == 5
        assert "there is no model in" in server.log_lines()[-1]["message"]


@both
@pytest.mark.parametrize("content", [b"no pickle", b""])
def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason(
    project: Project, log: Path, tmp_path: Path, model_server: str, content: bytes
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/model.joblib").write_bytes(content)
    with serving(sklearn(project, model_server), log, ready=False, SM_MODEL_DIR=str(tmp_path / "broken")) as server:
        assert server.process.wait(30) == 1
        reasons = [line["message"] for line in server.log_lines() if "model.joblib" in line["message"]]
    assert len(reasons) == 2  # where it happens, and at the end
    assert reasons[-1].startswith("gunicorn ended with 3; stopping: model.joblib ")
    assert reasons[-1] == server.log_lines()[-1]["message"]
    assert ("is empty" if not content else "can't be loaded") in reasons[-1]


def test_the_old_binary_format_of_xgboost_is_refused_with_what_to_run(
    project: Project, log: Path, tmp_path: Path
) -> None:
    """https://github.com/dmlc/xgboost/issues/11758; the beginning is that of a file of XGBoost 1.7.6."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/model.model").write_bytes(b"binf\x00\x00\x00\x3f\x03\x00\x00\x00")
    path = project(framework="xgboost", model_format="json")

    with serving(path, log, ready=False, SM_MODEL_DIR=str(tmp_path / "old")) as server:
        assert server.process.wait(30) == 1
    assert 'save it with save_model("model.json")' in server.log_lines()[-1]["message"]


@pytest.mark.parametrize(("locked", "code"), [("locked", 5), ("locked/model.joblib", 1)])
def test_a_model_that_this_user_may_not_read_is_named_with_what_to_run(
    project: Project, log: Path, tmp_path: Path, locked: str, code: int
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "model.joblib").write_bytes(b"model")
    (tmp_path / locked).chmod(0)
    path = sklearn(project, "fastapi")

    with serving(path, log, ready=False, before=bound_by_modes(), SM_MODEL_DIR=str(folder)) as server:
        assert server.process.wait(30) == code
    last = server.log_lines()[-1]["message"]
    assert (
        f"user {os.geteuid()} may not read {tmp_path / locked}: where the model comes from, run chmod -R a+rX" in last
    )


def test_an_example_that_the_model_cannot_answer_ends_the_server_with_the_reason(
    with_handler: Callable[..., Path], log: Path
) -> None:
    project = with_handler("fastapi")
    (project / "example_request.json").write_text(json.dumps({"instances": [["a text", 1, 2]]}))

    with serving(project, log, ready=False) as server:
        assert server.process.wait(30) == 1
        last = server.log_lines()[-1]["message"]
    assert "can't answer example_request.json" in last


def test_two_models_are_not_guessed_between(project: Project, log: Path, tmp_path: Path) -> None:
    for name in ("old.joblib", "new.joblib"):
        (tmp_path / "two").mkdir(exist_ok=True)
        (tmp_path / "two" / name).touch()
    with serving(sklearn(project, "fastapi"), log, ready=False, SM_MODEL_DIR=str(tmp_path / "two")) as server:
        assert server.process.wait(30) == 1
        assert any("holds new.joblib, old.joblib: leave one" in line["message"] for line in server.log_lines())


def test_a_setting_that_makes_no_sense_is_refused_at_once(with_handler: Callable[..., Path], log: Path) -> None:
    with serving(with_handler("fastapi"), log, ready=False, SERVING_WORKERS="many") as server:
        assert server.process.wait(10) == 3
        assert "SERVING_WORKERS='many'" in server.log_lines()[-1]["message"]


@both
def test_requests_beyond_the_waiting_limit_are_refused_with_429(
    with_handler: Callable[..., Path], log: Path, model_server: str
) -> None:
    own = with_handler(model_server, f"    batching = False\n{SLOW_PREDICT}")
    with (
        serving(own, log, SERVING_WORKERS="1", SERVING_MAX_WAITING="2") as server,
        ThreadPoolExecutor(12) as pool,
    ):
        answers = list(pool.map(lambda _: httpx.post(f"{server.url}/invocations", json=[ROW], timeout=60), range(12)))

    assert {answer.status_code for answer in answers} == {200, 429}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 429} == {"too_many_requests"}


@both
def test_a_prediction_that_takes_too_long_is_given_up(
    with_handler: Callable[..., Path], log: Path, model_server: str
) -> None:
    slow = SLOW_PREDICT.replace("sleep(1)", "sleep(3)")
    with serving(with_handler(model_server, slow), log, SERVING_REQUEST_TIMEOUT="1") as server:
        answer = server.post([ROW])

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


@both
def test_every_log_line_is_json_without_request_data(
    with_handler: Callable[..., Path], log: Path, model_server: str
) -> None:
    with serving(with_handler(model_server), log) as server:
        server.post([[*ROW[:-1], 0.987654]])
        server.client.post(
            f"{server.url}/invocations?secret=0.987654", content=b"0.987654,oops", headers={"Content-Type": "text/csv"}
        )
        server.client.get(f"{server.url}/nothing?secret=0.987654")
        raw.send(server.port, b"GET /\xff HTTP/1.1\r\nHost: model\r\n\r\n")
        assert server.stop() == 0

        lines = server.log_lines()
    assert {"time", "level", "source", "message"} <= set.intersection(*(set(line) for line in lines))
    assert any(line["message"] == "POST /invocations 200" for line in lines)
    assert "0.987654" not in log.read_text()
    assert "oops" not in log.read_text()
