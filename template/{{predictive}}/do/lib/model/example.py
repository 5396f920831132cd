"""The request that verbs send when they are given none."""

from __future__ import annotations

from pathlib import Path

from lib.cli import ROOT, ExitCode, VerbError

OWN_REQUEST = ROOT / "example_request.json"  # the user's: a request that their model can answer
SAMPLE_REQUEST = ROOT / "sample_model" / "request.json"


def request_file() -> Path:
    """The user's example request, else the sample model's. Raises VerbError where there is neither."""
    for file in (OWN_REQUEST, SAMPLE_REQUEST):
        if file.exists():
            return file
    raise VerbError(
        "there is no example request: pass --file, or write a request that the model can answer "
        'to example_request.json, such as {"instances": [[1, 2, 3]]}',
        ExitCode.MISSING_FILE,
    )
