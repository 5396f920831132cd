"""SageMaker's convention: which scripts are refused when the server starts, and how the functions are called."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from serving import codecs, inference
from serving.errors import ServingError
from serving.handlers.base import Handler, UnusableModel


class Sum(Handler):
    """The project's handler in these tests."""

    def load(self, model_dir: Path) -> Any:
        return SimpleNamespace(predict=lambda rows: np.asarray(rows).sum(axis=1))

    def predict(self, model: Any, rows: Any) -> Any:
        return model.predict(rows)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("inference", None)
    yield
    sys.modules.pop("inference", None)


def opened(folder: Path, script: str) -> tuple[Handler, Any]:
    (folder / "inference.py").write_text(script)
    return inference.open_model(folder / "inference.py", Sum(), folder)


def ask(
    folder: Path, script: str, body: bytes, content_type: str | None = codecs.JSON, accept: str | None = None
) -> tuple[bytes, str]:
    """The answer's body and its content type."""
    handler, model = opened(folder, script)
    given, wanted = handler.negotiate(content_type, accept)
    return handler.respond(handler.predict(model, handler.receive(body, given, wanted)), wanted)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def transform_fn(m, b, c, a): ...\ndef input_fn(b, c): ...", "defines transform_fn and input_fn"),
        ("def input_fn(body): ...", r"input_fn .* takes 1 arguments: it is called with \(body, content_type\)"),
        ("def predict_fn(a, b, c, d): ...", "predict_fn .* takes 4 arguments"),
        ("import nowhere_to_be_found\ndef input_fn(b, c): ...", "put nowhere_to_be_found.py into code/"),
        ("def input_fn(b, c)", "can't be imported: SyntaxError"),
        ("def handler(data, context): ...", "only the TensorFlow Serving container calls"),
        ("def model_fn(model_dir): return 1 / 0", "model_fn .* failed: ZeroDivisionError"),
        ("def model_fn(model_dir): ...", "model_fn .* returned None"),
    ],
)
def test_a_script_that_can_not_work_ends_the_start_with_the_reason(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(UnusableModel, match=reason):
        opened(tmp_path, script)


def test_a_script_without_these_functions_changes_nothing(tmp_path: Path) -> None:
    handler, _ = opened(tmp_path, "def helper(): ...")

    assert type(handler) is Sum


# What the functions get, which the script answers; the content type, the body and the Accept header
GETS = "import json\ndef transform_fn(model, body, content_type, accept):\n    return json.dumps([str(body), "
GETS += "type(body).__name__, content_type, accept])"


@pytest.mark.parametrize(
    ("content_type", "accept", "seen"),
    [
        ("application/json", None, ["[1]", "str", "application/json", "application/json"]),
        (None, "*/*", ["[1]", "str", "application/json", "application/json"]),
        ("text/csv", "text/csv", ["[1]", "str", "text/csv", "text/csv"]),
        ("application/json; charset=utf-8", None, ["b'[1]'", "bytes", "application/json; charset=utf-8", codecs.JSON]),
        ("image/png", "a/b, */*;q=0.1", ["b'[1]'", "bytes", "image/png", "a/b, */*;q=0.1"]),
    ],
)
def test_functions_get_what_sagemakers_containers_give_them(
    tmp_path: Path, content_type: str | None, accept: str | None, seen: list[str]
) -> None:
    body, _ = ask(tmp_path, GETS, b"[1]", content_type, accept)

    assert json.loads(body) == seen


def test_the_default_of_accept_can_be_set_as_in_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")

    body, content_type = ask(tmp_path, GETS, b"[1]")

    assert (json.loads(body)[3], content_type) == ("text/csv", "text/csv")


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("'text'", (b"text", "application/json")),
        ("b'bytes'", (b"bytes", "application/json")),
        ("('x', 'text/x')", (b"x", "text/x")),
        ("{'a': 1}", (b'{"a":1}', "application/json")),
        ("[numpy.float32(0.5)]", (b"[0.5]", "application/json")),
        ("Response()", (b"r", "text/r")),
    ],
)
def test_output_fn_returns_a_body_or_a_body_and_its_type(
    tmp_path: Path, returned: str, answer: tuple[bytes, str]
) -> None:
    response = "class Response:\n    status_code, mimetype = 200, 'text/r'\n    def get_data(self): return b'r'\n"
    script = f"import numpy\n{response}def output_fn(prediction, accept):\n    return {returned}"

    assert ask(tmp_path, script, b"[[1, 2]]") == answer


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("def input_fn(b, c): raise ValueError('no rows')", 400, "the request can't be read: no rows"),
        ("class UnsupportedFormatError(Exception): ...\ndef input_fn(b, c): raise UnsupportedFormatError(c)", 415, ""),
        ("class UnsupportedFormatError(Exception): ...\ndef output_fn(p, a): raise UnsupportedFormatError(a)", 406, ""),
        (
            "class E(Exception):\n    status_code, message = 422, 'too young'\ndef predict_fn(d, m): raise E",
            422,
            "too young",
        ),
    ],
)
def test_what_the_functions_refuse_is_the_callers_fault(tmp_path: Path, script: str, status: int, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        ask(tmp_path, script, b"[[1, 2]]")

    assert refusal.value.status == status
    assert message in refusal.value.message


@pytest.mark.parametrize(
    "script",
    [
        "def input_fn(b, c): raise RuntimeError",
        "def predict_fn(d, m): raise ValueError",
        "def output_fn(p, a): return 7",
        "def output_fn(p, a): return 'x', 7",
    ],
)
def test_other_exceptions_of_the_functions_are_faults(tmp_path: Path, script: str) -> None:
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        ask(tmp_path, script, b"[[1, 2]]")


SHAPES = "def predict_fn(data, model): return [list(data.shape), data.dtype.kind]"


@pytest.mark.parametrize(
    ("body", "content_type", "shape"),
    [
        (b"[[1, 2], [3, 4]]", codecs.JSON, [2, 2]),
        (b"[1, 2, 3]", codecs.JSON, [1, 3]),
        (b'{"instances": [[1, 2]]}', codecs.JSON, [1, 2]),
        (b"[[[1], [2]]]", codecs.JSON, [1, 2, 1]),
        (b"1,2\n3,4\n", codecs.CSV, [2, 2]),
        (b"1,,3", codecs.CSV, [1, 3]),
    ],
)
def test_predict_fn_alone_gets_an_array(tmp_path: Path, body: bytes, content_type: str, shape: list[int]) -> None:
    answer = json.loads(ask(tmp_path, SHAPES, body, content_type)[0])

    assert (answer["predictions"] if isinstance(answer, dict) else answer) == [shape, "f"]


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "answer"),
    [
        (b"[[1, 2], [3, 4]]", codecs.JSON, None, b"[3.0,7.0]"),
        (b"1,2\n3,4", codecs.CSV, None, b"[3.0,7.0]"),
        (b"1,2\n3,4", codecs.CSV, codecs.CSV, b"3.0\n7.0\n"),
        (b'{"instances": [[1, 2]]}', codecs.JSON, None, b'{"predictions":[3.0]}'),
        (b"[1, 2]\n", codecs.JSON_LINES, codecs.JSON_LINES, b"3.0\n"),
    ],
)
def test_without_output_fn_lists_are_answered_as_sagemakers_containers_do(
    tmp_path: Path, body: bytes, content_type: str, accept: str | None, answer: bytes
) -> None:
    script = "def predict_fn(data, model): return model.predict(data)"

    assert ask(tmp_path, script, body, content_type, accept)[0] == answer


def test_input_fn_alone_gives_its_data_to_the_model(tmp_path: Path) -> None:
    script = "import json\ndef input_fn(body, content_type): return [json.loads(body)['row']]"

    assert ask(tmp_path, script, b'{"row": [1, 2]}') == (b"[3]", "application/json")


def test_functions_with_a_context_get_one(tmp_path: Path) -> None:
    script = """
def model_fn(model_dir, context): return context.system_properties["model_dir"]
def predict_fn(data, model, context=None): return [model, context.system_properties["gpu_id"]]
def output_fn(prediction, accept, indent=None): return str([*prediction, indent])
def model_warmup_fn(model_dir, model): assert model_dir == model
"""

    assert ask(tmp_path, script, b"[[1]]")[0].decode() == str([str(tmp_path), None, None])
