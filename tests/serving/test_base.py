"""Which file in the model's folder is the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.handlers.base import ModelFileMissing, UnusableModel, find_model


def folder_with(folder: Path, *names: str, content: bytes = b"a model") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["churn.json"], "churn.json"),
        (["model.json", "._model.json", ".DS_Store"], "model.json"),  # as macOS writes archives
        (["model.json", "metrics.json"], "model.json"),
        (["xgboost-model"], "xgboost-model"),  # as SageMaker's XGBoost writes it
        (["output/model.json", "output/log.txt"], "output/model.json"),
        (["model.json", "code/settings.json"], "model.json"),
        (["churn.json", "old/model.json"], "churn.json"),
    ],
)
def test_the_one_model_is_found(tmp_path: Path, names: list[str], found: str) -> None:
    folder = folder_with(tmp_path, *names)

    assert find_model(folder, (".json",), names=("xgboost-model",)) == folder / found


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.json", "b.json"], "holds a.json, b.json: leave one"),
        (["model.bin"], "it should hold one file \\*.json, and holds model.bin"),
        ([], "and holds no file"),
        (["._model.json"], "and holds no file"),
    ],
)
def test_what_is_there_is_named_where_there_is_not_one_model(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(ModelFileMissing, match=said):
        find_model(folder_with(tmp_path, *names), (".json",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "a pointer of Git LFS, .* git lfs pull",
        ),
        (b"", "model.json is empty"),
    ],
)
def test_a_file_that_holds_no_model_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UnusableModel, match=said):
        find_model(folder_with(tmp_path, "model.json", content=content), (".json",))
