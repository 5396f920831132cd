"""The Abalone data and what all trainings share: reading, splitting, judging and keeping the model."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "do"))

from lib.model import artifacts  # noqa: E402

DATA = HERE / "abalone.data"
SHA256 = "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f"
COLUMNS = (
    "Sex",
    "Length",
    "Diameter",
    "Height",
    "Whole_weight",
    "Shucked_weight",
    "Viscera_weight",
    "Shell_weight",
)
SEX = {"M": 0, "F": 1, "I": 2}
SEED = 42
LEAST_R2 = 0.4  # all models reach 0.5; less means that something is wrong with the training


@dataclass(frozen=True)
class Split:
    """80 % of the abalones to train with and the rest to judge by: rows of COLUMNS, and the rings to predict."""

    train_rows: np.ndarray
    train_rings: np.ndarray
    test_rows: np.ndarray
    test_rings: np.ndarray


def read() -> Split:
    """The data, shuffled with SEED and split. Ends the program when the file isn't the original one."""
    content = DATA.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        sys.exit(
            f"sample_model/abalone.data is not the original (sha256 {found[:12]}..., not {SHA256[:12]}...): "
            "run git checkout sample_model/abalone.data"
        )
    table = np.array(
        [[SEX[sex], *map(float, measures)] for sex, *measures in csv.reader(content.decode().splitlines())]
    )
    table = table[np.random.default_rng(SEED).permutation(len(table))]
    train, test = np.split(table, [len(table) * 4 // 5])
    return Split(train[:, :-1], train[:, -1], test[:, :-1], test[:, -1])


def check_quality(predicted: np.ndarray, rings: np.ndarray) -> dict[str, float]:
    """Print and give R2, the share of the variance that the predictions explain. Ends the program when it is poor."""
    r2 = 1 - np.sum((predicted - rings) ** 2) / np.sum((rings - rings.mean()) ** 2)
    print(f"R2 {r2:.3f} on {len(rings)} abalones that the model was not trained with")
    if not r2 >= LEAST_R2:
        sys.exit(f"the model is no good (R2 {r2:.3f}, at least {LEAST_R2} is expected), so it is not kept")
    return {"r2": float(r2)}


def request_rows() -> np.ndarray:
    """The rows of request.json."""
    return np.array(json.loads((HERE / "request.json").read_text())["instances"], dtype=np.float64)


@contextmanager
def new_model() -> Iterator[Path]:
    """Where to save the model; it goes from there to model/ when `keep` is called, so that no half model stays."""
    artifacts.MODEL_DIR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=artifacts.MODEL_DIR, prefix=".training-") as folder:
        yield Path(folder) / artifacts.artifact().name


def keep(
    model: Path,
    predictions: np.ndarray,
    metrics: dict[str, float],
    columns: Sequence[str] | None = None,
    relative_tolerance: float = 0,
    allow_missing: bool = False,
) -> None:
    """Move a saved model into model/ and write expected.json.

    `predictions` are its answers to request.json; `metrics` are what `check_quality` found; `relative_tolerance` says
    how far the same model's answers may differ when rows are predicted in other groups; `columns` are the names that it
    was trained with; `allow_missing` says whether the model handles missing values.
    """
    place = artifacts.artifact()
    expected: dict[str, Any] = {
        "model_sha256": artifacts.digest(model),
        "columns": list(columns) if columns else None,
        "predictions": predictions.tolist(),
        "dtype": str(predictions.dtype),
        "relative_tolerance": relative_tolerance,
        "allow_missing": allow_missing,
        "metrics": metrics,
    }
    model.replace(place)
    artifacts.EXPECTED.write_text(json.dumps(expected, indent=2) + "\n")
    print(f"saved {place.relative_to(ROOT)} and its answers in sample_model/expected.json")
    print("next: do/serve, then in another terminal do/test or do/invoke")
