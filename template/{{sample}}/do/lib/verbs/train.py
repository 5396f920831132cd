"""do/train: train the sample model on the Abalone data."""

from __future__ import annotations

import os
import sys

from lib import cli
from lib.cli import ROOT, ExitCode, VerbError
from lib.local import environment
from lib.model import artifacts
from lib.verbs import clean

EPILOG = """\
Trains in .venv, without a network. Writes the model to model/ in the format MODEL_FORMAT of do/config, and its
predictions for sample_model/request.json to sample_model/expected.json."""


def main() -> int:
    cli.parse(cli.parser("Train the sample model on the Abalone data.", EPILOG))
    artifacts.artifact()  # a MODEL_FORMAT that makes no sense is told before anything is set up
    refuse_to_replace_another_model()
    python = environment.training_python()
    for path in artifacts.trained_files():  # also a model in another format, which the server would stumble over
        clean.remove(path)
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, [str(python), str(ROOT / "sample_model" / "train.py")])


def refuse_to_replace_another_model() -> None:
    """Raise VerbError when model/ holds a model that do/train did not make."""
    others = [path.name for path in artifacts.contents() if path not in artifacts.trained()]
    if others:
        raise VerbError(
            f"model/ holds {', '.join(others)}, which do/train did not create: move it away first",
            ExitCode.BAD_CONFIGURATION,
        )
