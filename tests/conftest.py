"""What all tests share: a clean environment, the template without git, and renders of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extensions.template_parts import ROOT, TEMPLATE_PARTS
from tests.rendering import PROJECT_ID, Renders, fast_copier, shared_folder

__all__ = ["PROJECT_ID", "ROOT", "fast_copier"]

pytest_plugins = ["tests.memory", "tests.schedule", "tests.times"]


def pytest_configure() -> None:
    """Let what the tests start take ctrl-C, as in a terminal: in the background of a shell, programs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No answers in the environment, no settings of the user's, no Hugging Face Hub to ask, and no bytecode kept."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in os.environ:
            if variable.startswith("MCC_") or variable == "AWS_REGION":
                patch.delenv(variable)
        settings = tmp_path_factory.mktemp("settings") / "settings.yml"
        settings.write_text("{}\n")
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        patch.setenv("HF_HUB_OFFLINE", "1")
        # what uv and pyenv have installed on this machine is no matter of the tests': only the Python that runs them is
        patch.setenv("UV_PYTHON_INSTALL_DIR", str(settings.with_name("pythons")))
        patch.setenv("PYENV_ROOT", str(settings.with_name("pyenv")))
        # random for users; here two renders of the same answers are the same
        patch.setenv("MCC_PROJECT_ID", PROJECT_ID)
        # no file of Python's own appears in the renders that all tests share
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        patch.setattr(sys, "dont_write_bytecode", True)
        yield


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """The parts that pytest-copier makes its template of; it would take .git and .venv too."""
    return [*TEMPLATE_PARTS]


@pytest.fixture(scope="session")
def render(tmp_path_factory: pytest.TempPathFactory) -> Renders:
    """A function that renders a project with these answers, once for all tests and workers: don't write into it."""
    return Renders(shared_folder(tmp_path_factory) / "renders")


@pytest.fixture(scope="session")
def plain_template(render: Renders) -> Path:
    """The template without git: nothing to clone for a render, and it has the edits that aren't committed."""
    return render.template
