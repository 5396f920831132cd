"""Offers what a model file tells of itself to the questions. The code that looks is the projects' own, do/inspect's."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

PACKAGE = Path(__file__).parents[1] / "template/{{predictive}}/do/lib/inspection"

RECORDED = "_src_path"  # among the answers of a project that is there already

Found = dict[str, Any]


class Inspection(Extension):
    """Adds the filters below that questions use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for filter_ in (inspected, no_model, described, is_answered, is_loaded_by, needed_version, needed_python):
            environment.filters[filter_.__name__] = filter_


@pass_context
def is_answered(context: Context, question: str) -> bool:
    """Whether the question has an answer before it is asked: given, or in the environment or the user's settings."""
    if "_given" in context:  # nobody is asked: the schema of the answers is made
        return question in context["_given"]
    conf = context["_copier_conf"]
    return question in conf["data"] or bool(conf["settings"].defaults.get(question))


@pass_context
def inspected(context: Context, model_path: str, frameworks: Mapping[str, Any]) -> Found | None:
    """The Findings of a model file, folder or archive; None, with a note to the user, where nothing can be found out.

    Only for a new project: an update goes by the recorded answers, and the file may be gone or another one by then.
    """
    if not model_path or RECORDED in context["_copier_conf"]["data"]:
        return None
    path = Path(model_path).expanduser()
    if not path.exists():
        return None  # the task that copies the model says so
    found = look_at(path, path.stat().st_mtime_ns)
    if isinstance(found, str):
        if not context["_copier_conf"]["quiet"]:
            tell(f"note: the model is taken to be what the answers say: {found}")
        return None
    return {**asdict(found.settled({name: [*row["formats"]] for name, row in frameworks.items()})), "name": path.name}


@pass_context
def no_model(context: Context, model_path: str) -> str:
    """Why a file can't be taken for a model; empty if it can, or if a given framework says what it is."""
    if not model_path or is_answered(context, "framework") or RECORDED in context["_copier_conf"]["data"]:
        return ""
    path = Path(model_path).expanduser()
    if not path.is_file():
        return ""
    found = look_at(path, path.stat().st_mtime_ns)
    return found if isinstance(found, str) else ""


def described(found: Found, frameworks: Mapping[str, Any]) -> str:
    """What a file is, for a message: `model.pkl was saved by scikit-learn 1.5.2 (scikit-learn, pickle)`."""
    row = frameworks[found["framework"]]
    by = " ".join(filter(None, (found["package"], found["version"])))
    return f"{found['name']} was saved by {by} ({row['title']}, {row['formats'][found['model_format']]['title']})"


def is_loaded_by(found: Found | None, version: str, row: Mapping[str, Any]) -> bool:
    """Whether a version of a framework loads the model dependably, by what is known of it; empty: the catalog's."""
    if not found or found["package"] != row["package"]:
        return True
    findings = inspection().Findings(**{name: value for name, value in found.items() if name != "name"})
    return bool(findings.suits(version or row["version"]))


def needed_version(found: Found | None, row: Mapping[str, Any]) -> str:
    """The version of a framework that saved the model, if the catalog's can't be relied on to load it; else empty."""
    return "" if found is None or is_loaded_by(found, "", row) else str(found["version"])


def needed_python(version: str, row: Mapping[str, Any], image_python: str) -> str:
    """The newest Python that a version of a framework has wheels for, if it is older than the image's; else empty."""
    package = inspection()
    needs = package.row_for(version, row.get("older", {})) if version else None
    return needs["python"] if needs and package.numbers(needs["python"]) < package.numbers(image_python) else ""


@cache
def look_at(path: Path, changed: int) -> Any:
    """The Findings at a path, as it was when it was last changed; else a text that says why there are none."""
    package = inspection()
    try:
        with package.inspect(path) as model:
            return model.findings
    except (package.NoModel, package.Unreadable, OSError) as error:
        return str(error)


@cache
def tell(text: str) -> None:
    """Say this once, however often Copier comes to the question."""
    print(text, file=sys.stderr)


@cache
def inspection() -> ModuleType:
    """The package of the template's layer, which Copier has not put on any path.

    Named after its place, because one process may render several copies of the template.
    """
    spec = importlib.util.spec_from_file_location(
        re.sub(r"\W", "_", str(PACKAGE)), PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
