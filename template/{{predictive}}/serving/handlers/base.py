"""What a model handler does, and the parts that are the same for every framework."""

from __future__ import annotations

import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from serving import codecs, transcoding
from serving.codecs import RowFormat

log = logging.getLogger(__name__)

OURS = "serving.handlers."  # modules of the template, not of the project's owner
LFS_POINTER = b"version https://git-lfs"  # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md


class ModelFileMissing(Exception):
    """The model directory doesn't hold the one file that the handler looks for; the text is one line for the owner."""


class UnusableModel(Exception):
    """The model can't be served as it is; the text is one line for the owner: what, why, and what to do."""


class Handler(ABC):
    """Turns requests into predictions. `model_handler.py` overrides what differs for its model."""

    allow_missing: bool | None = None  # take null, empty cells and NaN as missing values; None: if the model does
    output = "predict"  # what of the model answers, such as predict_proba; see SERVING_OUTPUT
    batching = True  # predict waiting requests together; see SERVING_BATCHING
    compiled = False  # `predict` never leaves compiled code, so that its time only depends on how many rows there are
    preload: ClassVar[bool] = False  # load once and fork, so that the processes share the model's memory
    also_reads: tuple[str, ...] = ()  # content types that `bodies` turns into one of codecs.KNOWN
    row_format: RowFormat | None = None  # what `decode` checks rows against; set from `describe` after loading

    @abstractmethod
    def load(self, model_dir: Path) -> Any:
        """The model in `model_dir` (SageMaker mounts it read-only). Raises ModelFileMissing."""

    @abstractmethod
    def predict(self, model: Any, rows: Any) -> Any:
        """One prediction for each of `rows`: an array or a list of the same length, or a dict of such by output.

        Raise serving.errors.BadRequest to refuse rows; any other exception is logged and answered with 500.
        """

    def outputs(self, model: Any) -> tuple[str, ...]:
        """What `predict_output` can answer, for requests that ask for something else than `output`."""
        return ()

    def predict_output(self, model: Any, rows: Any, output: str) -> Any:
        """The same as `predict` for one of `outputs`."""
        raise NotImplementedError(output)

    def selectable(self, model: Any) -> tuple[str, ...]:
        """What a request may ask for: nothing if it would bypass the owner's `predict`, or surprise their `encode`."""
        own = type(self)
        ours = all(method.__module__.startswith(OURS) for method in (own.predict, own.encode))
        return self.outputs(model) if ours else ()

    def describe(self, model: Any) -> RowFormat | None:
        """The rows that the model was trained with, or None where it doesn't tell."""
        return None

    def takes_missing(self, model: Any) -> bool:
        """Whether the model itself can handle missing values (NaN)."""
        return False

    def prepare(self, model: Any) -> None:  # noqa: B027 (optional on purpose)
        """Build what makes `predict` fast; called once after `load`."""

    def negotiate(self, content_type: str | None, accept: str | None) -> tuple[str, str]:
        """The types of a request's body and of its answer, from its headers. Raises ServingError."""
        wanted = codecs.accepted_type(accept)
        return transcoding.content_type(content_type, self.also_reads), wanted

    def receive(self, body: bytes, content_type: str, accept: str) -> Any:
        """What `predict` gets for a request; the types are those of `negotiate`."""
        return self.decode(*transcoding.plain(body, content_type, self.row_format))

    def respond(self, predictions: Any, accept: str) -> tuple[bytes, str]:
        """An answer's body, and its content type."""
        return self.encode(predictions, accept), accept

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows in a request's body: an array whose axis 0 counts them, or a serving.tables.Table.

        `content_type` is one of codecs.KNOWN. Raises serving.errors.BadRequest.
        """
        return codecs.decode(body, content_type, self.row_format, bool(self.allow_missing))

    def encode(self, predictions: Any, accept: str) -> bytes:
        """The predictions as a body of the content type `accept`, one of codecs.KNOWN."""
        return codecs.encode(predictions, accept)

    def as_data(self, model: Any, rows: Any) -> Any:
        """Decoded rows in the type in which this framework's SageMaker container gives them to a `predict_fn`."""
        return rows

    def predict_data(self, model: Any, data: Any) -> Any:
        """The model's answer to what an `input_fn` made, as this framework's SageMaker container asks for it."""
        return getattr(model, self.output)(data)


def learn(handler: Handler, model: Any) -> None:
    """Have the handler keep what the model says of itself. Raises whatever the handler raises."""
    handler.row_format = handler.describe(model)
    if handler.allow_missing is None:
        handler.allow_missing = handler.takes_missing(model)
    handler.prepare(model)


def find_model(model_dir: Path, suffixes: tuple[str, ...], names: tuple[str, ...] = ()) -> Path:
    """The one model file in `model_dir` with a known suffix or name. Raises ModelFileMissing if none or several match.

    A file named `model` wins over others; hidden files (macOS writes `._model.pkl` into archives) don't count. If the
    folder itself holds none, a folder in it may: archives often wrap their content in one.
    """
    files = [path for path in sorted(model_dir.rglob("*")) if path.is_file() and not _is_hidden(path, model_dir)]
    fitting = [path for path in files if path.suffix in suffixes or path.name in names]
    fitting = [path for path in fitting if path.parts[len(model_dir.parts)] != "code"]
    here = [path for path in fitting if path.parent == model_dir] or fitting
    found = [path for path in here if path.stem == "model"] or here
    if len(found) == 1:
        require_content(found[0])
        return found[0]
    listed = ", ".join(str(path.relative_to(model_dir)) for path in (found or files)[:10])
    if found:
        raise ModelFileMissing(f"{model_dir} holds {listed}: leave one, or choose it in load() of model_handler.py")
    wanted = " or ".join([*(f"*{suffix}" for suffix in suffixes), *names])
    raise ModelFileMissing(
        f"no model in {model_dir}: it should hold one file {wanted}, and holds {listed or 'no file'}"
    )


def require_content(path: Path) -> None:
    """Raise UnusableModel for a file that holds no model at all: an empty one, or what Git LFS leaves in its place."""
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if not start:
        raise UnusableModel(f"{path.name} is empty")
    if start == LFS_POINTER:
        raise UnusableModel(f"{path.name} is a pointer of Git LFS, not the model: run git lfs pull")


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def raised_by(error: Exception, *packages: str) -> bool:
    """Whether one of these packages itself raised it, so that it speaks of the values and of nothing else."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and not {*packages}.isdisjoint(Path(frames[-1].filename).parts)


def fast_path(find: Callable[[], Any], name: str) -> Any:
    """What `find` finds; None, and a line in the log, if it fails. A fast path is never worth a start that fails."""
    try:
        return find()
    except Exception as error:
        log.info("no fast path for %s: %s: %s", name, type(error).__name__, str(error).partition("\n")[0][:200])
        return None


def equals_exactly(fast: Callable[[np.ndarray], Any], exact: Callable[[np.ndarray], Any], rows: np.ndarray) -> bool:
    """Whether both give the same numbers, bit for bit and in the same type, alone and together."""
    expected = np.asarray(exact(rows))
    together = np.asarray(fast(rows))
    alone = [np.asarray(fast(rows[i : i + 1]))[0] for i in range(min(len(rows), 8))]
    return _same(together, expected) and all(_same(one, expected[i]) for i, one in enumerate(alone))


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
