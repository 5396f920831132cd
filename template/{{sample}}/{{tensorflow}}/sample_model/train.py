"""Train the sample: a small network that tells an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import, which else tells of the processor

import abalone
import keras
import numpy as np
import tensorflow as tf

EPOCHS = 20
LEARNING_RATE = 0.003
# rows that are predicted together are summed in another order than alone
RELATIVE_TOLERANCE = 1e-6


def main() -> None:
    data = abalone.read()
    keras.utils.set_random_seed(abalone.SEED)
    tf.config.experimental.enable_op_determinism()
    model = network(data.train_rows)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mean_squared_error")
    model.fit(data.train_rows, data.train_rings, epochs=EPOCHS, verbose=0)
    metrics = abalone.check_quality(model.predict(data.test_rows, verbose=0)[:, 0], data.test_rings)
    with abalone.new_model() as file:
        save(model, file)
        predictions = predict(file, abalone.request_rows())
        abalone.keep(file, predictions, metrics, relative_tolerance=RELATIVE_TOLERANCE)


def network(rows: np.ndarray) -> keras.Model:
    """An untrained network that brings its inputs to one scale by itself."""
    scale = keras.layers.Normalization()
    scale.adapt(rows.astype(np.float32))
    return keras.Sequential(
        [
            keras.Input((rows.shape[1],)),
            scale,
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1),
        ]
    )


def save(model: keras.Model, file: Path) -> None:
    """Save in the format that the file's name tells; one without a suffix is a SavedModel's folder."""
    if file.suffix:
        model.save(file)
    else:
        model.export(file, verbose=False)


def predict(file: Path, rows: np.ndarray) -> np.ndarray:
    """The saved model's answers."""
    if file.suffix:
        return keras.saving.load_model(file, compile=False).predict(rows, verbose=0)
    model = tf.saved_model.load(file)  # it owns the variables, so it must outlive the call
    return model.serve(rows.astype(np.float32)).numpy()


if __name__ == "__main__":
    main()
