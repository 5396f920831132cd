"""Offers the catalog to every question, path and file of the template, and to the other extensions, as `catalog`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from copier_template_extensions import ContextHook
from jinja2 import Environment

CATALOG = Path(__file__).parent / "catalog"

Catalog = dict[str, dict[str, Any]]

# The C parser is ten times faster; not every PyYAML has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """What a text of YAML says. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)


def load_catalog(folder: Path = CATALOG) -> Catalog:
    """Read the catalog: a table per file, named as the file, with a row per choice, named as the choice."""
    catalog = {path.stem: read_yaml(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))}
    for row in catalog["settings"].values():
        for question, wanted in row.get("only", {}).items():
            if isinstance(wanted, dict):
                row["only"][question] = [
                    name for name, choice in catalog[f"{question}s"].items() if wanted["having"] in choice
                ]
    return catalog


class Context(ContextHook):
    """Adds `catalog` to what a string of the template can use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Copier makes a Jinja environment per run, and calls the hook for every string that it renders.
        environment.extend(catalog=load_catalog())

    def hook(self, context: dict[str, Any]) -> None:
        """Add the catalog to the context, in place."""
        context["catalog"] = self.environment.catalog  # type: ignore[attr-defined]  # see __init__
