"""PyTorch models: programs that torch.export has saved (pt2), TorchScript (pt), and modules of the owner."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.handlers.base import UnusableModel, fast_path, find_model
from serving.handlers.programs import Call, Interface, Outputs, Program, named, probes_of, program_of
from serving.handlers.tensor_handler import TensorHandler
from serving.handlers.tensors import TensorFormat, TensorInput

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt2", ".pt", ".pth")
INPUTS_FILE = "inputs.json"  # the extra file of TorchScript that tells the inputs as the handler's `inputs` does
OWN_LOAD = "build the module and load its weights in load() of serving/model_handler.py"
OWN_INPUTS = 'write them into inputs of serving/model_handler.py, as in inputs = {"x": ("float32", [8])}'
# what PyTorch's operators say of values that a model can't take; TorchScript raises all as RuntimeError
REFUSED = ("index out of range", "must match the size", "shapes cannot be multiplied")

# The operators that behave otherwise in training, with the places of the arguments that have to be there for that: the
# probability of dropout and the mode, the mode and the running statistics, without which evaluation does the same.
# https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml
TRAINING = {
    **dict.fromkeys(("dropout", "dropout_", "feature_dropout", "alpha_dropout", "native_dropout"), (1, 2)),
    **dict.fromkeys(("batch_norm", "native_batch_norm", "_native_batch_norm_legit"), (3, 5)),
    **dict.fromkeys(("lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input"), (5, 6)),
    **dict.fromkeys(("lstm.data", "gru.data", "rnn_tanh.data", "rnn_relu.data"), (6, 7)),
    "scaled_dot_product_attention": (4,),
}
OLD_FORMAT = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began files until PyTorch 1.5

InputTypes = Mapping[str, tuple[str, Sequence[int | None]]]


class PytorchHandler(TensorHandler):
    """Loads `model/*.pt2`, an exported program, or `model/*.pt`, TorchScript, and answers what it answers.

    PyTorch is imported in the worker: its threads don't survive a fork.
    """

    # The name of each input in order, with the type and shape of one row; None is a dimension that varies. Needed for
    # TorchScript and modules; an exported program describes its inputs itself.
    inputs: InputTypes | None = None

    def load(self, model_dir: Path) -> Any:
        """The exported program, or a module. Raises ModelFileMissing and UnusableModel."""
        path = find_model(model_dir, SUFFIXES)
        import torch

        # it logs a stack and raises without the reason
        logging.getLogger("torch.export").setLevel(logging.CRITICAL)
        told = {INPUTS_FILE: ""}
        try:
            if path.suffix == ".pt2":
                return torch.export.load(path)
            module = torch.jit.load(path, map_location="cpu", _extra_files=told)
        except Exception as error:
            raise UnusableModel(explained(path, str(error), torch.__version__)) from error
        if told[INPUTS_FILE] and not self.inputs:
            self.inputs = json.loads(told[INPUTS_FILE])
        return module

    def _interface_of(self, model: Any) -> Interface:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        if isinstance(model, torch.export.ExportedProgram):
            return _program_interface(model)
        if not isinstance(model, torch.nn.Module):
            raise UnusableModel(
                f"load() returned a {type(model).__name__}, which can't be called with tensors: return a module or "
                "torch.export.export(...) of it, or override predict and decode in serving/model_handler.py"
            )
        if not self.inputs:
            raise UnusableModel(
                f"a {type(model).__name__} doesn't tell the types and shapes of its inputs: {OWN_INPUTS}"
            )
        return Interface("this module", _format_of(self.inputs), _call(model.eval()), rows=None)

    def _program_of(self, interface: Interface, output: str | None) -> Program:
        run = interface.call
        probes = fast_path(lambda: probes_of(interface, run, self._tensor), interface.name)
        return program_of(interface, run, probes, output)

    def _tensor(self, column: np.ndarray, wanted: TensorInput) -> Any:
        import torch

        # a copy, because PyTorch has no read-only tensors and a request's bytes can't be written
        return torch.from_numpy(np.array(column, dtype=wanted.dtype))

    def _array(self, output: Any) -> np.ndarray:
        """An output as numpy has it; numbers of 16 bits that numpy lacks as float32."""
        import torch

        array: np.ndarray = (output.float() if output.dtype is torch.bfloat16 else output).numpy()
        return array

    def as_data(self, model: Any, rows: Any) -> Any:
        """A tensor of float32, which SageMaker's PyTorch container makes of a request's numbers."""
        import torch

        return torch.from_numpy(np.array(rows, dtype=np.float32))

    def _refusal(self, error: Exception) -> str | None:
        """An index that is out of range, such as an unknown token, and sizes that the model can't take."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
        if isinstance(error, AssertionError) and lines[0].startswith("Guard failed"):
            return " ".join(lines)[:200]
        if isinstance(error, IndexError | RuntimeError) and any(words in lines[-1] for words in REFUSED):
            return lines[-1].removeprefix("RuntimeError: ")[:200]
        return None


