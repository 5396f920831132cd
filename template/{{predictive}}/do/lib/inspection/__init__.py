"""Looks at a model without running anything in it: what is it, and what saved it?

Standard library only: the template loads this package as well (extensions/inspection.py), when a project is made.

`readers/` has a module for each kind of file. To add one, write readers/NAME.py with

    def read(name: str, file: BinaryIO) -> Findings | None

which gets the file's name and content, open at its start, and answers None unless the content is of its kind. It raises
Unreadable for a file of its kind that is cut off or damaged. Nothing else names the readers.
"""

from .findings import Findings, Unreadable, numbers
from .models import Model, NoModel, inspect
from .older import row_for

__all__ = ["Findings", "Model", "NoModel", "Unreadable", "inspect", "numbers", "row_for"]
