"""Yours: how your model is loaded and asked; updates of the template leave it alone.

The example serves the sample, which looks for the abalones that a row is most like. Write your model in its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serving.codecs import RowFormat
from serving.handlers.python import PythonHandler

NEIGHBOURS = 20


class ModelHandler(PythonHandler):
    """Answers the mean of the nearest neighbours.

    For rows with text among their columns write `typed = True`. `predict` then gets a Table, and
    `pandas.DataFrame(rows.columns)` makes a DataFrame of it.
    """

    def load(self, model_dir: Path) -> dict[str, np.ndarray]:
        """Read the model once, when the server starts. `model_dir` holds what is in model/."""
        with np.load(model_dir / "model" / "neighbours.npz", allow_pickle=False) as file:
            return dict(file)

    def describe(self, model: dict[str, np.ndarray]) -> RowFormat:
        """The columns that the model expects. Leave it out if there is no fixed set of them."""
        names = tuple(model["columns"].tolist())
        return RowFormat((len(names),), names)

    def takes_missing(self, model: dict[str, np.ndarray]) -> bool:
        """Whether a row may have gaps (NaN). The example leaves them out of the distance."""
        return True

    def predict(self, model: dict[str, np.ndarray], rows: Any) -> np.ndarray:
        """One prediction for each row. Raise serving.errors.BadRequest to refuse them."""
        return np.array([_mean_of_nearest(model, row) for row in rows])


def _mean_of_nearest(model: dict[str, np.ndarray], row: np.ndarray) -> np.floating[Any]:
    distances = np.nansum(((model["rows"] - row) / model["scale"]) ** 2, axis=1)
    return model["targets"][np.argsort(distances, kind="stable")[:NEIGHBOURS]].mean()
