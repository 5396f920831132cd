"""Write docs/answers.schema.json and docs/mcc-policy.schema.json: `python -m extensions.answers_schema`

The questions and the table of settings declare the form of each answer: its type, its choices, and the pattern that its
validator tests for. Which answers go together is found by trying: the questions' own `when`, `choices` and `validator`
are asked about every choice, with every combination of the choices they depend on. What differs between combinations
becomes an if and then. docs/answers.md lists the rules that are left to Copier, because they depend on a free text.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, UndefinedError, meta, nodes

from extensions.answers import (
    NO,
    POLICY_RECORD,
    SETTINGS,
    YES,
    Answers,
    as_list,
    as_mapping,
    is_computed,
    load_questions,
)
from extensions.context import Context, load_catalog
from extensions.engines import Engines
from extensions.inspection import Inspection
from extensions.models import Models
from extensions.offers import DEAREST, Offers
from extensions.patterns import PATTERNS, Patterns
from extensions.policy import KEYS, PLAIN_TEXT, RULES
from extensions.project_id import ProjectId
from extensions.settings import Settings, patterns
from extensions.sizing import Sizing

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs" / "answers.schema.json"
POLICY_SCHEMA = ROOT / "docs" / "mcc-policy.schema.json"

Json = dict[str, Any]
Values = dict[str, Any]  # answers, and what is computed from them
Box = dict[str, frozenset[Any]]  # combinations of answers: any of these to each question

CATALOG = load_catalog()
QUESTIONS = load_questions(ROOT)
ASKED = {
    name: question for name, question in QUESTIONS.items() if not is_computed(question) and question["type"] != "yaml"
}
# what questions are written with
EXTENSIONS = [Context, Patterns, Settings, ProjectId, Engines, Models, Inspection, Offers, Sizing]
PRICES = "instance_prices"
IN_TABLE = {row["answer"]: row for row in CATALOG["settings"].values() if "answer" in row}
FORMS = {**{name: pattern.pattern for name, pattern in PATTERNS.items()}, **patterns(CATALOG["settings"])}
OWN_SETTINGS = {name: row for name, row in CATALOG["settings"].items() if "answer" not in row}
ENVIRONMENT = Environment(extensions=EXTENSIONS, undefined=StrictUndefined, autoescape=False)
CHECKS = Answers(ENVIRONMENT)
CHECKS.questions = QUESTIONS

# Which model it is, is left to Copier; so are whether it fits on an instance, and what its file tells.
FOUND = "model_found"
UNKNOWN = {"model_shape": None, FOUND: None}

# Questions whose default depends on whether another one is answered, and that other one.
IMPLIED = {
    name: match[1]
    for name, question in ASKED.items()
    if (match := re.search(r"'(\w+)' \| is_answered", str(question["default"])))
}

# What may not follow: Python's $ also matches in front of a last line break.
END = r"$(?!\n)"


def main() -> None:
    """Write the files."""
    SCHEMA.write_text(text(schema()), encoding="utf-8")
    POLICY_SCHEMA.write_text(text(policy_schema()), encoding="utf-8")


def text(schema: Json) -> str:
    """A schema as it is in its file."""
    return json.dumps(schema, indent=2) + "\n"


def schema() -> Json:
    """The schema of an answers file."""
    outcomes = {name: outcomes_of(name) for name in ASKED}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answers of mcc-template",
        "type": "object",
        "properties": {
            **{name: described(name, union(outcomes[name].values())) for name in ASKED},
            PRICES: prices_schema(),
            SETTINGS: settings_schema(),
            POLICY_RECORD: {"description": "Recorded: the policy that the answers keep to.", "type": "object"},
        },
        "patternProperties": {"^_": {"description": "Recorded by Copier."}},
        "additionalProperties": False,
        "allOf": [rule for name in ASKED for rule in rules(name, outcomes[name])],
    }


def prices_schema() -> Json:
    """The form of the user's own prices."""
    return {
        "description": " ".join(QUESTIONS[PRICES]["help"].split()),
        "type": "object",
        "propertyNames": {"enum": [*CATALOG["instances"]]},
        "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": DEAREST},
    }


