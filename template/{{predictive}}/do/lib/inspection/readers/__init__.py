"""A module for each kind of model file. The package's own docstring says how to add one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import BinaryIO

from ..findings import Findings

Read = Callable[[str, BinaryIO], Findings | None]


def read(name: str, file: BinaryIO) -> Findings | None:
    """What the first reader that knows the content finds in it; None if none does. Raises Unreadable."""
    for reader in _readers():
        file.seek(0)
        if found := reader(name, file):
            return found
    return None


def _readers() -> list[Read]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{module}").read for module in modules]
