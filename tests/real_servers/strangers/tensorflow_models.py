"""Models as TensorFlow users train and save them, each with requests and what the model itself answers to them.

Run in a rendered project, by the Python of its .venv: prints {case: "" or what differs} as JSON. With a folder as
argument, it also saves there a model with inputs and outputs of all kinds, and `requests.json` with its own answers.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, ".")  # the project that the script runs in
sys.path.append("code")

from serving import batching, codecs, service
from serving.errors import BadRequest
from serving.handlers.base import ModelFileMissing, UnusableModel
from serving.handlers.tensorflow import TensorflowHandler
from serving.model_handler import ModelHandler

layers = keras.layers
random = np.random.default_rng(0)
FOLDERS = Path(tempfile.mkdtemp())

Requests = list[tuple[Any, str]]  # bodies and their content types; what isn't bytes or text is sent as JSON
Case = Callable[[], str]
CASES: dict[str, Case] = {}


def case(run: Case) -> Case:
    """One case, named by its function."""
    CASES[run.__name__.replace("_", " ")] = run
    return run


def folder() -> Path:
    return Path(tempfile.mkdtemp(dir=FOLDERS))


def saved(model: Any, name: str = "model.keras") -> Path:
    path = folder()
    model.save(path / name)
    return path


def exported(model: Any, below: str = "model/1") -> Path:
    path = folder()
    if isinstance(model, keras.Model):
        model.export(path / below, verbose=False)
    else:
        tf.saved_model.save(model, str(path / below))
    return path


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def body_of(request: Any) -> bytes:
    if isinstance(request, bytes):
        return request
    return (request if isinstance(request, str) else json.dumps(request)).encode()


def loaded(model_dir: Path, handler: Any = None) -> Callable[[Any, str], Any]:
    """A function that answers with the model in a folder, alone and in the company of the same request."""
    handler = handler or ModelHandler()
    model = service.load(handler, model_dir)

    def answer(request: Any, content_type: str) -> Any:
        rows = handler.decode(body_of(request), content_type)
        batcher = batching.Batcher(lambda rows: handler.predict(model, rows), batch_rows=10_000, max_waiting=9)
        waiting = [batching.PendingRequest(rows, None) for _ in range(3 if handler.batching else 1)]
        batcher._predict_together(waiting)
        alone, *others = [json.loads(handler.encode(one.answer(), codecs.JSON)) for one in waiting]
        for other in others:
            assert not different(other, alone), f"{other} in company, {alone} alone"
        return alone

    answer.batching = handler.batching  # type: ignore[attr-defined]
    return answer


def different(seen: Any, wanted: Any) -> bool:
    """Whether two documents differ in more than the rounding of a sum."""
    if isinstance(wanted, dict):
        return seen.keys() != wanted.keys() or any(different(seen[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        return len(seen) != len(wanted) or any(map(different, seen, wanted))
    return not np.isclose(seen, wanted, rtol=1e-5, atol=1e-6) if isinstance(wanted, float) else seen != wanted


def records(outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """What a server answers for outputs by name."""
    values = {name: np.asarray(output).tolist() for name, output in outputs.items()}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def compare(model_dir: Path, wanted: Any, requests: Requests, key: str = "predictions") -> str:
    """What is answered otherwise than wanted to one of the requests."""
    answer = loaded(model_dir)
    wanted = wanted.tolist() if isinstance(wanted, np.ndarray) else wanted
    for request, content_type in requests:
        seen = answer(request, content_type)
        if different(seen, {key: wanted}):
            return f"{str(request)[:200]}: {str(seen)[:300]} in place of {str(wanted)[:300]}"
    return ""


def refused(model_dir: Path, requests: list[tuple[Any, str, str]]) -> str:
    """Which of the requests isn't refused with these words."""
    answer = loaded(model_dir)
    for request, content_type, words in requests:
        try:
            return f"{str(request)[:200]}: answered {answer(request, content_type)}"
        except BadRequest as error:
            if words not in error.message:
                return f"{str(request)[:200]}: {error.message}"
    return ""


def fails(model_dir: Path, *words: str) -> str:
    """What the handler says of a model that it can't serve, if these words are not in it."""
    try:
        loaded(model_dir)
    except (ModelFileMissing, UnusableModel) as error:
        return "" if all(word in str(error) for word in words) and "\n" not in str(error) else str(error)
    return "no error"


