"""An organisation's policy: which answers it fixes or refuses, and why. docs/organisations.md describes the file.

extensions/answers.py finds the file and holds the answers to it, wherever they come from.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from copier.errors import UserMessageError
from jinja2 import Environment
from jinja2.ext import Extension

KEYS = ("policy", "version", "questions")

# What names and versions are made of: they are shown in lines and written into projects.
PLAIN_TEXT = "[A-Za-z0-9_. -]+"

ANSWER = {"type": ["string", "integer", "boolean"]}
LIST = {"type": "array", "items": ANSWER, "minItems": 1}

# What a rule can say of the answer to a question, as JSON Schema says it.
RULES: dict[str, dict[str, Any]] = {
    "fixed": {"anyOf": [ANSWER, LIST], "description": "The answer, always."},
    "allow": {**LIST, "description": "The answers to choose from. The first stands in for a default that is refused."},
    "deny": {**LIST, "description": "Answers that are refused."},
    "pattern": {"type": "string", "format": "regex", "description": "A regular expression that all of it matches."},
    "require": {
        **{**LIST, "items": {"type": "string"}},
        "description": "Entries that a list, or a text with commas between its entries, must have.",
    },
}
FORMS = {
    "fixed": "give the answer, or a list of answers",
    "allow": "give a list of answers",
    "deny": "give a list of answers",
    "pattern": "give a regular expression",
    "require": "give a list of texts",
}

Rule = dict[str, Any]


class Policies(Extension):
    """Lets other extensions read a policy file, as `environment.read_policy`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.extend(read_policy=read_policy)


@dataclass(frozen=True)
class Policy:
    """The rules of a policy file, by question."""

    title: str  # its name and version
    questions: Mapping[str, Rule]

    def record(self) -> dict[str, Any]:
        """What a project records of the policy that its answers keep to."""
        return {"title": self.title, "reasons": {name: rule["reason"] for name, rule in self.questions.items()}}

    def default(self, name: str, otherwise: str) -> Any:
        """The answer to offer where the question's own default is refused: the one, or the first of those allowed."""
        rule = self.questions[name]
        return rule.get("fixed", rule.get("allow", [otherwise])[0])

    def refusal(self, name: str, answer: Any) -> str:
        """Why an answer is refused and which is not, in one line; empty where the policy says nothing against it."""
        if name not in self.questions:
            return ""
        rule = self.questions[name]
        remedy = next((remedy for key in RULES if key in rule and (remedy := REMEDIES[key](rule[key], answer))), "")
        return remedy and f"{rule['reason']} (policy {self.title}); {remedy}"


def _remedy_fixed(fixed: Any, answer: Any) -> str:
    return "" if _items(answer) == _items(fixed) else f"it is always {_shown(fixed)}"


def _remedy_allow(allowed: list[Any], answer: Any) -> str:
    return "" if {*_items(answer)} <= {*_items(allowed)} else f"choose {' or '.join(map(_shown, allowed))}"


def _remedy_deny(denied: list[Any], answer: Any) -> str:
    return f"don't choose {' or '.join(map(_shown, denied))}" if {*_items(answer)} & {*_items(denied)} else ""


def _remedy_pattern(pattern: str, answer: Any) -> str:
    matches = all(re.fullmatch(pattern, item) for item in _items(answer))
    return "" if matches else f"choose what matches {pattern}"


def _remedy_require(required: list[str], answer: Any) -> str:
    """Entries of a list, or of a text with commas between them: `owner` is met by `owner=me`, too."""
    entries = answer if isinstance(answer, list) else [entry.strip() for entry in _shown(answer).split(",")]
    met = {*entries, *(entry.partition("=")[0] for entry in entries if entry.partition("=")[2])}
    missing = [entry for entry in required if entry not in met]
    return f"add {' and '.join(missing)}" if missing else ""


REMEDIES: dict[str, Callable[[Any, Any], str]] = {
    "fixed": _remedy_fixed,
    "allow": _remedy_allow,
    "deny": _remedy_deny,
    "pattern": _remedy_pattern,
    "require": _remedy_require,
}


def read_policy(path: str, questions: list[str]) -> Policy:
    """The policy in a file. Raises UserMessageError, in one line, where it can't be read or is not well-formed."""
    try:
        content = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise UserMessageError(f"policy {path}: {error.strerror}; MCC_POLICY or settings.yml names it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserMessageError(f"policy {path}: not YAML: {' '.join(str(error).split())}") from error
    if problem := _problem(content, questions):
        raise UserMessageError(f"policy {path}: {problem}")
    return Policy(f"{content['policy']} {content['version']}", content["questions"])


def _problem(content: Any, questions: list[str]) -> str:
    """What is wrong with the content of a policy file; empty where nothing is."""
    if not isinstance(content, dict) or set(content) != set(KEYS) or not isinstance(content["questions"], dict):
        return f"it has the keys {', '.join(KEYS)}, the last with a rule for each restricted question"
    for name in ("policy", "version"):
        if not isinstance(content[name], str) or not re.fullmatch(PLAIN_TEXT, content[name]):
            return f"{name}: give a text of letters, digits, blanks and . _ - in quotes if it is a number"
    for name, rule in content["questions"].items():
        if name not in questions:
            near = difflib.get_close_matches(name, questions, n=1)
            return f"{name}: no such question{f' - did you mean {near[0]!r}?' if near else ''}"
        if problem := _problem_of_rule(rule):
            return f"{name}: {problem}"
    return ""


def _problem_of_rule(rule: Any) -> str:
    if not isinstance(rule, dict) or len(rule) < 2 or not set(rule) <= {*RULES, "reason"}:
        return f"give a reason, and one or more of {', '.join(RULES)}"
    if not isinstance(rule.get("reason"), str) or not rule["reason"].strip() or len(rule["reason"].splitlines()) != 1:
        return "reason: say in one line why"
    for key in RULES:
        if key in rule and not _is_well_formed(key, rule[key]):
            return f"{key}: {FORMS[key]}"
    return ""


def _is_well_formed(key: str, value: Any) -> bool:
    if key == "pattern":
        return isinstance(value, str) and _compiles(value)
    items = value if isinstance(value, list) else [value]
    types = str if key == "require" else (str, int)
    return bool(items) and all(isinstance(item, types) for item in items) and (key == "fixed" or items is value)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _items(answer: Any) -> list[str]:
    """What is chosen: one answer, or several."""
    return [_shown(item) for item in answer] if isinstance(answer, list) else [_shown(answer)]


def _shown(answer: Any) -> str:
    """An answer as it is typed after --data."""
    return str(answer).lower() if isinstance(answer, bool) else str(answer)
