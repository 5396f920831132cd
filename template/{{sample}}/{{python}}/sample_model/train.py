"""Train the sample: the nearest neighbours tell an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

import sys
from pathlib import Path

import abalone
import numpy as np

sys.path.insert(0, str(abalone.ROOT))

from serving.model_handler import ModelHandler


def main() -> None:
    data = abalone.read()
    with abalone.new_model() as folder:
        save(data, folder)
        handler = ModelHandler()
        model = handler.load(folder.parent)
        metrics = abalone.check_quality(handler.predict(model, data.test_rows), data.test_rings)
        predictions = handler.predict(model, abalone.request_rows())
        abalone.keep(folder, predictions, metrics, abalone.COLUMNS, allow_missing=True)


def save(data: abalone.Split, folder: Path) -> None:
    """There is nothing to learn but how far each measure spreads."""
    folder.mkdir()
    np.savez(
        folder / "neighbours.npz",
        columns=np.array(abalone.COLUMNS),
        rows=data.train_rows,
        scale=data.train_rows.std(axis=0),
        targets=data.train_rings,
    )


if __name__ == "__main__":
    main()
