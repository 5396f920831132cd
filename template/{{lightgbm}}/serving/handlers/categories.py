"""The categories of a LightGBM model's columns: requests hold their values, the trees know their codes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np

from serving.handlers.base import UnusableModel
from serving.tables import NUMBER, TEXT, Rows, Table

# LightGBM writes these lines into its text format: which columns are categories, and what it met in each column
INDICES = re.compile(r"^\[categorical_feature: ([\d,]+)\]", re.MULTILINE)
MET = re.compile(r"^feature_infos=(.*)$", re.MULTILINE)
CODES = re.compile(r"-?\d+(:-?\d+)*")


class Categories:
    """Turns rows with values of categories into the matrix of numbers that the trees predict from."""

    def __init__(self, values: Sequence[Sequence[Any] | None]) -> None:
        """`values`: for each column its categories in the order of their codes; None for numbers."""
        self._codes = [{value: code for code, value in enumerate(known)} if known else None for known in values]
        self.kinds = tuple(NUMBER if known is None else _kind(known) for known in values)
        self.values = tuple((*known, None) if known else () for known in values)  # a value may be missing

    @classmethod
    def of(cls, booster: lightgbm.Booster, names: Sequence[str] = ()) -> Categories | None:
        """Those that pandas gave the model, None if it gave none; `names`: the columns, where the model doesn't tell.

        Raises UnusableModel if the categories can't be told apart.
        """
        lists = booster.pandas_categorical
        if not lists:
            return None
        text = booster.model_to_string(num_iteration=1)
        columns = booster.feature_name()
        places = [columns.index(name) for name in names if name in columns] if names else _places(text)
        met = MET.search(text)
        infos = met[1].split() if met else [""] * len(columns)
        pairs = list(zip(places, lists, strict=False))
        if len(places) != len(lists) or not all(_fits(infos[place], values) for place, values in pairs):
            raise UnusableModel(
                f"the model was trained with {len(lists)} columns of categories, but doesn't tell which: name them all "
                'in their order in serving/model_handler.py, such as category_columns = ("city", "size")'
            )
        return cls([dict(pairs).get(place) for place in range(len(columns))])

    def encode(self, rows: Rows) -> np.ndarray:
        """The rows as float64. What is no category of its column becomes NaN: missing, as LightGBM sees it."""
        columns = list(rows.columns.values()) if isinstance(rows, Table) else list(rows.T)
        return np.stack([_encoded(codes, column) for codes, column in zip(self._codes, columns, strict=True)], axis=1)


def _encoded(codes: dict[Any, int] | None, column: np.ndarray) -> np.ndarray:
    if codes is None:
        return column.astype(np.float64)
    return np.array([codes.get(value, math.nan) for value in column.tolist()], dtype=np.float64)


def _places(text: str) -> list[int]:
    found = INDICES.search(text)
    return [int(index) for index in found[1].split(",")] if found else []


def _fits(info: str, values: Sequence[Any]) -> bool:
    """Whether a column in which LightGBM met these codes can hold these categories; -1 stands for missing."""
    return not CODES.fullmatch(info) or max(map(int, info.split(":"))) < len(values)


def _kind(values: Sequence[Any]) -> str | None:
    if all(isinstance(value, str) for value in values):
        return TEXT
    return None if any(isinstance(value, str) for value in values) else NUMBER
