"""The organization's policy that the project was made under: which values it refuses, and why.

lib/policy.json is its record, so that unsetting a variable dodges nothing; it is empty where there was no policy. The
template asks this module, too (extensions/policy.py), so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("policy.json")

Rule = Mapping[str, Any]


def recorded() -> Mapping[str, Any]:
    """The policy as it was recorded: `title`, `source`, `digest`, and the rules of `questions` and `settings`."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def refusal(key: str, value: str, policy: Mapping[str, Any] | None = None) -> str:
    """Why a policy (the recorded one by default) refuses a value, and which it takes; empty where it takes this one.

    `key` is the name of a setting, or of a question in capitals.
    """
    policy = recorded() if policy is None else policy
    rules = _rules(policy)
    return rule_refusal(rules[key], value, policy["title"]) if key in rules else ""


def restricts(key: str) -> bool:
    """Whether the recorded policy has a rule for a setting, or for a question in capitals."""
    return key in _rules(recorded())


def _rules(policy: Mapping[str, Any]) -> dict[str, Rule]:
    return {name.upper(): rule for kind in ("questions", "settings") for name, rule in policy.get(kind, {}).items()}


def rule_refusal(rule: Rule, value: Any, title: str) -> str:
    """Why a rule of the policy of this title refuses a value, in one line; empty where it doesn't."""
    remedy = next((remedy for key in REMEDIES if key in rule and (remedy := REMEDIES[key](rule[key], value))), "")
    return remedy and f"{rule['reason']} (policy {title}); {remedy}"


def _remedy_fixed(fixed: Any, value: Any) -> str:
    return "" if _items(value) == _items(fixed) else f"it is always {_shown(fixed)}"


def _remedy_allow(allowed: list[Any], value: Any) -> str:
    return "" if {*_items(value)} <= {*_items(allowed)} else f"choose {' or '.join(map(_shown, allowed))}"


def _remedy_deny(denied: list[Any], value: Any) -> str:
    return f"don't choose {' or '.join(map(_shown, denied))}" if {*_items(value)} & {*_items(denied)} else ""


def _remedy_pattern(pattern: str, value: Any) -> str:
    matches = all(re.fullmatch(pattern, item) for item in _items(value))
    return "" if matches else f"choose what matches {pattern}"


def _remedy_require(required: list[str], value: Any) -> str:
    """Entries of a list, or of a text with commas between them: `owner` is met by `owner=me`, too."""
    entries = value if isinstance(value, list) else [entry.strip() for entry in _shown(value).split(",")]
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


def _items(value: Any) -> list[str]:
    """What is chosen: one value, or several."""
    return [_shown(item) for item in value] if isinstance(value, list) else [_shown(value)]


def _shown(value: Any) -> str:
    """A value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)
