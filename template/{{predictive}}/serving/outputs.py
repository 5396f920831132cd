"""What a request may be answered with in place of `predict`: another method of the model, or labels with probabilities.

The custom attribute `output` chooses it for one request, SERVING_OUTPUT for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from serving.errors import BadRequest, UnknownOutput

ATTRIBUTE = "output"
CLASS_PROBABILITIES = "class_probabilities"
# Callers choose among these and nothing else: a model has methods that change it.
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform")

Ask = Callable[[str], Any]


def requested(attributes: str) -> str | None:
    """The output that a request's custom attributes ask for; None if they don't. Raises UnknownOutput for several."""
    pairs = [pair.partition("=") for pair in attributes.split(",")]
    wanted = {value.strip() for name, _, value in pairs if name.strip() == ATTRIBUTE}
    if len(wanted) > 1:
        raise UnknownOutput("the custom attributes name more than one output; name one")
    return next(iter(wanted), None)


def check(output: str, known: tuple[str, ...]) -> None:
    """Raise UnknownOutput for an output that the model doesn't have."""
    if output not in known:
        raise UnknownOutput(f"the model has no output {output[:40]!r}; choose {', '.join(known)}")


def of_methods(model: Any) -> tuple[str, ...]:
    """The outputs of a model with scikit-learn's methods."""
    methods = tuple(name for name in METHODS if has(model, name))
    return (*methods, CLASS_PROBABILITIES) if has(model, CLASS_PROBABILITIES) else methods


def has(model: Any, output: str) -> bool:
    """Whether a model with scikit-learn's methods has an output."""
    if output == CLASS_PROBABILITIES:
        classes = getattr(model, "classes_", ())  # of several labels a row, a list of arrays
        return hasattr(model, "predict_proba") and len(classes) > 0 and all(np.ndim(label) == 0 for label in classes)
    return hasattr(model, output)


def answered(model: Any, output: str, ask: Ask) -> Any:
    """A model's output; `ask` calls one of its methods with the rows."""
    if output != CLASS_PROBABILITIES:
        return ask(output)
    return _class_probabilities(model.classes_, ask("predict"), ask("predict_proba"))


def _class_probabilities(classes: Any, labels: Any, probabilities: Any) -> dict[str, np.ndarray]:
    """The label that the model predicts, and the probability of each class by its label, in the order of `classes_`."""
    table = np.asarray(probabilities)
    predicted = np.asarray(labels)
    if table.shape != (len(table), len(classes)) or predicted.size != len(table):
        raise BadRequest(f"the model doesn't answer one label a row, so it has no {CLASS_PROBABILITIES}")
    names = [_as_key(label) for label in np.asarray(classes).tolist()]
    records = np.empty(len(table), dtype=object)
    for line, row in enumerate(table.tolist()):
        records[line] = dict(zip(names, row, strict=True))
    return {"label": predicted.reshape(-1), "probabilities": records}


def _as_key(label: Any) -> str:
    """A label as a key of JSON, whose keys are text: that of 1 is "1", that of true "true"."""
    return label if isinstance(label, str) else orjson.dumps(label, default=str).decode().strip('"')
