"""The model in MLServer, which batches."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.reference import loaders


class Model(MLModel):
    """The model named by BENCH_MODEL and BENCH_MODEL_FILE."""

    async def load(self) -> bool:
        """Load it."""
        self._predict = getattr(loaders, os.environ["BENCH_MODEL"])(Path(os.environ["BENCH_MODEL_FILE"]))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict the rows of a batch."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        predictions = np.asarray(self._predict(rows), dtype=np.float64)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("predictions", predictions.reshape(len(rows), -1))]
        )
