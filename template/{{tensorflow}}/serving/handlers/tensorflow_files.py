"""Model files of TensorFlow: which one in a folder is the model, and why one can't be loaded."""

from __future__ import annotations

import importlib
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from serving.handlers.base import ModelFileMissing, UnusableModel, require_content

log = logging.getLogger(__name__)

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
KERAS_MODULE = re.compile(r"(keras|tf_keras|builtins)\b")
SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")
OWN_CODE = Path(__file__).parents[2] / "code"


def find(model_dir: Path) -> Path:
    """The Keras file, or the folder of the SavedModel. Raises ModelFileMissing if there is none, or no single one.

    Of folders named by numbers, the highest is the model, as for TensorFlow Serving. What is named `model` wins over
    others, and what lies higher over what lies deeper. Hidden files (macOS writes `._model.keras`) don't count.
    """
    files = [path for path in sorted(model_dir.rglob("*")) if path.is_file() and not _is_ignored(path, model_dir)]
    saved_models = _newest({path.parent for path in files if path.name in SAVED_MODELS})
    candidates = saved_models + [path for path in files if path.suffix in KERAS_SUFFIXES]
    inside = [path for path in candidates if any(folder in path.parents for folder in saved_models)]
    found = [path for path in candidates if path not in inside]
    least = min((len(_unversioned(path).parts) for path in found), default=0)
    found = [path for path in found if len(_unversioned(path).parts) == least]
    found = [path for path in found if _unversioned(path).stem == "model"] or found
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(path.relative_to(model_dir)) for path in found[:10])
        raise ModelFileMissing(f"{model_dir} holds {names}: leave one, or choose it in load() of model_handler.py")
    listed = ", ".join(str(path.relative_to(model_dir)) for path in files[:10]) or "no file"
    wanted = f"{' or '.join(f'*{suffix}' for suffix in KERAS_SUFFIXES)} or a SavedModel folder"
    raise ModelFileMissing(f"no model in {model_dir}: it should hold one file {wanted}, and holds {listed}")


def _is_ignored(path: Path, model_dir: Path) -> bool:
    parts = path.relative_to(model_dir).parts
    return any(part.startswith(".") for part in parts) or (parts[0] == "code" and len(parts) > 1)


def _newest(folders: set[Path]) -> list[Path]:
    """The folders, and of versions beside each other only the highest."""
    newest: dict[Path, Path] = {}
    for folder in sorted(folders):
        known = newest.get(_unversioned(folder))
        if known is None or int(folder.name) > int(known.name):
            newest[_unversioned(folder)] = folder
    return list(newest.values())


def _unversioned(path: Path) -> Path:
    return path.parent / "versions" if path.name.isdigit() and path.is_dir() else path


def load_saved_model(path: Path) -> Any:
    """The SavedModel in a folder. Raises UnusableModel."""
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(path))
    except Exception as error:
        raise UnusableModel(f"the SavedModel in {path} can't be loaded: {_one_line(error)}") from error


def load_keras(path: Path) -> Any:
    """The Keras model in a file; one of Keras 2 by tf-keras, if it is installed. Raises UnusableModel."""
    import tensorflow as tf

    require_content(path)
    config, version = _read_config(path)
    try:
        own_objects = _own_objects(config)
        try:
            return tf.keras.models.load_model(path, compile=False, custom_objects=own_objects)
        except Exception:
            if not version.startswith("2.") or not find_spec("tf_keras"):
                raise
        import tf_keras

        log.info("%s was saved by Keras %s: using tf-keras", path.name, version)
        return tf_keras.models.load_model(path, compile=False, custom_objects=own_objects)
    except Exception as error:
        raise UnusableModel(_explained(path, version, config, error, tf.keras.__version__)) from error


