"""What the answers of a server are compared with: rows, and the model's own predictions for them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.cli import ROOT, ExitCode, VerbError
from lib.local import environment
from lib.model import artifacts, example

# Sums of floats may come out differently when rows are predicted in other groups (matrix products, not trees);
# the sample model's own tolerance, in expected.json, is stricter.
ROUNDING_ERRORS = 64


@dataclass(frozen=True)
class Reference:
    """A model's rows and predictions. Both arrays have one item a row."""

    rows: np.ndarray
    predictions: np.ndarray
    relative_tolerance: float  # of the largest prediction; 0 asks for the same bits in the model's own type
    columns: tuple[str, ...] = ()
    allow_missing: bool = False

    def difference(self, seen: Any, expected: np.ndarray) -> str:
        """How answers differ from the expected predictions, in words; empty where they agree."""
        text = expected.dtype.kind in "OSU"
        try:
            array = np.asarray(seen, dtype=object if text else None)
        except ValueError:
            return f"predictions of different lengths: {str(seen)[:80]}"
        if not text and array.dtype.kind not in "biuf":
            return f"{str(seen)[:80]}, which are not all numbers"
        if array.shape != expected.shape:
            return f"predictions of shape {list(array.shape)} instead of {list(expected.shape)}"
        agree = self._agree(array, expected)
        if agree.all():
            return ""
        first = tuple(np.argwhere(~agree)[0])
        return f"{array[first]} instead of {expected[first]} for row {first[0] + 1}"

    def _agree(self, array: np.ndarray, expected: np.ndarray) -> np.ndarray:
        if expected.dtype.kind != "f":
            return np.asarray(array == expected)
        if not self.relative_tolerance:
            return array.astype(expected.dtype) == expected  # any text that stands for the same float32 will do
        return np.abs(array - expected) <= self.relative_tolerance * np.abs(expected).max()


def load(request: Path | None, model_dir: Path | None) -> Reference:
    """The sample model's expected answers where it is the one served, else what the model in `model_dir` answers.

    The rows are those of `request`, else of example_request.json, else made up. Raises VerbError.
    """
    if not request and example.OWN_REQUEST.exists():
        request = example.OWN_REQUEST
    if not request and model_dir in (None, artifacts.MODEL_DIR) and artifacts.trained():
        return _of_sample()
    return _of_model(request, model_dir or artifacts.MODEL_DIR)


def _of_sample() -> Reference:
    expected = json.loads(artifacts.EXPECTED.read_text())
    request = json.loads(example.SAMPLE_REQUEST.read_text())
    return Reference(
        rows=np.array(request["instances"], dtype=np.float64),
        predictions=np.array(expected["predictions"], dtype=expected["dtype"]),
        relative_tolerance=expected["relative_tolerance"],
        columns=tuple(expected["columns"] or ()),
        allow_missing=expected["allow_missing"],
    )


def _of_model(request: Path | None, model_dir: Path) -> Reference:
    if request and not request.is_file():
        raise VerbError(f"there is no file {request}", ExitCode.MISSING_FILE)
    answers = _ask_model(request, model_dir)
    predictions = np.array(answers["predictions"], dtype=answers["dtype"])
    exact = predictions.dtype.kind != "f"
    return Reference(
        rows=np.array(answers["rows"], dtype=np.float64),
        predictions=predictions,
        relative_tolerance=0 if exact else float(ROUNDING_ERRORS * np.finfo(predictions.dtype).eps),
        columns=tuple(answers["columns"] or ()),
        allow_missing=answers["allow_missing"],
    )


def _ask_model(request: Path | None, model_dir: Path) -> dict[str, Any]:
    artifacts.require(model_dir)
    python = environment.serving_python()
    command = [str(python), str(ROOT / "do" / "lib" / "model" / "answers.py"), str(model_dir)]
    done = subprocess.run([*command, str(request)] if request else command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        code = ExitCode.MISSING_FILE if done.returncode == ExitCode.MISSING_FILE else ExitCode.FAILED
        raise VerbError(f"can't tell what the model itself answers: {lines[-1]}", code)
    return json.loads(done.stdout.splitlines()[-1])
