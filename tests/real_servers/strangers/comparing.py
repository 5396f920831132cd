"""What the scripts beside this one share: a model is asked as a server would ask it, and compared with itself."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, ".")  # the project that the script runs in
sys.path.append("code")

from serving import batching, codecs, service, tables
from serving.handlers.base import Handler
from serving.model_handler import ModelHandler

Answer = Callable[[bytes, str], Any]


def serve(
    folder: Path, owners: type[Handler] = ModelHandler, example: list[Any] | None = None, **attributes: Any
) -> Answer:
    """A function that answers a body with the model in `folder`, alone and in the company of the same request.

    `owners`: the class of its owner; `example`: the rows of the owner's example; `attributes`: what is set in it.
    """
    handler = owners()
    vars(handler).update(attributes)
    loaded = service.load(handler, folder)
    if example:
        shown = handler.decode(json.dumps(example).encode(), codecs.JSON)
        handler.row_format = tables.with_example(handler.row_format, shown)

    def answer(body: bytes, content_type: str) -> Any:
        rows = handler.decode(body, content_type)
        batcher = batching.Batcher(lambda rows: handler.predict(loaded, rows), batch_rows=10_000, max_waiting=9)
        together = handler.batching and tables.form(rows) == tables.form(rows)
        waiting = [batching.PendingRequest(rows, None) for _ in range(2 if together else 1)]
        batcher._predict_together(waiting)
        alone, *others = [json.loads(handler.encode(one.answer(), codecs.JSON))["predictions"] for one in waiting]
        assert others in ([], [alone]), f"{others} in company, {alone} alone"
        return alone

    return answer


def requests(values: list[Any], names: list[str] | None = None) -> Iterator[tuple[str, bytes, str]]:
    """The same rows (lists, texts or records, with None for gaps) in all forms that can say them."""
    yield "lists", json.dumps({"instances": values}).encode(), codecs.JSON
    yield "JSON Lines", "\n".join(json.dumps(row) for row in values).encode(), codecs.JSON_LINES
    if names:
        records = [dict(zip(names, row, strict=True)) for row in values]
        yield "records", json.dumps({"instances": records}).encode(), codecs.JSON
        order = names[::-1]
        split = {"columns": order, "data": [[record[name] for name in order] for record in records]}
        yield "split", json.dumps(split).encode(), codecs.JSON
        yield "MLflow's split", json.dumps({"dataframe_split": split}).encode(), codecs.JSON
        yield "MLflow's records", json.dumps({"dataframe_records": records}).encode(), codecs.JSON
        yield "CSV with a header", csv_of([names, *values]), codecs.CSV
    if not isinstance(values[0], dict):
        yield "CSV", b"\xef\xbb\xbf" + csv_of(values), codecs.CSV


def csv_of(rows: list[Any]) -> bytes:
    """The rows as CSV, with an empty cell for None."""
    text = io.StringIO()
    csv.writer(text).writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue().encode()


def plain(rows: Any) -> list[Any]:
    """Rows as JSON can say them: gaps as null."""
    listed = rows.tolist() if isinstance(rows, np.ndarray) else rows
    return [[None if value != value else value for value in row] if isinstance(row, list) else row for row in listed]


def labels_and_probabilities(model: Any, rows: Any) -> list[dict[str, Any]]:
    """What `class_probabilities` has to be by the model's own methods. Keys of JSON are text: "1" for 1."""
    keys = [label if isinstance(label, str) else json.dumps(label) for label in np.asarray(model.classes_).tolist()]
    labels = np.asarray(model.predict(rows)).reshape(-1).tolist()
    probabilities = np.asarray(model.predict_proba(rows)).tolist()
    return [
        {"label": label, "probabilities": dict(zip(keys, row, strict=True))}
        for label, row in zip(labels, probabilities, strict=True)
    ]


def difference(answer: Answer, expected: Callable[[slice], Any], values: list[Any], names: list[str] | None) -> str:
    """What is answered otherwise than expected for some of the rows; empty if nothing."""
    for part in (slice(1), slice(7), slice(len(values))):
        wanted = np.asarray(expected(part)).tolist()
        for form, body, content_type in requests(values[part], names):
            try:
                seen = answer(body, content_type)
            except Exception as error:
                return f"{len(wanted)} rows as {form}: {type(error).__name__}: {error}"
            if seen != wanted:
                return f"{len(wanted)} rows as {form}: {seen[:5]} in place of {wanted[:5]}"
    return ""
