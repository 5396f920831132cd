"""What a model handler does, and the parts that are the same for every framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from serving import codecs
from serving.codecs import RowFormat


class ModelFileMissing(Exception):
    """The model directory doesn't hold the one file that the handler looks for; the text is one line for the owner."""


class Handler(ABC):
    """Turns requests into predictions. `model_handler.py` overrides what differs for its model."""

    allow_missing = False  # take JSON null, empty CSV cells and NaN as missing values
    batching = True  # predict waiting requests together; see SERVING_BATCHING
    preload: ClassVar[bool] = False  # load once and fork, so that the processes share the model's memory
    row_format: RowFormat | None = None  # what `decode` checks rows against; set from `describe` after loading

    @abstractmethod
    def load(self, model_dir: Path) -> Any:
        """The model in `model_dir` (SageMaker mounts it read-only). Raises ModelFileMissing."""

    @abstractmethod
    def predict(self, model: Any, rows: np.ndarray) -> Any:
        """One prediction for each of `rows` (axis 0): an array or a list of the same length.

        Raise serving.errors.BadRequest to refuse rows; any other exception is logged and answered with 500.
        """

    def describe(self, model: Any) -> RowFormat | None:
        """The rows that the model was trained with, or None where it doesn't tell."""
        return None

    def prepare(self, model: Any) -> None:  # noqa: B027 (optional on purpose)
        """Build what makes `predict` fast; called once after `load`."""

    def decode(self, body: bytes, content_type: str) -> np.ndarray:
        """The rows in a request's body; `content_type` is one of codecs.KNOWN. Raises serving.errors.BadRequest."""
        return codecs.decode(body, content_type, self.row_format, self.allow_missing)

    def encode(self, predictions: Any, accept: str) -> bytes:
        """The predictions as a body of the content type `accept`, one of codecs.KNOWN."""
        return codecs.encode(predictions, accept)


def find_model(model_dir: Path, suffixes: tuple[str, ...]) -> Path:
    """The one model file with a known suffix in `model_dir`. Raises ModelFileMissing when none or several match."""
    found = sorted(path for path in model_dir.glob("*") if path.suffix in suffixes)
    wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
    if not found:
        raise ModelFileMissing(f"no model in {model_dir}: it should hold one file {wanted}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelFileMissing(f"{model_dir} holds {names}: leave one, or choose it in load() of model_handler.py")
    return found[0]


def equals_exactly(fast: Callable[[np.ndarray], Any], exact: Callable[[np.ndarray], Any], rows: np.ndarray) -> bool:
    """Whether both give the same numbers, bit for bit and in the same type, alone and together."""
    expected = np.asarray(exact(rows))
    together = np.asarray(fast(rows))
    alone = [np.asarray(fast(rows[i : i + 1]))[0] for i in range(min(len(rows), 8))]
    return _same(together, expected) and all(_same(one, expected[i]) for i, one in enumerate(alone))


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and np.array_equal(first, second)
