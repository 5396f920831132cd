"""Models of any kind: the owner's code loads them and predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from serving import tables
from serving.handlers.base import Handler, UnusableModel

HOW = {"load": "loaded", "predict": "asked"}


class PythonHandler(Handler):
    """What the owner's `ModelHandler` builds on: it needs a `load` and a `predict` of its own.

    Requests are predicted one by one, because nothing is known of the model. Set `batching` if a row's answer is the
    same in any company.
    """

    batching = False
    typed = (
        False  # True: `predict` gets serving.tables.Table, whose columns have types of their own, in place of numbers
    )

    def load(self, model_dir: Path) -> Any:
        """The owner's to write. Raises UnusableModel."""
        _missing("load")

    def predict(self, model: Any, rows: Any) -> Any:
        """The owner's to write. Raises UnusableModel."""
        _missing("predict")

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows as numbers, or with the types that they were sent with."""
        if self.typed:
            return tables.decode(body, content_type, self.row_format)
        return super().decode(body, content_type)


def _missing(method: str) -> NoReturn:
    raise UnusableModel(
        f"ModelHandler in serving/model_handler.py has no {method}: write how your model is {HOW[method]}"
    )
