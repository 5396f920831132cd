"""SageMaker's own convention: `code/inference.py` with model_fn, input_fn, predict_fn, output_fn or transform_fn.

They are called as SageMaker's scikit-learn, XGBoost and PyTorch containers call them, see
https://github.com/aws/sagemaker-inference-toolkit. The project's handler does what the owner's functions leave out.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import orjson

from serving import codecs, errors, transcoding
from serving.errors import BadRequest, NotAcceptable, OwnError, ServingError, UnsupportedContentType
from serving.handlers.base import Handler, UnusableModel, learn
from serving.tables import Undivided

log = logging.getLogger(__name__)

NAME = "code/inference.py"
ARGUMENTS = {
    "model_fn": "model_dir",
    "input_fn": "body, content_type",
    "predict_fn": "data, model",
    "output_fn": "prediction, accept",
    "transform_fn": "model, body, content_type, accept",
    "pre_model_fn": "model_dir",
    "model_warmup_fn": "model_dir, model",
}
OF_REQUESTS = ("input_fn", "predict_fn", "output_fn", "transform_fn")
OF_TENSORFLOW_SERVING = ("handler", "input_handler", "output_handler")  # another convention, with TF Serving behind it
TEXT_TYPES = (codecs.JSON, codecs.CSV)  # whose bodies the functions get as text, if the header is exactly that
DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"

Functions = dict[str, Callable[..., Any]]


class Request(NamedTuple):
    """A request as the functions get it; the types are the headers' own text."""

    body: bytes
    content_type: str
    accept: str


class Answer(NamedTuple):
    """What goes to the caller."""

    body: bytes
    content_type: str


def script_in(model_dir: Path) -> Path | None:
    """The owner's script: the project's, else the one that came with the model."""
    folders = (Path(__file__).parents[1] / "code", model_dir / "code")
    return next((folder / "inference.py" for folder in folders if (folder / "inference.py").is_file()), None)


def functions_in(script: Path, model_dir: Path) -> Functions:
    """The script's functions, imported and ready to be called. Raises UnusableModel."""
    if str(script.parent) not in sys.path:
        sys.path.insert(0, str(script.parent))
    try:
        module = importlib.import_module("inference")
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        hint = ""
        if isinstance(error, ModuleNotFoundError):
            hint = f": put {error.name}.py into code/ if it is yours, or its package into requirements.in"
        raise UnusableModel(f"{NAME} can't be imported: {reason}{hint}") from error
    found = {name: getattr(module, name) for name in ARGUMENTS if callable(getattr(module, name, None))}
    _check(module, found)
    context = SimpleNamespace(system_properties={"model_dir": str(model_dir), "gpu_id": None, "batch_size": 1})
    return {name: _with_context(name, function, context) for name, function in found.items()}


def _check(module: Any, found: Functions) -> None:
    others = [name for name in OF_REQUESTS[:-1] if name in found]
    if "transform_fn" in found and others:
        raise UnusableModel(f"{NAME} defines transform_fn and {others[0]}: define one or the other, as in SageMaker")
    foreign = [name for name in OF_TENSORFLOW_SERVING if callable(getattr(module, name, None))]
    if foreign and not found:
        raise UnusableModel(
            f"{NAME} defines {foreign[0]}, which only the TensorFlow Serving container calls: "
            "define input_fn and output_fn, or transform_fn"
        )
    log.info("%s defines %s", NAME, ", ".join(found) or f"none of {', '.join(ARGUMENTS)}: it is not used")


def _with_context(name: str, function: Callable[..., Any], context: Any) -> Callable[..., Any]:
    """The function as it is called here: the toolkit adds a context for one that takes it. Raises UnusableModel."""
    expected = len(ARGUMENTS[name].split(", "))
    parameters = list(inspect.signature(function).parameters.values())
    taken = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return function
    required = sum(one.default is one.empty for one in taken)
    if len(taken) > expected and (required > expected or taken[expected].name == "context"):
        if required <= expected + 1:
            return lambda *arguments: function(*arguments, context)
    elif required <= expected <= len(taken):
        return function
    raise UnusableModel(f"{name} of {NAME} takes {required} arguments: it is called with ({ARGUMENTS[name]})")


