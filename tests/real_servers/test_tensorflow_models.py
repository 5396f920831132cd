"""Models that TensorFlow users bring are answered as they predict themselves, alone and among other requests."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.exhaustive import exhaustive
from tests.real_servers.conftest import Project, Server, serving

pytestmark = exhaustive

STRANGERS = Path(__file__).with_name("strangers") / "tensorflow_models.py"
CASES = [
    node.name.replace("_", " ")
    for node in ast.parse(STRANGERS.read_text()).body
    if isinstance(node, ast.FunctionDef) and [ast.unparse(decorator) for decorator in node.decorator_list] == ["case"]
]


@pytest.fixture(scope="module")
def model_of_all_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the script saves a model with inputs and outputs of all kinds, with requests and its own answers."""
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def results(project: Project, model_of_all_kinds: Path) -> dict[str, str]:
    """What differs, by case. All cases share one process, because TensorFlow takes seconds to start."""
    path = project(framework="tensorflow", model_format="keras", model_server="flask")
    done = subprocess.run(
        [path / ".venv/bin/python", STRANGERS, model_of_all_kinds],
        cwd=path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    differences: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return differences


@pytest.mark.parametrize("case", CASES)
def test_a_model_is_answered_as_it_predicts_or_refused_with_the_reason(results: dict[str, str], case: str) -> None:
    assert results[case] == ""


@pytest.mark.alone
@pytest.mark.parametrize("model_server", ["flask", "fastapi"])
def test_concurrent_callers_get_their_own_rows(
    project: Project, results: dict[str, str], model_of_all_kinds: Path, tmp_path: Path, model_server: str
) -> None:
    model_format = "keras" if model_server == "flask" else "h5"  # the projects that test_contract.py makes as well
    path = project(framework="tensorflow", model_format=model_format, model_server=model_server)
    asked = json.loads((model_of_all_kinds / "requests.json").read_text()) * 20
    model = str(model_of_all_kinds)

    with serving(path, tmp_path / "log", SM_MODEL_DIR=model, SERVING_WORKERS="1", SERVING_EXAMPLE="none") as server:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda one: ask(server, one[0]), asked))
        together = server.client.get(f"{server.url}/metrics").text

    differing = [
        (seen, wanted) for seen, (_, wanted) in zip(answers, asked, strict=True) if not same_rows(seen, wanted)
    ]
    assert differing == []
    assert rows_per_batch(together) > 2.5  # alone, they have two rows on average


def ask(server: Server, document: Any) -> Any:
    return server.client.post(f"{server.url}/invocations", json=document).json().get("predictions")


def same_rows(seen: list[dict[str, list[float]]], wanted: list[dict[str, list[float]]]) -> bool:
    """Whether all numbers are equal, but for the rounding of sums."""
    return [row.keys() for row in seen] == [row.keys() for row in wanted] and all(
        row[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-6)
        for row, expected in zip(seen, wanted, strict=True)
        for name in expected
    )


def rows_per_batch(metrics: str) -> float:
    totals: dict[str, float] = {}
    for line in metrics.splitlines():
        name, _, value = line.partition(" ")
        for part in ("batch_rows_sum", "batch_rows_count"):
            if name.partition("{")[0].endswith(part):
                totals[part] = totals.get(part, 0.0) + float(value)
    return totals["batch_rows_sum"] / totals["batch_rows_count"]
