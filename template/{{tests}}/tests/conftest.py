"""What the tests share. Run do/test --pytest to run them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "do")]  # for the packages `serving` and `lib`

from lib.checks.http import reference  # noqa: E402


@pytest.fixture(scope="session")
def expected() -> reference.Reference:
    """Rows that the model in model/ can answer, and what it answers."""
    return reference.load(request=None, model_dir=None)
