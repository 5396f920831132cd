"""What a model file tells about itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal


class Unreadable(Exception):
    """A file begins like a model of a reader's format, and can't be read; the text is one line for the owner."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a file tells; empty values where it doesn't."""

    framework: str  # of a pickle, the package of its class; where no framework has that name and format, see `settled`
    model_format: str  # a format of the framework
    also: tuple[str, ...] = ()  # other formats of the framework, as which it can be served just as well
    package: str  # the package that saved it, such as scikit-learn
    version: str = ""  # of that package, such as 1.5.2
    loaded_by: Literal["any", "the same minor", "no older"] = "any"  # which versions of that package load it dependably
    modules: tuple[str, ...] = ()  # top-level modules that loading it imports, without Python's own
    own_classes: tuple[str, ...] = ()  # classes that no module brings: of the notebook, or registered with Keras
    columns: Mapping[str, str] = field(default_factory=dict)  # what it was trained on: a name, and a type or ""
    numpy: int = 0  # numpy's major version, where the file can only have been written by that one
    requires: tuple[str, ...] = ()  # what its folder says that loading it needs, as lines of a requirements.txt
    python: str = ""  # the Python that saved it, such as 3.11, if only that one loads it dependably
    parts: tuple[str, ...] = ()  # files beside it that hold the rest of it, such as large weights
    is_folder: bool = False  # the model is the folder that the file lies in, such as a SavedModel's

    def suits(self, installed: str) -> bool:
        """Whether a version of the package that saved the model loads it dependably."""
        saved, here = numbers(self.version), numbers(installed)
        if not saved or self.loaded_by == "any":
            return True
        return saved[:2] == here[:2] if self.loaded_by == "the same minor" else here[:2] >= saved[:2]

    def settled(self, formats: Mapping[str, Sequence[str]]) -> Findings:
        """The same, with the first framework that serves this format where the one that was found doesn't.

        `formats` are the formats of each framework, in the catalog's order. A pickle of any class with `predict` can be
        served as scikit-learn's are.
        """
        if self.model_format in formats.get(self.framework, ()):
            return self
        serving = (framework for framework, known in formats.items() if self.model_format in known)
        return replace(self, framework=next(serving, self.framework))


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, as far as it has them."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
