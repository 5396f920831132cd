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
from functools import wraps
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import copier
import copier._main
import copier._template
import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[1]

# What Copier needs of this repository.
TEMPLATE_PARTS = ["copier.yml", "extensions", "migrations", "questions", "tasks", "template"]


def copy_part(source: Path, target: Path) -> None:
    """Copy a file, or a folder without the caches in it."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".venv", ".*_cache"))
    else:
        shutil.copy(source, target)


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
        return once(self.folder / "template", self._copy_template)

    @staticmethod
    def _copy_template(folder: Path) -> None:
        for part in TEMPLATE_PARTS:
            copy_part(ROOT / part, folder / part)

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
    shutil.copytree(rendered, target, symlinks=True, dirs_exist_ok=True)
    for source in (target / "do" / "lib").rglob("*.py"):
        name = Path(importlib.util.cache_from_source(str(source)))
        name.parent.mkdir(exist_ok=True)
        shutil.copy(_bytecode(source, rendered.parent), name)
    return target


def _bytecode(source: Path, folder: Path) -> Path:
    """The bytecode of a source, compiled once. Python looks at the source's content, so edits count."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:24]
    compiled = folder / "bytecode" / digest
    if not compiled.exists():
        py_compile.compile(
            str(source), str(compiled), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
    return compiled


@pytest.fixture(scope="session", autouse=True)
def fast_copier() -> Iterator[None]:
    """Let Copier do in a third of its time what comes to the same.

    It compiles the parts of each path and each question anew in every run: here each string is compiled once a process.
    It parses the questions in Python: here in C. It asks git for core.fileMode after each file: nobody sets that here.
    Tests that start `copier` as a user does have it as it is.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copier._main.Worker, "_sync_git_index_executable_bit", lambda *_: None)
        patch.setattr(jinja2.Environment, "compile", memoized(jinja2.Environment.compile))
        patch.setattr(copier._template, "yaml", SimpleNamespace(**{**vars(yaml), "SafeLoader": yaml.CSafeLoader}))
        yield


LEXER = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline", "sandboxed", "undefined"),
    *("autoescape", "finalize", "optimized", "is_async"),
)


def memoized(compile_: Callable[..., CodeType]) -> Callable[..., Any]:
    """Jinja's `compile` that remembers the code of each source by all that it depends on."""
    codes: dict[Any, CodeType] = {}

    @wraps(compile_)
    def compile_once(
        self: jinja2.Environment, source: Any, name: Any = None, filename: Any = None, raw: bool = False, **more: Any
    ) -> Any:
        if raw or more or not isinstance(source, str):
            return compile_(self, source, name, filename, raw, **more)
        known = frozenset(self.filters) | frozenset(self.tests)
        key = (source, name, filename, type(self), tuple(self.extensions), known, *(getattr(self, a) for a in LEXER))
        if key not in codes:
            codes[key] = compile_(self, source, name, filename)
        return codes[key]

    return compile_once
