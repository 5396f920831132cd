"""How a TensorFlow model is called: its inputs, its outputs by name, and the fastest call that gives the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.handlers.base import UnusableModel, fast_path
from serving.handlers.tensors import TEXT, TensorFormat, TensorInput

log = logging.getLogger(__name__)

DEFAULT_SIGNATURE = "serving_default"
PROBED_ROWS = 4
PROBED_SIZES = (3, 32, 128, 320)  # for sizes that vary; the first that the model can take is used
ONLY = ""  # the name of an output that has none

Outputs = dict[str, Any]
Call = Callable[[Sequence[Any]], Outputs]


@dataclass(frozen=True)
class Interface:
    """What a model reads and how it is called, with a tensor for each of its inputs in order."""

    name: str  # for the log
    expected: TensorFormat
    specs: tuple[Any, ...]  # tf.TensorSpec of each input, with the axis of rows
    call: Call  # can be compiled
    own: Call  # what the model's users call
    rows: int | None  # how many rows it takes at a time; None: any number

    @property
    def needs_proof(self) -> bool:
        """Whether its users call it otherwise than what is compiled."""
        return self.call is not self.own


@dataclass(frozen=True)
class Program:
    """How a model is run. `by_row`: each output has one entry a row (None: unknown); `batching`: in any company."""

    run: Call
    by_row: bool | None
    batching: bool


def interface_of(model: Any, signature: str | None) -> Interface:
    """The interface of a Keras model or a loaded SavedModel. Raises UnusableModel."""
    return _of_saved_model(model, signature) if hasattr(model, "signatures") else _of_keras(model)


def _of_saved_model(model: Any, signature: str | None) -> Interface:
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


def _of_keras(model: Any) -> Interface:
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
        return dict(_named(model(tf.nest.pack_sequence_as(structure, tensors), training=False), outputs))

    def own(tensors: Sequence[Any]) -> Outputs:
        rows = {"batch_size": fixed} if fixed else {}
        return dict(_named(model.predict(tf.nest.pack_sequence_as(structure, tensors), verbose=0, **rows), outputs))

    ordered = not isinstance(structure, dict)
    interface = _interface(type(model).__name__, specs, ordered, DEFAULT_SIGNATURE, call, own)
    fixed = interface.rows
    return interface


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


def _named(result: Any, names: Sequence[str], prefix: str = ONLY) -> Iterator[tuple[str, Any]]:
    """The outputs of a model by name."""
    if isinstance(result, Mapping):
        for name, value in result.items():
            yield from _named(value, (), f"{prefix}/{name}" if prefix else str(name))
    elif isinstance(result, list | tuple):
        if len(set(names)) != len(result):
            names = [f"output_{number}" for number in range(len(result))]
        for name, value in zip(names, result, strict=True):
            yield from _named(value, (), f"{prefix}/{name}" if prefix else name)
    else:
        yield prefix, result


def _interface(
    name: str, specs: Sequence[tuple[str, Any]], ordered: bool, signature: str, call: Call, own: Call
) -> Interface:
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
    return Interface(name, expected, tuple(spec for _, spec in specs), call, own, max(rows, default=None))


def _dtype(spec: Any) -> np.dtype:
    import tensorflow as tf

    return TEXT if spec.dtype == tf.string else np.dtype(spec.dtype.as_numpy_dtype)


def program_of(interface: Interface, output: str | None) -> Program:
    """The fastest way to run a model that gives the same as its own, and whether requests may be run together.

    `output`: the one that is asked for; None for all. Raises UnusableModel if there is none of this name.
    """
    name = interface.name
    compiled = fast_path(lambda: _compiled(interface), f"{name}, compiled")
    probes = fast_path(lambda: _probes(interface, compiled), f"{name}, compiled") if compiled else None
    if compiled is None or probes is None:
        return Program(_only(output, interface.own), by_row=None, batching=False)
    if interface.needs_proof and fast_path(lambda: _same(compiled(probes), interface.own(probes)), name) is False:
        log.warning("the compiled function differs from %s.predict: not used", name)
        compiled = interface.own
    outputs = compiled(probes)
    if output and output not in outputs:
        names = ", ".join(filter(None, outputs)) or "one without a name"
        raise UnusableModel(
            f"the model has no output {output}: set SERVING_OUTPUT to predict for all, or to one of {names}"
        )
    run = _only(output, compiled)
    by_row = bool(fast_path(lambda: _is_by_row(interface, run, probes), f"{name}, rows"))
    alike = by_row and interface.rows is None and bool(fast_path(lambda: _is_alike(run, probes), f"{name}, batches"))
    if not alike:
        log.info("requests to %s are run one by one: its answers are not one a row, or depend on other rows", name)
    return Program(run, by_row, alike)


def _only(output: str | None, run: Call) -> Call:
    return (lambda tensors: {output: run(tensors)[output]}) if output else run


def _compiled(interface: Interface) -> Call:
    import tensorflow as tf

    function = tf.function(lambda *tensors: interface.call(tensors), input_signature=list(interface.specs))
    concrete = function.get_concrete_function()
    return lambda tensors: concrete(*tensors)


def _probes(interface: Interface, run: Call) -> list[Any]:
    """Made-up rows that the model can take. Raises what the model raises if there are none."""
    sizes = PROBED_SIZES if any(None in tensor.shape for tensor in interface.expected.inputs) else PROBED_SIZES[:1]
    for size in sizes:
        probes = [_made_up(tensor, interface.rows or PROBED_ROWS, size) for tensor in interface.expected.inputs]
        try:
            run(probes)
            return probes
        except Exception:
            if size == sizes[-1]:
                raise
    raise AssertionError("there are sizes")


def _made_up(tensor: TensorInput, rows: int, size: int) -> Any:
    """Rows of small values, the same ones every time."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    shape = (rows, *(size if wanted is None else wanted for wanted in tensor.shape))
    if tensor.dtype == TEXT:
        return tf.constant(random.choice(np.array(["", "a", "some words"], dtype=object), shape), tf.string)
    if tensor.dtype.kind == "f":
        return tf.constant(random.normal(size=shape).astype(tensor.dtype))
    return tf.constant(random.integers(0, 2, shape).astype(tensor.dtype))


