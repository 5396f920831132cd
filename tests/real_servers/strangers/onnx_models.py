"""Models as ONNX users export them, each with requests and what ONNX Runtime's own `run` answers to them.

Run in a rendered project, by a Python with the packages of its .venv and those that train its sample: prints
{case: "" or what differs} as JSON.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

sys.path.insert(0, str(Path(__file__).parent))

from comparing import csv_of, plain, requests, serve

sys.path.append("do")

from lib.model import answers
from serving import codecs, service
from serving.errors import BadRequest
from serving.handlers.base import UnusableModel
from serving.model_handler import ModelHandler

random = np.random.default_rng(0)
N = 60
X = random.normal(size=(N, 3)).round(3)
Y = X @ [1.0, -2.0, 0.5]
KIND = (Y > 0).astype(int) + (Y > 1)
NAMES = np.array(["low", "middle", "high"])[KIND]
CITIES = random.choice(["Genève", "Bern", "Basel"], N)
AGES = random.integers(18, 90, N)

Case = Callable[[], str]
CASES: dict[str, Case] = {}


def case(run: Case) -> Case:
    """One case, named by its function."""
    CASES[run.__name__.replace("_", " ")] = run
    return run


def saved(model: Any, name: str = "model.onnx") -> Path:
    folder = Path(tempfile.mkdtemp())
    (folder / name).write_bytes(model.SerializeToString())
    return folder


def own(model: Any, **inputs: Any) -> dict[str, Any]:
    """What ONNX Runtime answers, by output, on one thread: several add up the trees of a forest in another order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def records(outputs: dict[str, Any]) -> list[Any]:
    """What a server answers for outputs by name: an array if there is one, else records."""
    values = [output if isinstance(output, list) else output.tolist() for output in outputs.values()]
    if len(values) == 1:
        return list(values[0])
    return [json.loads(json.dumps(dict(zip(outputs, row, strict=True)))) for row in zip(*values, strict=True)]


def compare(model: Any, bodies: list[tuple[str, bytes, str]], expected: Any, close: bool = False) -> str:
    answer = serve(saved(model))
    for form, body, content_type in bodies:
        seen = answer(body, content_type)
        if not (np.allclose(seen, expected, rtol=1e-5, atol=1e-6) if close else seen == expected):
            return f"{form}: {str(seen)[:200]} in place of {str(expected)[:200]}"
    return ""


def as_json(document: Any) -> tuple[str, bytes, str]:
    return "JSON", json.dumps(document).encode(), codecs.JSON


def graph(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any] | None = None, opset: int = 18
) -> Any:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    made = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


value = helper.make_tensor_value_info


@case
def boosted_trees() -> str:
    model = to_onnx(GradientBoostingRegressor(n_estimators=20).fit(X, Y), X[:1].astype(np.float32))
    return compare(model, [*requests(plain(X))], records(own(model, X=X.astype(np.float32))))


@case
def a_classifier_with_labels_and_a_sequence_of_maps() -> str:
    model = to_onnx(RandomForestClassifier(8).fit(X, NAMES), X[:1].astype(np.float32))
    return compare(model, [*requests(plain(X))], records(own(model, X=X.astype(np.float32))))


@case
def whole_numbers_as_classes_become_keys_of_text() -> str:
    model = to_onnx(RandomForestClassifier(8).fit(X, KIND), X[:1].astype(np.float32))
    answers = own(model, X=X.astype(np.float32))
    assert answers["output_probability"][0].keys() == {0, 1, 2}
    return compare(model, [*requests(plain(X))], records(answers))


