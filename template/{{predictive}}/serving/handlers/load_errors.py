"""Why a model file can't be loaded, and what its owner can do, in one line; most of it is about pickles."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Any

SAVED_VERSION = re.compile(rb"_sklearn_version.{1,8}?(\d+\.\d+(?:\.\w+)*)", re.DOTALL)
MISSING_MODULE = re.compile(r"No module named '(\w+)")
INSTEAD = ("transform", "kneighbors", "score_samples")  # what estimators answer that don't predict
NOTEBOOK_CLASS = re.compile(r"Can't get attribute '(\w+)' on <module '([\w.]+)'")


def explained(path: Path, error: Exception) -> str:
    """Why `path` can't be loaded, and what to do."""
    content = path.read_bytes()
    text = " ".join(str(error).split())[:300]
    if match := NOTEBOOK_CLASS.search(text):
        name, module = match.groups()
        if module.endswith("__main__"):
            return (
                f"{path.name} needs the class {name}, which was defined in a notebook or script (__main__) and is not "
                "in the file: move it into a module, import it from there, save the model again, and put it into code/"
            )
        return f"{path.name} needs {module}.{name}, which the {module} installed here doesn't have"
    saved = SAVED_VERSION.search(content)
    if saved and saved[1].decode() != _installed("scikit-learn"):
        version, here = saved[1].decode(), _installed("scikit-learn")
        return (
            f"{path.name} was saved by scikit-learn {version}, and {here} can't load it ({text}): "
            f"run do/lock scikit-learn=={version}"
        )
    if "LZ4 is not installed" in text:  # joblib's words
        return f"{path.name} is packed with lz4, which needs a package: run do/lock lz4"
    if isinstance(error, ModuleNotFoundError) and error.name == "skops":
        return f"{path.name} is a file of skops, which needs a package: run do/lock skops"
    if match := MISSING_MODULE.search(text):
        return (
            f"{path.name} needs the module {match[1]}: put {match[1]}.py into code/ if it is yours, or run do/lock "
            f"{match[1].replace('_', '-')} if it is a package's"
        )
    return f"{path.name} can't be loaded: {type(error).__name__}: {text}"


def without_method(found: str, model: Any, output: str) -> str:
    """What was loaded in place of a model, and what to do. `found` is how the line begins: `model.pkl holds`."""
    kind = type(model).__name__
    if isinstance(model, type):
        return f"{found} the class {model.__name__} itself: create it, fit it, and save that"
    if isinstance(model, dict):
        content = f"a dict with {', '.join(map(str, list(model)[:10]))}"
    elif isinstance(model, list | tuple):
        content = f"a {kind} of {', '.join(type(part).__name__ for part in model[:10])}"
    else:
        content = f"a {kind}"
    if output != "predict" and hasattr(model, "predict"):
        return f"{found} {content}, which has no {output}: unset SERVING_OUTPUT, or name another method"
    if others := [name for name in INSTEAD if hasattr(model, name)]:
        return f"{found} {content}, which has no {output}: set SERVING_OUTPUT to {' or '.join(others)}"
    return (
        f"{found} {content}, which has no {output}: return the model from load() in "
        "serving/model_handler.py (or model_fn), or define predict() there (or predict_fn)"
    )


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "no scikit-learn"
