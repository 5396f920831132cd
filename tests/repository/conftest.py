"""The built site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.programs import tool


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as readers see it, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    built = tool("mkdocs", "build", "--strict", "--site-dir", folder, folder=ROOT, NO_MKDOCS_2_WARNING="1")
    assert built.returncode == 0, built.stderr
    return folder
