"""Models that only their owners' code can load, each with requests and what that code answers when it is called itself.

Run in a rendered project, by a Python with the packages of its .venv and pandas: prints {case: "" or what differs}.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from comparing import difference, plain, serve

from serving import tables
from serving.codecs import RowFormat
from serving.errors import BadRequest
from serving.handlers.python import PythonHandler

random = np.random.default_rng(0)
N = 40
X = random.normal(size=(N, 3)).round(3)
VISITS = pd.DataFrame(
    {
        "city": random.choice(["Genève", "Bern", "Basel"], N),
        "zip": random.choice(["08001", "3000"], N),
        "day": random.choice(["2026-11-26", "2026-12-24"], N),
        "guests": random.integers(1, 9, N),
        "spent": X[:, 0],
    }
)
TEXTS = [f"{word} day, {word} night {i % 3}" for i, word in enumerate(["good", "bad", "fine", "awful"] * (N // 4))]


class Linear(PythonHandler):
    """Numbers, from a text file, in batches: a row's answer doesn't depend on the others."""

    batching = True

    def load(self, model_dir: Path) -> Any:
        return json.loads((model_dir / "model" / "weights.json").read_text())

    def predict(self, model: Any, rows: Any) -> Any:
        return [float(sum(value * weight for value, weight in zip(row, model, strict=True))) for row in rows.tolist()]


class Seasons(PythonHandler):
    """A DataFrame with text, dates and numbers, whose columns the model tells."""

    typed = True

    def load(self, model_dir: Path) -> Any:
        return {"Bern": 2.0, "Basel": 3.0}

    def describe(self, model: Any) -> RowFormat:
        kinds = (tables.TEXT, tables.TEXT, tables.TEXT, tables.NUMBER, tables.NUMBER)
        return RowFormat((len(VISITS.columns),), tuple(VISITS.columns), kinds)

    def predict(self, model: Any, rows: Any) -> Any:
        return seasonal(model, pd.DataFrame(rows.columns))


def seasonal(model: dict[str, float], frame: pd.DataFrame) -> np.ndarray:
    late = pd.to_datetime(frame["day"]).dt.month == 12
    factor = frame["city"].map(lambda city: model.get(city, 1.0)) * (1 + late) + frame["zip"].str.len()
    return (factor * frame["guests"] + frame["spent"]).to_numpy()


class Words(PythonHandler):
    """Texts, as spaCy and others read them; several outputs by name."""

    def load(self, model_dir: Path) -> Any:
        return Counter(json.loads((model_dir / "model" / "weights.json").read_text()))

    def decode(self, body: bytes, content_type: str) -> Any:
        return tables.decode_values(body, content_type, str)

    def predict(self, model: Any, rows: Any) -> Any:
        return {"words": [len(text.split()) for text in rows], "label": [label(text) for text in rows]}


def label(text: str) -> str:
    return "liked" if "good" in text or "fine" in text else "disliked"


class Strict(Linear):
    """Refuses rows in words of its own; one such row spoils no other request."""

    def predict(self, model: Any, rows: Any) -> Any:
        if (rows < -100).any():
            raise BadRequest("no value may be below -100")
        return super().predict(model, rows)


class Middle(PythonHandler):
    """An answer that depends on all rows of a request, so no two requests may be predicted together."""

    def load(self, model_dir: Path) -> Any:
        return np.median

    def predict(self, model: Any, rows: Any) -> Any:
        return rows[:, 0] - model(rows)


def folder() -> Path:
    made = Path(tempfile.mkdtemp())
    (made / "model").mkdir()
    (made / "model" / "weights.json").write_text("[1.5, -2.0, 0.25]")
    return made


def refusal(owners: type[PythonHandler], body: bytes, words: str) -> str:
    """What happens in place of a refusal with these words; empty if they are said."""
    try:
        return f"answered {serve(folder(), owners)(body, 'application/json')}"
    except Exception as error:
        return "" if words in str(error) else f"{type(error).__name__}: {error}"


def results() -> dict[str, str]:
    weights = [1.5, -2.0, 0.25]
    numbers = [float(sum(value * weight for value, weight in zip(row, weights, strict=True))) for row in X.tolist()]
    values = VISITS.astype(object).to_numpy().tolist()
    told = [{"words": len(text.split()), "label": label(text)} for text in TEXTS]
    names = list(VISITS.columns)
    return {
        "numbers": difference(serve(folder(), Linear), lambda part: numbers[part], plain(X), None),
        "numbers, of one's own words": difference(serve(folder(), Strict), lambda part: numbers[part], plain(X), None),
        "a frame": difference(
            serve(folder(), Seasons), lambda part: seasonal({"Bern": 2.0, "Basel": 3.0}, VISITS[part]), values, names
        ),
        "texts": difference(serve(folder(), Words), lambda part: told[part], TEXTS, None),
        "rows that belong together": difference(
            serve(folder(), Middle), lambda part: X[part][:, 0] - np.median(X[part]), plain(X), None
        ),
        "no load": refusal(PythonHandler, b"[[1]]", "ModelHandler in serving/model_handler.py has no load"),
        "refused in one's own words": refusal(Strict, b"[[1, 2, -101]]", "no value may be below -100"),
        "text among numbers": refusal(Linear, b'[[1, 2, "three"]]', "is not a number"),
    }


if __name__ == "__main__":
    print(json.dumps(results()))
