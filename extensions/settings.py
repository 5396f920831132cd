"""The settings of a project, by the table catalog/settings.yml: which there are, and what is wrong with those given.

The checks themselves are the verbs' own, loaded from the template, so that `copier copy` and `do/config set` take and
refuse the same.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

LIB = Path(__file__).parents[1] / "template" / "{{project}}" / "do" / "lib"


Row = dict[str, Any]
Table = dict[str, Row]

MEDIUM = "BUILD_GENERAL1_MEDIUM"

# What of a row the verbs need; the rest is for questions, pages and tests.
FOR_VERBS = (
    "what",
    "unit",
    "range",
    "choices",
    "item",
    "at_most",
    "pattern",
    "default",
    "default_of",
    "answer",
    "example",
)


def load(module: str) -> Any:
    """A module of the verbs that needs no other, such as `values`."""
    spec = importlib.util.spec_from_file_location(f"do_lib_{module}", LIB / f"{module}.py")
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


values = load("values")


class Settings(Extension):
    """Adds the filters below, and lets other extensions find secrets and read the table."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["settings_of"] = settings_of
        environment.filters["settings_problem"] = settings_problem
        environment.filters["answers_for_verbs"] = answers_for_verbs
        environment.filters["partitions"] = partitions
        environment.filters["json_lines"] = json_lines
        environment.filters["compute_type"] = compute_type
        environment.filters["setting_text"] = values.as_text
        environment.filters["did_you_mean"] = values.did_you_mean
        for answer, pattern in patterns(environment.catalog["settings"]).items():  # type: ignore[attr-defined]  # by Context
            environment.tests[answer] = lambda value, pattern=pattern: bool(re.fullmatch(pattern, value))
        environment.extend(secret_problem=values.secret_problem)


def patterns(table: Table) -> dict[str, str]:
    """The patterns of the answers that are in the table, by question: a test of that name is in the validators."""
    return {row["answer"]: row["pattern"] for row in table.values() if "answer" in row and "pattern" in row}


def settings_of(catalog: Mapping[str, Table], answers: Mapping[str, Any], computed: Mapping[str, Any]) -> Table:
    """The rows of the settings that a project with these answers has, for do/lib/settings.json.

    `computed` has the defaults that the template works out for this project.
    """
    rows = {}
    for name, row in catalog["settings"].items():
        unknown = row.get("computed") and computed[name] == ""  # such as the driver for an image without GPUs
        if not unknown and all(answers[question] in wanted for question, wanted in row.get("only", {}).items()):
            own = row | row.get("for_target", {}).get(answers["deploy_target"], {})
            rows[name] = {key: own[key] for key in FOR_VERBS if key in own} | choices_of(own, catalog, answers)
            if row.get("computed"):
                rows[name]["default"] = str(computed[name])
    return rows


def choices_of(row: Row, catalog: Mapping[str, Table], answers: Mapping[str, Any]) -> Row:
    """The choices of a setting, where it has some: those in its row, or the names in a table of the catalog."""
    if "choices" not in row:
        return {}
    if isinstance(row["choices"], list):
        return {"choices": row["choices"]}
    architecture = answers["architecture"]
    partition = catalog["regions"][answers["aws_region"]]["partition"]
    return {
        "choices": [
            name
            for name, choice in catalog[row["choices"]].items()
            if partition in choice.get(architecture, {}).get("partitions", [partition])
        ]
    }


def settings_problem(
    given: Any, catalog: Mapping[str, Table], answers: Mapping[str, Any], computed: Mapping[str, Any]
) -> str:
    """What is wrong with the answer to `settings`, in one line; empty where it is right."""
    if not isinstance(given, dict):
        return "give settings and their values, such as '{MIN_INSTANCES: 2, TAGS: team=pricing}'"
    rows = settings_of(catalog, answers, computed)
    for name, value in given.items():
        if problem := _problem(str(name), value, rows, catalog):
            return f"{name}: {problem}"
    disks = [instance_type for instance_type, row in catalog["instances"].items() if "local_disk" in row]
    found = values.contradictions(effective(given, rows, answers), partitions(catalog["regions"]), disks)
    return next(found, "")


def partitions(regions: Table) -> dict[str, str]:
    """The AWS partition of each region."""
    return {region: row["partition"] for region, row in regions.items()}


def compute_type(catalog: Mapping[str, Table], answers: Mapping[str, Any]) -> str:
    """The medium build machine, or the smallest above it where the partition has no medium one for the processor."""
    machines = choices_of({"choices": "codebuild_compute_types"}, catalog, answers)["choices"]
    return next(name for name in [MEDIUM, *machines[1:]] if name in machines)


def _problem(name: str, value: Any, rows: Table, catalog: Mapping[str, Table]) -> str:
    known = catalog["settings"]
    if name not in known:
        return f"no such setting{values.did_you_mean(name.upper(), known)}"
    if "answer" in known[name]:
        return f"it is an answer: give {known[name]['answer']}"
    if name not in rows:
        needs = " and ".join(f"{question}={' or '.join(wanted)}" for question, wanted in known[name]["only"].items())
        return f"it has no effect here: it needs {needs}"
    if not isinstance(value, (str, int, float, bool)):
        return "give a text or a number"
    return str(values.problem(values.as_text(value), rows[name]))


def effective(given: Mapping[str, Any], rows: Table, answers: Mapping[str, Any]) -> dict[str, str]:
    """All settings and answers by their names in capitals: what is given, and defaults for the rest."""
    found = {name.upper(): values.as_text(answer) for name, answer in answers.items()}
    for name, row in rows.items():
        if name in given:
            found[name] = values.as_text(given[name])
        elif "answer" not in row:
            found[name] = found[row["default_of"]] if "default_of" in row else row["default"]
    return found


def json_lines(rows: Mapping[str, Any]) -> str:
    """A mapping as JSON with a line for each entry, so that reviews show what has changed."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    return f"{{\n{lines}\n}}"


def answers_for_verbs(answers: Mapping[str, Any]) -> dict[str, str]:
    """The recorded answers as do/lib/answers.json has them: by their names in capitals, as texts.

    Copier's own entries are none, and the settings are in do/config.env.
    """
    return {
        name.upper(): ",".join(value) if isinstance(value, list) else values.as_text(value)
        for name, value in sorted(answers.items())
        if not name.startswith("_") and not isinstance(value, dict)
    }