def _format_of(inputs: InputTypes) -> TensorFormat:
    """The inputs as the handler or the model's file tells them. Raises UnusableModel."""
    try:
        wanted = [TensorInput(name, np.dtype(kind), tuple(shape)) for name, (kind, shape) in inputs.items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise UnusableModel(f"the inputs {inputs!r} can't be read ({error}): {OWN_INPUTS}") from None
    return TensorFormat(tuple(wanted), ordered=True)


def _program_interface(model: torch.export.ExportedProgram) -> Interface:
    """What an exported program tells of itself. Raises UnusableModel."""
    from torch.utils import _pytree

    if trained := _in_training(model):
        raise UnusableModel(
            f"the program was exported while its module was training, so that {trained} makes its answers random or "
            "dependent on other rows: export model.eval()"
        )
    inputs = _inputs(model)
    rows = {int(shape[0]) for _, shape, _ in inputs if isinstance(shape[0], int)}
    if len(rows) > 1:
        raise UnusableModel(f"the inputs differ in their fixed numbers of rows: {OWN_LOAD}")
    expected = TensorFormat(
        tuple(TensorInput(name, dtype, tuple(_size(size) for size in shape[1:])) for name, shape, dtype in inputs),
        ordered=True,
    )
    module, structure = model.module(), model.call_spec.in_spec
    given = model.graph_signature.user_inputs  # the names of tensors, and other arguments as they were at the export

    def call(*tensors: Any) -> Any:  # however the program's own arguments are nested
        rest = iter(tensors)
        flat = [next(rest) if isinstance(one, str) and one in expected.names else one for one in given]
        arguments, options = _pytree.tree_unflatten(flat, structure)
        return module(*arguments, **options)

    return Interface("this program", expected, _call(call), max(rows, default=None))


def _inputs(model: torch.export.ExportedProgram) -> list[tuple[str, Sequence[Any], np.dtype]]:
    """The name, the shape and the type of each input. Raises UnusableModel for one that rows can't be read into."""
    import torch

    values = {node.name: node.meta.get("val") for node in model.graph.nodes if node.op == "placeholder"}
    inputs: list[tuple[str, Sequence[Any], np.dtype]] = []
    for name in model.graph_signature.user_inputs:
        if name not in values:
            continue  # a number, text or None, which the export has made a part of the program
        value = values[name]
        if not isinstance(value, torch.Tensor):
            problem = f"is {value!r} and not a tensor"
        elif not value.shape:
            problem = "has no axis of rows"
        elif value.dtype in (torch.bfloat16, torch.complex64, torch.complex128):
            problem = f"has the type {value.dtype}"
        else:
            inputs.append((str(name), value.shape, np.dtype(str(value.dtype).removeprefix("torch."))))
            continue
        raise UnusableModel(f"the input {name} {problem}: {OWN_LOAD}")
    if not inputs:
        raise UnusableModel(f"the program has no inputs: {OWN_LOAD}")
    return inputs


def _in_training(model: torch.export.ExportedProgram) -> str:
    """The operator that works as in training; empty if none does."""
    for node in model.graph.nodes:
        overload = str(node.target).removeprefix("aten.")
        name = overload.partition(".")[0]
        needed = TRAINING.get(overload, TRAINING.get(name))
        given = dict(enumerate(node.args))
        if node.op == "call_function" and needed and all(given.get(position) for position in needed):
            return name
    return ""


def _size(size: Any) -> int | None:
    return size if isinstance(size, int) else None


def _call(module: Callable[..., Any]) -> Call:
    """A call with one tensor for each input, in order."""
    import torch

    def call(tensors: Sequence[Any]) -> Outputs:
        with torch.inference_mode():
            return dict(named(module(*tensors)))

    return call


def explained(path: Path, message: str, version: str) -> str:
    """Why PyTorch can't load a file, and what to do, in one line."""
    names = _members(path)
    with path.open("rb") as file:
        is_old = file.read(len(OLD_FORMAT)) == OLD_FORMAT
    if is_old:
        return f"{path.name} holds weights or a pickled module, not a program: {OWN_LOAD}"
    if not names:
        return f"{path.name} is not a file of PyTorch, or is cut off: save it with torch.export.save or torch.jit.save"
    if "archive_format" in names and path.suffix != ".pt2":
        return f"{path.name} is a program of torch.export.save: name it {path.stem}.pt2"
    if "constants.pkl" in names and path.suffix == ".pt2":
        return f"{path.name} is TorchScript: name it {path.stem}.pt"
    if not names & {"archive_format", "constants.pkl"}:
        return f"{path.name} holds weights or a pickled module, not a program: {OWN_LOAD}"
    text = " ".join(message.split())[:300]
    return f"{path.name} can't be loaded by PyTorch {version} ({text}): export and save it with this version"


def _members(path: Path) -> set[str]:
    """What is in the folder of an archive; nothing if it is none, or cut off: then its last part may be one."""
    try:
        with zipfile.ZipFile(path) as archive:
            starts = [member.header_offset for member in archive.infolist()]
            return {name.partition("/")[2] for name in archive.namelist()} if 0 in starts else set()
    except zipfile.BadZipFile:
        return set()
