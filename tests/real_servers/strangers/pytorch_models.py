"""Models as PyTorch users export them, each with requests and what the module itself answers to them.

Run in a rendered project, by the Python of its .venv: prints {case: "" or what differs} as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from comparing import difference, serve
from torch import nn
from torch.export import Dim

from serving import codecs, service
from serving.errors import BadRequest
from serving.handlers.base import UnusableModel
from serving.handlers.pytorch import PytorchHandler
from serving.model_handler import ModelHandler

torch.manual_seed(0)
torch.set_num_threads(1)
ROWS = Dim("rows")
X = torch.randn(7, 3)
MEASURES = {"measures": ("float32", [3])}
TOKENS = torch.randint(0, 20, (5, 4))

Case = Callable[[], str]
CASES: dict[str, Case] = {}


def case(run: Case) -> Case:
    """One case, named by its function."""
    CASES[run.__name__.replace("_", " ")] = run
    return run


def saved(module: nn.Module, *arguments: Any, sizes: Any = None, options: Any = None) -> Path:
    folder = Path(tempfile.mkdtemp())
    torch.export.save(
        torch.export.export(module.eval(), arguments, options, dynamic_shapes=sizes), folder / "model.pt2"
    )
    return folder


def network(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


def numbers(module: nn.Module) -> str:
    """What differs for a module with one matrix as its input, in all forms of requests."""
    folder = saved(module, X, sizes=({0: ROWS},))
    with torch.inference_mode():
        return difference(serve(folder), lambda part: module(X[part]).numpy(), X.tolist(), None)


def own(module: nn.Module, *arguments: Any) -> Any:
    with torch.inference_mode():
        return module(*arguments)


def compare(folder: Path, documents: list[Any], expected: Any) -> str:
    """What is answered to one of the documents, if it isn't what is expected."""
    answer = serve(folder)
    for document in documents:
        seen = answer(json.dumps(document).encode(), codecs.JSON)
        if not same(seen, expected):
            return f"{str(document)[:150]}: {str(seen)[:200]} in place of {str(expected)[:200]}"
    return ""


