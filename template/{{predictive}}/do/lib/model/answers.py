"""What the model itself answers, through the project's own handler and without a server. Runs in .venv.

    .venv/bin/python do/lib/model/answers.py MODEL_DIR [REQUEST.json]

Prints one JSON document: the request (without one: rows of numbers, if the model is known to take them), the model's
predictions, what the handler says of the model's rows, and which other forms of the same rows and of the answer it
knows. Exits with 1 if the request can't be answered, 5 if there is no model, 6 if there is nothing to ask it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path[:1] = [str(ROOT), str(ROOT / "code"), str(ROOT / "do")]

from lib.model import documents  # noqa: E402
from lib.model.documents import CONTENT_TYPES, FORMS, JSON, Example, Unsendable  # noqa: E402
from lib.model.predictions import Predictions  # noqa: E402
from serving import codecs, service, settings  # noqa: E402
from serving.codecs import RowFormat  # noqa: E402
from serving.errors import ServingError  # noqa: E402
from serving.handlers.base import Handler, ModelFileMissing, UnusableModel  # noqa: E402
from serving.tables import Undivided  # noqa: E402

MADE_UP_ROWS = 5
COMPARED_ROWS = 8  # that are also predicted alone
OURS = "serving.handlers."  # modules whose decode and encode keep the whole contract
FAILED = 1
MISSING_FILE = 5
NOTHING_TO_ASK = 6


class NothingToAsk(Exception):
    """There is no request that the model is known to be able to answer."""


def main() -> int:
    model_dir = Path(sys.argv[1])
    request = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        before, began = memory(), time.monotonic()
        handler, model = service.open_model(model_dir, settings.from_environment().output)
        loading = {"seconds": time.monotonic() - began, "memory": memory() - before}
        document = answers(handler, model, request.read_bytes() if request else None)
        print(json.dumps({**document, "loading": loading}))
    except ModelFileMissing as error:
        return refuse(str(error), MISSING_FILE)
    except UnusableModel as error:
        return refuse(str(error), FAILED)
    except NothingToAsk as error:
        return refuse(str(error), NOTHING_TO_ASK)
    except ServingError as error:
        return refuse(f"the model's own handler refuses {request or 'made-up rows'}: {error.message}", FAILED)
    except Exception as error:
        return refuse(f"{type(error).__name__}: {error}", FAILED)
    return 0


def memory() -> int:
    """The most bytes that this process has had in memory so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def answers(handler: Handler, model: Any, request: bytes | None) -> dict[str, Any]:
    """The document to print. Raises what the handler raises, and NothingToAsk."""
    example = documents.read(request) if request else made_up(handler)
    predictions = handler.predict(model, handler.decode(example.body, JSON))
    row_format = handler.row_format
    columns = list(row_format.names) if row_format else []
    return {
        "request": example.body.decode(errors="replace"),
        **divided(handler, model, example, predictions, columns),
        "outputs": outputs_of(handler, model, example),
        "writes": {accept: writes(handler, model, example, accept) for accept in CONTENT_TYPES},
        "columns": columns,
        "shape": list(row_format.shape) if row_format else None,
        "matrix": reads_a_matrix(handler),
        "own_decode": not is_ours(handler, "decode"),
        "own_types": not is_ours(handler, "negotiate"),
        "allow_missing": bool(handler.allow_missing),
        "made_up": request is None,
    }


def outputs_of(handler: Handler, model: Any, example: Example) -> dict[str, Any]:
    """What requests may ask for in place of the handler's own output, and what the model answers then."""
    answers = {}
    for output in handler.selectable(model):
        if output == handler.output:
            continue
        try:
            answers[output] = as_json(handler.predict_output(model, handler.decode(example.body, JSON), output))
        except Exception:  # such as class_probabilities of a model with several labels a row
            continue
    return answers


def divided(handler: Handler, model: Any, example: Example, predictions: Any, columns: list[str]) -> dict[str, Any]:
    """The predictions, whether each belongs to a row of the request, and what the rows in other forms come to."""
    by_row = is_ours(handler, "encode") and not isinstance(predictions, Undivided)
    whole = as_json(predictions) if by_row else whole_answers(handler, model, example)
    problem = undivided(handler, model, example, predictions)
    if problem:
        return {**whole, "undivided": problem, "forms": {}}
    forms = {form: in_form(handler, model, example, columns, form, predictions) for form in FORMS}
    return {**whole, "undivided": "", "forms": forms}