@case
def the_probabilities_alone_in_csv_and_npy() -> str:
    model = to_onnx(RandomForestClassifier(8).fit(X, NAMES), X[:1].astype(np.float32))
    handler = ModelHandler()
    handler.output = "output_probability"
    loaded = service.load(handler, saved(model))
    predictions = handler.predict(loaded, handler.decode(json.dumps(X.tolist()).encode(), codecs.JSON))
    expected = np.array([[*row.values()] for row in own(model, X=X.astype(np.float32))["output_probability"]])
    in_npy = np.load(io.BytesIO(handler.encode(predictions, codecs.NPY)))
    in_csv = np.loadtxt(io.BytesIO(handler.encode(predictions, codecs.CSV)), delimiter=",")
    return (
        "" if (in_npy == expected).all() and (in_csv == expected).all() else f"{in_npy[0]}, {in_csv[0]}, {expected[0]}"
    )


@case
def probabilities_as_a_matrix() -> str:
    model = LogisticRegression().fit(X, KIND)
    converted = to_onnx(model, X[:1].astype(np.float32), options={"zipmap": False})
    answers = own(converted, X=X.astype(np.float32))
    seen = serve(saved(converted))(*as_json(X.tolist())[1:])
    labels = [row["label"] for row in seen] == answers["label"].tolist()
    return (
        ""
        if labels and np.allclose([row["probabilities"] for row in seen], answers["probabilities"], rtol=1e-6)
        else str(seen[:2])
    )


def a_table() -> tuple[Any, dict[str, Any], list[list[Any]]]:
    """A pipeline with an input for each column, as convert_sklearn makes it of a DataFrame."""
    columns = make_column_transformer((OneHotEncoder(), [0]), (StandardScaler(), [1, 2]))
    rows = np.array([*zip(CITIES, AGES, X[:, 0], strict=True)], dtype=object)
    pipeline = make_pipeline(columns, GradientBoostingRegressor(n_estimators=10)).fit(rows, Y)
    types = [
        ("city", StringTensorType([None, 1])),
        ("age", Int64TensorType([None, 1])),
        ("size", FloatTensorType([None, 1])),
    ]
    inputs = {"city": CITIES.astype(object)[:, None], "age": AGES[:, None], "size": X[:, :1].astype(np.float32)}
    return to_onnx(pipeline, initial_types=types), inputs, [list(row) for row in rows]


@case
def an_input_for_each_column_of_a_table() -> str:
    model, inputs, rows = a_table()
    values = [[str(city), int(age), float(size)] for city, age, size in rows]
    bodies = [
        *requests(values, ["city", "age", "size"]),
        as_json({"inputs": {name: column.tolist() for name, column in inputs.items()}}),
    ]
    return compare(model, bodies, records(own(model, **inputs)))


@case
def a_network_with_tokens_of_any_length() -> str:
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["vectors"]),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["vectors", "weights"], ["weighted"]),
        helper.make_node("ReduceMean", ["weighted", "middle"], ["embedding"], keepdims=0),
    ]
    sizes = ["batch", "sequence"]
    inputs = [value("tokens", TensorProto.INT64, sizes), value("mask", TensorProto.FLOAT, sizes)]
    constants = {
        "table": random.normal(size=(50, 4)).astype(np.float32),
        "last": np.array([-1]),
        "middle": np.array([1]),
    }
    model = graph(nodes, inputs, [value("embedding", TensorProto.FLOAT, ["batch", 4])], constants)
    tokens, mask = random.integers(0, 50, (5, 7)), np.ones((5, 7), np.float32)
    rows = [{"tokens": t, "mask": m} for t, m in zip(tokens.tolist(), mask.tolist(), strict=True)]
    bodies = [as_json(rows), as_json({"inputs": {"tokens": tokens.tolist(), "mask": mask.tolist()}})]
    problem = compare(model, bodies, records(own(model, tokens=tokens, mask=mask)))
    wrong = refused(
        model,
        [
            (rows[:1] and [{"tokens": [99], "mask": [1]}], "out of data bounds"),
            ([{"tokens": [1.5], "mask": [1]}], "whole number"),
        ],
    )
    return problem or wrong


def refused(model: Any, bodies: list[tuple[Any, str]]) -> str:
    """Which of the documents isn't refused with these words."""
    answer = serve(saved(model))
    for document, words in bodies:
        try:
            return f"{document}: answered {answer(json.dumps(document).encode(), codecs.JSON)}"
        except BadRequest as error:
            if words not in error.message:
                return f"{document}: {error.message}"
    return ""


