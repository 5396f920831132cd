"""Lets Copier do in a third of its time what comes to the same.

It compiles the parts of each path and each question again in every run: here each string is compiled once, for all
processes that share a folder, and what is no template is taken as it is. It asks for the answers file's name at each
part of each path: here once a render. It parses the questions in Python: here in C. It asks git for core.fileMode after
each file: nobody sets that here. Tests that start `copier` as a user does have it as it is.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import copier._main
import copier._template
import jinja2
import yaml

LEXER = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline", "sandboxed", "undefined"),
    *("autoescape", "finalize", "optimized", "is_async"),
)


def speed_up(folder: Path, replace: Callable[[Any, str, Any], object] = setattr) -> None:
    """Change Copier in this process. `folder`: where compiled strings are kept; `replace`: in place of `setattr`."""
    folder.mkdir(parents=True, exist_ok=True)
    worker = copier._main.Worker
    replace(worker, "_sync_git_index_executable_bit", lambda *_: None)
    replace(worker, "_render_string", plain_as_it_is(worker._render_string))
    render, name = known_while_rendering(worker._render_template, worker.answers_relpath)
    replace(worker, "_render_template", render)
    replace(worker, "answers_relpath", name)
    replace(jinja2.Environment, "compile", memoized(jinja2.Environment.compile, folder))
    replace(copier._template, "yaml", SimpleNamespace(**{**vars(yaml), "SafeLoader": yaml.CSafeLoader}))


def plain_as_it_is(render: Callable[..., str]) -> Callable[..., str]:
    """Copier's `_render_string` that renders only what may be a template."""

    @wraps(render)
    def render_string(self: Any, string: str, extra_context: Any = None) -> str:
        return render(self, string, extra_context) if "{" in string or "\n" in string else string

    return render_string


def known_while_rendering(render: Callable[..., None], name: Any) -> tuple[Callable[..., None], property]:
    """Copier's `_render_template`, and its `answers_relpath`, which depends on answers that are given by then."""
    known: dict[int, Path] = {}

    @wraps(render)
    def render_template(self: Any) -> None:
        known[id(self)] = name.fget(self)
        try:
            render(self)
        finally:
            del known[id(self)]

    return render_template, property(lambda self: known.get(id(self)) or name.fget(self))


def memoized(compile_: Callable[..., CodeType], folder: Path) -> Callable[..., Any]:
    """Jinja's `compile` that remembers the code of each source by all that it depends on."""
    codes: dict[Any, CodeType] = {}
    environments: WeakKeyDictionary[jinja2.Environment, tuple[Any, ...]] = WeakKeyDictionary()

    @wraps(compile_)
    def compile_once(
        self: jinja2.Environment, source: Any, name: Any = None, filename: Any = None, raw: bool = False, **more: Any
    ) -> Any:
        if raw or more or not isinstance(source, str):
            return compile_(self, source, name, filename, raw, **more)
        if self not in environments:
            environments[self] = _environment(self)
        key = (source, name, filename, environments[self])
        if key not in codes:
            codes[key] = _kept(folder, key, lambda: compile_(self, source, name, filename))
        return codes[key]

    return compile_once


def _environment(environment: jinja2.Environment) -> tuple[Any, ...]:
    """What the code of a source depends on besides the source."""
    names = sorted({*environment.filters, *environment.tests, *environment.extensions})
    return (type(environment).__qualname__, *names, *(str(getattr(environment, option)) for option in LEXER))


def _kept(folder: Path, key: Any, compile_: Callable[[], CodeType]) -> CodeType:
    file = folder / hashlib.sha256(repr(key).encode()).hexdigest()[:32]
    try:
        code: CodeType = marshal.loads(file.read_bytes())
    except FileNotFoundError:
        code = compile_()
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(marshal.dumps(code))
        partial.rename(file)
    return code