def _read_config(path: Path) -> tuple[Any, str]:
    """The description of the layers in a Keras file and the version of Keras that saved it; empty if not readable."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                version = json.loads(archive.read("metadata.json")).get("keras_version", "")
                return json.loads(archive.read("config.json")), str(version)
        import h5py

        with h5py.File(path) as file:
            return json.loads(file.attrs.get("model_config", "{}")), str(file.attrs.get("keras_version", ""))
    except Exception:  # loading will tell what is wrong with it
        return {}, ""


def _references(config: Any) -> Iterator[tuple[str, str]]:
    """The module and name of each class and function in a description that isn't Keras's own.

    Old h5 files tell no modules; theirs are empty.
    """
    if isinstance(config, dict):
        module, name = config.get("module") or "", config.get("class_name")
        if name == "function":
            name = config.get("config")
        if isinstance(module, str) and isinstance(name, str) and not KERAS_MODULE.match(module):
            yield module, name
        for value in config.values():
            yield from _references(value)
    elif isinstance(config, list):
        for value in config:
            yield from _references(value)


def _registered(config: Any) -> Iterator[str]:
    """What the owner has registered with Keras, as `package>Name`."""
    if isinstance(config, dict):
        name = config.get("registered_name")
        if isinstance(name, str) and ">" in name:
            yield name
    values = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for value in values:
        yield from _registered(value)


def _own_objects(config: Any) -> dict[str, Any]:
    """The owner's layers and functions that a model refers to, from the modules in code/."""
    objects = {}
    for module in _own_modules(config):
        for name, value in vars(importlib.import_module(module)).items():
            if getattr(value, "__module__", None) == module:
                objects[name] = value
    return objects


def _own_modules(config: Any) -> list[str]:
    """The modules in code/ that a model refers to; where it tells no module, those that define a name of it."""
    references = set(_references(config))
    modules = set()
    for module in {module for module, _ in references if module}:
        file = OWN_CODE.joinpath(*module.split("."))
        if file.with_suffix(".py").is_file() or (file / "__init__.py").is_file():
            modules.add(module)
    names = {name for module, name in references if not module and not _is_of_keras(name)}
    if names:
        definition = re.compile(rf"^(?:class|def) (?:{'|'.join(map(re.escape, names))})\b", re.MULTILINE)
        for file in OWN_CODE.glob("*.py"):
            if file.stem.isidentifier() and definition.search(file.read_text(encoding="utf-8", errors="replace")):
                modules.add(file.stem)
    return sorted(modules)


def _is_of_keras(name: str) -> bool:
    import tensorflow as tf

    return any(hasattr(module, name) for module in (tf.keras, tf.keras.layers, tf.keras.initializers))


def _explained(path: Path, version: str, config: Any, error: Exception, installed: str) -> str:
    """Why a Keras file can't be loaded, and what to do, in one line."""
    reason = _one_line(error)
    compile_again = "in requirements.in, compile it as its first lines say"
    if path.name.endswith(".weights.h5") or "No model config" in reason:
        return f"{path.name} holds weights without a model: save it with model.save('model.keras')"
    if "Lambda" in str(error) and "safe" in str(error):
        return (
            f"{path.name} holds a Lambda layer, which is Python code that would be run: if you trust the file, call "
            "keras.config.enable_unsafe_deserialization() in load() of serving/model_handler.py before super().load()"
        )
    if version.startswith("2.") and not find_spec("tf_keras"):
        return (
            f"{path.name} was saved by Keras {version}, and Keras {installed} can't load it ({reason}): write tf-keras "
            f"{compile_again}, and it is loaded by that"
        )
    for module, name in _references(config):
        if module and name in str(error):
            if module == "__main__":
                return (
                    f"{path.name} needs {name}, which was defined in a notebook or script (__main__) and is not in the "
                    "file: move it into a module in code/ and save the model again, or register it there with "
                    "keras.saving.register_keras_serializable and import that in serving/model_handler.py"
                )
            place = f"put {module.replace('.', '/')}.py into code/"
            return f"{path.name} needs {name} of the module {module}: {place}, or the package {compile_again}"
    for registered in _registered(config):
        if registered.partition(">")[2] in str(error):
            return (
                f"{path.name} needs {registered}, which was registered with Keras by a module that the file doesn't "
                "tell: put that module into code/, and import it in serving/model_handler.py"
            )
    if version and _numbers(version) > _numbers(installed):
        newer = f"{path.name} was saved by Keras {version}, newer than {installed} here"
        return f"{newer} ({reason}): write keras=={version} {compile_again}"
    return f"{path.name} can't be loaded: {type(error).__name__}: {reason}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
