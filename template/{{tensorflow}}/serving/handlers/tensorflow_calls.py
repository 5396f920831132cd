"""How a TensorFlow model is called: its inputs, its outputs by name, and the fastest call that gives the same."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.handlers.base import UnusableModel, fast_path
from serving.handlers.programs import (
    PROBED_SIZES,
    Call,
    Interface,
    Outputs,
    Program,
    made_up,
    named,
    probes_of,
    program_of,
    same,
)
from serving.handlers.tensors import TEXT, TensorFormat, TensorInput

log = logging.getLogger(__name__)

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Signature(Interface):
    """An interface whose call can be compiled."""

    specs: tuple[Any, ...]  # tf.TensorSpec of each input, with the axis of rows
    own: Call  # what the model's users call

    @property
    def needs_proof(self) -> bool:
        """Whether its users call it otherwise than what is compiled."""
        return self.call is not self.own


def interface_of(model: Any, signature: str | None) -> Signature:
    """The interface of a Keras model or a loaded SavedModel. Raises UnusableModel."""
    return _of_saved_model(model, signature) if hasattr(model, "signatures") else _of_keras(model)


def _of_saved_model(model: Any, signature: str | None) -> Signature:
    names = sorted(model.signatures)
    wanted = signature or (DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in names else names[0] if len(names) == 1 else None)
    if not names:
        raise UnusableModel(
            "the SavedModel has no signature: save it with signatures=..., or override predict and decode in "
            "serving/model_handler.py"
        )
    if wanted is None or wanted not in names:
        told = f"no signature {signature}" if signature else f"no {DEFAULT_SIGNATURE}"
        raise UnusableModel(f"the SavedModel has {told}: set SERVING_SIGNATURE to one of {', '.join(names)}")
    function = model.signatures[wanted]
    specs = sorted(function.structured_input_signature[1].items())

    def call(tensors: Sequence[Any]) -> Outputs:
        return dict(function(**{name: tensor for (name, _), tensor in zip(specs, tensors, strict=True)}))

    return _interface(f"the signature {wanted}", specs, len(specs) == 1, wanted, call, call)


def _of_keras(model: Any) -> Signature:
    import tensorflow as tf

    structure = _structure(model)
    flat = tf.nest.flatten(structure)
    if isinstance(structure, dict) and len(structure) == len(flat):
        names = sorted(structure)
    else:
        names = [str(tensor.name or f"input_{number}").split(":")[0] for number, tensor in enumerate(flat)]
    specs = [(name, tf.TensorSpec(tensor.shape, tensor.dtype)) for name, tensor in zip(names, flat, strict=True)]
    outputs = list(getattr(model, "output_names", ()))

    def call(tensors: Sequence[Any]) -> Outputs:
        return dict(named(model(tf.nest.pack_sequence_as(structure, tensors), training=False), outputs))

    def own(tensors: Sequence[Any]) -> Outputs:
        rows = {"batch_size": fixed} if fixed else {}
        return dict(named(model.predict(tf.nest.pack_sequence_as(structure, tensors), verbose=0, **rows), outputs))

    ordered = not isinstance(structure, dict)
    interface = _interface(type(model).__name__, specs, ordered, DEFAULT_SIGNATURE, call, own)
    if interface.rows and fast_path(lambda: _takes_any_number(interface), f"{interface.name}, any number of rows"):
        specs = [(name, tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)) for name, spec in specs]
        interface = _interface(interface.name, specs, ordered, DEFAULT_SIGNATURE, call, own)
    fixed = interface.rows
    return interface


def _takes_any_number(interface: Signature) -> bool:
    """Whether rows of another number than the one that the model was built with are answered one by one.

    A model without an Input layer is built with the number of rows that it was first called with.
    """
    assert interface.rows
    for rows in (1, interface.rows + 1):
        tensors = [tensor(made_up(wanted, rows, PROBED_SIZES[0]), wanted) for wanted in interface.expected.inputs]
        if any(output.shape[:1] != (rows,) for output in interface.call(tensors).values()):
            return False
    return True


def _structure(model: Any) -> Any:
    """The inputs as the model was built with them: a tensor, a list or a dict. Raises UnusableModel."""
    import tensorflow as tf

    tensors = list(getattr(model, "inputs", None) or ())
    if not tensors:
        return _built_with(model)
    try:
        structure = model.input
        if isinstance(structure, list | tuple | dict) and len(tf.nest.flatten(structure)) == len(tensors):
            return structure
    except (AttributeError, ValueError):
        pass
    return tensors[0] if len(tensors) == 1 else tensors


def _built_with(model: Any) -> Any:
    """The inputs of a subclass of Model, which tells the shapes that it was built with, and no types."""
    try:
        shapes = model.get_build_config()["input_shape"]
        if isinstance(shapes, dict):
            return {name: _float_rows(shape, name) for name, shape in shapes.items()}
        return _float_rows(shapes, "input")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UnusableModel(
            f"a {type(model).__name__} doesn't tell its inputs: save it with model.export(), or override predict and "
            "decode in serving/model_handler.py"
        ) from None


def _float_rows(shape: Sequence[Any], name: str) -> Any:
    import tensorflow as tf

    return tf.TensorSpec([None, *(None if size is None else int(size) for size in shape[1:])], tf.float32, name)


def _interface(
    name: str, specs: Sequence[tuple[str, Any]], ordered: bool, signature: str, call: Call, own: Call
) -> Signature:
    inputs = []
    for input_name, spec in specs:
        if spec.shape.rank is None or spec.shape.rank == 0:
            told = "no axis of rows" if spec.shape.rank == 0 else "no known shape"
            raise UnusableModel(
                f"the input {input_name} has {told}: override predict and decode in serving/model_handler.py"
            )
        inputs.append(TensorInput(input_name, _dtype(spec), tuple(spec.shape[1:])))
    if len({tensor.name for tensor in inputs}) < len(inputs) or not inputs:
        raise UnusableModel("the model has no inputs with names of their own: override predict and decode")
    rows = {spec.shape[0] for _, spec in specs} - {None}
    expected = TensorFormat(tuple(inputs), ordered, signature)
    return Signature(name, expected, call, max(rows, default=None), tuple(spec for _, spec in specs), own)


def _dtype(spec: Any) -> np.dtype:
    import tensorflow as tf

    return TEXT if spec.dtype == tf.string else np.dtype(spec.dtype.as_numpy_dtype)


def tensor(column: np.ndarray, wanted: TensorInput) -> Any:
    """An input as TensorFlow takes it."""
    import tensorflow as tf

    if wanted.dtype == TEXT:
        return tf.constant(column, tf.string)
    return tf.constant(column.astype(wanted.dtype, copy=False))


def compiled(interface: Signature, output: str | None) -> Program:
    """The fastest way to run a model that gives the same as its own, and whether requests may be run together.

    `output`: the one that is asked for; None for all. Raises UnusableModel if there is none of this name.
    """
    name = interface.name
    function = fast_path(lambda: _compiled(interface), f"{name}, compiled")
    probes = fast_path(lambda: probes_of(interface, function, tensor), f"{name}, compiled") if function else None
    if function is None or probes is None:
        return program_of(interface, interface.own, None, output)
    if interface.needs_proof and fast_path(lambda: same(function(probes), interface.own(probes)), name) is False:
        log.warning("the compiled function differs from %s.predict: not used", name)
        function = interface.own
    return program_of(interface, function, probes, output)


def _compiled(interface: Signature) -> Call:
    import tensorflow as tf

    function = tf.function(lambda *tensors: interface.call(tensors), input_signature=list(interface.specs))
    concrete = function.get_concrete_function()
    return lambda tensors: concrete(*tensors)
