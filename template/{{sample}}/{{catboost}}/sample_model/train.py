"""Train the sample: boosted trees that tell an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

from pathlib import Path

import abalone
import catboost

# one thread, so that sums come in the same order and every training gives the same model
PARAMETERS = {
    "iterations": 300,
    "learning_rate": 0.1,
    "random_seed": abalone.SEED,
    "thread_count": 1,
    "verbose": False,
    "allow_writing_files": False,
}


def main() -> None:
    data = abalone.read()
    table = catboost.Pool(data.train_rows, data.train_rings, feature_names=list(abalone.COLUMNS))
    model = catboost.CatBoostRegressor(**PARAMETERS).fit(table)
    metrics = abalone.check_quality(model.predict(data.test_rows), data.test_rings)
    with abalone.new_model() as file:
        model.save_model(file, format=file.suffix[1:])
        predictions = load(file).predict(abalone.request_rows())
        abalone.keep(file, predictions, metrics, abalone.COLUMNS, allow_missing=True)


def load(file: Path) -> catboost.CatBoostRegressor:
    return catboost.CatBoostRegressor().load_model(file, format=file.suffix[1:])


if __name__ == "__main__":
    main()