def settings_schema() -> Json:
    """The form of the initial settings, as their table declares it."""
    return {
        "description": " ".join(QUESTIONS[SETTINGS]["help"].split()),
        "type": "object",
        "properties": {name: setting_schema(row) for name, row in OWN_SETTINGS.items()},
        "additionalProperties": False,
    }


def setting_schema(row: Json) -> Json:
    """The form of a setting."""
    return {"description": f"{row['what'][0].upper()}{row['what'][1:]}. {row['limits']}", **setting_form(row)}


def setting_form(row: Json) -> Json:
    """The values that a row of the table declares; a number or a switch may also be a text, as in do/config.env."""
    if "range" in row:
        first, last = row["range"]
        number = f"^(0|[1-9][0-9]*){END}"
        return {"type": ["integer", "string"], "minimum": first, "maximum": last, "pattern": number}
    if "choices" in row:
        names = row["choices"] if isinstance(row["choices"], list) else list(CATALOG[row["choices"]])
        return {"anyOf": [{"enum": names}, {"type": "boolean"}]} if "true" in names else {"enum": names}
    repeated = f"(,({row['item']})){{0,{row['at_most'] - 1}}}" if "item" in row else ""
    pattern = f"({row.get('item') or row['pattern']}){repeated}".replace(r"\Z", "$")
    return {"type": "string", "pattern": f"^({'|' if row.get('default') == '' else ''}{pattern}){END}"}


def policy_schema() -> Json:
    """The schema of an organization's policy."""
    rules = {name: {"description": " ".join(ASKED[name]["help"].split()), "$ref": "#/$defs/rule"} for name in ASKED}
    settings = {name: {"description": row["what"], "$ref": "#/$defs/rule"} for name, row in OWN_SETTINGS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy of mcc-template",
        "type": "object",
        "properties": {
            **{name: {"type": "string", "pattern": f"^{PLAIN_TEXT}{END}"} for name in ("policy", "version")},
            "questions": {"type": "object", "properties": rules, "additionalProperties": False},
            "settings": {"type": "object", "properties": settings, "additionalProperties": False},
        },
        "required": [*KEYS[:2]],
        "additionalProperties": False,
        "$defs": {
            "rule": {
                "type": "object",
                "properties": {**RULES, "reason": {"type": "string", "pattern": rf"^[^\n]*\S[^\n]*{END}"}},
                "required": ["reason"],
                "minProperties": 2,
                "additionalProperties": False,
            }
        },
    }


def described(name: str, accepted: list[Any]) -> Json:
    """What an editor shows of a question, and the values that it takes in any combination."""
    return {"description": " ".join(ASKED[name]["help"].split()), **value_schema(name, accepted)}


def value_schema(name: str, accepted: list[Any]) -> Json:
    """The form of an answer that is one of these; of a free text, whichever these are."""
    question = ASKED[name]
    if question["type"] == "bool":
        return any_of([yes_or_no(value) for value in accepted])
    if question.get("multiselect"):
        return list_schema(name, accepted)
    return {"enum": accepted} if is_finite(name) else text_schema(name)


def any_of(schemas: list[Json]) -> Json:
    """One of these forms."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def yes_or_no(value: bool) -> Json:
    """True or false in each of its spellings."""
    letters = {letter: f"[{letter}{letter.upper()}]" for letter in string.ascii_lowercase}
    words = "|".join("".join(letters.get(sign, sign) for sign in word) for word in sorted(YES if value else NO))
    return {"anyOf": [{"const": value}, {"const": int(value)}, {"type": "string", "pattern": f"^({words}){END}"}]}


def list_schema(name: str, accepted: list[Any]) -> Json:
    """A list of choices, also as a text in brackets; empty where the question takes that."""
    least = 0 if not CHECKS.problem(name, [], values({})) else 1
    item = "|".join(accepted)
    in_brackets = rf"^\[ *({item})( *, *({item}))* *\]{END}"
    return {
        "anyOf": [
            {"type": "array", "items": {"enum": accepted}, "minItems": least},
            {"type": "string", "pattern": in_brackets},
        ]
    }


def text_schema(name: str) -> Json:
    """A text of the form that the validator tests for."""
    tests = [test for test in tests_of(name) if test in FORMS]
    if not tests:
        return {"type": "string"}
    pattern = FORMS[tests[0]].replace(r"\Z", "$")
    form: Json = {"type": "string", "pattern": f"^({pattern}){END}"}
    return form if CHECKS.problem(name, "", values({})) else {"anyOf": [{"const": ""}, form]}


def tests_of(name: str) -> list[str]:
    """The tests that a question's validator has, such as `is not model_id`."""
    return [test.name for test in ENVIRONMENT.parse(ASKED[name]["validator"]).find_all(nodes.Test)]


