"""The model in LitServe, which batches."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np

from bench.reference import loaders


class Api(litserve.LitAPI):
    """The model named by BENCH_MODEL and BENCH_MODEL_FILE."""

    def setup(self, device: str) -> None:
        """Load it."""
        self._predict = getattr(loaders, os.environ["BENCH_MODEL"])(Path(os.environ["BENCH_MODEL_FILE"]))

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # LitServe would read a type as a parameter
        """The rows of a request."""
        return np.array(request["instances"])

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The rows of several requests, which may have any number."""
        return inputs

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        """The predictions for each of them."""
        return output

    def predict(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The predictions for several requests."""
        predictions = self._predict(np.concatenate(inputs))
        return np.split(predictions, np.cumsum([len(rows) for rows in inputs])[:-1])

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """An answer."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.005, api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=os.cpu_count() or 1)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
