"""Write the lists in docs/questions.md and docs/settings.md: `python -m extensions.document_questions`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from extensions.answers import AMBIENT, PREFIX, is_computed, load_questions
from extensions.context import Context, load_catalog
from extensions.inspection import Inspection
from extensions.patterns import Patterns
from extensions.settings import Settings

ROOT = Path(__file__).parents[1]
CATALOG = load_catalog()
PAGE = ROOT / "docs" / "questions.md"
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
GENERATED = re.compile(r"(?<=<!-- generated -->\n).*(?=<!-- end -->)", flags=re.DOTALL)
HEADINGS = ["Question", "Type", "Choices", "Default", "Asked", "Environment", "What it asks"]

# The answers that the choices of other questions depend on.
DEFAULTS: dict[str, Any] = {
    "_folder_name": "my-model",
    "workload": None,
    "model_found": None,
    "framework_version": "",
    "new_project_id": lambda: "random",
    "_given": [],
    "deploy_target": "realtime",
    "draft_model_id": "",
}
OTHER_ANSWERS = [
    *({"model_kind": "predictive", "framework": name, "model_server": "fastapi"} for name in CATALOG["frameworks"]),
    *(
        {"model_kind": "generative", "framework": "sklearn", "model_server": name}
        for name, row in CATALOG["model_servers"].items()
        if "generative" in row["kinds"]
    ),
]

Question = dict[str, Any]

ENVIRONMENT = Environment(
    extensions=[Context, Patterns, Settings, Inspection], undefined=StrictUndefined, autoescape=False
)


def main() -> None:
    """Replace the generated parts of the pages."""
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """What each page should be."""
    return {page: with_generated(page, text) for page, text in ((PAGE, table()), (SETTINGS_PAGE, settings()))}


def with_generated(page: Path, text: str) -> str:
    """A page with this in the place of its generated part."""
    return GENERATED.sub(lambda _: text, page.read_text(encoding="utf-8"))


def settings() -> str:
    """The settings, a section each."""
    return "".join(section(name, row) for name, row in CATALOG["settings"].items() if "answer" not in row)


def section(name: str, row: dict[str, Any]) -> str:
    """What the page says about a setting."""
    needs = " and ".join(f"`{question}={'` or `'.join(wanted)}`" for question, wanted in row.get("only", {}).items())
    targets = "".join(
        f"; with `deploy_target={target}` {taken(row | own)}, default {default_of(row | own)}"
        for target, own in row.get("for_target", {}).items()
    )
    facts = {
        "Takes": taken(row),
        "Default": default_of(row) + targets,
        "Why": row["why"],
        "Limits": row["limits"],
        "Only with": needs,
    }
    lines = "".join(f"- {title}: {fact}\n" for title, fact in facts.items() if fact)
    what = row["what"][0].upper() + row["what"][1:]
    return f"\n## {name}\n\n{what}.\n\n{lines}"


def taken(row: dict[str, Any]) -> str:
    """The values of a setting."""
    takes = f"{row['range'][0]} to {row['range'][1]}" if "range" in row else offered(row)
    return f"{takes} {row.get('unit', '')}".strip()


def offered(row: dict[str, Any]) -> str:
    """The choices of a setting, or a text such as an example."""
    if "choices" in row:
        names = row["choices"] if isinstance(row["choices"], list) else CATALOG[row["choices"]]
        return ", ".join(f"`{choice}`" for choice in names)
    limit = f", {row['at_most']} at most" if "item" in row else ""
    return f"such as `{row['example']}`{limit}"


def default_of(row: dict[str, Any]) -> str:
    """The default of a setting, as the page says it."""
    if row.get("computed"):
        return "worked out for the project"
    return f"`{row['default_of']}`" if "default_of" in row else f"`{row['default']}`".replace("``", "empty")


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
    if "catalog." in (condition := question.get("when", "")):
        servers = [row["model_server"] for row in OTHER_ANSWERS if render(condition, row) == "True"]
        return f"where model_server in {servers}"
    return f"where {condition.strip('{ }')}" if condition else "yes"


def render(value: Any, answers: dict[str, str] | None = None) -> str:
    """A value of a question as it is with these answers and everything else at its default."""
    if not isinstance(value, str):
        return json.dumps(value)
    return ENVIRONMENT.from_string(value).render(catalog=CATALOG, **DEFAULTS, **(answers or OTHER_ANSWERS[0]))


if __name__ == "__main__":
    main()
