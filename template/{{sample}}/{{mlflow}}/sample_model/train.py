"""Train the sample: a random forest that tells an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import abalone
import numpy as np
import pandas
import sklearn
from sklearn.ensemble import RandomForestRegressor

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow.sklearn


def main() -> None:
    data = abalone.read()
    # leaves of five predict rings better than leaves of one, and make the file a quarter of the size
    model = RandomForestRegressor(n_estimators=100, min_samples_leaf=5, random_state=abalone.SEED)
    model.fit(table(data.train_rows), data.train_rings)
    with abalone.new_model() as folder:
        save(model, folder, data)
        saved = mlflow.pyfunc.load_model(str(folder))
        metrics = abalone.check_quality(saved.predict(table(data.test_rows)), data.test_rings)
        predictions = saved.predict(table(abalone.request_rows()))
        abalone.keep(folder, predictions, metrics, abalone.COLUMNS, allow_missing=True)


def table(rows: np.ndarray) -> pandas.DataFrame:
    """The rows with their columns' names, which the signature keeps."""
    return pandas.DataFrame(rows, columns=abalone.COLUMNS)


def save(model: RandomForestRegressor, folder: Path, data: abalone.Split) -> None:
    """Save the model as a training job would: with its signature, and with what it needs."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it warns of pickles
    rows = table(data.train_rows[:10])
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=mlflow.models.infer_signature(rows, model.predict(rows)),
        serialization_format="cloudpickle",
        pip_requirements=[f"{package.__name__}=={package.__version__}" for package in (np, pandas)]
        + [f"scikit-learn=={sklearn.__version__}"],
    )


if __name__ == "__main__":
    main()
