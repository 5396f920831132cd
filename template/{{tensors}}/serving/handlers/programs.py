"""How a model of tensors is run: its call, what its outputs are, and whether requests may be run together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.handlers.base import Handler, UnusableModel, fast_path
from serving.handlers.tensors import TEXT, TensorFormat, TensorInput

log = logging.getLogger(__name__)

PROBED_ROWS = 4
PROBED_SIZES = (3, 32, 128, 320)  # for sizes that vary; the first that the model can take is used
ONLY = ""  # the name of an output that has none

Outputs = dict[str, Any]
Call = Callable[[Sequence[Any]], Outputs]
MakeTensor = Callable[[np.ndarray, TensorInput], Any]


@dataclass(frozen=True)
class Interface:
    """What a model reads and how it is called, with a tensor for each of its inputs in order."""

    name: str  # for the log
    expected: TensorFormat
    call: Call
    rows: int | None  # how many rows it takes at a time; None: any number


@dataclass(frozen=True)
class Program:
    """How a model is run. `by_row`: each output has one entry a row (None: unknown); `batching`: in any company.

    `run` gives the output that is asked for, `run_all` gives all. `outputs`: what a request may ask for, by name, with
    `predict` for all of them; none if they are unknown or have no names.
    """

    run: Call
    by_row: bool | None
    batching: bool
    run_all: Call
    outputs: tuple[str, ...] = ()


def program_of(interface: Interface, run: Call, probes: list[Any] | None, output: str | None) -> Program:
    """A model's program, by what `run` answers to the probes; without probes nothing is known of its outputs.

    `output`: the one that is asked for; None for all. Raises UnusableModel if there is none of this name.
    """
    if probes is None:
        return Program(only(output, run), by_row=None, batching=False, run_all=run)
    name, outputs = interface.name, run(probes)
    if output and output not in outputs:
        names = ", ".join(filter(None, outputs)) or "one without a name"
        raise UnusableModel(
            f"the model has no output {output}: set SERVING_OUTPUT to predict for all, or to one of {names}"
        )
    complex_ones = [known for known, value in outputs.items() if "complex" in str(getattr(value, "dtype", ""))]
    if complex_ones and output in (None, *complex_ones):
        shown = output or complex_ones[0]
        raise UnusableModel(
            f"the output{shown and ' '}{shown} holds complex numbers, which JSON doesn't have: have the model answer "
            "their parts, name another output in SERVING_OUTPUT, or override predict in serving/model_handler.py"
        )
    run_all, run = run, only(output, run)
    by_row = bool(fast_path(lambda: _is_by_row(interface, run, probes), f"{name}, rows"))
    alike = by_row and interface.rows is None and bool(fast_path(lambda: _is_alike(run, probes), f"{name}, batches"))
    if not alike:
        log.info("requests to %s are run one by one: its answers are not one a row, or depend on other rows", name)
    named_ones = [known for known in outputs if known and known not in complex_ones]
    everything = [Handler.output] if named_ones and not complex_ones else []
    return Program(run, by_row, alike, run_all, (*everything, *named_ones))


def only(output: str | None, run: Call) -> Call:
    """A call that answers one output; the same call for None."""
    return (lambda tensors: {output: run(tensors)[output]}) if output else run


def probes_of(interface: Interface, run: Call, tensor: MakeTensor) -> list[Any]:
    """Made-up rows that the model can take. Raises what the model raises if there are none."""
    sizes = PROBED_SIZES if any(None in wanted.shape for wanted in interface.expected.inputs) else PROBED_SIZES[:1]
    for size in sizes:
        rows = interface.rows or PROBED_ROWS
        probes = [tensor(made_up(wanted, rows, size), wanted) for wanted in interface.expected.inputs]
        try:
            run(probes)
            return probes
        except Exception:
            if size == sizes[-1]:
                raise
    raise AssertionError("there are sizes")


def made_up(wanted: TensorInput, rows: int, size: int) -> np.ndarray:
    """Rows of small values for an input, the same ones every time; `size` stands for each size that varies."""
    random = np.random.default_rng(0)
    shape = (rows, *(size if known is None else known for known in wanted.shape))
    if wanted.dtype == TEXT:
        return random.choice(np.array(["", "a", "some words"], dtype=object), shape)
    if wanted.dtype.kind == "f":
        return random.normal(size=shape).astype(wanted.dtype)
    return random.integers(0, 2, shape).astype(wanted.dtype)


def named(result: Any, names: Sequence[str] = (), prefix: str = ONLY) -> Iterator[tuple[str, Any]]:
    """The outputs of a model by name, but those that it leaves out (None)."""
    if result is None:
        return
    if isinstance(result, Mapping):
        for name, value in result.items():
            yield from named(value, (), f"{prefix}/{name}" if prefix else str(name))
    elif isinstance(result, list | tuple):
        if len(set(names)) != len(result):
            names = [f"output_{number}" for number in range(len(result))]
        for name, value in zip(names, result, strict=True):
            yield from named(value, (), f"{prefix}/{name}" if prefix else name)
    else:
        yield prefix, result


def same(first: Outputs, second: Outputs) -> bool:
    """Whether two answers are equal to the last bit."""
    return first.keys() == second.keys() and all(_equal(first[name], second[name]) for name in first)


def objects(values: Sequence[Any]) -> np.ndarray:
    """An array with one object for each of the values, whatever they are."""
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return array


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


def _close(alone: Any, together: Any) -> bool:
    if isinstance(alone, Mapping):
        return alone.keys() == together.keys() and all(_close(np.asarray(alone[key]), together[key]) for key in alone)
    if np.asarray(alone).dtype.kind == "f" and np.shape(alone) == np.shape(together):
        return np.allclose(alone, together, rtol=1e-3, atol=1e-5, equal_nan=True)
    return np.array_equal(alone, together)
