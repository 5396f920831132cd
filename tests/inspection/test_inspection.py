"""What is found in models that real libraries saved, which are in models/ with their recipe, models/make.py."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from extensions.inspection import inspection

MODELS = Path(__file__).parent / "models"
inspected = inspection()

TABLE = {"age": "", "city": "", "height": ""}
MATRIX: dict[str, str] = {}
TYPED = {"age": "float", "rooms": "int", "city": "c"}

# file: framework, format, version, columns, the major version of numpy that it needs
FOUND: dict[str, tuple[str, str, str, dict[str, str], int]] = {
    "sklearn-1.2.pkl": ("sklearn", "pkl", "1.2.2", TABLE, 1),
    "sklearn-1.2.joblib": ("sklearn", "joblib", "1.2.2", TABLE, 1),
    "sklearn-1.2.zlib.joblib": ("sklearn", "joblib", "1.2.2", TABLE, 1),
    "sklearn-1.2.boosting.pkl": ("sklearn", "pkl", "1.2.2", MATRIX, 1),
    "sklearn-1.5.pkl": ("sklearn", "pkl", "1.5.2", TABLE, 2),
    "sklearn-1.5.joblib": ("sklearn", "joblib", "1.5.2", TABLE, 2),
    "sklearn-1.5.zlib.joblib": ("sklearn", "joblib", "1.5.2", TABLE, 2),
    "sklearn-1.5.boosting.pkl": ("sklearn", "pkl", "1.5.2", MATRIX, 2),
    "sklearn-1.9.pkl": ("sklearn", "pkl", "1.9.1", TABLE, 2),
    "sklearn-1.9.joblib": ("sklearn", "joblib", "1.9.1", TABLE, 2),
    "sklearn-1.9.zlib.joblib": ("sklearn", "joblib", "1.9.1", TABLE, 2),
    "sklearn-1.9.boosting.pkl": ("sklearn", "pkl", "1.9.1", MATRIX, 2),
    "skops-0.16.skops": ("sklearn", "joblib", "1.9.1", TABLE, 0),
    "xgboost-3.4.json": ("xgboost", "json", "3.4.1", TYPED, 0),
    "xgboost-3.4.ubj": ("xgboost", "ubj", "3.4.1", TYPED, 0),
    "catboost-1.2.cbm": ("catboost", "cbm", "1.2.10", MATRIX, 0),
    "catboost-1.2.json": ("catboost", "json", "1.2.10", {"age": "float", "city": "c"}, 0),
    "lightgbm-4.7.txt": ("lightgbm", "txt", "", {"age": "", "city": "c"}, 0),
    "lightgbm-4.7.matrix.txt": ("lightgbm", "txt", "", MATRIX, 0),
    "skl2onnx-1.20.onnx": ("onnx", "onnx", "1.20.0", {"age": "float", "city": "string"}, 0),
    "mlflow-3.17": ("mlflow", "MLmodel", "3.17.2", {"age": "double", "rooms": "long"}, 0),
    "torch-2.13.pt2": ("pytorch", "pt2", "2.13.0", {"tokens": "int64", "weight": "float"}, 0),
    "torch-2.13.pt": ("pytorch", "pt", "", {"tokens": "int64", "weight": "float32"}, 0),
    "torch-2.13.weights.pt": ("pytorch", "pt", "", MATRIX, 0),
    "torch-2.13.module.pt": ("pytorch", "pt", "", MATRIX, 0),
    "tensorflow-2.21.keras": ("tensorflow", "keras", "3.15.1", MATRIX, 0),
    "tensorflow-2.21.h5": ("tensorflow", "h5", "3.15.1", MATRIX, 0),
    "tensorflow-2.21": ("tensorflow", "SavedModel", "2.21.0", {"row": "float"}, 0),
}
FILES = [name for name in FOUND if (MODELS / name).is_file()]


def look_at(path: Path) -> Any:
    with inspected.inspect(path) as model:
        return model.findings


# a pickle's class, and the framework that serves it, by the formats of each
SERVED_AS = [
    ("sklearn.svm", "SVC", "sklearn"),
    ("lightgbm.sklearn", "LGBMClassifier", "lightgbm"),
    ("xgboost.sklearn", "XGBClassifier", "sklearn"),  # which has no pickles of its own
    ("imblearn.pipeline", "Pipeline", "sklearn"),
    ("__main__", "Mine", "sklearn"),
]
FORMATS = {"sklearn": ["pkl"], "xgboost": ["json"], "lightgbm": ["txt", "pkl"]}


@pytest.mark.parametrize(("module", "name", "framework"), SERVED_AS)
def test_a_pickle_is_served_by_the_framework_of_its_class(
    module: str, name: str, framework: str, tmp_path: Path
) -> None:
    # what protocol 2 writes for an object of this class: NEWOBJ
    (tmp_path / "model.pkl").write_bytes(f"\x80\x02c{module}\n{name}\n)\x81.".encode("latin-1"))

    assert look_at(tmp_path / "model.pkl").settled(FORMATS).framework == framework


@pytest.mark.parametrize("name", FOUND)
def test_a_model_tells_what_saved_it_and_its_columns(name: str) -> None:
    found = look_at(MODELS / name)

    assert (found.framework, found.model_format, found.version, found.columns, found.numpy) == FOUND[name]


def test_every_model_that_is_kept_here_is_looked_at() -> None:
    assert {path.name for path in MODELS.iterdir()} - {"make.py", "__pycache__"} == {*FOUND}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_said_to_be_so_or_is_no_model(name: str, share: float, tmp_path: Path) -> None:
    content = (MODELS / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])

    with pytest.raises((inspected.Unreadable, inspected.NoModel)) as caught:
        look_at(tmp_path / name)

    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["tensorflow-2.21.keras", "tensorflow-2.21.h5"])
def test_layers_of_the_owner_are_named(name: str) -> None:
    assert look_at(MODELS / name).own_classes == ("mine>Doubled",)


def test_an_mlflow_model_is_its_folder_with_its_code_and_tells_what_it_needs() -> None:
    with inspected.inspect(MODELS / "mlflow-3.17") as model:
        assert model.path == MODELS / "mlflow-3.17"
        assert model.code is None
        assert model.findings.requires == ("mlflow==3.17.2", "scikit-learn==1.5.2", "numpy==2.4.6")
        assert model.findings.python == "3.11"
    with inspected.inspect(MODELS / "mlflow-3.17/MLmodel") as model:
        assert model.path == MODELS / "mlflow-3.17"


def test_an_mlflow_model_of_an_old_version_needs_what_its_conda_yaml_lists(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors:\n  python_function:\n    python_version: 3.7.10\n")
    (tmp_path / "conda.yaml").write_text(
        "channels:\n- defaults\ndependencies:\n- python=3.7.10\n- pip:\n  - mlflow\n  - scikit-learn==0.24.1\nname: x\n"
    )

    found = look_at(tmp_path)

    assert (found.requires, found.python, found.columns) == (("mlflow", "scikit-learn==0.24.1"), "3.7", {})


@pytest.mark.parametrize("content", ["", "flavors:\n  crate:\n    version: 1\n", "\u0000", "flavors: {"])
def test_an_mlmodel_that_python_cannot_call_is_said_to_be_so(content: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(content)
    (tmp_path / "model.pkl").write_bytes((MODELS / "sklearn-1.9.pkl").read_bytes())  # a part of it, not the model

    with pytest.raises(inspected.Unreadable, match="no flavor python_function"):
        look_at(tmp_path)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_in_a_pickle_is_run(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps({"model": Trap(tmp_path / "sprung")}, protocol=protocol)
    (tmp_path / "model.pkl").write_bytes(content)

    look_at(tmp_path / "model.pkl")
    assert not (tmp_path / "sprung").exists()

    pickle.loads(content)  # it is a trap
    assert (tmp_path / "sprung").exists()


def test_modules_that_loading_needs_are_named(tmp_path: Path) -> None:
    # what protocol 0 writes for classes of an own module and of a notebook
    (tmp_path / "model.pkl").write_bytes(b"\x80\x02(cmy_features.steps\nRatio\nc__main__\nTwice\ncsklearn.svm\nSVC\nt.")

    found = look_at(tmp_path / "model.pkl")

    assert found.modules == ("my_features", "sklearn")
    assert found.own_classes == ("Twice",)


def test_what_is_packed_as_only_a_package_can_unpack_it_needs_that_package(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"\x04\x22\x4d\x18\x40\x40\xc0")  # lz4's

    assert "skops" in look_at(MODELS / "skops-0.16.skops").modules
    assert look_at(tmp_path / "model.joblib").modules == ("joblib", "lz4")


DUMPS = [
    (b'[\n  { "nodeid": 0, "depth": 0, "split": "f1"', "XGBoost"),
    (b'{"name": "tree", "version": "v4", "num_class": 1', "LightGBM"),
]


@pytest.mark.parametrize(("begin", "library"), DUMPS)
def test_a_dump_that_no_library_loads_is_said_to_be_one(begin: bytes, library: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(begin)

    with pytest.raises(inspected.Unreadable, match=rf"dump_model writes, which {library} can't load.*save_model"):
        look_at(tmp_path / "model.json")


def test_the_old_binary_format_of_xgboost_is_named(tmp_path: Path) -> None:
    """https://github.com/dmlc/xgboost/issues/11758; the beginning is that of a file of XGBoost 1.7.6."""
    (tmp_path / "model.model").write_bytes(b"binf\x00\x00\x00\x3f\x03\x00\x00\x00")

    with pytest.raises(inspected.Unreadable, match=r"old binary format, which XGBoost 3.1 and later can't load"):
        look_at(tmp_path / "model.model")