@case
def texts() -> str:
    words = ["Good DAY", "bad day", "ÉTÉ", "good"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words * 3, [1, 0, 1, 0] * 3)
    for shape in ([None, 1], [None]):
        model = to_onnx(pipeline, initial_types=[("review", StringTensorType(shape))], options={"zipmap": False})
        header = csv_of([["review"], *([word] for word in words)])
        bodies = [*requests([[word] for word in words]), as_json(words), as_json([{"review": word} for word in words])]
        answer = serve(saved(model))  # which makes the locale that `own` needs, too
        expected = records(own(model, review=np.array(words, dtype=object).reshape(-1, *[1] * (len(shape) - 1))))
        for form, body, content_type in [*bodies, ("CSV with a header", header, codecs.CSV)]:
            if (seen := answer(body, content_type)) != expected:
                return f"{shape}, {form}: {seen} in place of {expected}"
    return ""


@case
def a_network_in_float32() -> str:
    model = to_onnx(MLPRegressor(hidden_layer_sizes=(16,), max_iter=50).fit(X, Y), X[:1].astype(np.float32))
    return compare(model, [*requests(plain(X))], records(own(model, X=X.astype(np.float32))), close=True)


@case
def doubles_stay_doubles() -> str:
    double = TensorProto.DOUBLE
    model = graph(
        [helper.make_node("Mul", ["x", "k"], ["y"])],
        [value("x", double, ["n", 3])],
        [value("y", double, ["n", 3])],
        {"k": np.float64(1 / 3)},
    )
    bodies = [*requests(plain(X)), as_json([{"x": row} for row in plain(X)])]
    one = compare(model, [as_json([{"x": plain(X)[0]}])], records(own(model, x=X[:1])))
    return one or compare(model, bodies, records(own(model, x=X)))


@case
def large_whole_numbers_stay_exact() -> str:
    whole = TensorProto.INT64
    model = graph(
        [helper.make_node("Identity", ["x"], ["y"])], [value("x", whole, ["n", 1])], [value("y", whole, ["n", 1])]
    )
    unsigned = graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", TensorProto.UINT64, ["n", 2])],
        [value("y", TensorProto.UINT64, ["n", 2])],
    )
    if problem := compare(unsigned, [as_json([[2**64 - 1, 0]])], [[2**64 - 1, 0]]):
        return problem
    return compare(model, [as_json([[2**53 + 1], [-(2**62) - 1]])], [[2**53 + 1], [-(2**62) - 1]])


@case
def an_output_that_is_not_by_row() -> str:
    model = graph(
        [helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)],
        [value("x", TensorProto.FLOAT, ["n", 3])],
        [value("total", TensorProto.FLOAT, [])],
    )
    handler = ModelHandler()
    loaded = service.load(handler, saved(model))
    seen = handler.encode(handler.predict(loaded, handler.decode(b"[[1,2,3],[4,5,6]]", codecs.JSON)), codecs.JSON)
    tested = answers.answers(handler, loaded, None)  # what do/test compares with
    assert "no entry for each row" in tested["undivided"]
    assert "total" in tested["answers"][codecs.JSON][1]
    return "" if json.loads(seen) == {"outputs": {"total": 21.0}} and not handler.batching else seen.decode()


@case
def a_fixed_number_of_rows() -> str:
    one = graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        [value("x", TensorProto.FLOAT, [1, 3])],
        [value("y", TensorProto.FLOAT, [1, 3])],
    )
    problem = compare(one, [as_json([[1, -2, 3]])], [[1.0, 0.0, 3.0]])
    handler = ModelHandler()
    tested = answers.answers(handler, service.load(handler, saved(one)), None)
    assert len(tested["predictions"][""]) == 1
    assert "another number of rows" in tested["undivided"]
    return problem or refused(one, [([[1, 2, 3], [4, 5, 6]], "exactly 1 row ")])


