"""do/train makes the same sample model every time, from the real data, and replaces no other model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs import git
from tests.verbs.conftest import refusal, run, stamp

# What stands in for a framework here: the training's own parts run, in the environment of these tests.
TRAIN = """
import abalone
import numpy as np

data = abalone.read()
weights, *_ = np.linalg.lstsq(data.train_rows, data.train_rings, rcond=None)
metrics = abalone.check_quality(data.test_rows @ weights * {quality}, data.test_rings)
with abalone.new_model() as file:
    file.write_bytes(weights.tobytes())
    abalone.keep(file, abalone.request_rows() @ weights, metrics, abalone.COLUMNS)
"""


@pytest.fixture
def trainable(project: Path, verbs_environment: Path) -> Path:
    """A project whose training needs no framework."""
    stamp(verbs_environment, project / "do" / "requirements.txt", project / "requirements.txt")
    (project / ".venv").symlink_to(verbs_environment)
    (project / "sample_model" / "train.py").write_text(TRAIN.format(quality=1))
    return project


def expected(project: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project / "sample_model" / "expected.json").read_text())
    return document


def test_it_leaves_a_model_and_its_answers_and_says_what_to_type_next(trainable: Path) -> None:
    done = run(trainable, "train")

    assert done.returncode == 0, done.stderr
    quality, saved, following = done.stdout.splitlines()
    assert quality.endswith("on 836 abalones that the model was not trained with")
    assert saved == "saved model/model.pkl and its answers in sample_model/expected.json"
    assert following == "next: do/serve, then in another terminal do/test or do/invoke"
    assert len(expected(trainable)["predictions"]) == len(requested(trainable))
    assert expected(trainable)["columns"][0] == "Sex"
    assert 0.4 <= expected(trainable)["metrics"]["r2"] <= 1


def requested(project: Path) -> list[list[float]]:
    rows: list[list[float]] = json.loads((project / "sample_model" / "request.json").read_text())["instances"]
    return rows


def test_two_trainings_give_the_same(trainable: Path) -> None:
    run(trainable, "train")
    first = (trainable / "model" / "model.pkl").read_bytes(), expected(trainable)

    run(trainable, "train")

    assert ((trainable / "model" / "model.pkl").read_bytes(), expected(trainable)) == first


def test_data_that_is_not_the_original_is_refused_in_one_line(trainable: Path) -> None:
    """Predecessor E: where the data was missing, the sample was trained with made-up data, and nobody was told."""
    with (trainable / "sample_model" / "abalone.data").open("a") as file:
        file.write("M,1,1,1,1,1,1,1,1\n")

    line = refusal(run(trainable, "train"), 1)

    assert line.startswith("sample_model/abalone.data is not the original (sha256 ")
    assert line.endswith("): run git checkout sample_model/abalone.data")
    assert not (trainable / "model" / "model.pkl").exists()


def test_a_poor_model_is_not_kept(trainable: Path) -> None:
    (trainable / "sample_model" / "train.py").write_text(TRAIN.format(quality=0))

    done = run(trainable, "train")

    assert done.returncode == 1
    assert done.stderr.startswith("the model is no good (R2 ")
    assert list((trainable / "model").glob("[!.]*")) == []


def test_another_format_takes_the_place_of_the_first(trainable: Path) -> None:
    run(trainable, "train")
    answers = trainable / "do" / "lib" / "answers.json"  # as do/update --data model_format=joblib leaves it
    answers.write_text(answers.read_text().replace('"MODEL_FORMAT": "pkl"', '"MODEL_FORMAT": "joblib"'))

    run(trainable, "train")

    assert [path.name for path in (trainable / "model").glob("[!.]*")] == ["model.joblib"]


def test_a_model_of_the_users_own_is_not_replaced(trainable: Path) -> None:
    (trainable / "model" / "model.pkl").write_bytes(b"the user's own")

    line = refusal(run(trainable, "train"), 3)

    assert line == "do/train: model/ holds model.pkl, which do/train did not create: move it away first"
    assert (trainable / "model" / "model.pkl").read_bytes() == b"the user's own"


def test_a_training_that_breaks_leaves_no_half_model(trainable: Path) -> None:
    script = trainable / "sample_model" / "train.py"
    script.write_text(
        script.read_text().replace("    abalone.keep", "    raise OSError('disk full')\n    abalone.keep")
    )

    assert run(trainable, "train").returncode == 1
    assert [path.name for path in (trainable / "model").iterdir()] == [".gitignore"]


def test_git_keeps_neither_the_model_nor_its_answers(trainable: Path) -> None:
    git(trainable, "init", "--quiet")
    run(trainable, "train")

    listed = git(trainable, "ls-files", "--others", "--exclude-standard").splitlines()

    assert "model/.gitignore" in listed
    assert "sample_model/request.json" in listed
    assert not {"model/model.pkl", "sample_model/expected.json"} & set(listed)


def test_the_data_is_the_real_one(project: Path) -> None:
    content = (project / "sample_model" / "abalone.data").read_bytes()

    assert hashlib.sha256(content).hexdigest() == "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f"
    assert content.count(b"\n") == 4177


def test_sexes_become_the_same_numbers_with_every_version_of_pandas(trainable: Path) -> None:
    """Predecessor F.2-4: they stayed letters with pandas 3, which has another type for text."""
    (trainable / "sample_model" / "train.py").write_text(
        "import abalone; import numpy as np; print(np.unique(abalone.read().train_rows[:, 0]).tolist())"
    )

    assert run(trainable, "train").stdout == "[0.0, 1.0, 2.0]\n"
