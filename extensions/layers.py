"""Offers a variable for each layer of template/: `.` if the answers switch it on, and empty if not.

A layer is a folder named after a choice, such as {{fastapi}}. It is laid over the project if its variable is `.`, and
left out if that is empty. A choice without a folder brings no files of its own. What several frameworks,
servers or targets share is a layer that their rows in the catalog name in `layers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copier_template_extensions import ContextHook
from jinja2 import Environment

TEMPLATE = Path(__file__).parents[1] / "template"
FOLDER = re.compile(r"\{\{(\w+)\}\}")

# Of these questions each choice switches on the layer of its name; the second ones are for predictive models only.
CHOICES = ("model_kind", "model_server", "build_with", "deploy_target", "ci")
PREDICTIVE_CHOICES = ("framework", "model_source")
# Layers of questions for yes or no; one named after its question would hide the answer.
TESTS = "tests"
RENOVATE = "renovate_configuration"


class Layers(ContextHook):
    """Adds the switches of all layers to what a file or path of the template can use, once all answers are known."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._folders = {*folders()}

    def hook(self, context: dict[str, Any]) -> None:
        """Add a variable for each layer to the context, in place."""
        if {*CHOICES, *PREDICTIVE_CHOICES, "include_tests", "test_types", "renovate"} <= context.keys():
            on = switched_on(context, self.environment.catalog)  # type: ignore[attr-defined]  # by Context
            context.update({name: "." if name in on else "" for name in self._folders})


def folders(template: Path = TEMPLATE) -> Iterator[str]:
    """The names of the layers in a folder, also of those within a layer."""
    for path in sorted(template.iterdir()) if template.is_dir() else []:
        if path.is_dir() and (layer := FOLDER.fullmatch(path.name)):
            yield layer[1]
            yield from folders(path)


def switched_on(answers: Mapping[str, Any], catalog: Mapping[str, Any]) -> set[str]:
    """The layers that belong to these answers, whether they have a folder or not."""
    chosen = {"project", *(answers[question] for question in CHOICES)}
    chosen.update(catalog["model_servers"][answers["model_server"]].get("layers", []))
    chosen.update(catalog["deploy_targets"][answers["deploy_target"]]["layers"])
    if answers["renovate"]:
        chosen.add(RENOVATE)
    if answers["model_kind"] == "predictive":
        chosen.update(answers[question] for question in PREDICTIVE_CHOICES)
        chosen.update(catalog["frameworks"][answers["framework"]].get("layers", []))
        if answers["include_tests"]:
            chosen.update([TESTS, *answers["test_types"]])
    return {name.replace("-", "_") for name in chosen}