def rules(name: str, outcomes: Mapping[str, Any]) -> Iterator[Json]:
    """What an answer depends on: an if and then for each set of combinations that narrows the values."""
    everything = union(outcomes.values())
    boxes: dict[str, list[Box]] = {}
    for combination, accepted in outcomes.items():
        boxes.setdefault(json.dumps(accepted), []).append(
            {governor: frozenset([value]) for governor, value in json.loads(combination).items()}
        )
    for outcome, parts in boxes.items():
        accepted = json.loads(outcome)
        if accepted != everything:
            then = False if accepted is None else value_schema(name, accepted)
            yield from ({"if": condition(box), "then": {"properties": {name: then}}} for box in merged(parts))


def condition(box: Box) -> Json:
    """The form of answers files with one of these combinations. What is not answered has its default."""
    first = {name: next(iter(chosen)) for name, chosen in box.items()}
    narrow = {name: chosen for name, chosen in box.items() if chosen != frozenset(candidates(name))}
    defaults = {name: values({other: first[other] for other in first if other != name})[name] for name in narrow}
    found: Json = {
        "properties": {
            name: value_schema(name, [value for value in candidates(name) if value in chosen])
            for name, chosen in narrow.items()
        }
    }
    given = [name for name, chosen in narrow.items() if defaults[name] not in chosen]
    if alternatives := [form for name in narrow if (form := by_implication(name, narrow[name], first))]:
        found["allOf"] = alternatives
        given = [name for name in given if name not in IMPLIED]
    return {**found, "required": given} if given else found


def by_implication(name: str, chosen: frozenset[Any], others: Values) -> Json | None:
    """The form of answers files whose answer is among the chosen ones, where another answer changes its default."""
    if name not in IMPLIED:
        return None
    implying = IMPLIED[name]
    context = {other: answer for other, answer in others.items() if other != name}
    with_it, without = (values({**context, **more})[name] in chosen for more in ({implying: ""}, {}))
    if with_it == without:
        return None
    return any_of([{"required": [name]}, {"required": [implying]} if with_it else {"not": {"required": [implying]}}])


def merged(boxes: list[Box]) -> list[Box]:
    """The same combinations in fewer boxes."""
    for name in boxes[0]:
        groups: dict[tuple[frozenset[Any], ...], Box] = {}
        for box in boxes:
            others = tuple(chosen for other, chosen in box.items() if other != name)
            wider = groups.setdefault(others, {**box, name: frozenset()})
            wider[name] |= box[name]
        boxes = list(groups.values())
    return boxes


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
    return [name for name in names if CHECKS.problem(name, context[name], context)]


def accepted(name: str, context: Values) -> list[Any]:
    """The candidates that a question takes; those of a free text stand for its form."""
    tried = candidates(name)
    if ASKED[name].get("multiselect"):
        return [value for value in tried if not CHECKS.problem(name, [value], context)]
    if not is_finite(name) or looks_at_free_answers(name, "validator"):
        return tried
    return [value for value in tried if not CHECKS.problem(name, value, context)]


def looks_at_free_answers(name: str, key: str) -> bool:
    """Whether a rule depends on answers that can't be listed: such a rule is left to Copier."""
    return any(other in ASKED and not is_finite(other) for other in looked_at(name, (key,)) - {name})


def union(outcomes: Any) -> list[Any]:
    """All values that are in any of the outcomes, in the order of the first that has them."""
    return list(dict.fromkeys(value for accepted in outcomes for value in accepted or []))


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
    ahead = looked_at(name, keys or ("when", "choices", "validator")) - {name, FOUND}
    while ahead:
        other = ahead.pop()
        seen.add(other)
        keys = ("default",) if is_computed(QUESTIONS[other]) else ("when", "choices")
        ahead |= looked_at(other, keys) - seen - {FOUND}
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


if __name__ == "__main__":
    main()