def undivided(handler: Handler, model: Any, example: Example, predictions: Any) -> str:
    """Why rows of the example can't be sent alone and together; empty if they can."""
    if not is_ours(handler, "encode"):
        return "the handler has an encode of its own, whose answers are compared as a whole"
    if isinstance(predictions, Undivided):
        return "the model's answer has no entry for each row"
    rows = example.rows
    expected = Predictions.of(predictions)
    if rows is None or any(output.ndim == 0 for output in expected.outputs.values()) or len(expected) != len(rows):
        return "the example request is not a list of rows with one prediction each"
    try:
        handler.predict(model, handler.decode(example.encode(rows * 2, JSON), JSON))
    except ServingError:
        return "the model doesn't take another number of rows than the example has"
    for number in range(min(len(rows), COMPARED_ROWS)):
        try:
            alone = handler.predict(model, handler.decode(example.encode([rows[number]], JSON), JSON))
        except Exception:
            return "the model doesn't answer the example's rows one by one"
        if as_expected(expected.take([number]), alone):
            return "the model's answer to a row depends on the rows beside it"
    return ""


def in_form(
    handler: Handler, model: Any, example: Example, columns: list[str], form: str, predictions: Any
) -> dict[str, Any]:
    """What the handler answers to the same rows in another form: why it refuses them, or predictions if they differ."""
    assert example.rows is not None
    try:
        body = example.encode(example.rows, form, columns)
        answer = handler.predict(model, handler.decode(body, documents.content_type_of(form)))
    except Unsendable as reason:
        return {"refused": str(reason)}
    except ServingError as error:
        return {"refused": f"the project's handler takes no such request: {error.message}"}
    except Exception as error:
        return {"refused": f"the project's handler takes no such request: {type(error).__name__}: {error}"}
    return as_json(answer) if as_expected(Predictions.of(predictions), answer) else {}


def as_expected(expected: Predictions, answer: Any) -> str:
    """How an answer differs from the expected one; empty if it doesn't."""
    found = Predictions.of(answer).outputs
    return expected.difference_in(found) if found.keys() == expected.outputs.keys() else "other outputs"


def answer_in(handler: Handler, model: Any, example: Example, accept: str) -> tuple[bytes, str]:
    """The server's whole answer to the example, and its content type. Raises what the handler raises."""
    content_type, wanted = handler.negotiate(JSON, accept)
    return handler.respond(handler.predict(model, handler.receive(example.body, content_type, wanted)), wanted)


def writes(handler: Handler, model: Any, example: Example, accept: str) -> str:
    """Why an answer can't be written as a content type; empty if it can."""
    try:
        answer_in(handler, model, example, accept)
    except ServingError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def as_json(predictions: Any) -> dict[str, Any]:
    """Predictions by output as the server writes them into JSON, with the type of each."""
    outputs = Predictions.of(predictions).outputs
    return {
        "predictions": {
            name: json.loads(codecs.encode(output, JSON))["predictions"] for name, output in outputs.items()
        },
        "dtypes": {name: dtype_of(output) for name, output in outputs.items()},
    }


def dtype_of(output: np.ndarray) -> str:
    """The type to compare an output in."""
    return str(output.dtype) if output.dtype.kind in "biuf" else "object"


def whole_answers(handler: Handler, model: Any, example: Example) -> dict[str, Any]:
    """The answers of code of the owner's that writes them: by accepted type, the content type and the body."""
    answers = {}
    for accept in CONTENT_TYPES:
        try:
            body, content_type = answer_in(handler, model, example, accept)
        except Exception:
            if accept == JSON:
                raise
            continue  # `writes` has the reason
        answers[accept] = [content_type, body.decode(errors="surrogateescape")]
    return {"answers": answers, "predictions": None}


def is_ours(handler: Handler, method: str) -> bool:
    """Whether the handler reads or writes as the template does, and not in a way of the owner's."""
    return str(getattr(type(handler), method).__module__).startswith(OURS)


def kinds_of(handler: Handler) -> tuple[str | None, ...]:
    """What each column holds, if columns can differ in that; () for a matrix of numbers."""
    return tuple(getattr(handler.row_format, "kinds", ()))


def reads_a_matrix(handler: Handler) -> bool:
    """Whether rows are read as a matrix of numbers, and anything else is refused."""
    if not is_ours(handler, "decode"):
        return False
    if handler.row_format is None:
        return type(handler).decode is Handler.decode
    return not kinds_of(handler)


def made_up(handler: Handler) -> Example:
    """Rows of numbers around 0 in the model's shape; the same ones every time. Raises NothingToAsk."""
    row_format: RowFormat | None = handler.row_format
    known = is_ours(handler, "decode") and all(kind == "number" for kind in kinds_of(handler))
    if row_format is None or not known:
        raise NothingToAsk(
            "no example_request.json and the model does not tell its columns' types: nothing of your kind was tested; "
            "write one request into example_request.json"
        )
    rows = np.random.default_rng(0).normal(size=(row_format.rows or MADE_UP_ROWS, *row_format.shape)).round(3)
    return documents.of_rows(rows.tolist())


def refuse(message: str, code: int) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
