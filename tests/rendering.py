"""Renders of the template, each made once for all workers of a run, and what makes Copier fast in tests."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import py_compile
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier
import pytest
from plumbum import local

from extensions.template_parts import copy_template
from tests.fast_copier import speed_up

# The id of the projects in the tests; another one has to be given.
PROJECT_ID = "ofalltests"


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the whole run, which its workers share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(target: Path, make: Callable[[Path], object]) -> Path:
    """Let one of the workers make this folder, and the others wait for it."""
    if target.exists():  # it gets its name when it is complete
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            partial = target.with_name(f"{target.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(target)
    return target


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep other processes from doing the same at the same time."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Renders:
    """The projects that the template renders to, in a folder. Tests don't write into them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def template(self) -> Path:
        """The template without git: nothing to clone for a render, and it has the edits that aren't committed."""
        return once(self.folder / "template", copy_template)

    def __call__(self, **answers: Any) -> Path:
        """The project that these answers make."""
        key = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]

        def render(folder: Path) -> None:
            copier.run_copy(
                str(self.template),
                folder,
                data={"project_name": "my-model", **answers},
                defaults=True,
                overwrite=True,
                quiet=True,
                unsafe=True,
                skip_tasks=True,
            )

        return once(self.folder / key, render)


def copy_project(rendered: Path, target: Path) -> Path:
    """A copy of a rendered project to work in, with the bytecode of its verbs, which is compiled once for all.

    Tests of what a project has that nobody has used yet, such as those of do/clean, copy the render itself.
    """
    target.mkdir(parents=True, exist_ok=True)
    local["cp"]("-a", f"{_with_bytecode(rendered)}/.", target)  # in a fifth of the time of shutil.copytree
    return target


def _with_bytecode(rendered: Path) -> Path:
    """A rendered project that has been used: made once."""

    def make(folder: Path) -> None:
        shutil.copytree(rendered, folder, symlinks=True, dirs_exist_ok=True)
        for source in (folder / "do" / "lib").rglob("*.py"):
            name = Path(importlib.util.cache_from_source(str(source)))
            name.parent.mkdir(exist_ok=True)
            shutil.copy(_bytecode(source, rendered.parent), name)

    return once(rendered.with_name(f"{rendered.name}-with-bytecode"), make)


def _bytecode(source: Path, folder: Path) -> Path:
    """The bytecode of a source, compiled once. Python looks at the source's content, so edits count."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:24]
    compiled = folder / "bytecode" / digest
    if not compiled.exists():
        py_compile.compile(
            str(source), str(compiled), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
    return compiled


def kept_by_fast_copier(factory: pytest.TempPathFactory) -> Path:
    """Where what tests/fast_copier.py keeps is, for all processes of the run."""
    return shared_folder(factory) / "fast_copier"


@pytest.fixture(scope="session", autouse=True)
def fast_copier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let Copier do in a third of its time what comes to the same, see tests/fast_copier.py."""
    with pytest.MonkeyPatch.context() as patch:
        speed_up(kept_by_fast_copier(tmp_path_factory), patch.setattr)
        yield
