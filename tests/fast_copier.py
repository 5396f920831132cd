"""Lets Copier do in a third of its time what comes to the same.

It compiles the parts of each path and each question again in every run: here each string is compiled once, for all
processes that share a folder, and what is no template is taken as it is. It renders each part of each path, and asks
for all answers and for the name of their file there: here once a render. It parses the questions in Python: here in C.
It asks git for core.fileMode after each file: nobody sets that here. It compiles the template's extensions, which parse
their tables, in every run: here once. It clones the template three times for an update, and asks git each time what it
has: here once for each state of the repository. Tests that start `copier` as a user does have it as it is.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from functools import cache, cached_property, wraps
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any, NamedTuple
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
# each can be found out once those before it are known
OF_A_CLONE = ("local_abspath", "commit", "commit_hash", "version", "git_index_modes", "_raw_config")


def speed_up(folder: Path, replace: Callable[[Any, str, Any], object] = setattr) -> None:
    """Change Copier in this process. `folder`: where compiled strings are kept; `replace`: in place of `setattr`."""
    worker = copier._main.Worker
    if hasattr(worker._render_template, "__wrapped__"):  # a fork that adds its environment's packages comes here again
        return
    folder.mkdir(parents=True, exist_ok=True)
    replace(worker, "_sync_git_index_executable_bit", lambda *_: None)
    for name, member in known_while_rendering(worker).items():
        replace(worker, name, member)
    for name, member in known_of_a_state(copier._template.Template, folder).items():
        replace(copier._template.Template, name, member)
    replace(jinja2.Environment, "compile", memoized(jinja2.Environment.compile, folder))
    replace(SourceFileLoader, "source_to_code", compiled_once(SourceFileLoader.source_to_code, folder))
    replace(yaml, "load", parsed_once(yaml.load))
    replace(copier._template, "yaml", SimpleNamespace(**{**vars(yaml), "SafeLoader": yaml.CSafeLoader}))


def known_while_rendering(worker: Any) -> dict[str, Any]:
    """Copier's `_render_template`, and what depends only on answers, which are given by then."""
    render, name, context = worker._render_template, worker.answers_relpath.fget, worker._render_context
    known: dict[int, Known] = {}

    @wraps(render)
    def render_template(self: Any) -> None:
        known[id(self)] = Known(name(self), context(self), {})
        try:
            render(self)
        finally:
            del known[id(self)]

    return {
        "_render_template": render_template,
        "_render_context": lambda self: known[id(self)].context if id(self) in known else context(self),
        "_render_string": rendered_once(worker._render_string, known),
        "answers_relpath": property(lambda self: known[id(self)].name if id(self) in known else name(self)),
    }


class Known(NamedTuple):
    """What a render knows before its first file."""

    name: Path  # of the file of answers
    context: Any
    strings: dict[str, str]  # each part of a path, as it was rendered


def rendered_once(render: Callable[..., str], known: dict[int, Known]) -> Callable[..., str]:
    """Copier's `_render_string` that renders only what may be a template, and the parts of paths once."""

    @wraps(render)
    def render_string(self: Any, string: str, extra_context: Any = None) -> str:
        if "{" not in string and "\n" not in string:
            return string
        if extra_context or id(self) not in known:
            return render(self, string, extra_context)
        strings = known[id(self)].strings
        if string not in strings:
            strings[string] = render(self, string, extra_context)
        return strings[string]

    return render_string


def known_of_a_state(template: Any, folder: Path) -> dict[str, Any]:
    """What Copier finds out about a template in a local repository, from one clone that all processes share."""
    find_out = {name: vars(template)[name].func for name in OF_A_CLONE}

    def clone(self: Any, file: Path) -> None:
        for name, find in find_out.items():
            self.__dict__[name] = find(self)
            if name == "local_abspath":
                self.__dict__[name] = Path(shutil.move(self.__dict__[name], folder))
        self._temp_clone_path = None
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps({name: self.__dict__[name] for name in find_out}))
        partial.rename(file)

    def member(name: str) -> Any:
        def get(self: Any) -> Any:
            state = _state(self)
            if state is None:
                return find_out[name](self)
            file = folder / f"{hashlib.sha256(state.encode()).hexdigest()[:32]}.template"
            if not file.exists():
                clone(self, file)
            self.__dict__.update(pickle.loads(file.read_bytes()))
            return self.__dict__[name]

        found = cached_property(get)
        found.__set_name__(template, name)
        return found

    return {name: member(name) for name in OF_A_CLONE}


def _state(template: Any) -> str | None:
    """What decides a clone: the wanted version, and all that the repository has. None if it isn't one or has edits."""
    repository = Path(template.url)
    if not (repository / ".git").is_dir():
        return None
    git = ["git", "-C", str(repository)]
    if template.ref in (None, "HEAD") and subprocess.run([*git, "status", "--porcelain"], capture_output=True).stdout:
        return None
    references = subprocess.run([*git, "show-ref", "--head"], capture_output=True, text=True).stdout
    return "\0".join([str(repository), str(template.ref), str(template.use_prereleases), references])


def compiled_once(compile_: Callable[..., CodeType], folder: Path) -> Callable[..., CodeType]:
    """`source_to_code` that remembers the code of each source."""
    codes: dict[Any, CodeType] = {}

    @wraps(compile_)
    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **more: Any) -> CodeType:
        if more or not isinstance(data, bytes):
            return compile_(self, data, path, **more)
        if (data, path) not in codes:
            codes[data, path] = _kept(folder, (data, path), lambda: compile_(self, data, path))
        return codes[data, path]

    return source_to_code


def parsed_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """`yaml.load` that gives copies of what a text of the C parser says."""
    parsed = cache(lambda text: pickle.dumps(load(text, yaml.CSafeLoader)))

    @wraps(load)
    def copy_of_parsed(stream: Any, *positional: Any, **named: Any) -> Any:
        if yaml.CSafeLoader in (*positional, *named.values()) and isinstance(stream, str):
            return pickle.loads(parsed(stream))
        return load(stream, *positional, **named)

    return copy_of_parsed


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
