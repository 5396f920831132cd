"""The plain server that the generated ones are measured against."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from flask import Flask, jsonify, request

from bench.reference import loaders


def create_application() -> Flask:
    """The application for the model named by BENCH_MODEL and BENCH_MODEL_FILE."""
    predict = getattr(loaders, os.environ["BENCH_MODEL"])(Path(os.environ["BENCH_MODEL_FILE"]))
    application = Flask(__name__)

    @application.get("/ping")
    def ping() -> str:
        return ""

    @application.post("/invocations")
    def invocations():  # type: ignore[no-untyped-def]
        rows = np.array(request.get_json()["instances"])
        return jsonify(predictions=predict(rows).tolist())

    return application