def _same(first: Outputs, second: Outputs) -> bool:
    return first.keys() == second.keys() and all(_equal(first[name], second[name]) for name in first)


def _equal(first: Any, second: Any) -> bool:
    one, two = np.asarray(first), np.asarray(second)
    return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")


def _is_by_row(interface: Interface, run: Call, probes: list[Any]) -> bool:
    """Whether each output has one entry a row: a size that is always the same is none, even if it is that of rows."""
    if not all(_counts_rows(output, len(probes[0])) for output in run(probes).values()):
        return False
    if interface.rows is not None:
        return True
    return all(_counts_rows(output, 2) for output in run([probe[:2] for probe in probes]).values())


def _counts_rows(output: Any, rows: int) -> bool:
    return len(output.shape) > 0 and output.shape[0] == rows


def _is_alike(run: Call, probes: list[Any]) -> bool:
    """Whether a row's answer is the same in company as alone, but for the rounding of sums."""
    together = run(probes)
    for row in (0, len(probes[0]) - 1):
        alone = run([probe[row : row + 1] for probe in probes])
        if not all(_close(np.asarray(alone[name])[0], np.asarray(together[name])[row]) for name in together):
            return False
    return True


def _close(alone: np.ndarray, together: np.ndarray) -> bool:
    if alone.dtype.kind == "f" and alone.shape == together.shape:
        return np.allclose(alone, together, rtol=1e-3, atol=1e-5, equal_nan=True)
    return np.array_equal(alone, together)
