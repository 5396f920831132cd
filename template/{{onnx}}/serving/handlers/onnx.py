"""ONNX models, run by ONNX Runtime."""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from serving import codecs
from serving.errors import BadRequest
from serving.handlers.base import UnusableModel, fast_path, find_model
from serving.handlers.programs import (
    PROBED_ROWS,
    PROBED_SIZES,
    Interface,
    Outputs,
    Program,
    made_up,
    objects,
    probes_of,
    program_of,
)
from serving.handlers.tensor_handler import TensorHandler
from serving.handlers.tensors import TEXT, TensorFormat, TensorInput

FATAL = 4  # the severity that ONNX Runtime still logs by itself; what is less is raised, and told in our words
TYPES = {
    "tensor(string)": TEXT,
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    **{f"tensor({kind}{bits})": np.dtype(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
# operators that know what to do with a missing value; others hand on NaN, or lose it
TAKES_MISSING = (b"TreeEnsemble", b"Imputer")
VALUES_REFUSED = re.compile(r"Status Message: (?:/\S+ .*?\) )?(.*)", re.DOTALL)
IR_VERSION = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
OPSET = re.compile(
    r"Opset (\d+) is under development.*?[Cc]urrent official support for domain (\S+) is till opset (\d+)", re.DOTALL
)
# StringNormalizer, with which skl2onnx's text models begin, wants en_US.UTF-8; Debian's slim images only have C.UTF-8
LOCALE = re.compile(r"Failed to construct locale with name:(en_[\w.@-]+)")
UNICODE_LOCALE = Path("/usr/lib/locale/C.utf8")
UNKNOWN_OPERATOR = re.compile(r"(?:Fatal error: )?(\S+?)\(-?\d+\) is not a registered function/op")
EXTERNAL_FILE = re.compile(r"[Ee]xternal data.*?\"?([^\s\"\']+)\"?.*?(?:not exist|cannot|failed|No such)", re.DOTALL)


class OnnxHandler(TensorHandler):
    """Loads `model/*.onnx`, and answers what `InferenceSession.run` answers, by the names of the model's outputs.

    A classifier that was converted by skl2onnx answers its label and a record of probabilities by class.
    """

    _has_operators_for_missing = False

    def load(self, model_dir: Path) -> onnxruntime.InferenceSession:
        """The session, on as many threads as this process should use. Raises ModelFileMissing and UnusableModel."""
        path = find_model(model_dir, (".onnx",))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        try:
            session = _session(path, options)
        except Exception as error:
            raise UnusableModel(explained(path, str(error))) from error
        self._has_operators_for_missing = _holds(path, TAKES_MISSING)
        return session

    def takes_missing(self, model: onnxruntime.InferenceSession) -> bool:
        """Whether it has operators for missing values, and answers no NaN to rows of nothing else."""
        interface = self._interface
        return bool(
            self._has_operators_for_missing
            and interface
            and fast_path(lambda: _keeps_whole(interface), "missing values")
        )

    def _interface_of(self, model: onnxruntime.InferenceSession) -> Interface:
        expected = TensorFormat(tuple(_input(argument) for argument in model.get_inputs()), ordered=True)
        if not expected.inputs:
            raise UnusableModel("the model has no inputs: override predict and decode in serving/model_handler.py")
        rows = {argument.shape[0] for argument in model.get_inputs() if isinstance(argument.shape[0], int)}
        if len(rows) > 1:
            raise UnusableModel(
                f"the model's inputs {expected} have different first axes of fixed sizes, so rows can't be told: "
                "override predict and decode in serving/model_handler.py"
            )
        outputs = [argument.name for argument in model.get_outputs()]

        def call(columns: Any) -> Outputs:
            answers = model.run(outputs, dict(zip(expected.names, columns, strict=True)))
            return {name: _array(answer) for name, answer in zip(outputs, answers, strict=True)}

        return Interface("this ONNX model", expected, call, max(rows, default=None))

    def _program_of(self, interface: Interface, output: str | None) -> Program:
        run = interface.call
        probes = fast_path(lambda: probes_of(interface, run, self._tensor), interface.name)
        return program_of(interface, run, probes, output)

    def _tensor(self, column: np.ndarray, wanted: TensorInput) -> np.ndarray:
        if wanted.dtype != TEXT:
            return column.astype(wanted.dtype, copy=False)
        return objects([_text(value, wanted) for value in column.ravel()]).reshape(column.shape)

    def _refusal(self, error: Exception) -> str | None:
        """What ONNX Runtime says of an argument: its own class of errors for values that a model can't take."""
        if not isinstance(error, onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
            return None
        text = " ".join(str(error).split())
        told = VALUES_REFUSED.search(text)
        return (told[1] if told else text.rpartition("INVALID_ARGUMENT : ")[2])[:200]


def _session(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """The session. C.UTF-8 stands in for an English locale that the model needs and isn't there.

    Both have the same letters; Turkish, for one, writes other capitals.
    """
    providers = ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        missing = LOCALE.search(str(error))
        if not missing or not UNICODE_LOCALE.is_dir():
            raise
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, missing[1]).symlink_to(UNICODE_LOCALE)
            os.environ["LOCPATH"] = folder
            return onnxruntime.InferenceSession(str(path), options, providers=providers)


def _input(argument: Any) -> TensorInput:
    """An input as the model declares it. Raises UnusableModel for one that rows can't be read into."""
    if argument.type not in TYPES:
        problem = f"has the type {argument.type}"
    elif not argument.shape:
        problem = "has no axis of rows, or doesn't tell its shape"
    else:
        sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in argument.shape[1:])
        return TensorInput(argument.name, TYPES[argument.type], sizes)
    raise UnusableModel(f"the input {argument.name} {problem}: override predict and decode in serving/model_handler.py")


def _array(output: Any) -> np.ndarray:
    """An output as numpy has it. A sequence is an array of objects, with the keys of maps as text, as JSON has them."""
    if not isinstance(output, list):
        return np.asarray(output)
    return objects([{str(key): one[key] for key in one} if isinstance(one, dict) else one for one in output])


def _text(value: Any, wanted: TensorInput) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise BadRequest(f"{wanted.name} holds bytes that are not UTF-8, which ONNX's texts are") from None


def _holds(path: Path, names: tuple[bytes, ...]) -> bool:
    """Whether one of the names is in the file, which may be larger than the memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name) >= 0 for name in names)


def _keeps_whole(interface: Interface) -> bool:
    """Whether the model answers numbers to rows whose floats are all missing."""
    rows = [made_up(wanted, interface.rows or PROBED_ROWS, PROBED_SIZES[0]) for wanted in interface.expected.inputs]
    if not any(column.dtype.kind == "f" for column in rows):
        return False
    outputs = interface.call([np.full_like(column, np.nan) if column.dtype.kind == "f" else column for column in rows])
    answers = [codecs.as_columns(np.asarray(output)) for output in outputs.values()]
    return not any(answer.dtype.kind == "f" and np.isnan(answer).any() for answer in answers)


def explained(path: Path, message: str) -> str:
    """Why ONNX Runtime can't load a file, and what to do, in one line."""
    version = onnxruntime.__version__
    text = " ".join(message.split())
    if match := IR_VERSION.search(text):
        return (
            f"{path.name} has ONNX's IR version {match[1]}, and onnxruntime {version} reads up to {match[2]}: export "
            "it with an older onnx package, or write a newer onnxruntime into requirements.in and compile it"
        )
    if match := OPSET.search(text):
        return (
            f"{path.name} uses opset {match[1]} of {match[2]}, and onnxruntime {version} knows up to {match[3]}: "
            f"export it with opset_version={match[3]}, or write a newer onnxruntime into requirements.in and compile it"
        )
    if match := UNKNOWN_OPERATOR.search(text):
        return (
            f"{path.name} needs the operator {match[1]}, which onnxruntime {version} doesn't have: register it in "
            "load() of serving/model_handler.py, or export the model without it"
        )
    if "xternal" in text and (match := EXTERNAL_FILE.search(text)):
        return f"{path.name} keeps weights in other files, which are not in model/ ({text[-200:]}): copy them beside it"
    if "INVALID_PROTOBUF" in text or "No graph was found" in text:
        return f"{path.name} is not an ONNX model, or is cut off: export it again"
    return f"{path.name} can't be loaded: {re.sub(r'^.*?: [A-Z_]+ : ', '', text)[:300]}"
