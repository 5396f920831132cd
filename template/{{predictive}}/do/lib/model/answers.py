"""What the model itself answers, through the project's own handler and without a server. Runs in .venv.

    .venv/bin/python do/lib/model/answers.py MODEL_DIR [REQUEST.json]

Prints one JSON document: the rows of the request (without one: rows that fit what the model tells of itself), the
model's predictions, their type, its column names, and whether its handler takes missing values.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[3])

from serving import service  # noqa: E402
from serving.codecs import RowFormat  # noqa: E402
from serving.errors import ServingError  # noqa: E402
from serving.handlers.base import ModelFileMissing, UnusableModel  # noqa: E402
from serving.model_handler import ModelHandler  # noqa: E402

MADE_UP_ROWS = 5
FAILED = 1
MISSING_FILE = 5


def main() -> int:
    model_dir = Path(sys.argv[1])
    request = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        print(json.dumps(answers(model_dir, request)))
    except ModelFileMissing as error:
        return refuse(str(error), MISSING_FILE)
    except UnusableModel as error:
        return refuse(str(error), FAILED)
    except ServingError as error:
        return refuse(f"the model's own handler refuses {request}: {error.message}", FAILED)
    return 0


def answers(model_dir: Path, request: Path | None) -> dict[str, Any]:
    """The document to print. Raises what the handler raises."""
    handler = ModelHandler()
    model = service.load(handler, model_dir)
    rows = handler.decode(request.read_bytes(), "application/json") if request else made_up(handler.row_format)
    predictions = np.asarray(handler.predict(model, rows))
    return {
        "rows": rows.tolist(),
        "predictions": predictions.tolist(),
        "dtype": str(predictions.dtype),
        "columns": list(handler.row_format.names) if handler.row_format and handler.row_format.names else None,
        "allow_missing": handler.allow_missing,
    }


def made_up(row_format: RowFormat | None) -> np.ndarray:
    """Rows of numbers around 0 in the model's shape; the same ones every time."""
    if not row_format:
        raise ModelFileMissing(
            "the model doesn't tell how many columns it expects: write a request that it can answer to "
            'example_request.json, such as {"instances": [[1, 2, 3]]}'
        )
    return np.random.default_rng(0).normal(size=(MADE_UP_ROWS, *row_format.shape)).round(3)


def refuse(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