def two_of_each(structure: type = list) -> Any:
    """A model with a numeric and a text input, and two outputs."""
    number = keras.Input((3,), name="number")
    city = keras.Input((1,), name="city", dtype="string")
    known = layers.StringLookup(vocabulary=["Bern", "Genève"], output_mode="one_hot")(city)
    both = layers.Concatenate()([number, known])
    outputs = [layers.Dense(1, name="price")(both), layers.Dense(2, activation="softmax", name="kind")(both)]
    if structure is dict:
        return keras.Model({"number": number, "city": city}, {"price": outputs[0], "kind": outputs[1]})
    return keras.Model([number, city], outputs)


NUMBERS = [[1.0, 2.0, 3.0], [4.0, 5.5, -6.0], [0.0, 0.25, 1.0]]
CITIES = ["Bern", "Genève", "elsewhere"]
ROWS = [{"number": numbers, "city": city} for numbers, city in zip(NUMBERS, CITIES, strict=True)]
NAMED: Requests = [
    ({"inputs": {"number": NUMBERS, "city": CITIES}}, codecs.JSON),
    ({"inputs": {"city": [[city] for city in CITIES], "number": NUMBERS}}, codecs.JSON),
    ({"instances": ROWS}, codecs.JSON),
    ({"signature_name": "serving_default", "instances": ROWS}, codecs.JSON),
    (ROWS, codecs.JSON),
    ("\n".join(map(json.dumps, ROWS)), codecs.JSON_LINES),
]


def answers_to_named(model: Any, structure: type = list) -> dict[str, Any]:
    inputs = {"number": tf.constant(NUMBERS), "city": tf.constant([[city] for city in CITIES])}
    result = model.predict(inputs if structure is dict else list(inputs.values()), verbose=0)
    return result if structure is dict else dict(zip(["price", "kind"], result, strict=True))


@case
def several_inputs_and_outputs_in_a_list() -> str:
    model = two_of_each()
    csv = "\n".join(",".join(map(str, [*row["number"], row["city"]])) for row in ROWS)
    return compare(saved(model), records(answers_to_named(model)), [*NAMED, (csv, codecs.CSV)])


@case
def several_inputs_and_outputs_in_a_dict() -> str:
    model = two_of_each(dict)
    return compare(saved(model), records(answers_to_named(model, dict)), NAMED)


@case
def several_inputs_and_outputs_of_a_saved_model() -> str:
    model = two_of_each(dict)
    path = exported(model)
    signature = tf.saved_model.load(str(path / "model/1")).signatures["serving_default"]
    outputs = signature(number=tf.constant(NUMBERS), city=tf.constant([[city] for city in CITIES]))
    return compare(path, records({name: outputs[name].numpy() for name in outputs}), NAMED)


@case
def one_output_chosen_among_several() -> str:
    model = two_of_each()
    handler = ModelHandler()
    handler.output = "kind"
    seen = loaded(saved(model), handler)({"instances": ROWS}, codecs.JSON)
    wanted = {"predictions": answers_to_named(model)["kind"].tolist()}
    handler.output = "nothing"
    with_an_unknown_name = ""
    try:
        loaded(saved(model), handler)
    except UnusableModel as error:
        with_an_unknown_name = str(error)
    return str(seen) if different(seen, wanted) or "price, kind" not in with_an_unknown_name else ""


@case
def wrong_named_inputs() -> str:
    bad = [
        ({"instances": [{"number": [1, 2, 3]}]}, codecs.JSON, "lacks city"),
        ({"instances": [ROWS[0] | {"age": 3}]}, codecs.JSON, "unknown age"),
        ({"instances": [ROWS[0], [1]]}, codecs.JSON, "either all rows are records or none"),
        ({"instances": NUMBERS}, codecs.JSON, "send each row as a record"),
        ({"instances": [{"number": [1, 2], "city": "Bern"}]}, codecs.JSON, "got rows with 2 columns"),
        ({"instances": [{"number": [1, "2", 3], "city": "Bern"}]}, codecs.JSON, "'2' is not a number"),
        ({"instances": [{"number": [1, None, 3], "city": "Bern"}]}, codecs.JSON, "missing"),
        ({"instances": [{"number": [1, 2, 3], "city": 7}]}, codecs.JSON, "'7' is not a text"),
        ({"inputs": {"number": NUMBERS, "city": CITIES[:2]}}, codecs.JSON, "one entry a row, got 3 of number, 2"),
        ({"inputs": {"number": NUMBERS, "city": "Bern"}}, codecs.JSON, "must be a list"),
        ({"signature_name": "other", "instances": ROWS}, codecs.JSON, "'other' is not served"),
        ({"instances": ROWS, "threshold": 0.5}, codecs.JSON, "threshold"),
        (npy(np.ones((2, 4))), codecs.NPY, "send application/json"),
        ("1,2,Bern\n", codecs.CSV, "3 columns"),
        ("1,x,3,Bern\n", codecs.CSV, "'x' is not a number"),
        ({"instances": []}, codecs.JSON, "no row"),
    ]
    return refused(saved(two_of_each()), bad)


