"""Which answers go together, found by trying.

The questions' own `when`, `choices` and `validator` are asked about every choice, with every combination of the choices
that they depend on.
"""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, UndefinedError, meta

from extensions.answers import YES, Answers, as_list, as_mapping, is_computed, load_questions
from extensions.context import Context, load_catalog
from extensions.engines import Engines
from extensions.inspection import Inspection
from extensions.models import Models
from extensions.offers import Offers
from extensions.patterns import Patterns
from extensions.project_id import ProjectId
from extensions.settings import Settings
from extensions.sizing import Sizing

Values = dict[str, Any]  # answers, and what is computed from them

CATALOG = load_catalog()
QUESTIONS = load_questions(Path(__file__).parents[1])
ASKED = {
    name: question for name, question in QUESTIONS.items() if not is_computed(question) and question["type"] != "yaml"
}
# what questions are written with
EXTENSIONS = [Context, Patterns, Settings, ProjectId, Engines, Models, Inspection, Offers, Sizing]
ENVIRONMENT = Environment(extensions=EXTENSIONS, undefined=StrictUndefined, autoescape=False)
CHECKS = Answers(ENVIRONMENT)
CHECKS.questions = QUESTIONS
IN_TABLE = {row["answer"]: row for row in CATALOG["settings"].values() if "answer" in row}

# Which model it is, is left to Copier; so are whether it fits on an instance, and what its file tells.
LEFT_OUT = {"model_found", "memory_options"}
UNKNOWN: Values = {"model_shape": None, "draft_shape": None, "model_found": None, "memory_options": {}}

_problems: dict[str, str] = {}  # see `problem`


def outcomes_of(name: str) -> dict[str, list[Any] | None]:
    """The values that a question takes, by the answers that it looks at (as JSON); None where it is not asked."""
    found: dict[str, list[Any] | None] = {}
    governors = governors_of(name)
    for answers in itertools.product(*(candidates(governor) for governor in governors)):
        combination = dict(zip(governors, answers, strict=True))
        if context := combined(combination):
            hidden = CHECKS.is_hidden(name, context) and not looks_at_free_answers(name, "when")
            found[json.dumps(combination)] = None if hidden else accepted(name, context)
    return found


def combined(combination: Values) -> Values | None:
    """All answers and computed values with these answers; None where they don't go together."""
    try:
        context = values(combination)
    except UndefinedError:  # such as the image of a web application for a generative model
        return None
    together = all(context[name] == answer for name, answer in combination.items())
    return context if together and not problems(context, [*combination]) else None


def problems(context: Values, names: list[str]) -> list[str]:
    """The questions among these whose answers are refused."""
    return [name for name in names if problem(name, context[name], context)]


def accepted(name: str, context: Values) -> list[Any]:
    """The candidates that a question takes; those of a free text stand for its form."""
    tried = candidates(name)
    if ASKED[name].get("multiselect"):
        return [value for value in tried if not problem(name, [value], context)]
    if not is_finite(name) or looks_at_free_answers(name, "validator"):
        return tried
    return [value for value in tried if not problem(name, value, context)]


def problem(name: str, value: Any, context: Values) -> str:
    """What is wrong with an answer, found once for all combinations that are alike in what the question looks at."""
    looked = sorted(looked_at(name, ("choices", "validator")) - {name})
    alike = json.dumps([name, value, *(context.get(other) for other in looked)])
    if alike not in _problems:
        _problems[alike] = CHECKS.problem(name, value, context)
    return _problems[alike]


def looks_at_free_answers(name: str, key: str) -> bool:
    """Whether a rule depends on answers that can't be listed: such a rule is left to Copier."""
    return any(other in ASKED and not is_finite(other) for other in looked_at(name, (key,)) - {name})


def is_finite(name: str) -> bool:
    """Whether all answers to the question can be listed."""
    return ASKED[name]["type"] == "bool" or bool(candidates(name))


@functools.cache
def candidates(name: str) -> list[Any]:
    """The values that might be answers: the question's choices, or those of its row in the table of settings."""
    question = ASKED[name]
    if question["type"] == "bool":
        return [True, False]
    if "choices" in question:
        governors = governors_of(name, "choices")
        given = (
            dict(zip(governors, answers, strict=True)) for answers in itertools.product(*map(candidates, governors))
        )
        contexts = filter(None, map(combined, given))
        return list(dict.fromkeys(value for context in contexts for value in CHECKS.choices(name, context)))
    return list(CATALOG.get(IN_TABLE.get(name, {}).get("choices", ""), []))


@functools.cache
def governors_of(name: str, *keys: str) -> list[str]:
    """The questions with choices whose answers a question's rules look at, also by way of others, in their order."""
    seen: set[str] = set()
    ahead = looked_at(name, keys or ("when", "choices", "validator")) - {name} - LEFT_OUT
    while ahead:
        other = ahead.pop()
        seen.add(other)
        keys = ("default",) if is_computed(QUESTIONS[other]) else ("when", "choices")
        ahead |= looked_at(other, keys) - seen - LEFT_OUT
    return [other for other in ASKED if other in seen - {name} and is_choice(other)]


@functools.cache
def looked_at(name: str, keys: tuple[str, ...]) -> set[str]:
    """The other questions and computed values in the expressions of one."""
    source = " ".join(str(QUESTIONS[name].get(key, "")) for key in keys)
    return meta.find_undeclared_variables(ENVIRONMENT.parse(source)) & set(QUESTIONS)


def is_choice(name: str) -> bool:
    """Whether the question takes one of a few answers."""
    return QUESTIONS[name]["type"] == "bool" or (
        "choices" in QUESTIONS[name] and not QUESTIONS[name].get("multiselect")
    )


def values(given: Values) -> Values:
    """All answers and computed values, where these are given and the others have their default."""
    context: Values = {"catalog": CATALOG, "_folder_name": "my-model", "_given": given}
    for name, question in QUESTIONS.items():
        hidden = is_computed(question) or CHECKS.is_hidden(name, context)
        context[name] = given[name] if name in given and not hidden else default(name, context)
    return context


def default(name: str, context: Values) -> Any:
    """A question's default as Copier would record it."""
    if name in UNKNOWN:
        return UNKNOWN[name]
    question = QUESTIONS[name]
    rendered = CHECKS.render(question["default"], context)
    if question["type"] == "bool":
        return rendered.lower() in YES
    if question["type"] in ("int", "json"):
        return json.loads(rendered)
    if question["type"] == "yaml":
        return as_mapping(rendered)
    return as_list(rendered) if question.get("multiselect") else rendered
