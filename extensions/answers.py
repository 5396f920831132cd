"""Checks the answers that were given before the first question, and adds those in the environment.

Copier ignores an unknown answer, and raises a traceback for an invalid one. Here both end the run with a one-line
message. An answer is checked against the question's own `choices` and `validator` when Copier reaches the question,
because both may depend on earlier answers.

In order of precedence, answers come from: --data, --data-file, the recorded answers (on update), the environment
(MCC_<QUESTION>), the user's settings.yml, the question's default. Copier handles all of these except the environment.
It lets settings.yml replace a question's default, so an answer in the environment takes its place, in memory.

One answer, `settings`, holds the initial settings of do/config.env. A variable MCC_<SETTING> sets one of them.

An organization's policy (extensions/policy.py) restricts answers wherever they come from. Its replacement for a
question's default takes the same place. Unless another policy is given, the recorded one applies.
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

from .context import read_yaml

PREFIX = "MCC_"

# The question for the initial settings.
SETTINGS = "settings"

# Where the path of the policy file comes from: the environment, or the defaults in settings.yml.
POLICY_VARIABLE = "MCC_POLICY"
POLICY_SETTING = "mcc_policy"

# Which policy applied: for the files of a project, and beside its recorded answers, because an update first renders
# the project as it was.
POLICY_RECORD = "policy_applied"

# What Copier takes for no default.
NO_DEFAULT = "{{ UNSET }}"

# In the names of the folders in which an update renders the project as it was, and as it will be.
OLD_COPY, NEW_COPY = ".old_copy.", ".new_copy."

# Variables that other tools use, too: a value that doesn't fit is ignored with a note, not refused.
AMBIENT = {"AWS_REGION": "aws_region"}

# In the condition of a question: the row of the catalog that an answer chooses, with the question of that answer.
CATALOG_ROW = re.compile(r"catalog\.\w+\[(\w+)\]|\b(?!not )(\w+) (?:not )?in catalog\.")

YES = {"true", "yes", "on", "y", "t", "1"}
NO = {"false", "no", "off", "n", "f", "0"}

Questions = dict[str, dict[str, Any]]


def load_questions(template: PurePath) -> Questions:
    """The questions of a template in the order that Copier asks them, from each file that copier.yml includes."""
    table_of_contents = Path(template, "copier.yml").read_text(encoding="utf-8")
    questions: Questions = {}
    for path in re.findall(r"^!include (\S+)$", table_of_contents, flags=re.MULTILINE):
        questions |= read_yaml(Path(template, path).read_text(encoding="utf-8"))
    return questions


def is_computed(question: Mapping[str, Any]) -> bool:
    """Whether the template computes the value from the answers, and nobody is asked."""
    return question.get("when") is False


class Answers(ContextHook):
    """Checks the answers of one run. Copier calls the hook for every string that it renders."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.questions: Questions = {}
        self._compiled = functools.cache(environment.from_string)
        self._pending: list[str] = []  # the questions that Copier has not finished
        self._origins: dict[str, str] = {}  # where a default comes from: an environment variable, or the policy
        self._policy: Any = None  # of extensions/policy.py
        self._policy_record: dict[str, Any] = {}
        self._checking = False
        self._is_new = True
        self._gathered: set[str] = set()  # initial settings that were not given, but found

    def hook(self, context: dict[str, Any]) -> None:
        """Check the answers to the questions that Copier has reached. Raises UserMessageError for a wrong one."""
        if self._checking:  # a check renders strings too
            return
        self._checking = True
        try:
            if not self.questions:
                self._begin(context)
            context[POLICY_RECORD] = self._policy_record
            if context["_copier_phase"] == "prompt":
                self._advance(context)
                self._enforce_policy(context)
        finally:
            self._checking = False

    def _begin(self, context: Mapping[str, Any]) -> None:
        """Refuse answers to what is not asked, and add the answers in the environment."""
        conf = context["_copier_conf"]
        questions = load_questions(conf["src_path"])
        computed = [name for name, question in questions.items() if is_computed(question)]
        asked = [name for name in questions if name not in computed]
        self._check_names(conf["data"], asked, computed)
        self.questions, self._pending = questions, list(questions)
        table = self.environment.catalog["settings"]  # type: ignore[attr-defined]  # see _find_policy
        settings = [name for name, row in table.items() if "answer" not in row]
        self._find_policy(context, asked, settings)

        defaults = conf["settings"].defaults
        for name in computed:
            defaults.pop(name, None)  # a default for another template's question of that name
        for variable, name in self._environment(asked, settings, conf["quiet"]).items():
            if name in conf["data"]:
                continue
            value = os.environ[variable]
            if variable in AMBIENT and (
                problem := self.problem(name, value, context) or self._refusal(name, value, context)
            ):
                note(f"{variable}={shown(value)} is ignored: {problem}", conf["quiet"])
            else:
                defaults[name] = value
                self._origins[name] = variable
        for name in self._policy.questions if self._policy else []:
            self._replace_refused_default(name, context)
        self._is_new = is_new_project(conf)
        if self._is_new:
            self._gather_settings(conf, table)

    def _gather_settings(self, conf: Mapping[str, Any], table: Mapping[str, Any]) -> None:
        """Complete the initial settings with those of the environment, and with the policy's own values."""
        given = conf["data"].get(SETTINGS, conf["settings"].defaults.get(SETTINGS, {}))
        given = as_mapping(given)
        if given is None:
            return  # refused when Copier reaches the question
        own = [name for name, row in table.items() if "answer" not in row]
        found = {name: os.environ[PREFIX + name] for name in own if os.environ.get(PREFIX + name)} | given
        for name in self._policy.settings if self._policy else []:
            if name not in found and self._policy.refusal(name, table[name].get("default", "")):
                found[name] = self._policy.default(name, "")
        self._gathered = {*found} - {*given}
        if found != given:
            # Copier takes what is given before any default, so what completes it has to stand there
            place = conf["data"] if SETTINGS in conf["data"] else conf["settings"].defaults
            place[SETTINGS] = found
            self._origins[SETTINGS] = SETTINGS

    def _leave_out_what_has_no_effect(self, context: Mapping[str, Any]) -> None:
        """Ignore settings of the environment and the policy that this project doesn't have, as with questions."""
        conf = context["_copier_conf"]
        place = conf["data"] if SETTINGS in conf["data"] else conf["settings"].defaults
        for name in self._gathered:
            if not self._has(name, context):
                place[SETTINGS].pop(name, None)

    def _has(self, setting: str, context: Mapping[str, Any]) -> bool:
        """Whether a project with these answers has a setting."""
        table = self.environment.catalog["settings"]  # type: ignore[attr-defined]  # see _find_policy
        needed = table[setting].get("only", {})
        return all(context.get(question) in wanted for question, wanted in needed.items())

    def _replace_refused_default(self, name: str, context: Mapping[str, Any]) -> str:
        """Why the policy refuses a question's own default, which it replaces if it has another; else empty."""
        defaults = context["_copier_conf"]["settings"].defaults
        refusal = self._refusal_of_default(name, context)
        if refusal and name not in defaults:
            defaults[name] = self._policy.default(name, NO_DEFAULT)
            self._origins[name] = f"policy {self._policy.title}: {name}"
        return refusal

    def _find_policy(self, context: Mapping[str, Any], asked: list[str], settings: list[str]) -> None:
        """Read the policy that applies: the one that the user names, or the one that the project recorded.

        The project as it was, which an update renders first, keeps what it recorded.
        """
        conf = context["_copier_conf"]
        recorded = conf["data"].get(POLICY_RECORD) or context.get(POLICY_RECORD) or {}
        path = os.environ.get(POLICY_VARIABLE) or conf["settings"].defaults.get(POLICY_SETTING)
        if OLD_COPY in str(conf["dst_path"]):
            self._policy_record = recorded
            return
        # an extension of its own, because Copier loads each file of extensions/ alone: jinja2 knows no type for it
        if path:
            self._policy = self.environment.read_policy(path, asked, settings)  # type: ignore[attr-defined]
        elif recorded:
            self._policy = self.environment.recorded_policy(recorded)  # type: ignore[attr-defined]
        self._policy_record = self._policy.record() if self._policy else {}

    def _refusal_of_default(self, name: str, context: Mapping[str, Any]) -> str:
        """Why the policy refuses a question's own default; empty if the default depends on an answer to come."""
        try:
            return self._refusal(name, self.render(self.questions[name]["default"], context), context)
        except UndefinedError:
            return ""

    def _enforce_policy(self, context: Mapping[str, Any]) -> None:
        """Refuse what the policy refuses, even if it was recorded, or chosen at a prompt."""
        for name in self._policy.questions if self._policy else []:
            if name not in context or name in context["_copier_conf"]["data"] or not self._is_asked(name, context):
                continue  # given answers are checked when Copier reaches the question
            if refusal := self._refusal(name, context[name], context):
                raise UserMessageError(f"{name}={shown(context[name])}: {refusal}")

    def _is_asked(self, name: str, context: Mapping[str, Any]) -> bool:
        """Whether the question is asked, as far as the answers before it are known."""
        try:
            return not self.is_hidden(name, context)
        except UndefinedError:
            return False

    def _refusal(self, name: str, value: Any, context: Mapping[str, Any]) -> str:
        """Why the policy refuses an answer; empty if it doesn't."""
        if not self._policy:
            return ""
        recorded = self.as_recorded(name, value)
        if name != SETTINGS:
            return str(self._policy.refusal(name, recorded))
        return self._refusal_of_settings(recorded, context) if self._is_new else ""  # do/deploy checks them later

    def _refusal_of_settings(self, given: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        """Why the policy refuses one of a new project's settings; empty if it doesn't."""
        table = self.environment.catalog["settings"]  # type: ignore[attr-defined]  # see _find_policy
        for name in self._policy.settings:
            value = given.get(name, table[name].get("default"))
            if value is None or not self._has(name, context):
                continue  # do/deploy checks computed defaults against the policy
            if refusal := self._policy.refusal(name, self.environment.filters["setting_text"](value)):
                return f"{name}: {refusal}"
        return ""

    def as_recorded(self, name: str, value: Any) -> Any:
        """An answer as Copier records it, however it was written."""
        question = self.questions[name]
        if question["type"] == "bool":
            return str(value).lower() in YES
        if question["type"] == "int":
            return int(value)
        if question.get("multiselect"):
            return as_list(value)
        return as_mapping(value) if question["type"] == "yaml" else str(value)

    def _check_names(self, given: Iterable[str], asked: list[str], computed: list[str]) -> None:
        for name in given:
            if name in computed:
                raise UserMessageError(f"answer '{name}' can't be given: it follows from the other answers")
            if name not in [*asked, POLICY_RECORD] and not name.startswith("_"):  # recorded answers have Copier's keys
                hint = self._did_you_mean(name, asked) or f": the questions are {', '.join(asked)}"
                raise UserMessageError(f"unknown answer {shown(name)}{hint}")

    def _environment(self, asked: list[str], settings: list[str], quiet: bool) -> dict[str, str]:
        """The variables that answer a question, with its name; if two answer the same question, the later one wins."""
        variables = AMBIENT | {PREFIX + name.upper(): name for name in asked if name != SETTINGS}
        known = [*variables, POLICY_VARIABLE, *(PREFIX + name for name in settings)]
        for variable in os.environ:
            if variable.startswith(PREFIX) and variable not in known:
                hint = self._did_you_mean(variable, known)
                note(f"{variable} is ignored: there is no such question or setting{hint}", quiet)
        return {variable: name for variable, name in variables.items() if os.environ.get(variable)}

    def _advance(self, context: Mapping[str, Any]) -> None:
        """Check the questions that Copier has passed since, and the first one without an answer, where it is now."""
        while self._pending:
            name = self._pending[0]
            hidden = self.is_hidden(name, context)
            if hidden:
                self._check_hidden(name, context)
            else:
                self._check(name, context)
            # While Copier validates an answer it is in the context, but not among Copier's answers yet. Those of
            # hidden questions never are.
            if name not in (context if hidden else context["_copier_answers"]):
                return
            self._pending.pop(0)

    def is_hidden(self, name: str, context: Mapping[str, Any]) -> bool:
        """Whether the question is not asked with these answers."""
        condition = self.questions[name].get("when", True)
        return not condition if isinstance(condition, bool) else self.render(condition, context) != "True"

    def _check_hidden(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse an answer to a question that the other answers hide; a default is just ignored."""
        if name in context["_copier_conf"]["data"]:
            condition = self.questions[name]["when"].strip("{ }")
            if row := CATALOG_ROW.search(condition):  # the catalog says what goes with such an answer
                decisive = row[1] or row[2]
                condition = f"another {decisive} than {context[decisive]}"
            raise UserMessageError(f"answer '{name}' has no effect here: it needs {condition}")
        context["_copier_conf"]["settings"].defaults.pop(name, None)

    def _check(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse a wrong answer, wherever Copier will take it from."""
        if name == SETTINGS:
            self._leave_out_what_has_no_effect(context)
        data, defaults = context["_copier_conf"]["data"], context["_copier_conf"]["settings"].defaults
        if name in data:
            self._require(name, name, data[name], context)
        elif name in context:
            pass  # asked, or recorded: Copier asks again if it is no longer valid
        elif defaults.get(name, NO_DEFAULT) == NO_DEFAULT:
            self._check_default(name, context)
        elif name in self._origins:
            self._require(self._origins[name], name, defaults[name], context)
        else:
            self._require(f"settings.yml: {name}", name, self.render(defaults[name], context), context)

    def _check_default(self, name: str, context: Mapping[str, Any]) -> None:
        """Refuse a default that the policy or the question refuses, unless the user is asked for another answer."""
        conf = context["_copier_conf"]
        refusal = self._replace_refused_default(name, context)
        has_default = conf["settings"].defaults.get(name, NO_DEFAULT) != NO_DEFAULT
        is_asked = self.questions[name].get("ask", True) and not conf["defaults"]
        if has_default or is_asked:
            return
        default = self.render(self.questions[name]["default"], context)
        if not refusal and self.questions[name].get("validator"):
            refusal = self.problem(name, default, context)
        if refusal:
            raise UserMessageError(f"{name}={shown(default)}, the default: {refusal}")

    def _require(self, origin: str, name: str, value: Any, context: Mapping[str, Any]) -> None:
        if problem := self.problem(name, value, context) or self._refusal(name, value, context):
            seen = "..." if self._secret_problem(value) else value  # a secret stays one
            raise UserMessageError(f"{origin}={shown(seen)}: {problem}")

    def problem(self, name: str, value: Any, context: Mapping[str, Any]) -> str:
        """What is wrong with an answer, in one line; empty if nothing is."""
        question = self.questions[name]
        if secret := self._secret_problem(value):
            return secret
        if question["type"] == "yaml":
            return self._problem_of_mapping(name, value, context)
        if question["type"] == "bool" and str(value).lower() not in YES | NO:
            return "answer true or false"
        choices = self.choices(name, context)
        items = as_list(value) if question.get("multiselect") else [value]
        if items is None:
            return f"give a list, such as {name}='[{next(iter(choices))}]'"
        if not all(isinstance(item, (str, int, float)) for item in items):
            return "give a text, in quotes if it is empty"
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

    def _secret_problem(self, value: Any) -> str:
        """Why an answer with a secret in it is refused; empty if it has none."""
        return str(self.environment.secret_problem(str(value)))  # type: ignore[attr-defined]  # see _find_policy

    def _problem_of_mapping(self, name: str, value: Any, context: Mapping[str, Any]) -> str:
        given = as_mapping(value)
        validator = self.questions[name]["validator"]
        return one_line(self.render(validator, {**context, name: value if given is None else given}))

    def choices(self, name: str, context: Mapping[str, Any]) -> dict[str, str]:
        """The values to choose from, each with the reason why it can't be chosen now, usually empty."""
        choices = self.questions[name].get("choices", [])
        if isinstance(choices, str):
            choices = read_yaml(self.render(choices, context))
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
            value = read_yaml(value)
        except yaml.YAMLError:
            return None
    return value if isinstance(value, list) else None


def as_mapping(value: Any) -> dict[str, Any] | None:
    """A mapping, or a YAML mapping in a text, as a mapping; None for anything else."""
    if isinstance(value, str):
        try:
            value = read_yaml(value)
        except yaml.YAMLError:
            return None
    return value if isinstance(value, dict) else None


def is_new_project(conf: Mapping[str, Any]) -> bool:
    """Whether Copier creates a project, rather than updating one."""
    folder = Path(conf["dst_path"])
    return OLD_COPY not in folder.name and NEW_COPY not in folder.name and not (folder / conf["answers_file"]).exists()


def shown(value: Any) -> str:
    """A value as it can be printed on one line, whatever is in it."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def note(text: str, quiet: bool) -> None:
    """Tell the user something that doesn't stop the run."""
    if not quiet:
        print(f"note: {text}", file=sys.stderr)
