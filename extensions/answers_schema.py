"""Write docs/answers.schema.json and docs/mcc-policy.schema.json: `python -m extensions.answers_schema`

The questions and the table of settings declare the form of each answer: its type, its choices, and the pattern that its
validator tests for. What differs between combinations of answers (extensions/combinations.py) becomes an if and then.
docs/answers.md lists the rules that are left to Copier, because they depend on a free text.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import nodes

from extensions.answers import NO, POLICY_RECORD, SETTINGS, YES
from extensions.combinations import (
    ASKED,
    CATALOG,
    CHECKS,
    ENVIRONMENT,
    QUESTIONS,
    Values,
    candidates,
    is_finite,
    outcomes_of,
    values,
)
from extensions.document_questions import render
from extensions.offers import DEAREST
from extensions.patterns import PATTERNS
from extensions.policy import KEYS, PLAIN_TEXT, RULES
from extensions.settings import patterns

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs" / "answers.schema.json"
POLICY_SCHEMA = ROOT / "docs" / "mcc-policy.schema.json"

Json = dict[str, Any]
Box = dict[str, frozenset[Any]]  # combinations of answers: any of these to each question

PRICES = "instance_prices"
FORMS = {**{name: pattern.pattern for name, pattern in PATTERNS.items()}, **patterns(CATALOG["settings"])}
OWN_SETTINGS = {name: row for name, row in CATALOG["settings"].items() if "answer" not in row}
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
        numbers = [int(name) for name in names if name.isdecimal()]
        return {"anyOf": [{"enum": names}, {"type": "boolean"}]} if "true" in names else {"enum": [*names, *numbers]}
    repeated = f"(,({row['item']})){{0,{row['at_most'] - 1}}}" if "item" in row else ""
    pattern = f"({row.get('item') or row['pattern']}){repeated}".replace(r"\Z", "$")
    return {"type": "string", "pattern": f"^({'|' if row.get('default') == '' else ''}{pattern}){END}"}


def policy_schema() -> Json:
    """The schema of an organization's policy."""
    rules = {name: {"description": asks(name), "$ref": "#/$defs/rule"} for name in ASKED}
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
    return {"description": asks(name), **value_schema(name, accepted)}


def asks(name: str) -> str:
    """What a question asks, in one line."""
    return " ".join(render(ASKED[name]["help"]).split())


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


def union(outcomes: Any) -> list[Any]:
    """All values that are in any of the outcomes, in the order of the first that has them."""
    return list(dict.fromkeys(value for accepted in outcomes for value in accepted or []))


if __name__ == "__main__":
    main()