@case
def gaps_reach_trees_and_nothing_else() -> str:
    gaps = X.copy()
    gaps[::3, 1] = np.nan
    trees = to_onnx(RandomForestClassifier(8).fit(X, KIND), X[:1].astype(np.float32))
    problem = compare(trees, [*requests(plain(gaps))], records(own(trees, X=gaps.astype(np.float32))))
    # its Relu makes 0 of NaN, so the answers alone would not tell
    network = to_onnx(MLPRegressor(hidden_layer_sizes=(16,), max_iter=50).fit(X, Y), X[:1].astype(np.float32))
    return problem or refused(network, [(plain(gaps), "missing")])


def explained(model: Any, *words: str, content: bytes | None = None) -> str:
    """What the handler says of a model that it can't serve, if these words are not in it."""
    folder = saved(model)
    if content is not None:
        (folder / "model.onnx").write_bytes(content)
    try:
        service.load(ModelHandler(), folder)
    except UnusableModel as error:
        return "" if all(word in str(error) for word in words) and "\n" not in str(error) else str(error)
    return "no error"


def identity(**options: Any) -> Any:
    return graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", TensorProto.FLOAT, ["n", 3])],
        [value("y", TensorProto.FLOAT, ["n", 3])],
        **options,
    )


@case
def files_that_this_runtime_does_not_read() -> str:
    newer = identity()
    newer.ir_version = 99
    unknown = graph(
        [helper.make_node("Tokenizer", ["x"], ["y"], domain="com.example")],
        [value("x", 1, ["n", 3])],
        [value("y", 1, ["n", 3])],
    )
    unknown.opset_import.append(helper.make_opsetid("com.example", 1))
    outside = graph(
        [helper.make_node("Mul", ["x", "k"], ["y"])],
        [value("x", 1, ["n", 3])],
        [value("y", 1, ["n", 3])],
        {"k": np.ones(3, np.float32)},
    )
    onnx.external_data_helper.convert_model_to_external_data(outside, size_threshold=0, location="model.onnx.data")
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(outside, f"{folder}/model.onnx")
        outside_bytes = Path(folder, "model.onnx").read_bytes()
    return "; ".join(
        filter(
            None,
            [
                explained(newer, "IR version 99", "reads up to", "requirements.in"),
                explained(identity(opset=999), "opset 999", "knows up to", "opset_version="),
                explained(unknown, "com.example:Tokenizer", "register it"),
                explained(identity(), "keeps weights in other files", "model.onnx.data", content=outside_bytes),
                explained(identity(), "is not an ONNX model", content=b"something else"),
                explained(identity(), "git lfs pull", content=b"version https://git-lfs.github.com/spec/v1\n"),
                explained(identity(), "is empty", content=b""),
            ],
        )
    )


@case
def weights_beside_the_file_are_copied_into_a_project() -> str:
    model = graph(
        [helper.make_node("Mul", ["x", "k"], ["y"])],
        [value("x", 1, ["n", 3])],
        [value("y", 1, ["n", 3])],
        {"k": np.array([2, 3, 4], np.float32)},
    )
    given, project = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    external = {"save_as_external_data": True, "size_threshold": 0, "location": "net.onnx.data"}
    onnx.save(model, str(given / "net.onnx"), **external)
    (project / "do").symlink_to(Path("do").absolute())
    task = Path(__file__).parents[3] / "tasks/copy_model.py"
    subprocess.run([sys.executable, task, given / "net.onnx", "model.onnx"], cwd=project, check=True)
    seen = serve(project / "model")(*as_json([[1, 1, 1]])[1:])
    return "" if seen == [[2.0, 3.0, 4.0]] else str(seen)


@case
def inputs_without_rows() -> str:
    scalar = graph([helper.make_node("Identity", ["x"], ["y"])], [value("x", 1, [])], [value("y", 1, [])])
    return explained(scalar, "the input x has no axis of rows", "model_handler.py")


def results() -> dict[str, str]:
    found = {}
    for name, run in CASES.items():
        try:
            found[name] = run()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(results()))
