"""Pickles and joblib files: what scikit-learn's models are saved as, and all that keeps to its interface."""

from __future__ import annotations

import _compat_pickle
import lzma
import sys
import zlib
from typing import BinaryIO

from .. import pickle_opcodes
from ..findings import Findings, Unreadable
from ..pickle_opcodes import Global, Made, Pickle

PICKLE = b"\x80"  # the opcode that tells the protocol, since protocol 2
OLD_PICKLES = b"c", b"(", b"}", b"]"  # first opcodes of protocols 0 and 1, with which other files begin as well
# Modules of Python itself, also as protocol 2 names them; and a part of scikit-learn that says it were on its own.
NOT_NAMED = sys.stdlib_module_names | _compat_pickle.IMPORT_MAPPING.keys() | {"_loss", "__main__"}
# joblib's pickles can be packed with lz4, which the standard library can't unpack: nothing else is known of them.
LZ4 = Findings(
    framework="sklearn", model_format="joblib", also=("pkl",), package="scikit-learn", modules=("joblib", "lz4")
)


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version that scikit-learn notes in each estimator, the columns, and what loading the file would import."""
    if file.read(len(pickle_opcodes.LZ4)) == pickle_opcodes.LZ4:
        return LZ4
    file.seek(0)
    try:
        stream, is_packed = pickle_opcodes.unpacked(file)
        begin = stream.read(1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return None
    if begin not in (PICKLE, *OLD_PICKLES):
        return None
    file.seek(0)
    try:
        found = pickle_opcodes.read(file)
    except Unreadable as error:
        if is_packed or begin != PICKLE:  # such a file may be anything
            return None
        raise Unreadable(f"{name}: {error}") from None
    if isinstance(found.content, int):  # how files of PyTorch's old format begin
        return None
    formats = ("joblib", "pkl") if is_packed or _is_joblib(found) else ("pkl", "joblib")
    return Findings(
        framework=_outermost(found),
        model_format=formats[0],
        also=formats[1:],  # the handler loads both with joblib, which goes by the content
        package="scikit-learn",
        version=_version(found),
        loaded_by="the same minor",  # scikit-learn's guide on model persistence
        modules=_modules(found),
        own_classes=tuple(sorted({each.name for each in found.globals if each.module == "__main__"})),
        columns=dict.fromkeys(_columns(found), ""),
        numpy=_numpy(found),
    )


def _outermost(found: Pickle) -> str:
    """The package of the class of the whole content, such as sklearn or lightgbm; empty for a list, for example."""
    by = found.content.by if isinstance(found.content, Made) else None
    by = by if isinstance(by, Global) and by.module not in ("copyreg", "copy_reg") else None
    return by.module.partition(".")[0] if by else ""


def _is_joblib(found: Pickle) -> bool:
    return any(each.module.startswith("joblib.") for each in found.globals)


def _version(found: Pickle) -> str:
    versions = [state["_sklearn_version"] for _, state in pickle_opcodes.states(found) if "_sklearn_version" in state]
    return str(versions[0]) if versions else ""


def _modules(found: Pickle) -> tuple[str, ...]:
    """The top-level modules that loading imports, but those of Python itself."""
    top = {each.module.partition(".")[0] for each in found.globals}
    return tuple(sorted(top - NOT_NAMED))


def _columns(found: Pickle) -> list[str]:
    """The columns of the first estimator that has any: the outermost is made first, and a pipeline has its step's."""
    states = [state for _, state in pickle_opcodes.states(found)]
    named = (names for state in states if (names := pickle_opcodes.elements(state.get("feature_names_in_"))))
    return [str(name) for name in next(named, [])]


def _numpy(found: Pickle) -> int:
    """numpy 2 moved the module that arrays are restored with: 1.x can't load what 2.x saved."""
    modules = {each.module for each in found.globals}
    if any(module.startswith("numpy._core") for module in modules):
        return 2
    return 1 if any(module.startswith("numpy.core") for module in modules) else 0
