"""Offers the commands of a project with what their parsers say of them, as `commands()`, for its documents."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from copier_template_extensions import ContextHook
from jinja2 import pass_context
from jinja2.runtime import Context

from .layers import FOLDER, TEMPLATE

DESCRIPTION = re.compile(r'cli\.parser\(\s*"([^"]+)"')


class Commands(ContextHook):
    """Adds `commands` to what a file of the template can use."""

    def hook(self, context: dict[str, Any]) -> None:
        """Add the function to the context, in place."""
        context["commands"] = commands


@pass_context
def commands(context: Context) -> list[tuple[str, str]]:
    """The commands of the layers that are on, such as `do/build`, each with its description, in order."""
    found = {f"do/{file.stem}": text for file, text in _described() if all(map(context.get, FOLDER.findall(str(file))))}
    return sorted(found.items())


@functools.cache
def _described() -> list[tuple[Path, str]]:
    """The module of each command in the template, which lies in one layer or more, with its description."""
    modules = (file for file in TEMPLATE.glob("**/do/lib/verbs/*.py") if file.stem != "__init__")
    return [(file.relative_to(TEMPLATE), description(file)) for file in modules]


def description(file: Path) -> str:
    """The first argument of the parser in a command's module. Raises ValueError if it makes none."""
    match = DESCRIPTION.search(file.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{file.name} has no description: call cli.parser with one")
    return match[1]
