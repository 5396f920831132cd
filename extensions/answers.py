"""Checks the answers that were given before the first question, and offers those in the environment.

Copier ignores an unknown answer, and meets an invalid one with a traceback. Here both end the run in one line. An
answer is checked with the question's own `choices` and `validator`, and when Copier comes to that question, because
both may depend on the answers before it.

Answers come from, first wins: --data, --data-file, the recorded answers (on update), the environment (MCC_<QUESTION>),
the user's settings.yml, the question's default. Copier sees to all of these but the environment. It lets settings.yml
replace a question's default, so an answer in the environment is written over what settings.yml says.

An organisation's policy (extensions/policy.py) restricts answers wherever they come from. What it has instead of a
question's default is written there, too.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml
from copier.errors import UserMessageError
from copier_template_extensions import ContextHook
from jinja2 import Environment, UndefinedError

PREFIX = "MCC_"

# Where the path of the policy file is found: in the environment, or among the defaults of settings.yml.
POLICY_VARIABLE = "MCC_POLICY"
POLICY_SETTING = "mcc_policy"

# Which policy applied: for the files of a project, and beside its recorded answers, because an update first renders
# the project as it was.
POLICY_RECORD = "policy_applied"

# A default of Copier's that stands for none.
NO_DEFAULT = "{{ UNSET }}"

# How the folder is called in which an update renders the project as it was.
OLD_COPY = ".old_copy."

# Variables that are there for other tools: one that doesn't fit is passed over with a note, not refused.
AMBIENT = {"AWS_REGION": "aws_region"}

YES = {"true", "yes", "on", "y", "t", "1"}
NO = {"false", "no", "off", "n", "f", "0"}

Questions = dict[str, dict[str, Any]]

# The C parser is ten times faster; not every PyYAML has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_questions(template: PurePath) -> Questions:
    """The questions of a template in the order that Copier comes to them: of each file that copier.yml includes."""
    table_of_contents = Path(template, "copier.yml").read_text(encoding="utf-8")
    questions: Questions = {}
    for path in re.findall(r"^!include (\S+)$", table_of_contents, flags=re.MULTILINE):
        questions |= yaml.load(Path(template, path).read_text(encoding="utf-8"), Loader=_Loader)
    return questions


def is_computed(question: Mapping[str, Any]) -> bool:
    """Whether this is no question to anyone: the template works the value out from the answers."""
    return question.get("when") is False


class Answers(ContextHook):
    """Checks the answers of one run. Copier calls the hook for every string that it renders."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.questions: Questions = {}
        self._compiled = functools.cache(environment.from_string)
        self._ahead: list[str] = []  # the questions that Copier has not left behind
        self._origins: dict[str, str] = {}  # what a default was taken from: an environment variable, or the policy
        self._policy: Any = None  # of extensions/policy.py
        self._policy_record: dict[str, Any] = {}
        self._checking = False

    def hook(self, context: dict[str, Any]) -> None:
        """Check the answers to the questions that Copier has come to. Raises UserMessageError for a wrong one."""
        if self._checking:  # a check renders strings too
            return
        self._checking = True
        try:
            if not self.questions:
                self._begin(context)
            context[POLICY_RECORD] = self._policy_record
            if context["_copier_phase"] == "prompt":
                self._go_on(context)
                self._hold_to_policy(context)
        finally:
            self._checking = False

    def _begin(self, context: Mapping[str, Any]) -> None:
        """Refuse answers to what is not asked, and take in the answers of the environment."""
        conf = context["_copier_conf"]
        questions = load_questions(conf["src_path"])
        computed = [name for name, question in questions.items() if is_computed(question)]
        asked = [name for name in questions if name not in computed]
        self._check_names(conf["data"], asked, computed)
        self.questions, self._ahead = questions, list(questions)
        self._find_policy(conf, asked)

        defaults = conf["settings"].defaults
        for name in computed:
            defaults.pop(name, None)  # a default for another template's question of that name
        for variable, name in self._environment(asked, conf["quiet"]).items():
            if name in conf["data"]:
                continue
            value = os.environ[variable]
            if variable in AMBIENT and (problem := self.problem(name, value, context) or self._refusal(name, value)):
                note(f"{variable}={shown(value)} is ignored: {problem}", conf["quiet"])
            else:
                defaults[name] = value
                self._origins[name] = variable
        for name in self._policy.questions if self._policy else []:
            self._replace_refused_default(name, context)

    def _replace_refused_default(self, name: str, context: Mapping[str, Any]) -> str:
        """Why the policy refuses a question's own default, in place of which it has another, or none; else empty."""
        defaults = context["_copier_conf"]["settings"].defaults
        refusal = self._refusal_of_default(name, context)
        if refusal and name not in defaults:
            defaults[name] = self._policy.default(name, NO_DEFAULT)
            self._origins[name] = f"policy {self._policy.title}: {name}"
        return refusal

    def _find_policy(self, conf: Mapping[str, Any], asked: list[str]) -> None:
        """Read the policy that applies. A project as it was, which an update renders first, keeps what it recorded."""
        path = os.environ.get(POLICY_VARIABLE) or conf["settings"].defaults.get(POLICY_SETTING)
        if OLD_COPY in str(conf["dst_path"]):
            self._policy_record = conf["data"].get(POLICY_RECORD, {})
        elif path:
            # an extension of its own, because Copier loads each file of extensions/ alone: jinja2 knows no type for it
            self._policy = self.environment.read_policy(path, asked)  # type: ignore[attr-defined]
            self._policy_record = self._policy.record()

    def _refusal_of_default(self, name: str, context: Mapping[str, Any]) -> str:
        """Why the policy refuses a question's own default; empty where that waits for an answer."""
        try:
            return self._refusal(name, self.render(self.questions[name]["default"], context))
        except UndefinedError:
            return ""

    def _hold_to_policy(self, context: Mapping[str, Any]) -> None:
        """Refuse what the policy refuses, also where it was recorded, or chosen at a prompt."""
        for name in self._policy.questions if self._policy else []:
            if name not in context or name in context["_copier_conf"]["data"] or not self._is_asked(name, context):
                continue  # what was given is checked when Copier comes to it
            if refusal := self._refusal(name, context[name]):
                raise UserMessageError(f"{name}={shown(context[name])}: {refusal}")

    def _is_asked(self, name: str, context: Mapping[str, Any]) -> bool:
        """Whether the question is asked, as far as the answers before it are known."""
        try:
            return not self.is_hidden(name, context)
        except UndefinedError:
            return False

    def _refusal(self, name: str, value: Any) -> str:
        """Why the policy refuses an answer; empty where it doesn't."""
        return self._policy.refusal(name, self.as_recorded(name, value)) if self._policy else ""

    def as_recorded(self, name: str, value: Any) -> Any:
        """An answer as Copier records it, whichever way it is written."""
        question = self.questions[name]
        if question["type"] == "bool":
            return str(value).lower() in YES
        if question["type"] == "int":
            return int(value)
        if question.get("multiselect"):
            return as_list(value)
        return str(value)

    def _check_names(self, given: Iterable[str], asked: list[str], computed: list[str]) -> None:
        for name in given:
            if name in computed:
                raise UserMessageError(f"answer '{name}' can't be given: it follows from the other answers")
            if name not in [*asked, POLICY_RECORD] and not name.startswith("_"):  # recorded answers have Copier's keys
                hint = self._did_you_mean(name, asked) or f": the questions are {', '.join(asked)}"
                raise UserMessageError(f"unknown answer {shown(name)}{hint}")

    def _environment(self, asked: list[str], quiet: bool) -> dict[str, str]:
        """The variables that answer a question, with its name; of two for one question, the later counts."""
        variables = AMBIENT | {PREFIX + name.upper(): name for name in asked}
        for variable in os.environ:
            if variable.startswith(PREFIX) and variable not in {*variables, POLICY_VARIABLE}:
                note(f"{variable} is ignored: it names no question{self._did_you_mean(variable, variables)}", quiet)
        return {variable: name for variable, name in variables.items() if os.environ.get(variable)}

    def _go_on(self, context: Mapping[str, Any]) -> None:
        """Check the questions from where Copier was to where it is now: at the first one without an answer."""
        while self._ahead:
            name = self._ahead[0]
            hidden = self.is_hidden(name, context)
            if hidden:
                self._check_hidden(name, context)
            else:
                self._check(name, context)
            # While Copier validates an answer it is in the context, but not among Copier's answers yet. Those of
            # hidden questions never are.
            if name not in (context if hidden else context["_copier_answers"]):
                return
            self._ahead.pop(0)

    def is_hidden(self, name: str, context: Mapping[str, Any]) -> bool:
        """Whether the question is not asked with these answers."""
        condition = self.questions[name].get("when", True)
        return not condition if isinstance(condition, bool) else self.render(condition, context) != "True"

    def _check_hidden(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse an answer to a question that is not asked with the other answers; a default is just passed over."""
        if name in context["_copier_conf"]["data"]:
            condition = self.questions[name]["when"].strip("{ }")
            raise UserMessageError(f"answer '{name}' has no effect here: it needs {condition}")
        context["_copier_conf"]["settings"].defaults.pop(name, None)

    def _check(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse a wrong answer, from wherever Copier is going to take it."""
        data, defaults = context["_copier_conf"]["data"], context["_copier_conf"]["settings"].defaults
        if name in data:
            self._require(name, name, data[name], context)
        elif name in context:
            pass  # asked, or recorded: Copier asks again where that is no longer valid
        elif defaults.get(name, NO_DEFAULT) == NO_DEFAULT:
            self._check_default(name, context)
        elif name in self._origins:
            self._require(self._origins[name], name, defaults[name], context)
        else:
            self._require(f"settings.yml: {name}", name, self.render(defaults[name], context), context)

    def _check_default(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse the question's own default where the policy does, unless the user is asked for another answer."""
        conf = context["_copier_conf"]
        refusal = self._replace_refused_default(name, context)
        has_default = conf["settings"].defaults.get(name, NO_DEFAULT) != NO_DEFAULT
        is_asked = self.questions[name].get("ask", True) and not conf["defaults"]
        if refusal and not has_default and not is_asked:
            default = self.render(self.questions[name]["default"], context)
            raise UserMessageError(f"{name}={shown(default)}, the default: {refusal}")

    def _require(self, origin: str, name: str, value: Any, context: Mapping[str, Any]) -> None:
        if problem := self.problem(name, value, context) or self._refusal(name, value):
            seen = "..." if self.environment.call_test("token", str(value)) else value  # a token stays secret
            raise UserMessageError(f"{origin}={shown(seen)}: {problem}")

    def problem(self, name: str, value: Any, context: Mapping[str, Any]) -> str:
        """What is wrong with an answer, in one line; empty where it is right."""
        question = self.questions[name]
        if question["type"] == "bool" and str(value).lower() not in YES | NO:
            return "answer true or false"
        choices = self.choices(name, context)
        items = as_list(value) if question.get("multiselect") else [value]
        if items is None:
            return f"give a list, such as {name}='[{next(iter(choices))}]'"
        if not all(isinstance(item, (str, int, float)) for item in items):
            return "give a text, in quotes where it is empty"
        if question["type"] == "int" and not re.fullmatch(r"-?[0-9]{1,9}", str(items[0])):
            return "give a whole number"
        multiselect = question.get("multiselect")
        answers = [str(item) for item in items] if multiselect else [self.as_recorded(name, value)]
        for answer in answers if choices else []:
            if answer not in choices:
                return f"choose {' or '.join(choices)}{self._did_you_mean(answer, choices)}"
            if choices[answer]:
                return choices[answer]
        validator = question.get("validator", "")
        return one_line(self.render(validator, {**context, name: answers if multiselect else answers[0]}))

    def choices(self, name: str, context: Mapping[str, Any]) -> dict[str, str]:
        """The values to choose from, each with the reason why it can't be chosen now, which is mostly empty."""
        choices = self.questions[name].get("choices", [])
        if isinstance(choices, str):
            choices = yaml.safe_load(self.render(choices, context))
        values = choices.values() if isinstance(choices, dict) else choices
        details = [value if isinstance(value, dict) else {"value": value} for value in values]
        return {detail["value"]: one_line(self.render(detail.get("validator", ""), context)) for detail in details}

    def _did_you_mean(self, name: str, names: Iterable[str]) -> str:
        return str(self.environment.filters["did_you_mean"](name, names))

    def render(self, string: Any, context: Mapping[str, Any]) -> str:
        """A string of a question, with these answers."""
        return self._compiled(str(string)).render(context)


def as_list(value: Any) -> list[Any] | None:
    """A list, or a YAML list in a text, as a list; None for anything else."""
    if isinstance(value, str):
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            return None
    return value if isinstance(value, list) else None


def shown(value: Any) -> str:
    """A value as it can be printed in a line, whatever is in it."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def note(text: str, quiet: bool) -> None:
    """Tell the user something that doesn't stop the run."""
    if not quiet:
        print(f"note: {text}", file=sys.stderr)
