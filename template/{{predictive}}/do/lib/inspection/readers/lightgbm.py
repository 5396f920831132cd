"""LightGBM's text format, as Booster.save_model writes it."""

from __future__ import annotations

import json
import re
from typing import BinaryIO

from ..findings import Findings, Unreadable

BEGIN = re.compile(rb"tree\r?\nversion=v\d+\r?\n")
DUMP = re.compile(rb'\{\s*"name"\s*:\s*"tree"\s*,\s*"version"')
END_OF_TREES = "\nend of trees"
PARAMETERS, END_OF_PARAMETERS = "\nparameters:", "\nend of parameters"
CATEGORIES = "pandas_categorical:"  # Python's last line: without it, categories would be taken for codes
UNNAMED = re.compile(r"Column_\d+")


def read(name: str, file: BinaryIO) -> Findings | None:
    """The columns, and which of them are categories. The format's version is in the file, LightGBM's own is not."""
    begin = file.read(32)
    if DUMP.match(begin):
        raise Unreadable(f"{name}: it is what dump_model writes, which LightGBM can't load; use save_model")
    if not BEGIN.match(begin):
        return None
    file.seek(0)
    text = file.read().decode("utf-8", errors="replace").replace("\r\n", "\n")
    if not _is_whole(text):
        raise Unreadable(f"{name}: it begins like a model of LightGBM, and is cut off or damaged")
    return Findings(framework="lightgbm", model_format="txt", package="lightgbm", columns=_columns(text))


def _is_whole(text: str) -> bool:
    """Whether all parts are there. The parameters, and what Python adds, are missing in models of other programs."""
    _, has_trees, rest = text.partition(END_OF_TREES)
    if not has_trees:
        return False
    if PARAMETERS in rest:
        _, has_end, rest = rest.partition(END_OF_PARAMETERS)
        return bool(has_end) and _is_end(rest.strip())
    return True


def _is_end(rest: str) -> bool:
    if not rest.startswith(CATEGORIES):
        return not rest
    try:
        json.loads(rest.removeprefix(CATEGORIES))
    except ValueError:
        return False
    return True


def _columns(text: str) -> dict[str, str]:
    """The columns in their order; those of an array have no names."""
    names, ranges = (_values(text, key) for key in ("feature_names", "feature_infos"))
    if all(map(UNNAMED.fullmatch, names)):
        return {}
    # a range such as [0:1], codes such as 0:1:2, or none
    kinds = ["" if each.startswith("[") or each == "none" else "c" for each in ranges]
    return dict(zip(names, [*kinds, *[""] * (len(names) - len(kinds))], strict=False))


def _values(text: str, key: str) -> list[str]:
    line = re.search(rf"^{key}=(.*)$", text, re.MULTILINE)
    return line[1].split() if line else []
