"""A `code/inference.py` as SageMaker's own containers take it is used as it is."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.real_servers.conftest import Project, Server, run, serving

ROWS = [[1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15], [0, 0.35, 0.265, 0.09, 0.2255, 0.0995, 0.0485, 0.07]]
BOTH = ["flask", "fastapi"]

# What each function gets is in the answer. The requests ask for failures by their text.
FOUR = """
import json, os, pathlib, joblib

def model_fn(model_dir):
    assert isinstance(model_dir, str)
    return joblib.load(next(pathlib.Path(model_dir).glob("model.*")))

def input_fn(request_body, content_type):
    if content_type not in ("application/json", "text/csv", "application/json; charset=utf-8"):
        raise ValueError(f"unsupported content type {content_type}")
    if content_type == "text/csv":
        return [[float(cell) for cell in line.split(",")] for line in request_body.splitlines()]
    rows = json.loads(request_body)["rows"]
    if rows == "broken":
        raise RuntimeError("the password is swordfish")
    return rows

def predict_fn(input_data, model):
    if input_data == "crash":
        raise ValueError("the password is mackerel")
    if input_data == "exit":
        raise SystemExit(3)
    return [type(model).__name__, model.predict(input_data).tolist(), os.getpid()]

def output_fn(prediction, accept):
    if accept == "text/csv":
        return ",".join(map(str, prediction[1])), "text/csv; header=absent"
    return json.dumps(prediction[:2])