@case
def columns_of_a_table_as_inputs() -> str:
    inputs = [keras.Input((1,), name="age"), keras.Input((1,), name="city", dtype="string")]
    known = layers.StringLookup(vocabulary=["Bern"], output_mode="one_hot")(inputs[1])
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([inputs[0], known])))
    wanted = model.predict([tf.constant([[3.0], [4.0]]), tf.constant([["Bern"], ["x, y"]])], verbose=0)
    requests: Requests = [
        ({"instances": [{"age": 3, "city": "Bern"}, {"city": "x, y", "age": 4}]}, codecs.JSON),
        ({"columns": ["city", "age"], "data": [["Bern", 3], ["x, y", 4]]}, codecs.JSON),
        ([[3, "Bern"], [4, "x, y"]], codecs.JSON),
        ({"inputs": {"age": [3, 4], "city": ["Bern", "x, y"]}}, codecs.JSON),
        ('3,Bern\r\n4,"x, y"\r\n', codecs.CSV),
        ('city,age\n"Bern",3\n"x, y",4.0\n', codecs.CSV),
    ]
    return compare(saved(model), wanted, requests)


@case
def texts() -> str:
    vectorization = layers.TextVectorization(output_sequence_length=4)
    vectorization.adapt(["a b c d", "b c"])
    inner = [vectorization, layers.Embedding(10, 3), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    for shape in ((), (1,)):
        model = keras.Sequential([keras.Input(shape, dtype="string", name="review"), *inner])
        values = tf.reshape(tf.constant(["a b", "d, c"]), (2, *shape))
        wanted = model.predict(values, verbose=0)
        requests: Requests = [
            ({"instances": ["a b", "d, c"]}, codecs.JSON),
            ({"instances": [{"b64": "YSBi"}, "d, c"]}, codecs.JSON),
            ([["a b"], ["d, c"]], codecs.JSON),
            ('review\na b\n"d, c"\n', codecs.CSV),
            ('a b\n"d, c"\n', codecs.CSV),
            ('"a b"\n"d, c"\n', codecs.JSON_LINES),
        ]
        if problem := compare(saved(model), wanted, requests) or compare(exported(model), wanted, requests):
            return f"{shape}: {problem}"
    return ""


@case
def sequences_of_tokens_of_any_length() -> str:
    for dtype in ("int32", "int64"):
        model = keras.Sequential(
            [keras.Input((None,), dtype=dtype), layers.Embedding(50, 4), layers.LSTM(3), layers.Dense(1)]
        )
        path = saved(model)
        for tokens in ([[1, 2, 3, 4], [5, 6, 7, 8]], [[9], [8]]):
            wanted = model.predict(np.array(tokens), verbose=0)
            csv = "\n".join(",".join(map(str, row)) for row in tokens)
            bodies: Requests = [(tokens, codecs.JSON), (npy(np.array(tokens)), codecs.NPY), (csv, codecs.CSV)]
            if problem := compare(path, wanted, bodies) or compare(exported(model), wanted, bodies):
                return problem
    bad = [
        ([[1, 2], [3]], codecs.JSON, "differ in length"),
        ([[1.5]], codecs.JSON, "not a whole number"),
        ([[2**70]], codecs.JSON, "row 1"),
        ([[99]], codecs.JSON, "99 is not in [0, 50)"),
        ([[]], codecs.JSON, "no value"),
        ([[[1]]], codecs.JSON, "nested too deeply"),
        ([1, 2], codecs.JSON, "must be a list"),
    ]
    return refused(path, bad)


@case
def requests_of_different_lengths_are_not_stacked() -> str:
    model = keras.Sequential([keras.Input((None, 2)), layers.Conv1D(3, 2), layers.GlobalMaxPooling1D()])
    handler = ModelHandler()
    served = service.load(handler, saved(model))
    rows = [random.normal(size=(2, length, 2)).round(3) for length in (2, 7, 7, 4)]
    batcher = batching.Batcher(lambda rows: handler.predict(served, rows), batch_rows=99, max_waiting=9)
    batcher.start()
    waiting = [
        batching.PendingRequest(handler.decode(json.dumps(one.tolist()).encode(), codecs.JSON), None) for one in rows
    ]
    for one in waiting:
        batcher._enqueue(one)
    sizes = [len(batcher._predict_next_batch()) for _ in range(3)]
    seen = [one.answer().tolist() for one in waiting]
    wanted = [model.predict(one, verbose=0).tolist() for one in rows]
    return "" if sizes == [1, 2, 1] and not different(seen, wanted) else f"{sizes}: {seen} in place of {wanted}"


@case
def features_of_wrong_size() -> str:
    model = keras.Sequential([keras.Input((None, 2)), layers.Conv1D(3, 4), layers.GlobalMaxPooling1D()])
    bad = [
        ([[[1, 2, 3]] * 5], codecs.JSON, "got rows of shape [5, 3]"),
        (npy(np.ones((1, 5, 3))), codecs.NPY, "got rows of shape [5, 3]"),
        ([[[1, 2]] * 2], codecs.JSON, "the model can't take these values"),
        ("1,2,3\n", codecs.CSV, "3 columns"),
    ]
    return refused(saved(model), bad)


@case
def images() -> str:
    for dtype in ("uint8", "float32"):
        model = keras.Sequential(
            [keras.Input((4, 5, 3), dtype=dtype), layers.Rescaling(1 / 255), layers.Conv2D(2, 2), layers.Flatten()]
        )
        pixels = random.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
        wanted = model.predict(pixels, verbose=0)
        csv = "\n".join(",".join(map(str, row.ravel())) for row in pixels)
        bodies: Requests = [(pixels.tolist(), codecs.JSON), (npy(pixels), codecs.NPY), (csv, codecs.CSV)]
        if problem := compare(saved(model), wanted, bodies) or compare(exported(model), wanted, bodies):
            return problem
        wrong = [(pixels[:, :3].tolist(), codecs.JSON, "shape"), (npy(pixels[..., :1]), codecs.NPY, "shape")]
        if problem := refused(saved(model), wrong):
            return problem
    return refused(exported(two_layers("uint8")), [([[300, 1, 2]], codecs.JSON, "300 is not in the range of uint8")])


def two_layers(dtype: str = "float32") -> Any:
    return keras.Sequential([keras.Input((3,), dtype=dtype), layers.Rescaling(0.5), layers.Dense(2)])


@case
def normalization_and_batch_normalization() -> str:
    normalization = layers.Normalization()
    normalization.adapt(random.normal(3, 2, (50, 3)))
    model = keras.Sequential([keras.Input((3,)), normalization, layers.BatchNormalization(), layers.Dense(2)])
    wanted = model.predict(np.array(NUMBERS), verbose=0)
    requests: Requests = [
        (NUMBERS, codecs.JSON),
        ({"inputs": NUMBERS}, codecs.JSON),
        ({"instances": [{"features": row} for row in NUMBERS]}, codecs.JSON),
        ({"signature_name": "serving_default", "instances": NUMBERS}, codecs.JSON),
        (npy(np.array(NUMBERS)), codecs.NPY),
        ("\n".join(",".join(map(str, row)) for row in NUMBERS), codecs.CSV),
    ]
    bad = [([[1e300, 2, 3]], codecs.JSON, "range of float32"), ([[1, 2]], codecs.JSON, "2 columns")]
    path = saved(model, "model.h5")
    return compare(path, wanted, requests) or compare(exported(model), wanted, requests) or refused(path, bad)


class Scores(tf.Module):  # type: ignore[misc]
    """A SavedModel with signatures of its own names, one of which answers the same classes whatever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.ones((2, 3)))

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def score(self, x: Any) -> Any:
        return {"scores": x @ self.weights, "classes": tf.constant(["a", "b", "c"])}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def centered(self, x: Any) -> Any:
        return {"difference": x - tf.reduce_mean(x, axis=0)}

    def save(self, *names: str, below: str = "1") -> Path:
        path = folder()
        tf.saved_model.save(self, str(path / below), signatures={name: getattr(self, name) for name in names})
        return path


@case
def outputs_that_are_not_by_row() -> str:
    wanted = {"scores": [[3.0] * 3, [7.0] * 3, [11.0] * 3], "classes": ["a", "b", "c"]}
    return compare(Scores().save("score"), wanted, [([[1, 2], [3, 4], [5, 6]], codecs.JSON)], key="outputs")


@case
def rows_that_depend_on_each_other_are_not_batched() -> str:
    path = Scores().save("centered")
    if loaded(path).batching:  # type: ignore[attr-defined]
        return "batched"
    return compare(path, [[-2.0, -2.0], [0.0, 0.0], [2.0, 2.0]], [([[1, 2], [3, 4], [5, 6]], codecs.JSON)])


@case
def a_signature_is_chosen() -> str:
    path = Scores().save("score", "centered")
    if problem := fails(path, "no serving_default", "SERVING_SIGNATURE", "centered, score"):
        return problem
    os.environ["SERVING_SIGNATURE"] = "centered"
    try:
        return compare(path, [[0.0, 0.0]], [([[1, 2]], codecs.JSON)])
    finally:
        del os.environ["SERVING_SIGNATURE"]


@case
def a_signature_that_is_not_there() -> str:
    class Handler(ModelHandler):
        signature = "classify"

    try:
        loaded(Scores().save("score"), Handler())
    except UnusableModel as error:
        return "" if "no signature classify" in str(error) and "one of score" in str(error) else str(error)
    return "no error"


@case
def the_highest_version_is_served() -> str:
    first, second = two_layers(), two_layers()
    path = folder()
    for number, model in (("2", first), ("10", second)):
        model.export(path / "export" / number, verbose=False)
    (path / "export/._saved_model.pb").write_bytes(b"of macOS")
    return compare(path, second.predict(np.array(NUMBERS), verbose=0), [(NUMBERS, codecs.JSON)])


@case
def files_beside_the_model() -> str:
    model = two_layers()
    path = saved(model)
    for name in ("._model.keras", ".DS_Store", "metrics.json", "best.weights.h5", "code/other.keras", "old.keras"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(b"something else")
    return compare(path, model.predict(np.array(NUMBERS), verbose=0), [(NUMBERS, codecs.JSON)])


@case
def no_model_or_several() -> str:
    empty, other, several = folder(), folder(), saved(two_layers(), "first.keras")
    (other / "model.onnx").write_bytes(b"")
    two_layers().save(several / "second.keras")
    return (
        fails(empty, "no model", "holds no file")
        or fails(other, "no model", "*.keras", "model.onnx")
        or fails(several, "first.keras, second.keras", "leave one")
    )


@case
def a_fixed_number_of_rows() -> str:
    model = keras.Sequential([keras.Input(batch_shape=(2, 3)), layers.Reshape((3, 1)), layers.LSTM(1, stateful=True)])
    bad = [(NUMBERS[:3], codecs.JSON, "exactly 2 rows")]
    return refused(saved(model), bad)


@case
def any_number_of_rows_for_a_model_built_with_its_first_rows() -> str:
    model = keras.Sequential([layers.Dense(1)])  # without an Input
    model(np.array(NUMBERS[:2]))
    assert model.inputs[0].shape == (2, 3)
    path, requests = saved(model), [(NUMBERS, codecs.JSON), (NUMBERS[:1], codecs.JSON)]
    return next(filter(None, (compare(path, model.predict(np.array(rows[0])), [rows]) for rows in requests)), "")


@case
def layers_of_the_owner() -> str:
    Path("code").mkdir(exist_ok=True)
    Path("code/my_layers.py").write_text(OWN_LAYERS)
    import my_layers  # type: ignore[import-not-found]

    model = keras.Sequential([keras.Input((3,)), my_layers.Registered(2.0), my_layers.Plain(), layers.Dense(1)])
    wanted = model.predict(np.array(NUMBERS), verbose=0)
    path, legacy = saved(model), saved(model, "model.h5")
    forget_own_layers()
    seen = compare(path, wanted, [(NUMBERS, codecs.JSON)]) or compare(legacy, wanted, [(NUMBERS, codecs.JSON)])
    Path("code/my_layers.py").unlink()
    forget_own_layers()
    return seen or fails(path, "my_layers", "my_layers.py into code/")


def forget_own_layers() -> None:
    keras.saving.get_custom_objects().pop("mine>Registered")
    del sys.modules["my_layers"]


OWN_LAYERS = """
import keras


@keras.saving.register_keras_serializable("mine")
class Registered(keras.layers.Layer):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class Plain(keras.layers.Layer):
    def call(self, x):
        return x + 1
"""


@keras.saving.register_keras_serializable("cases")
class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that is no graph of layers, so that it has no `inputs`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return {"raw": self.dense(x), "half": self.dense(x) / 2}


@case
def a_subclass_of_model() -> str:
    model = Subclassed()
    wanted = records(model.predict(np.array(NUMBERS), verbose=0))
    bad = [([[1, 2]], codecs.JSON, "2 columns")]
    path = saved(model)
    seen = compare(path, wanted, [(NUMBERS, codecs.JSON)]) or refused(path, bad)
    own = keras.saving.get_custom_objects().pop("cases>Subclassed")
    unknown = fails(path, "needs cases>Subclassed", "put that module into code/")
    keras.saving.get_custom_objects()["cases>Subclassed"] = own
    return seen or unknown


@case
def a_lambda_layer() -> str:
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x + 1)])
    return fails(saved(model), "Lambda layer", "enable_unsafe_deserialization()", "model_handler.py")


@case
def models_of_keras_2() -> str:
    path, archive = folder(), folder()
    with h5py.File(path / "model.h5", "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = KERAS_2
    with zipfile.ZipFile(archive / "model.keras", "w") as zipped:
        zipped.writestr("metadata.json", '{"keras_version": "2.15.0"}')
        zipped.writestr("config.json", KERAS_2)
        zipped.writestr("model.weights.h5", b"")
    words = ("saved by Keras 2.15.0", keras.__version__, "write tf-keras in requirements.in")
    return fails(path, "time_major", *words) or fails(archive, *words)


LSTM = {"name": "lstm", "units": 3, "time_major": False, "batch_input_shape": [None, 4, 2]}
KERAS_2 = json.dumps(
    {"class_name": "Sequential", "config": {"name": "sequential", "layers": [{"class_name": "LSTM", "config": LSTM}]}}
)


@case
def files_that_hold_no_model() -> str:
    weights, empty, broken, pointer = folder(), folder(), folder(), folder()
    two_layers().save_weights(weights / "model.weights.h5")
    (empty / "model.keras").touch()
    (broken / "saved_model.pb").write_bytes(b"nothing of the kind")
    (pointer / "model.keras").write_text("version https://git-lfs.github.com/spec/v1\n")
    return (
        fails(weights, "weights without a model")
        or fails(empty, "is empty")
        or fails(broken, "can't be loaded")
        or fails(pointer, "git lfs pull")
    )


@case
def predict_and_decode_of_the_owner_are_enough() -> str:
    class Ragged(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return {"double": 2 * x}

    class Own(TensorflowHandler):
        def decode(self, body: bytes, content_type: str) -> Any:
            return np.array([float(body)])

        def predict(self, model: Any, rows: Any) -> Any:
            return [model.signatures["serving_default"](x=tf.constant(row, tf.float32))["double"] for row in rows]

    path = exported(Ragged())
    if problem := fails(path, "the input x has no axis of rows", "override predict and decode"):
        return problem
    seen = loaded(path, Own())("21", codecs.CSV)
    return "" if seen == {"predictions": [42.0]} else str(seen)


def save_for_a_server(path: Path) -> None:
    """A model with inputs and outputs of all kinds, and requests of one and several rows with its own answers."""
    number = keras.Input((3,), name="number")
    city = keras.Input((1,), name="city", dtype="string")
    tokens = keras.Input((None,), name="tokens", dtype="int32")
    known = layers.StringLookup(vocabulary=["Bern", "Genève"], output_mode="one_hot")(city)
    read = layers.LSTM(2)(layers.Embedding(20, 3)(tokens))
    everything = layers.Concatenate()([number, known, read])
    model = keras.Model(
        [number, city, tokens], [layers.Dense(1, name="price")(everything), layers.Dense(2, name="kind")(everything)]
    )
    path.mkdir(exist_ok=True)
    model.save(path / "model.keras")
    asked = []
    for i in range(24):
        rows = 1 + i % 3
        inputs = {
            "number": random.normal(size=(rows, 3)).round(3).tolist(),
            "city": random.choice(CITIES, (rows, 1)).tolist(),
            "tokens": random.integers(0, 20, (rows, 2 + i // 6 % 2)).tolist(),
        }
        outputs = model.predict([tf.constant(value) for value in inputs.values()], verbose=0)
        document = {"inputs": inputs} if i % 2 else {"instances": records(inputs)}
        asked.append([document, records(dict(zip(["price", "kind"], outputs, strict=True)))])
    (path / "requests.json").write_text(json.dumps(asked))


def results() -> Iterator[tuple[str, str]]:
    for name, run in CASES.items():
        try:
            yield name, run()
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        save_for_a_server(Path(sys.argv[1]))
    print(json.dumps(dict(results())))
