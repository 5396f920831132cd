"""The model in BentoML, which batches."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import numpy as np

from bench.reference import loaders


@bentoml.service(workers=os.cpu_count() or 1, traffic={"timeout": 60, "max_concurrency": 1000})
class Predictor:
    """The model named by BENCH_MODEL and BENCH_MODEL_FILE."""

    def __init__(self) -> None:
        self._predict = getattr(loaders, os.environ["BENCH_MODEL"])(Path(os.environ["BENCH_MODEL_FILE"]))

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000, route="/invocations")
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predict the rows of a batch."""
        return np.asarray(self._predict(rows))
