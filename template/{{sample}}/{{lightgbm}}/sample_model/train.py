"""Train the sample: boosted trees that tell an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

from pathlib import Path

import abalone
import joblib
import lightgbm

ROUNDS = 100
# one thread, so that sums come in the same order and every training gives the same model
PARAMETERS = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "seed": abalone.SEED,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def main() -> None:
    data = abalone.read()
    table = lightgbm.Dataset(data.train_rows, data.train_rings, feature_name=list(abalone.COLUMNS))
    model = lightgbm.train(PARAMETERS, table, ROUNDS)
    metrics = abalone.check_quality(model.predict(data.test_rows), data.test_rings)
    with abalone.new_model() as file:
        save(model, file)
        predictions = load(file).predict(abalone.request_rows())
        abalone.keep(file, predictions, metrics, abalone.COLUMNS, allow_missing=True)


def save(model: lightgbm.Booster, file: Path) -> None:
    if file.suffix == ".txt":
        model.save_model(file)
    else:
        joblib.dump(model, file)


def load(file: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=file) if file.suffix == ".txt" else joblib.load(file)


if __name__ == "__main__":
    main()
