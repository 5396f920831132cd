"""Models that nobody made for this template are served as they themselves predict, to the last bit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.exhaustive import exhaustive
from tests.real_servers.conftest import START_SECONDS, Project, serving

SCRIPTS = Path(__file__).parent / "strangers"


def differences(project: Path, script: str, *packages: Path) -> dict[str, str]:
    """What the script found in a project, by its cases. `packages`: environments with more of what it imports."""
    command = [project / ".venv/bin/python", SCRIPTS / script]
    with tempfile.TemporaryDirectory() as models:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in packages), "TMPDIR": models}
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def packages_of(project: Path) -> Path:
    return next((project / ".venv/lib").glob("*/site-packages"))


def test_scikit_learn_models_are_answered_as_they_predict(project: Project) -> None:
    boosting = project(framework="xgboost", model_format="ubj", model_server="fastapi")
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")

    found = differences(path, "sklearn_models.py", packages_of(boosting))

    assert len(found) > 60
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_boosters_are_answered_as_they_predict(project: Project) -> None:
    sklearn = project(framework="sklearn", model_format="joblib", model_server="fastapi")
    path = project(framework="xgboost", model_format="ubj", model_server="fastapi")

    found = differences(path, "xgboost_models.py", packages_of(sklearn))

    assert len(found) > 20
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_onnx_models_are_answered_as_the_runtime_answers(project: Project) -> None:
    path = project(framework="onnx", model_format="onnx", model_server="flask")

    found = differences(path, "onnx_models.py")

    assert len(found) > 12
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_pytorch_models_are_answered_as_the_module_answers(project: Project) -> None:
    path = project(framework="pytorch", model_format="pt2", model_server="fastapi")

    found = differences(path, "pytorch_models.py")

    assert len(found) > 12
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_lightgbm_models_are_answered_as_they_predict(project: Project) -> None:
    sklearn = project(framework="sklearn", model_format="joblib", model_server="fastapi")
    path = project(framework="lightgbm", model_format="txt", model_server="fastapi")

    found = differences(path, "lightgbm_models.py", packages_of(sklearn))

    assert len(found) > 40
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_catboost_models_are_answered_as_they_predict(project: Project) -> None:
    path = project(framework="catboost", model_format="cbm", model_server="fastapi")

    found = differences(path, "catboost_models.py")

    assert len(found) > 30
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_mlflow_models_are_answered_as_mlflow_answers(project: Project) -> None:
    boosters = [
        project(framework="xgboost", model_format="ubj", model_server="fastapi"),
        project(framework="lightgbm", model_format="txt", model_server="fastapi"),
    ]
    path = project(framework="mlflow", model_format="MLmodel", model_server="fastapi")

    found = differences(path, "mlflow_models.py", *map(packages_of, boosters))

    assert len(found) > 25
    assert {case: difference for case, difference in found.items() if difference} == {}


@exhaustive
def test_the_server_answers_as_mlflow_models_serve_answers(project: Project, tmp_path: Path) -> None:
    path = project(framework="mlflow", model_format="MLmodel", model_server="flask")
    rows = json.loads((path / "sample_model/request.json").read_text())["instances"]
    columns = json.loads((path / "sample_model/expected.json").read_text())["columns"]
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    requests = [
        {"dataframe_split": {"columns": columns, "data": rows}},
        {"dataframe_records": records},
        {"instances": records},
        {"inputs": {name: [record[name] for record in records] for name in columns}},
    ]

    with serving(path, tmp_path / "log") as ours, scoring_server(path / "model/model", tmp_path / "theirs") as theirs:
        for request in requests:
            answers = [httpx.post(f"{url}/invocations", json=request) for url in (ours.url, theirs)]
            assert [answer.status_code for answer in answers] == [200, 200], answers[0].text + answers[1].text
            assert answers[0].json() == answers[1].json()


@contextmanager
def scoring_server(model: Path, log: Path) -> Iterator[str]:
    """MLflow's own server, as `mlflow models serve` starts it; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [str(model.parents[1] / ".venv/bin/python"), "-m", "uvicorn", "mlflow.pyfunc.scoring_server.app:app"]
    environment = os.environ | {"__pyfunc_model_path__": str(model), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--port", str(port)], env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers_ping(f"http://127.0.0.1:{port}"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def answers_ping(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping").status_code == 200
    except httpx.TransportError:
        return False


def test_models_of_the_owners_own_code_are_answered_as_it_answers(project: Project) -> None:
    sklearn = project(framework="sklearn", model_format="joblib", model_server="fastapi")
    path = project(framework="python", model_format="folder", model_server="fastapi")

    found = differences(path, "python_models.py", packages_of(sklearn))

    assert len(found) >= 8
    assert {case: difference for case, difference in found.items() if difference} == {}