"""
TRANSFORM = '''
import json
from my_rules import double

class UnsupportedFormatError(Exception):
    """As in sagemaker_inference.errors."""

class Young(Exception):
    status_code, message = 422, "an abalone has a year"

def transform_fn(model, data, content_type, accept):
    if content_type != "application/json":
        raise UnsupportedFormatError(content_type)
    rows = json.loads(data)
    if not rows:
        raise Young
    return double(model.predict(rows)[0]), "text/plain"
'''


@pytest.fixture
def scripted(project: Project, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a project with a sample model and these files in code/."""

    def make(model_server: str, framework: str = "sklearn", model_format: str = "joblib", **files: str) -> Path:
        original = project(framework=framework, model_format=model_format, model_server=model_server)
        copy = tmp_path / "own"
        shutil.copytree(original, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
        for environment in (".venv", "do/.venv"):
            if (original / environment).exists():
                (copy / environment).symlink_to((original / environment).resolve())
        for name, content in files.items():
            (copy / "code" / f"{name}.py").write_text(content)
        return copy

    return make


@contextmanager
def one_worker(path: Path, log: Path) -> Iterator[Server]:
    with serving(path, log, SERVING_WORKERS="1") as server:
        yield server


def ask(server: Server, body: Any, content_type: str = "application/json", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return server.client.post(
        f"{server.url}/invocations", content=content, headers={"Content-Type": content_type, **headers}
    )


def own_predictions(server: Server) -> Any:
    """What the model itself answers, through a script that has no say in it."""
    return ask(server, {"instances": ROWS}).json()["predictions"]


@pytest.mark.parametrize("model_server", BOTH)
def test_the_four_functions_are_called_as_in_sagemakers_containers(
    scripted: Callable[..., Path], tmp_path: Path, model_server: str
) -> None:
    csv = "\n".join(",".join(map(str, row)) for row in ROWS)
    with one_worker(scripted(model_server, inference=FOUR), tmp_path / "log") as server:
        in_json = ask(server, {"rows": ROWS})
        in_bytes = ask(server, {"rows": ROWS}, "application/json; charset=utf-8")
        in_csv = ask(server, csv, "text/csv", Accept="text/csv")
        refused = ask(server, b"\x89PNG", "image/png")
        malformed = ask(server, "{")
        broken, crashed, left = (ask(server, {"rows": what}) for what in ("broken", "crash", "exit"))
        assert server.ping() == 200
        again = ask(server, {"rows": ROWS})
        log = server.log_lines()

    name, predictions = in_json.json()
    assert name == "RandomForestRegressor"
    assert in_json.headers["content-type"] == "application/json"
    assert in_bytes.content == in_json.content == again.content
    assert in_csv.headers["content-type"] == "text/csv; header=absent"
    assert [float(cell) for cell in in_csv.text.split(",")] == predictions
    for answer in (refused, malformed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "unsupported content type image/png" in refused.text
    for answer in (broken, crashed, left):
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "prediction_failed")
    for answer, secret in ((broken, "swordfish"), (crashed, "mackerel")):
        assert secret not in answer.text
        told = [line for line in log if secret in line.get("exception", "")]
        assert [line["request_id"] for line in told] == [answer.headers["x-request-id"]]


@pytest.mark.parametrize("model_server", BOTH)
def test_transform_fn_does_it_all(scripted: Callable[..., Path], tmp_path: Path, model_server: str) -> None:
    rules = "def double(rings):\n    return f'{2 * rings} half rings'\n"
    with one_worker(scripted(model_server, inference=TRANSFORM, my_rules=rules), tmp_path / "log") as server:
        answer = ask(server, ROWS)
        unsupported = ask(server, "1,2", "text/csv")
        chosen = ask(server, [])

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert answer.text.endswith(" half rings")
    assert (unsupported.status_code, unsupported.json()["error"]["code"]) == (415, "unsupported_content_type")
    assert (chosen.status_code, chosen.json()["error"]["code"]) == (422, "own_error")
    assert chosen.json()["error"]["message"] == "an abalone has a year"


@pytest.mark.parametrize("model_server", BOTH)
def test_what_a_script_leaves_out_is_done_as_in_sagemakers_containers(
    scripted: Callable[..., Path], tmp_path: Path, model_server: str
) -> None:
    script = "def predict_fn(data, model):\n    return model.predict(data)\n"
    path = scripted(model_server, inference=script)
    npy = io.BytesIO()
    np.save(npy, np.array(ROWS))
    csv = "\n".join(",".join(map(str, row)) for row in ROWS)
    with one_worker(path, tmp_path / "log") as server:
        expected = own_predictions(server)
        answers = [ask(server, ROWS), ask(server, csv, "text/csv"), ask(server, npy.getvalue(), "application/x-npy")]
        one = ask(server, ROWS[0])
        in_npy = ask(server, ROWS, Accept="application/x-npy")
        in_csv = ask(server, ROWS, Accept="text/csv")
        unknown = ask(server, b"\x89PNG", "image/png")
        unacceptable = ask(server, ROWS, Accept="image/png")
    (path / "code/inference.py").unlink()
    with one_worker(path, tmp_path / "log") as server:
        assert own_predictions(server) == expected

    assert [answer.json() for answer in answers] == [expected] * 3
    assert one.json() == expected[:1]
    assert np.load(io.BytesIO(in_npy.content)).tolist() == expected
    assert [float(line) for line in in_csv.text.split()] == expected
    assert (unknown.status_code, unacceptable.status_code) == (415, 406)


@pytest.mark.parametrize("model_server", BOTH)
def test_a_script_that_only_loads_leaves_all_else_as_it_is(
    scripted: Callable[..., Path], tmp_path: Path, model_server: str
) -> None:
    script = "import os, joblib\ndef model_fn(model_dir):\n    return joblib.load(f'{model_dir}/renamed.bin')\n"
    path = scripted(model_server, inference=script)
    (path / "model/model.joblib").rename(path / "model/renamed.bin")
    with one_worker(path, tmp_path / "log") as server:
        assert own_predictions(server) == ask(server, ROWS).json()["predictions"]
        assert ask(server, [["x"] * 8]).json()["error"]["code"] == "not_a_number"


def test_a_script_in_the_models_folder_is_used_and_its_packages_are_missed_aloud(
    scripted: Callable[..., Path], tmp_path: Path
) -> None:
    path = scripted("fastapi")
    (path / "model/code").mkdir()
    (path / "model/code/inference.py").write_text("import mine\ndef output_fn(p, accept):\n    return mine.text(p)\n")
    (path / "model/code/mine.py").write_text("def text(p):\n    return f'{len(p)} answers', 'text/plain'\n")
    (path / "model/code/requirements.txt").write_text("pyarrow\n")
    with one_worker(path, tmp_path / "log") as server:
        assert ask(server, ROWS).text == "2 answers"
        assert any("requirements.in" in line["message"] for line in server.log_lines())


def test_data_for_a_booster_is_a_dmatrix(scripted: Callable[..., Path], tmp_path: Path) -> None:
    script = "def predict_fn(data, model):\n    return [type(data).__name__, model.predict(data).tolist()]\n"
    path = scripted("fastapi", "xgboost", "ubj", inference=script)
    with one_worker(path, tmp_path / "log") as server:
        name, predictions = ask(server, ROWS).json()
        (path / "code/inference.py").write_text("def input_fn(body, content_type):\n    return [[0] * 8]\n")
    with one_worker(path, tmp_path / "log2") as server:
        zeros = ask(server, "anything", "text/plain")

    assert (name, len(predictions)) == ("DMatrix", 2)
    assert [type(value) for value in zeros.json()] == [float]


def test_a_script_that_can_not_work_ends_the_start_with_one_reason(
    scripted: Callable[..., Path], tmp_path: Path
) -> None:
    path = scripted("fastapi", inference="def model_fn(model_dir):\n    return {'weights': [1]}\n")
    with serving(path, tmp_path / "log", ready=False, SERVING_WORKERS="2") as server:
        assert server.process.wait(60) == 1
        last = server.log_lines()[-1]["message"]

    assert "what was loaded is a dict with weights, which has no predict" in last
    assert "predict_fn" in last


def test_do_test_passes_a_scripts_server_by_the_owners_example(scripted: Callable[..., Path]) -> None:
    path = scripted("fastapi", inference=FOUR)
    (path / "example_request.json").write_text(json.dumps({"rows": ROWS}))

    report = json.loads(run(path, "do/test", "--serve", "--json"))

    outcomes = {check["name"]: check["outcome"] for check in report["checks"]}
    assert outcomes["the example request is answered as the model itself answers it"] == "ok"
    assert list(outcomes.values()).count("ok") > 15
    assert "FAIL" not in outcomes.values()
