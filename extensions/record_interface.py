"""Record the names that projects depend on in interface.yml: `python -m extensions.record_interface`. For maintainers.

What was recorded once stays: a test fails where a name is gone that no file in migrations/ names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from extensions.answers import is_computed, load_questions
from extensions.context import load_catalog
from extensions.document_questions import choices

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "interface.yml"
MIGRATIONS = ROOT / "migrations"
HANDLER = ROOT / "template/{{predictive}}/serving/handlers/base.py"

HEADER = """\
# The names that projects depend on: questions with their types and choices, settings, and what a
# model_handler.py can override. Written by `python -m extensions.record_interface`. A name that was released stays here
# for good; one that never was can be taken out by hand.

"""

# Of each question its type and its choices, of each other table its names.
Interface = dict[str, Any]


def main() -> None:
    """Add what is new to the record."""
    RECORD.write_text(written(merged(recorded(), current())), encoding="utf-8")


def written(interface: Interface) -> str:
    """The text of the record."""
    return HEADER + yaml.safe_dump(interface, sort_keys=False, default_flow_style=None, width=100)


def recorded() -> Interface:
    """What the record holds."""
    interface: Interface = yaml.safe_load(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return interface or {"questions": {}, "settings": [], "handler": []}


def current() -> Interface:
    """What the template has now."""
    questions = {name: question for name, question in load_questions(ROOT).items() if not is_computed(question)}
    return {
        "questions": {
            name: {
                "type": "list" if question.get("multiselect") else question["type"],
                **({"choices": values} if (values := choices(question)) else {}),
            }
            for name, question in questions.items()
        },
        "settings": list(load_catalog()["settings"]),
        "handler": sorted(public_names(HANDLER.read_text(encoding="utf-8"), "Handler")),
    }


def public_names(code: str, class_name: str) -> Iterator[str]:
    """The methods and attributes of a class that don't begin with an underscore."""
    (found,) = [
        node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    for node in found.body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else assigned(node)
        yield from (name for name in names if not name.startswith("_"))


def assigned(node: ast.stmt) -> list[str]:
    """The names to which a statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def merged(old: Interface, new: Interface) -> Interface:
    """Both interfaces in one, what is old first."""
    return {
        "questions": {
            **old["questions"],
            **{name: merged_question(old["questions"].get(name, {}), row) for name, row in new["questions"].items()},
        },
        "settings": [*dict.fromkeys([*old["settings"], *new["settings"]])],
        "handler": [*dict.fromkeys([*old["handler"], *new["handler"]])],
    }


def merged_question(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A question with all choices that it ever had."""
    values = [*dict.fromkeys([*old.get("choices", ()), *new.get("choices", ())])]
    return {"type": old.get("type", new["type"]), **({"choices": values} if values else {})}


def lost(old: Interface, new: Interface) -> Iterator[str]:
    """What is in the old interface and not in the new one; what a migration must name."""
    for name, row in old["questions"].items():
        if name not in new["questions"]:
            yield name
            continue
        if row["type"] != new["questions"][name]["type"]:
            yield f"{name}: {row['type']}"
        gone = {*row.get("choices", ())} - {*new["questions"][name].get("choices", ())}
        yield from (f"{name}={choice}" for choice in sorted(gone))
    for table in ("settings", "handler"):
        yield from sorted({*old[table]} - {*new[table]})


def migrated(folder: Path = MIGRATIONS) -> set[str]:
    """What the migrations name, in the form of `lost`."""
    named: set[str] = set()
    for file in sorted(folder.glob("*.yml")):
        steps = yaml.safe_load(file.read_text(encoding="utf-8"))
        named |= {*steps.get("rename_answers", {})} | {*steps.get("gone", {})}
        for question, values in steps.get("map_choices", {}).items():
            named |= {f"{question}={old}" for old in values}
    return named


if __name__ == "__main__":
    main()
