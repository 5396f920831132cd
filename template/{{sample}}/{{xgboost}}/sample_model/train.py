"""Train the sample: boosted trees that tell an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

from pathlib import Path

import abalone
import numpy as np
import xgboost

ROUNDS = 100
# one thread, so that sums come in the same order and every training gives the same model
PARAMETERS = {"objective": "reg:squarederror", "learning_rate": 0.1, "seed": abalone.SEED, "nthread": 1}


def main() -> None:
    data = abalone.read()
    model = xgboost.train(PARAMETERS, table(data.train_rows, data.train_rings), ROUNDS)
    metrics = abalone.check_quality(model.predict(table(data.test_rows)), data.test_rings)
    with abalone.new_model() as file:
        save(model, file)
        abalone.keep(
            file, load(file).predict(table(abalone.request_rows())), metrics, abalone.COLUMNS, allow_missing=True
        )


def table(rows: np.ndarray, rings: np.ndarray | None = None) -> xgboost.DMatrix:
    """The rows with their columns' names, which the model keeps and which requests may use."""
    return xgboost.DMatrix(rows, label=rings, feature_names=list(abalone.COLUMNS))


def save(model: xgboost.Booster, file: Path) -> None:
    """XGBoost 3 no longer writes its old binary format: a file named .model holds the same as .ubj."""
    file.write_bytes(model.save_raw("json" if file.suffix == ".json" else "ubj"))


def load(file: Path) -> xgboost.Booster:
    return xgboost.Booster(model_file=bytearray(file.read_bytes()))


if __name__ == "__main__":
    main()
