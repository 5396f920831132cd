"""An organization's policy: which values it fixes or refuses, and why. docs/organizations.md describes the file.

extensions/answers.py finds the file and applies it to all answers, wherever they come from. The rules themselves are
evaluated by the module that the commands use, do/lib/policy.py.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from copier.errors import UserMessageError
from jinja2 import Environment
from jinja2.ext import Extension

# The keys of a policy file. One of the last two is enough.
KEYS = ("policy", "version", "questions", "settings")

# The characters of names and versions, which appear in messages and in projects.
PLAIN_TEXT = "[A-Za-z0-9_. -]+"

ANSWER = {"type": ["string", "integer", "boolean"]}
LIST = {"type": "array", "items": ANSWER, "minItems": 1}

# What a rule can say about the answer to a question, as JSON Schema.
RULES: dict[str, dict[str, Any]] = {
    "fixed": {"anyOf": [ANSWER, LIST], "description": "The answer, always."},
    "allow": {**LIST, "description": "The answers to choose from. The first replaces a default that is refused."},
    "deny": {**LIST, "description": "Answers that are refused."},
    "pattern": {
        "type": "string",
        "format": "regex",
        "description": "A regular expression for the whole answer.",
    },
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

JUDGE = Path(__file__).parents[1] / "template" / "{{project}}" / "do" / "lib" / "policy.py"

Rule = dict[str, Any]


def _load_judge() -> Any:
    spec = importlib.util.spec_from_file_location("do_lib_policy", JUDGE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


judge = _load_judge()


class Policies(Extension):
    """Lets other extensions read a policy file (`environment.read_policy`) and a record (`.recorded_policy`)."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.extend(read_policy=read_policy, recorded_policy=recorded_policy)


@dataclass(frozen=True)
class Policy:
    """The rules of a policy file, by question and by setting."""

    title: str  # its name and version
    source: str  # the path of the file
    digest: str  # SHA-256 of the file
    questions: Mapping[str, Rule]
    settings: Mapping[str, Rule]

    def record(self) -> dict[str, Any]:
        """What a project records of the policy, for its commands and for updates without the file."""
        return {
            "title": self.title,
            "source": self.source,
            "digest": self.digest,
            "questions": dict(self.questions),
            "settings": dict(self.settings),
        }

    def default(self, name: str, otherwise: str) -> Any:
        """The value to offer if the own default is refused: the fixed one, or the first that is allowed."""
        rule = self.questions.get(name) or self.settings[name]
        return rule.get("fixed", rule.get("allow", [otherwise])[0])

    def refusal(self, name: str, value: Any) -> str:
        """Why an answer or a setting is refused and what is accepted, in one line; empty if it is accepted."""
        rule = self.questions.get(name) or self.settings.get(name)
        return str(judge.rule_refusal(rule, value, self.title)) if rule else ""


def read_policy(path: str, questions: list[str], settings: list[str]) -> Policy:
    """The policy in a file. Raises UserMessageError, in one line, if it can't be read or is not well-formed."""
    try:
        content = Path(path).expanduser().read_bytes()
        rules = yaml.safe_load(content.decode())
    except OSError as error:
        raise UserMessageError(f"policy {path}: {error.strerror}; MCC_POLICY or settings.yml names it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserMessageError(f"policy {path}: not YAML: {' '.join(str(error).split())}") from error
    if problem := _problem(rules, questions, settings):
        raise UserMessageError(f"policy {path}: {problem}")
    title, digest = f"{rules['policy']} {rules['version']}", hashlib.sha256(content).hexdigest()
    return Policy(title, str(path), digest, rules.get("questions", {}), rules.get("settings", {}))


def recorded_policy(record: Mapping[str, Any]) -> Policy:
    """The policy that a project recorded."""
    return Policy(**record)


def _problem(content: Any, questions: list[str], settings: list[str]) -> str:
    """What is wrong with the content of a policy file; empty if nothing is."""
    if not isinstance(content, dict) or not {*KEYS[:2]} < {*content} <= {*KEYS}:
        return f"the keys are {', '.join(KEYS)}, and the last two have a rule for each name that is restricted"
    for name in KEYS[:2]:
        if not isinstance(content[name], str) or not re.fullmatch(PLAIN_TEXT, content[name]):
            return f"{name}: give a text of letters, digits, spaces and . _ - in quotes if it is a number"
    for kind, known in (("questions", questions), ("settings", settings)):
        rules = content.get(kind, {})
        if not isinstance(rules, dict):
            return f"{kind}: give a rule for each of the {kind} to restrict"
        for name, rule in rules.items():
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                return f"{name}: no such {kind[:-1]}{f' - did you mean {near[0]!r}?' if near else ''}"
            if problem := _problem_of_rule(rule):
                return f"{name}: {problem}"
    return ""


def _problem_of_rule(rule: Any) -> str:
    if not isinstance(rule, dict) or len(rule) < 2 or not set(rule) <= {*RULES, "reason"}:
        return f"give a reason, and one or more of {', '.join(RULES)}"
    if not isinstance(rule.get("reason"), str) or not rule["reason"].strip() or len(rule["reason"].splitlines()) != 1:
        return "reason: explain the rule in one line"
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