def test_pytorchs_old_format_is_told_from_a_pickle_of_an_estimator(tmp_path: Path) -> None:
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})  # how torch.save began until PyTorch 1.5
    (tmp_path / "model.pth").write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))

    found = look_at(tmp_path / "model.pth")
    assert (found.framework, found.model_format) == ("pytorch", "pt")


def test_a_page_about_a_build_is_no_version(tmp_path: Path) -> None:
    content = (MODELS / "skl2onnx-1.20.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(content.replace(b"1.20.0", b"Git in"))

    assert look_at(tmp_path / "model.onnx").version == ""


@pytest.mark.parametrize("part", ["net.onnx.data", "weights/net.bin"])
def test_weights_beside_an_onnx_file_are_parts_of_it_and_must_be_there(part: str, tmp_path: Path) -> None:
    def field(number: int, value: bytes) -> bytes:  # of Protocol Buffers
        return bytes([number << 3 | 2, len(value)]) + value

    location = field(1, b"location") + field(2, part.encode())
    weights = field(7, field(5, field(13, location)))  # the graph's initializer's external_data
    (tmp_path / "net.onnx").write_bytes((MODELS / "skl2onnx-1.20.onnx").read_bytes() + weights)

    with pytest.raises(inspected.Unreadable, match=f"its weights are in {part}, which must lie beside it"):
        look_at(tmp_path / "net.onnx")
    (tmp_path / part).parent.mkdir(exist_ok=True)
    (tmp_path / part).touch()
    assert look_at(tmp_path / "net.onnx").parts == (part,)


OTHERS = {
    "model.zip": (b"PK\x03\x04\x14\0", "model.zip is a zip archive: unpack it"),
    "model.safetensors": (b"\x10\0\0\0\0\0\0\0{}", "without the network: save it with torch.export.save"),
    "model.tflite": (b"\x20\0\0\0TFL3", "give the .keras file or SavedModel"),
    "model.weights.h5": (b"\x89HDF\r\n\x1a\n", "HDF5 without a Keras model"),
    "model.pmml": (b"<?xml version", "XML, such as PMML"),
    "train.PY": (b"import x", "source code: give the file that it saves the model to"),
    "ckpt-1.index": (b"\0\0", "a checkpoint of weights"),
    "model.pkl": (b"", "model.pkl is empty"),
    "model.onnx": (b"version https://git-lfs.github.com/spec/v1", "run git lfs pull"),
    "notes": (b"Notes", "notes is no model that a framework here saves"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_said_to_be_one_with_what_to_give_instead(name: str, tmp_path: Path) -> None:
    content, words = OTHERS[name]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(inspected.NoModel, match=re.escape(words)):
        look_at(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [b"", b"age,city\n1,Bern\n", b"\x89PNG\r\n\x1a\n", b'{"a": 1}', b"(" * 40, random.Random(7).randbytes(99)],
)
def test_another_file_is_no_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises((inspected.NoModel, inspected.Unreadable)):
        look_at(tmp_path / "file")


# files of an archive: which is the model, and whether there is a folder of the owner's code
ARCHIVES: dict[str, tuple[list[str], str, bool]] = {
    "flat": (["sklearn-1.5.pkl"], "sklearn-1.5.pkl", False),
    "in a folder": (["./model/sklearn-1.5.pkl"], "sklearn-1.5.pkl", False),
    "with code": (["sklearn-1.5.pkl", "code/inference.py", "code/sklearn-1.2.pkl"], "sklearn-1.5.pkl", True),
    "of the built-in XGBoost": (["xgboost-3.4.ubj:xgboost-model"], "xgboost-model", False),
    "with the hidden files of macOS": (["sklearn-1.5.pkl", "sklearn-1.5.pkl:._model.pkl"], "sklearn-1.5.pkl", False),
    "with metrics": (["xgboost-3.4.json", "metrics.json"], "xgboost-3.4.json", False),
    "with an encoder": (["sklearn-1.5.pkl:encoder.pkl", "sklearn-1.5.pkl:model.pkl"], "model.pkl", False),
    "of files outside": (["sklearn-1.5.pkl", "sklearn-1.2.pkl:../../evil.pkl"], "sklearn-1.5.pkl", False),
}
UNCLEAR = {
    "of two models": (["sklearn-1.5.pkl", "sklearn-1.2.pkl"], "2 models (sklearn-1.2.pkl, sklearn-1.5.pkl)"),
    "of none": (["metrics.json"], "no model (metrics.json)"),
}


def archive(path: Path, files: list[str]) -> Path:
    """A .tar.gz of models, `SOURCE` or `SOURCE:NAME`, that nobody may read."""
    with tarfile.open(path, "w:gz") as opened:
        for file in files:
            source, _, name = file.partition(":")
            kept = MODELS / Path(source).name
            content = kept.read_bytes() if kept.exists() else b"{}"
            member = tarfile.TarInfo(name or source)
            member.size, member.mode = len(content), 0
            opened.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("case", ARCHIVES)
def test_the_model_in_an_archive_is_found(case: str, tmp_path: Path) -> None:
    files, expected, has_code = ARCHIVES[case]

    with inspected.inspect(archive(tmp_path / "model.tar.gz", files)) as model:
        assert model.path.name == expected
        assert (model.code is not None) == has_code
        assert os.access(model.path, os.R_OK)


@pytest.mark.parametrize("case", UNCLEAR)
def test_an_archive_without_one_model_is_refused_with_what_it_holds(case: str, tmp_path: Path) -> None:
    files, reason = UNCLEAR[case]
    path = archive(tmp_path / "model.tar.gz", files)

    with pytest.raises(inspected.NoModel, match=re.escape(reason)), inspected.inspect(path):
        pass