def open_model(script: Path, handler: Handler, model_dir: Path) -> tuple[Handler, Any]:
    """The model, and who answers for it: the script's functions, or the handler if they only load. Raises what they
    raise.
    """
    functions = functions_in(script, model_dir)
    if (script.parent / "requirements.txt").is_file():
        log.warning("nothing installs code/requirements.txt here: add its packages to requirements.in, and compile it")
    if "pre_model_fn" in functions:
        functions["pre_model_fn"](str(model_dir))
    model = _loaded(functions, handler, model_dir)
    try:
        learn(handler, model)
    except Exception as error:
        if not functions.keys() & {"predict_fn", "transform_fn"}:
            raise
        log.info("the handler can't tell what the model of %s expects: %s", NAME, error)
    if "model_warmup_fn" in functions:
        functions["model_warmup_fn"](str(model_dir), model)
    return (ScriptHandler(functions, handler) if functions.keys() & set(OF_REQUESTS) else handler), model


def _loaded(functions: Functions, handler: Handler, model_dir: Path) -> Any:
    """What `model_fn` gives for the folder (as text), else the handler's model."""
    if "model_fn" not in functions:
        return handler.load(model_dir)
    try:
        model = functions["model_fn"](str(model_dir))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UnusableModel(f"model_fn of {NAME} failed: {type(error).__name__}: {reason}") from error
    if model is None:
        raise UnusableModel(f"model_fn of {NAME} returned None: return the model")
    return model


class ScriptHandler(Handler):
    """Answers requests with the owner's functions: one request at a time, because nothing is known of what they do."""

    batching = False

    def __init__(self, functions: Functions, handler: Handler) -> None:
        self.functions = functions
        self.handler = handler

    def load(self, model_dir: Path) -> Any:
        """The model of `model_fn`, or of the handler."""
        return _loaded(self.functions, self.handler, model_dir)

    def negotiate(self, content_type: str | None, accept: str | None) -> tuple[str, str]:
        """The headers as they came: what they mean is up to the functions."""
        if not accept or accept.strip() == "*/*":
            accept = os.environ.get(DEFAULT_ACCEPT) or codecs.JSON
        return content_type or codecs.JSON, accept

    def receive(self, body: bytes, content_type: str, accept: str) -> Undivided:
        """The whole request; the functions read it when its turn comes."""
        return Undivided(Request(body, content_type, accept), 1)

    def predict(self, model: Any, rows: Undivided) -> Undivided:
        """The whole answer. Raises ServingError, and whatever the functions raise."""
        request: Request = rows.value
        if "transform_fn" in self.functions:
            result = self._call("transform_fn", model, _text(request), request.content_type, request.accept)
            return Undivided(_as_answer("transform_fn", result, request.accept), 1)
        prediction = self._prediction(model, request)
        if "output_fn" not in self.functions:
            return Undivided(self._written(prediction, request), 1)
        result = self._call("output_fn", prediction, request.accept)
        return Undivided(_as_answer("output_fn", result, request.accept), 1)

    def respond(self, predictions: Undivided, accept: str) -> tuple[bytes, str]:
        """The answer's body and its content type."""
        answer: Answer = predictions.value
        return answer.body, answer.content_type

    def decode(self, body: bytes, content_type: str) -> Undivided:
        """A request that asks for JSON."""
        return self.receive(body, content_type, codecs.JSON)

    def encode(self, predictions: Undivided, accept: str) -> bytes:
        """The answer's body, in the type that the request asked for."""
        return self.respond(predictions, accept)[0]

    def _prediction(self, model: Any, request: Request) -> Any:
        if "input_fn" in self.functions:
            data = self._call("input_fn", _text(request), request.content_type)
            if "predict_fn" in self.functions:
                return self._call("predict_fn", data, model)
            return self.handler.predict_data(model, data)
        given = transcoding.content_type(request.content_type, self.handler.also_reads)
        if "predict_fn" not in self.functions:
            return self.handler.predict(model, self.handler.receive(request.body, given, request.accept))
        data = self._data(model, *transcoding.plain(request.body, given, self.handler.row_format))
        return self._call("predict_fn", data, model)

    def _data(self, model: Any, body: bytes, media_type: str) -> Any:
        """What `predict_fn` gets without an `input_fn`: an array of the body's numbers, as in SageMaker's containers.

        For anything else they fail, and the project's handler may know what the model reads.
        """
        has_types = bool(self.handler.row_format and self.handler.row_format.kinds)
        try:
            rows = self.handler.decode(body, media_type) if has_types else _numbers(body, media_type)
        except BadRequest:
            rows = _numbers(body, media_type) if has_types else self.handler.decode(body, media_type)
        return self.handler.as_data(model, rows)

    def _written(self, prediction: Any, request: Request) -> Answer:
        """The prediction in the accepted type.

        JSON is the bare value, as in SageMaker's containers, but for the template's own forms of requests.
        """
        accept = codecs.accepted_type(request.accept)
        if accept == codecs.JSON and ("input_fn" in self.functions or _is_of_containers(request)):
            return Answer(_json(prediction), accept)
        if accept == codecs.JSON and "predict_fn" in self.functions:
            return Answer(_json({"predictions": prediction}), accept)
        return Answer(self.handler.encode(prediction, accept), accept)

    def _call(self, name: str, *arguments: Any) -> Any:
        """What one of the functions returns. What it refuses is a ServingError, with its reason in the log."""
        try:
            return self.functions[name](*arguments)
        except ServingError:
            raise
        except Exception as error:
            refusal = _refusal(name, error)
            if not refusal:
                raise
            log.info("%s of %s refused a request", name, NAME, exc_info=error)
            raise refusal from error


