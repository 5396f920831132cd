"""Train the sample: a random forest that tells an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

from pathlib import Path

import abalone
import numpy as np
import onnxruntime
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestRegressor

INPUT = "measures"  # the name that requests may use, with a row for each abalone
OUTPUT = "rings"
# several threads add up the trees in another order
RELATIVE_TOLERANCE = 1e-6


def main() -> None:
    data = abalone.read()
    # leaves of five predict rings better than leaves of one, and make the file a quarter of the size
    model = RandomForestRegressor(n_estimators=100, min_samples_leaf=5, random_state=abalone.SEED)
    model.fit(data.train_rows, data.train_rings)
    with abalone.new_model() as file:
        save(model, file)
        metrics = abalone.check_quality(predict(file, data.test_rows)[:, 0], data.test_rings)
        predictions = predict(file, abalone.request_rows())
        abalone.keep(file, predictions, metrics, relative_tolerance=RELATIVE_TOLERANCE, allow_missing=True)


def save(model: RandomForestRegressor, file: Path) -> None:
    """Convert the forest; ONNX compares in float32 what scikit-learn compares in float64."""
    inputs = [(INPUT, FloatTensorType([None, len(abalone.COLUMNS)]))]
    converted = skl2onnx.convert_sklearn(
        model, initial_types=inputs, final_types=[(OUTPUT, FloatTensorType([None, 1]))]
    )
    file.write_bytes(converted.SerializeToString())


def predict(file: Path, rows: np.ndarray) -> np.ndarray:
    """The saved model's answers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    answers: np.ndarray = session.run([OUTPUT], {INPUT: rows.astype(np.float32)})[0]
    return answers


if __name__ == "__main__":
    main()
