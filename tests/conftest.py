"""What all tests share: a clean environment, the template without git, and renders of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import copier
import pytest

ROOT = Path(__file__).parents[1]

# What Copier needs of this repository.
TEMPLATE_PARTS = ["copier.yml", "extensions", "migrations", "questions", "tasks", "template"]


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No answers in the environment, no settings of the user's, and no Hugging Face Hub to ask."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in os.environ:
            if variable.startswith("MCC_") or variable == "AWS_REGION":
                patch.delenv(variable)
        settings = tmp_path_factory.mktemp("settings") / "settings.yml"
        settings.write_text("{}\n")
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """The parts that pytest-copier makes its template of; it would take .git and .venv too."""
    return TEMPLATE_PARTS


@pytest.fixture(scope="session")
def plain_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without git: nothing to clone for a render, and it has the edits that aren't committed."""
    target = tmp_path_factory.mktemp("template")
    for part in TEMPLATE_PARTS:
        copy_part(ROOT / part, target / part)
    return target


def copy_part(source: Path, target: Path) -> None:
    """Copy a file, or a folder without the caches in it."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".venv", ".*_cache"))
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="session")
def render(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that renders a project with these answers, once for all tests: don't write into it."""
    rendered: dict[str, Path] = {}

    def render(**answers: Any) -> Path:
        key = repr(sorted(answers.items()))
        if key not in rendered:
            rendered[key] = tmp_path_factory.mktemp("project")
            copier.run_copy(
                str(plain_template),
                rendered[key],
                data={"project_name": "my-model", **answers},
                defaults=True,
                overwrite=True,
                quiet=True,
                unsafe=True,
                skip_tasks=True,
            )
        return rendered[key]

    return render
