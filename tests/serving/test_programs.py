"""How a model of tensors is run, whatever its framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from serving.handlers.base import UnusableModel
from serving.handlers.programs import Interface, Program, program_of, same
from serving.handlers.tensors import TensorFormat, TensorInput

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def spectrum(tensors: Sequence[Any]) -> dict[str, Any]:
    """A model with an output that JSON can't say, and one that it can."""
    return {"waves": np.fft.rfft(tensors[0]), "energy": tensors[0].sum(axis=1)}


def program(output: str | None) -> Program:
    expected = TensorFormat((TensorInput("x", np.dtype(np.float32), (3,)),), ordered=True)
    return program_of(Interface("the model", expected, spectrum, None), spectrum, [ROWS], output)


def test_a_model_with_complex_numbers_answers_its_other_output() -> None:
    chosen = program("energy")

    assert same(chosen.run([ROWS]), {"energy": ROWS.sum(axis=1)})
    assert chosen.outputs == ("energy",)  # a request for all of them, or for the waves, could not be answered


@pytest.mark.parametrize("output", [None, "waves"])
def test_complex_numbers_are_refused_where_they_would_be_answered(output: str | None) -> None:
    with pytest.raises(UnusableModel, match=r"the output waves holds complex numbers.*name another output"):
        program(output)