def _refusal(name: str, error: Exception) -> ServingError | None:
    """The answer that the owner's exception asks for; None if it is a fault."""
    text = getattr(error, "message", None) or getattr(error, "detail", None) or str(error)
    message = " ".join(str(text).split())[:500]
    status = getattr(error, "status_code", None)  # the toolkit's BaseInferenceToolkitError has it, as others do
    if isinstance(status, int) and 400 <= status <= 599:
        return OwnError(message or "refused", status)
    if type(error).__name__ == "UnsupportedFormatError":  # the toolkit's
        return NotAcceptable(message) if name == "output_fn" else UnsupportedContentType(message)
    if name == "input_fn" and isinstance(error, ValueError):
        return BadRequest(f"the request can't be read: {message}")
    return None


def _text(request: Request) -> str | bytes:
    """The body as the functions get it. Raises MalformedBody for text that is none."""
    if request.content_type not in TEXT_TYPES:
        return request.body
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise errors.MalformedBody("the body is not UTF-8 text") from None


def _as_answer(name: str, result: Any, accept: str) -> Answer:
    """What a function returned, as an answer: a body, (body, content type), or a response of Flask's or Starlette's.

    Raises TypeError for anything else.
    """
    content_type = accept.partition(",")[0].partition(";")[0].strip()
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result
    elif hasattr(result, "status_code"):
        if result.status_code >= 400:
            raise OwnError(f"{name} answered with status {result.status_code}", result.status_code)
        content_type = getattr(result, "mimetype", None) or getattr(result, "media_type", None) or content_type
        result = result.get_data() if hasattr(result, "get_data") else result.body
    if isinstance(result, dict | list):
        result = _json(result)
    if isinstance(result, str):
        result = result.encode()
    if not isinstance(result, bytes | bytearray | memoryview) or not isinstance(content_type, str):
        raise TypeError(f"{name} must return text or bytes, or one of them with its content type")
    return Answer(bytes(result), content_type)


def _is_of_containers(request: Request) -> bool:
    """Whether SageMaker's containers read such a body: no JSON Lines, and in JSON a list without names."""
    name = request.content_type.partition(";")[0].strip().lower()
    opening = request.body.removeprefix(codecs.BOM).lstrip()[:1]
    return opening == b"[" if name == codecs.JSON else codecs.ALIASES.get(name, name) != codecs.JSON_LINES


def _numbers(body: bytes, media_type: str) -> np.ndarray:
    """Rows of any width; as in the containers, one row needs no list around it in JSON. Raises BadRequest."""
    text = body.removeprefix(codecs.BOM).strip()
    if media_type == codecs.JSON and text.startswith(b"[") and text[1:].lstrip()[:1] not in (b"[", b"{", b"]"):
        body = b"[" + text + b"]"
    return codecs.decode(body, media_type, None, allow_missing=True)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    """A value in JSON's types: orjson calls it for those that it doesn't know."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return value.to_dict("records")
    if isinstance(value, np.ndarray) or hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} can't be written as {codecs.JSON}")
