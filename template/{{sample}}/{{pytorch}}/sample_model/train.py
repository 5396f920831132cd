"""Train the sample: a small network that tells an abalone's rings from its measures. Run it with do/train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import abalone
import numpy as np
import torch

EPOCHS = 300
LEARNING_RATE = 0.03
# rows that are predicted together are summed in another order than alone
RELATIVE_TOLERANCE = 1e-6


def main() -> None:
    data = abalone.read()
    torch.manual_seed(abalone.SEED)
    torch.set_num_threads(1)
    model = trained(tensor(data.train_rows), tensor(data.train_rings)[:, None])
    with abalone.new_model() as file:
        save(model, file, tensor(data.test_rows[:2]))
        metrics = abalone.check_quality(predict(file, data.test_rows)[:, 0], data.test_rings)
        predictions = predict(file, abalone.request_rows())
        abalone.keep(file, predictions, metrics, relative_tolerance=RELATIVE_TOLERANCE)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def trained(rows: torch.Tensor, rings: torch.Tensor) -> torch.nn.Module:
    """A network that brings its inputs to one scale by itself."""
    scale = torch.nn.BatchNorm1d(rows.shape[1], affine=False)
    scale.running_mean, scale.running_var = rows.mean(0), rows.var(0)
    layers = (torch.nn.Linear(rows.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    model = torch.nn.Sequential(scale, *layers).eval()
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(rows), rings).backward()
        optimizer.step()
    return model


def save(model: torch.nn.Module, file: Path, rows: torch.Tensor) -> None:
    """Save the network for any number of rows; as TorchScript with what it reads, which that format doesn't tell."""
    if file.suffix == ".pt2":
        any_rows = ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(model, (rows,), dynamic_shapes=any_rows), file)
    else:
        inputs = {"measures": ["float32", list(rows.shape[1:])]}
        torch.jit.save(torch.jit.trace(model, rows), file, _extra_files={"inputs.json": json.dumps(inputs)})


def predict(file: Path, rows: np.ndarray) -> np.ndarray:
    """The saved model's answers."""
    saved: Any = torch.export.load(file).module() if file.suffix == ".pt2" else torch.jit.load(file)
    with torch.inference_mode():
        answers: np.ndarray = saved(tensor(rows)).numpy()
    return answers


if __name__ == "__main__":
    main()
