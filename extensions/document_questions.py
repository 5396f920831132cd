"""Write the table of questions in docs/questions.md: `python -m extensions.document_questions`. For maintainers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from extensions.answers import AMBIENT, PREFIX, is_computed, load_questions
from extensions.context import load_catalog
from extensions.names import Names

ROOT = Path(__file__).parents[1]
CATALOG = load_catalog()
PAGE = ROOT / "docs" / "questions.md"
GENERATED = re.compile(r"(?<=<!-- generated -->\n).*(?=<!-- end -->)", flags=re.DOTALL)
HEADINGS = ["Question", "Type", "Choices", "Default", "Asked", "Environment", "What it asks"]

# The answers that the choices of other questions depend on.
DEFAULTS = {"_folder_name": "my-model", "workload": None, "min_instances": 1}
OTHER_ANSWERS = [
    *({"model_kind": "predictive", "framework": name, "model_server": "fastapi"} for name in CATALOG["frameworks"]),
    *(
        {"model_kind": "generative", "framework": "sklearn", "model_server": name}
        for name, row in CATALOG["model_servers"].items()
        if "generative" in row["kinds"]
    ),
]

Question = dict[str, Any]


def main() -> None:
    """Replace the generated part of the page."""
    PAGE.write_text(GENERATED.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def table() -> str:
    """The questions as a Markdown table."""
    questions = {name: question for name, question in load_questions(ROOT).items() if not is_computed(question)}
    rows = [HEADINGS, ["---"] * len(HEADINGS)]
    rows += [[f"`{name}`", *cells(name, question)] for name, question in questions.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def cells(name: str, question: Question) -> list[str]:
    """What the table says about a question, but for its name."""
    variables = [PREFIX + name.upper(), *(variable for variable, answered in AMBIENT.items() if answered == name)]
    return [
        "list" if question.get("multiselect") else question["type"],
        ", ".join(f"`{choice}`" for choice in choices(question)),
        f"`{render(question['default'])}`".replace("``", "empty"),
        asked(question),
        ", ".join(f"`{variable}`" for variable in variables),
        " ".join(render(question["help"]).split()),
    ]


def choices(question: Question) -> list[str]:
    """The values to choose from, with whichever other answers."""
    found: dict[str, None] = {}
    for answers in OTHER_ANSWERS:
        found |= dict.fromkeys(values(question.get("choices", []), answers))
    return list(found)


def values(offered: Any, answers: dict[str, str]) -> list[str]:
    """The values of a question's `choices` with these answers."""
    if isinstance(offered, list):
        return offered
    return list(yaml.safe_load(render(offered, answers)).values())


def asked(question: Question) -> str:
    """Whether Copier asks the question."""
    if not question.get("ask", True):
        return "no"
    return f"where {question['when'].strip('{ }')}" if "when" in question else "yes"


def render(value: Any, answers: dict[str, str] | None = None) -> str:
    """A value of a question as it is with these answers and everything else at its default."""
    if not isinstance(value, str):
        return json.dumps(value)
    environment = Environment(extensions=[Names], undefined=StrictUndefined)
    return environment.from_string(value).render(catalog=CATALOG, **DEFAULTS, **(answers or OTHER_ANSWERS[0]))


if __name__ == "__main__":
    main()
