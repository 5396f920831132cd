"""Offers the commands of a project with what their parsers say of them, as `commands(LAYER, ...)`, for its README."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from copier_template_extensions import ContextHook

TEMPLATE = Path(__file__).parents[1] / "template"
DESCRIPTION = re.compile(r'cli\.parser\(\s*"([^"]+)"')


class Commands(ContextHook):
    """Adds `commands` to what a file of the template can use."""

    def hook(self, context: dict[str, Any]) -> None:
        """Add the function to the context, in place."""
        context["commands"] = commands


def commands(*layers: str) -> list[tuple[str, str]]:
    """The commands of these layers, such as `do/build`, each with its description. Empty names are ignored."""
    found: dict[str, str] = {}
    for layer in filter(None, layers):
        found.update(_of_layer(layer))
    return sorted(found.items())


@functools.cache
def _of_layer(layer: str) -> dict[str, str]:
    folder = TEMPLATE / f"{{{{{layer}}}}}" / "do" / "lib" / "verbs"
    return {f"do/{file.stem}": description(file) for file in folder.glob("*.py") if file.stem != "__init__"}


def description(file: Path) -> str:
    """The first argument of the parser in a command's module. Raises ValueError if it makes none."""
    match = DESCRIPTION.search(file.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{file.name} has no description: call cli.parser with one")
    return match[1]