def same(seen: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return seen.keys() == expected.keys() and all(same(seen[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        return len(seen) == len(expected) and all(map(same, seen, expected))
    return seen == expected


def refused(folder: Path, documents: list[tuple[Any, str]], **attributes: Any) -> str:
    """Which of the documents isn't refused with these words."""
    answer = serve(folder, **attributes)
    for document, words in documents:
        try:
            return f"{document}: answered {answer(json.dumps(document).encode(), codecs.JSON)}"
        except BadRequest as error:
            if words not in error.message:
                return f"{document}: {error.message}"
    return ""


@case
def doubles_stay_doubles() -> str:
    class Third(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / 3

    rows = X.double()
    folder = saved(Third(), rows, sizes=({0: ROWS},))
    return difference(serve(folder), lambda part: (rows[part] / 3).numpy(), rows.tolist(), None)


@case
def element_by_element() -> str:
    return numbers(network(nn.Hardtanh(), nn.ReLU()))


@case
def dropout_and_batch_normalization_in_evaluation_mode() -> str:
    module = network(nn.BatchNorm1d(3), nn.Dropout(0.5))
    module(torch.randn(50, 3))
    return numbers(module)


class Topics(nn.Module):
    """Tokens and a number to a dict with a tuple in it, as models of transformers answer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 3)

    def forward(self, tokens: torch.Tensor, weight: torch.Tensor | None = None) -> Any:
        vectors = self.table(tokens)
        return {"embedding": vectors.amax(1) * weight, "both": (tokens.amax(1), tokens.amin(1) > 3)}


def topics() -> tuple[Topics, Path]:
    module = Topics()
    sizes = {"tokens": {0: ROWS, 1: Dim("length")}, "weight": {0: ROWS}}
    return module, saved(module, TOKENS, torch.ones(5, 1), sizes=sizes)


@case
def several_inputs_and_nested_outputs() -> str:
    module, folder = topics()
    weight = torch.randn(5, 1)
    answers = own(module, TOKENS, weight)
    outputs = {
        "embedding": answers["embedding"],
        "both/output_0": answers["both"][0],
        "both/output_1": answers["both"][1],
    }
    expected = [
        dict(zip(outputs, row, strict=True)) for row in zip(*(o.tolist() for o in outputs.values()), strict=True)
    ]
    named = [{"tokens": t, "weight": w} for t, w in zip(TOKENS.tolist(), weight.tolist(), strict=True)]
    return compare(folder, [named, {"inputs": {"tokens": TOKENS.tolist(), "weight": weight.tolist()}}], expected)


@case
def values_that_the_model_can_not_take() -> str:
    _, folder = topics()
    row = {"tokens": [1, 2], "weight": [1]}
    bad = [
        ([row | {"tokens": [1, 99]}], "index out of range"),
        ([row | {"tokens": [1.5, 2]}], "whole number"),
        ([row | {"weight": [1, 2]}], "the model expects"),
        ([{"tokens": [1, 2]}], "lacks weight"),
        ([row | {"weight": [None]}], "missing"),
    ]
    return refused(folder, bad)


@case
def arguments_by_keyword() -> str:
    class Scaled(nn.Module):
        def forward(self, x: torch.Tensor, *, scale: torch.Tensor) -> torch.Tensor:
            return x * scale

    scale = torch.randn(7, 1)
    folder = saved(Scaled(), X, options={"scale": scale}, sizes={"x": {0: ROWS}, "scale": {0: ROWS}})
    return compare(folder, [{"inputs": {"scale": scale.tolist(), "x": X.tolist()}}], (X * scale).tolist())


@case
def arguments_that_are_no_tensors_and_outputs_that_are_left_out() -> str:
    class Scaled(nn.Module):
        def forward(self, x: torch.Tensor, scale: int, mask: Any = None, as_dict: bool = True) -> Any:
            return {"scaled": x * scale, "attentions": mask}

    folder = saved(Scaled(), X, 3, None, False, sizes=({0: ROWS}, None, None, None))
    return compare(folder, [X.tolist(), [{"x": row} for row in X.tolist()]], (X * 3).tolist()) or compare(
        folder, [[{"x": X[0].tolist()}]], (X[:1] * 3).tolist()
    )


@case
def one_value_a_row() -> str:
    column = torch.randn(4)
    folder = saved(nn.ReLU(), column, sizes=({0: ROWS},))
    return compare(folder, [column.tolist(), [[value] for value in column.tolist()]], own(nn.ReLU(), column).tolist())


@case
def programs_exported_in_training_are_refused() -> str:
    def program(layer: nn.Module) -> Callable[[Path], None]:
        exported = torch.export.export(nn.Sequential(nn.Linear(3, 3), layer).train(), (X,))
        return lambda file: torch.export.save(exported, file)

    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            token = x[:, None, :]
            chance = 0.5 if self.training else 0.0
            return nn.functional.scaled_dot_product_attention(token, token, token, dropout_p=chance)

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.LSTM(3, 3, num_layers=2, dropout=0.5, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(x[:, None, :])[0]

    layers = {
        "dropout": nn.Dropout(0.5),
        "batch_norm": nn.BatchNorm1d(3),
        "scaled_dot_product_attention": Attention(),
        "lstm": Recurrent(),
    }
    return "; ".join(filter(None, (explained(program(layer), name, "model.eval()") for name, layer in layers.items())))


@case
def a_norm_that_keeps_no_statistics() -> str:
    module = network(nn.BatchNorm1d(3, track_running_stats=False))
    return compare(saved(module, X, sizes=({0: ROWS},)), [X.tolist()], own(module, X).tolist())


@case
def images() -> str:
    pictures = torch.randn(3, 1, 8, 8)
    module = network(nn.MaxPool2d(2), nn.Flatten())
    folder = saved(module, pictures, sizes=({0: ROWS},))
    return compare(folder, [{"instances": pictures.tolist()}], own(module, pictures).tolist())


@case
def a_network_alone() -> str:
    """Linear layers add up in an order that depends on the number of rows: the same request gives the same bits."""
    module = network(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    handler = ModelHandler()
    loaded = service.load(handler, saved(module, X, sizes=({0: ROWS},)))
    for part in (X[:1], X):
        seen = handler.predict(loaded, handler.decode(json.dumps(part.tolist()).encode(), codecs.JSON))
        if not (seen == own(module, part).numpy()).all():
            return f"{seen} in place of {own(module, part)}"
    return "" if handler.batching else "not batched"


@case
def without_a_dynamic_batch_dimension() -> str:
    module = network(nn.ReLU())
    folder = saved(module, X[:2])
    problem = compare(folder, [X[:2].tolist()], own(module, X[:2]).tolist())
    return problem or refused(folder, [(X.tolist(), "exactly 2 rows")])


@case
def weights_with_a_module_of_the_owner() -> str:
    """As the docstring of model_handler.py says."""

    class Own(PytorchHandler):
        inputs = MEASURES

        def load(self, model_dir: Path) -> Any:
            module = network(nn.Linear(3, 4), nn.Dropout(0.5), nn.ReLU())
            module.load_state_dict(torch.load(model_dir / "model.pt", weights_only=True))
            return module

    module = network(nn.Linear(3, 4), nn.Dropout(0.5), nn.ReLU())
    folder = folder_with(lambda file: torch.save(module.state_dict(), file), "model.pt")
    return own_answers(Own, folder, X, own(module.eval(), X))


@case
def a_module_that_is_exported_when_it_is_loaded() -> str:
    class Own(PytorchHandler):
        def load(self, model_dir: Path) -> Any:
            module = nn.Linear(3, 2)
            module.load_state_dict(torch.load(model_dir / "model.pth", weights_only=True))
            return torch.export.export(module.eval(), (torch.zeros(2, 3),), dynamic_shapes=({0: ROWS},))

    module = nn.Linear(3, 2)
    folder = folder_with(lambda file: torch.save(module.state_dict(), file), "model.pth")
    return own_answers(Own, folder, X, own(module, X))


@case
def traced_torchscript_that_tells_its_inputs() -> str:
    module = network(nn.Hardtanh(), nn.ReLU())
    told = {"inputs.json": json.dumps({"x": ["float32", [3]]})}
    folder = folder_with(lambda file: torch.jit.save(torch.jit.trace(module, X), file, _extra_files=told), "model.pt")
    return difference(serve(folder), lambda part: own(module, X[part]).numpy(), X.tolist(), None)


@case
def scripted_torchscript_with_inputs_of_the_handler() -> str:
    """Of tokens in any number, with control flow that a trace would lose, and frozen."""
    module = Deepest(nn.Embedding(20, 3)).eval()
    script = torch.jit.freeze(torch.jit.script(module))
    folder = folder_with(script.save, "model.pt")
    answer = serve(folder, inputs={"tokens": ("int64", [None])})
    for tokens in (TOKENS, TOKENS[:, :2], TOKENS[:1]):
        seen = answer(json.dumps({"instances": tokens.tolist()}).encode(), codecs.JSON)
        if seen != own(module, tokens).tolist():
            return f"{seen} in place of {own(module, tokens)}"
    return refused(
        folder, [([[1, 99]], "index out of range"), ([[1.5]], "whole number")], inputs={"tokens": ("int64", [None])}
    )


class Deepest(nn.Module):
    """The largest vector of a row's tokens, by a loop of Python."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table = table

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found = self.table(tokens[:, 0])
        for place in range(1, tokens.size(1)):
            found = torch.maximum(found, self.table(tokens[:, place]))
        return found


@case
def torchscript_for_a_fixed_number_of_rows_is_not_batched() -> str:
    class Flat(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(7, 3) * 2

    told = {"inputs.json": json.dumps({"x": ["float32", [3]]})}
    folder = folder_with(lambda file: torch.jit.save(torch.jit.script(Flat()), file, _extra_files=told), "model.pt")
    handler = ModelHandler()
    service.load(handler, folder)
    return "it is batched" if handler.batching else compare(folder, [X.tolist()], (X * 2).tolist())


SCRIPT = """
import os, torch

def model_fn(folder):
    network = torch.nn.Linear(3, 2)
    network.load_state_dict(torch.load(os.path.join(folder, "model.pth"), weights_only=True))
    return network.eval()

def predict_fn(data, model):
    with torch.no_grad():
        return model(data)
"""


@case
def a_script_for_the_container_of_sagemaker() -> str:
    module = nn.Linear(3, 2)
    folder = folder_with(lambda file: torch.save(module.state_dict(), file), "model.pth")
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text(SCRIPT)
    handler, model = service.open_model(folder, None)
    request = handler.receive(json.dumps(X.tolist()).encode(), codecs.JSON, codecs.JSON)
    seen = json.loads(handler.respond(handler.predict(model, request), codecs.JSON)[0])
    return "" if seen == own(module, X).tolist() else str(seen)


def folder_with(save: Callable[[Path], Any], name: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    save(folder / name)
    return folder


def own_answers(owners: type[PytorchHandler], folder: Path, rows: torch.Tensor, expected: torch.Tensor) -> str:
    """What a handler of the owner answers, if it isn't what is expected to the last bit."""
    handler = owners()
    loaded = service.load(handler, folder)
    seen = handler.predict(loaded, handler.decode(json.dumps(rows.tolist()).encode(), codecs.JSON))
    return "" if (seen == expected.numpy()).all() and seen.dtype == expected.numpy().dtype else str(seen)


def explained(write: Callable[[Path], Any], *words: str, name: str = "model.pt2") -> str:
    """What the handler says of a file that it can't serve, if these words are not in it."""
    folder = folder_with(write, name)
    try:
        service.load(ModelHandler(), folder)
    except UnusableModel as error:
        return "" if all(word in str(error) for word in words) and "\n" not in str(error) else str(error)
    return "no error"


@case
def files_that_are_no_exported_programs() -> str:
    class Scalar(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    class Spectrum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft(x)

    spectrum = torch.export.export(Spectrum(), (X,))
    scalar = torch.export.export(Scalar(), (torch.tensor(1.0),))
    content = (saved(nn.ReLU(), X) / "model.pt2").read_bytes()
    answers = [
        explained(lambda file: torch.save(nn.Linear(3, 2).state_dict(), file), "holds weights", "load() of serving"),
        explained(
            lambda file: torch.save(nn.Linear(3, 2).state_dict(), file, _use_new_zipfile_serialization=False),
            "holds weights",
            name="model.pt",
        ),
        explained(lambda file: file.write_bytes(b""), "is empty"),
        explained(lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        explained(lambda file: file.write_bytes(b"no archive"), "is not a file of PyTorch"),
        explained(lambda file: torch.save(nn.Linear(3, 2), file), "pickled module", name="model.pt"),
        explained(lambda file: file.write_bytes(content[: len(content) // 2]), "is cut off"),
        explained(lambda file: file.write_bytes(content[:-500]), "is cut off"),
        explained(lambda file: file.write_bytes(content), "name it model.pt2", name="model.pt"),
        explained(torch.jit.script(nn.ReLU()).save, "name it model.pt"),
        explained(torch.jit.script(nn.ReLU()).save, "doesn't tell the types and shapes", "inputs =", name="model.pt"),
        explained(lambda file: torch.export.save(spectrum, file), "the output holds complex numbers"),
        explained(lambda file: torch.export.save(scalar, file), "the input x has no axis of rows"),
    ]
    return "; ".join(filter(None, answers))


def results() -> dict[str, str]:
    found = {}
    for name, run in CASES.items():
        try:
            found[name] = run()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    print(json.dumps(results()))
