"""Give the page of the answers builder its questions: a hook of MkDocs, which calls `on_page_markdown` for each page.

The page so has the questions, choices and messages of the template itself, and the schema of its answers, and needs no
network. docs/builder/builder.js shows them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # MkDocs loads this file alone
    sys.path.insert(0, str(ROOT))

from extensions.answers import is_computed, load_questions  # noqa: E402
from extensions.answers_schema import SCHEMA  # noqa: E402
from extensions.combinations import CHECKS, values  # noqa: E402
from extensions.document_questions import OTHER_ANSWERS, render  # noqa: E402

PAGE = "builder/index.md"
PLACE = "<!-- questions -->"
WRONG = "\0"  # no question takes it, so its validator says what it takes


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The builder's page with its questions, and any other page as it is."""
    if page.file.src_uri != PAGE:
        return markdown
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    data = json.dumps({"sections": sections(), "schema": schema, "projectName": values({})["project_name"]})
    escaped = data.replace("<", r"\u003c")  # so that no text can end the element
    return markdown.replace(PLACE, f'<script type="application/json" id="questions">{escaped}</script>')


def sections() -> list[dict[str, Any]]:
    """The questions of each file in questions/, in the order that Copier asks them."""
    included = re.findall(r"^!include (\S+)$", (ROOT / "copier.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = {
        name: Path(path).stem for path in included for name in yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for name, question in load_questions(ROOT).items():
        if not is_computed(question):
            found.setdefault(names[name], []).append(described(name, question))
    return [{"title": title.capitalize(), "questions": questions} for title, questions in found.items()]


def described(name: str, question: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of a question."""
    asks, _, why = render(question["help"]).partition("\n")
    return {
        "name": name,
        "asks": asks,
        "why": " ".join(why.split()),
        "kind": "list" if question.get("multiselect") else question["type"],
        "choices": labels(question),
        "takes": takes(name, question),
        "isAsked": question.get("ask", True),
    }


def labels(question: dict[str, Any]) -> dict[str, str]:
    """What each choice is called, with whichever other answers."""
    offered = question.get("choices", [])
    if isinstance(offered, list):
        return {choice: choice for choice in offered}
    tables = [yaml.safe_load(render(offered, answers)) for answers in OTHER_ANSWERS]
    return {value: label for table in tables for label, value in table.items()}


def takes(name: str, question: dict[str, Any]) -> str:
    """What the question says to a wrong answer; nothing where a choice can't be wrong."""
    if question["type"] != "str" or question.get("choices"):
        return ""
    return CHECKS.problem(name, WRONG, values({}))
